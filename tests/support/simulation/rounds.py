"""One round: drivers that come and go under faults, then an undisturbed one; then promises are checked."""

import shutil
import tempfile
import time
from contextlib import contextmanager, nullcontext
from dataclasses import replace
from functools import lru_cache, partial
from pathlib import Path
from unittest.mock import patch

from mlflow.exceptions import MlflowException
from support.plans import a_plan
from support.simulation import cluster
from support.simulation.mlflow import Client, Server
from support.simulation.world import JOURNAL, Crash, Violation, World

from sweep.core.plan import Plan
from sweep.core.resources import Resources
from sweep.core.trial import TrialState
from sweep.driver import run as driver
from sweep.driver.draw_figures import Drawn
from sweep.driver.events import TrialEnded
from sweep.errors import InputError
from sweep.recipes.loading import load
from sweep.results.parent_run import ParentRun
from sweep.tracking.send_queue import SendQueue
from sweep.tracking.store import MlflowTracker
from sweep.workspace.sweep_run import SweepRun
from sweep.workspace.workspace import Workspace

PLAN = a_plan(n=3, seeds=2, recipe=replace(load("digits"), epochs=cluster.EPOCHS))
NAME, TEXT = PLAN.name, PLAN.to_json()
READ_PLAN = lru_cache(Plan.from_json)
DRAWN = Drawn(figures=[], run=ParentRun(note="simulated", metrics={"trials": 5.0}))
RESOURCES = Resources(address="none")
MEMORY = Path("/dev/shm")


def play(seed: int) -> int:
    """Play one round; return how many drivers it took.

    Raises
    ------
    Violation
        If a promise was broken.
    """
    shelf = MEMORY if MEMORY.is_dir() else None
    folder = Path(tempfile.mkdtemp(prefix="sweep-simulation-", dir=shelf))
    try:
        return Round(seed, folder).play()
    finally:
        shutil.rmtree(folder)


def broken_promise(seed: int) -> str | None:
    """Play one round; return what was broken, if anything."""
    try:
        play(seed)
    except Violation as error:
        return f"seed {seed}: {error}"
    except Exception as error:
        return f"seed {seed}: {type(error).__name__}: {error}"
    return None


def broken_promises(first: int, count: int, until: float) -> list[str | None]:
    """Play rounds one after another; none if it is too late. It is here for other processes to import."""
    return [] if time.time() > until else [broken_promise(seed) for seed in range(first, first + count)]


class Round:
    """See `play`."""

    def __init__(self, seed: int, folder: Path) -> None:
        self._world, self._server, self._root = World(seed, folder / "sweeps"), Server(), folder
        self._world.folder.mkdir()
        self._queue: Queue | None = None

    def play(self) -> int:
        drivers = self._world.dice.randint(1, 4)
        with self._simulated():
            for _ in range(drivers):
                self._drive()
            self._world.calm = True
            complete = self._drive(retry_failed=True)
            if complete is not True:
                raise Violation(f"an undisturbed run does not complete: {complete}")
            self._check()
        return drivers + 1

    def _drive(self, *, retry_failed: bool = False) -> bool | None:
        """Run a driver until it ends, is refused, or dies."""
        try:
            complete = self._run(retry_failed=retry_failed)
            if complete:
                with self._in_peace():
                    self._check_mlflow(Workspace(self._world.folder).open(NAME))
            return complete
        except (InputError, MlflowException, KeyboardInterrupt) as error:
            if self._world.calm:
                raise Violation(f"an undisturbed run is refused: {error}") from error
            return None
        except Crash:
            return None
        finally:
            self._world.revive()
            self._check_promises()

    @contextmanager
    def _in_peace(self):
        """Let nothing go wrong while something is checked."""
        before, self._world.calm = self._world.calm, True
        try:
            yield
        finally:
            self._world.calm = before

    def _run(self, *, retry_failed: bool) -> bool:
        workspace = Workspace(self._world.folder)
        task = SweepRun(
            sweep=workspace.prepare(PLAN), splits=[], n=PLAN.n, seeds=PLAN.seeds, retry_failed=retry_failed
        )
        return driver.run([task], workspace, RESOURCES, self._heard)

    def _heard(self, event) -> None:
        if isinstance(event, TrialEnded) and event.record.state.has_result:
            self._world.promised[event.record.key] = event.record.top1_err

    def _between(self) -> None:
        """Do what happens beside the training: the queue sends, others look, start or interrupt."""
        if self._queue and self._world.dice.random() < 0.5:
            self._queue.turn()
        if self._world.happens("interrupt"):
            raise KeyboardInterrupt
        if self._world.happens("rival"):
            Workspace(self._world.folder).sweeps()[0].states()  # as `sweep status` does
            try:
                self._run(retry_failed=True)
            except InputError as error:
                if "is being run already" not in str(error):
                    raise Violation(f"a second driver is refused otherwise: {error}") from error
            else:
                raise Violation("a second driver ran beside the first")

    @contextmanager
    def _simulated(self):
        world, disk, real_open = self._world, self._world.disk, Path.open
        client = partial(Client, world, self._server, self._check_reached)
        replaced = {
            "os.fsync": disk.fsync,
            "os.replace": disk.replace,
            "pathlib.Path.open": lambda path, *args, **kwargs: disk.open(real_open, path, *args, **kwargs),
            "sweep.workspace.journal.time": world,
            "sweep.tracking.send_queue.time": world,
            "sweep.workspace.lock._PATIENCE_S": 0,
            "sweep.tracking.store.MlflowClient": lambda uri: client(),
            # What takes long and cannot differ: there is one plan, and no local database.
            "sweep.core.base_plan.BasePlan.name": NAME,
            "sweep.core.plan.Plan.to_json": lambda plan: TEXT,
            "sweep.core.plan.Plan.from_json": READ_PLAN,
            "sweep.tracking.store.database.prepare": lambda uri: None,
            "sweep.tracking.store.database.holds_nothing": lambda uri: False,
            "sweep.tracking.store.quieten": lambda: None,
            "sweep.tracking.store.get_tracking_uri": lambda: "http://simulated",
            "sweep.driver.session.TrackerProcess": Tracker,
            "sweep.driver.session._open_executor": lambda job, stack: cluster.Cluster(world, self._between),
            "sweep.driver.session.driver_log": lambda *_: nullcontext(),
            "sweep.driver.session.terminable": nullcontext,
            "sweep.driver.session.Checkpoints": NoCheckpoints,
            "sweep.driver.run.logged": lambda on_event, folders: on_event,
            "sweep.driver.delivery.draw_all": lambda folders, on_event: {f.name: DRAWN for f in folders},
            "sweep.driver.delivery.SendQueue": self._new_queue,
        }
        with _all_patched(replaced):
            yield

    def _new_queue(self, send) -> "Queue":
        self._queue = Queue(send)
        return self._queue

    @property
    def _journal(self) -> Path:
        return self._world.folder / NAME / JOURNAL

    def _check_reached(self, key: str) -> None:
        """Check that the journal has a result, through to the disk, before MLflow has it."""
        end = f'"event": "end", "key": "{key}"'
        if not self._world.disk.has_reached(self._journal, end):
            raise Violation(f"MLflow is told the result of {key} before the journal has it on the disk")

    def _check_promises(self) -> None:
        """Check that no end that was reported is lost, whatever died."""
        records = Workspace(self._world.folder).prepare(PLAN).records()
        for key, error in self._world.promised.items():
            if records[key] is None or records[key].top1_err != error:
                raise Violation(f"the end of {key} was reported, and the journal has lost it")

    def _check(self) -> None:
        """Check that all is as if nothing had happened: the table, the journal, MLflow."""
        sweep = Workspace(self._world.folder).open(NAME)
        for row in sweep.rows():
            if (row["state"], row["top1_err"]) != (TrialState.FINISHED, cluster.error_of(row["key"])):
                raise Violation(f"in the table {row['key']} is {row['state']} with {row['top1_err']}")
        text = self._journal.read_text()
        for trial in PLAN.trials:
            ends = [line for line in text.splitlines() if trial.key in line and '"finished"' in line]
            if len(ends) != 1:
                raise Violation(f"the journal has {len(ends)} results of {trial.key}")
        if damaged := [path.name for path in self._world.folder.rglob("*damaged*")]:
            raise Violation(f"files were half-written: {damaged}")

    def _check_mlflow(self, sweep) -> None:
        tracker = MlflowTracker("digits", create=False)
        tracker.look(sweep.plan, Workspace(self._world.folder).identity(create=False))
        told = [*tracker.differences(sweep.name, sweep.records()).values(), *tracker.unexpected(sweep.name)]
        if told:
            raise Violation(f"MLflow: {'; '.join(told)}")
        for trial in PLAN.trials:
            record = sweep.history(trial).record
            if trial.key not in tracker._runs or not (record and record.state.has_result):
                continue  # a loss of power takes epochs of a trial that is not over: it is trained again
            epochs = {e: r.top1_err for e, (_, r) in sweep.history(trial).epochs.items()}
            found = tracker._curves(tracker._runs[trial.key], ["top1_err"])
            if {step: values["top1_err"] for step, (_, values) in found.items()} != epochs:
                raise Violation(f"MLflow has other epochs of {trial.key} than the journal")


class Queue(SendQueue):
    """The real queue, whose thread takes its turns when the simulation says so."""

    def start(self) -> None:
        """Do nothing: `turn` is called instead."""

    def turn(self) -> None:
        self._send_all(self._take_due())

    def close(self, patience_s: float) -> bool:
        self._closing = True
        while patience_s:
            self.turn()
            if self.problem or not self._waiting:
                break
        return not self._waiting


class Tracker(MlflowTracker):
    """The real tracker, opened as in its process."""

    def __init__(self, recipe: str, kind: str) -> None:
        self._asked = recipe, kind

    def begin(self) -> list[str]:
        super().__init__(*self._asked)
        return self.notes

    def close(self) -> None:
        """Do nothing: there is no process."""


class NoCheckpoints:
    location = None

    def __init__(self, *_) -> None: ...
    def __enter__(self):
        return self

    def __exit__(self, *_) -> None: ...
    def discard(self, key: str) -> None: ...


@contextmanager
def _all_patched(replaced: dict[str, object]):
    patches = [patch(name, value) for name, value in replaced.items()]
    for each in patches:
        each.start()
    try:
        yield
    finally:
        for each in reversed(patches):
            each.stop()
