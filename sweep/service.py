"""A run from plans to results: what `sweep run` does once it knows what is wanted."""

import signal
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from types import FrameType
from typing import TYPE_CHECKING

from rich.console import Console

from search_spaces import read_found
from sweep import show
from sweep.checkpoints import Checkpoints
from sweep.data import FileSplits, Splits
from sweep.errors import InputError
from sweep.journal import TrialHistory
from sweep.model_args import slug
from sweep.outbox import Outbox
from sweep.progress import ProgressView, Tally
from sweep.remote_store import RemoteStore
from sweep.search import FOUND, Search
from sweep.trial import EpochRecord, Resources, TrialRecord, TrialSpec, TrialState
from sweep.workspace import Sweep, Workspace

if TYPE_CHECKING:
    from sweep.store import Store

CLOSE_TIMEOUT_S = 120.0
"""How long nothing may arrive at MLflow until a run ends without it."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Task:
    """A sweep of which the first n points, the first trials at the optimum and some repeats are wanted."""

    sweep: Sweep
    splits: Splits | FileSplits
    n: int
    seeds: int
    repeated: Sequence[int] = ()
    """Indices of points that are trained with as many seeds."""
    retry_failed: bool = False
    """Whether trials that were given up are trained once more."""

    @property
    def wanted(self) -> tuple[TrialSpec, ...]:
        """The trials that are to have a result in the end, the optimum first."""
        return self.sweep.plan.first(self.n, self.seeds, self.repeated).trials

    @property
    def missing(self) -> list[TrialSpec]:
        """The wanted trials that have no result."""
        states = self.sweep.states()
        return [trial for trial in self.wanted if not states[trial.key].has_result]

    @property
    def to_train(self) -> list[TrialSpec]:
        """The missing trials, without those that were given up unless they are to be tried again."""
        states = self.sweep.states()
        return [
            trial for trial in self.missing if self.retry_failed or states[trial.key] is not TrialState.FAILED
        ]


def adopt_results(task: Task, workspace: Workspace, console: Console) -> int:
    """Take over results that another sweep has of the very same trials; say how many."""
    found = results_elsewhere(task, workspace, console)
    for key, history in found.items():
        task.sweep.journal.adopt(key, history)
    return len(found)


def results_elsewhere(task: Task, workspace: Workspace, console: Console) -> dict[str, TrialHistory]:
    """Return what other sweeps have of a task's missing trials, by key.

    The trial at the optimum is the same for every design, and a key stands for all that determines it.
    """
    missing, found = [trial.key for trial in task.missing], dict[str, TrialHistory]()
    of_the_model = slug(task.sweep.plan.model)
    for name in workspace.names():
        if len(found) < len(missing) and name != task.sweep.name and name.startswith(of_the_model):
            there = _trials_of(name, workspace, console)
            with_result = {key: history for key, history in there.items() if history.state.has_result}
            found = {key: with_result[key] for key in missing if key in with_result} | found
    return found


def _trials_of(name: str, workspace: Workspace, console: Console) -> dict[str, TrialHistory]:
    """Return what a sweep's journal holds; nothing, and say so, where it or its plan is damaged."""
    try:
        return workspace.open(name).journal.trials
    except InputError as error:
        console.print(f"{error}\nNo results were looked for there.", markup=False)
        return {}


class _Recorder:
    """Writes what happens to the journals, and tells the outbox and the progress view."""

    def __init__(
        self, tasks: Sequence[Task], checkpoints: Sequence[Checkpoints], outbox: Outbox[str], tally: Tally,
        view: ProgressView,
    ) -> None:  # fmt: skip
        self._outbox, self._tally, self._view = outbox, tally, view
        sweeps = [task.sweep for task in tasks]
        kept = zip(sweeps, checkpoints, strict=True)
        self._checkpoints = {trial.key: each for sweep, each in kept for trial in sweep.trials}
        self._journals = {trial.key: sweep.journal for sweep in sweeps for trial in sweep.trials}
        self._epochs = {trial.key: sweep.plan.recipe.epochs for sweep in sweeps for trial in sweep.trials}

    def started(self, trial: TrialSpec) -> None:
        """Note that a trial starts, or starts again."""
        self._note(trial, self._journals[trial.key].append("start", trial.key))

    def reported(self, trial: TrialSpec, record: EpochRecord) -> None:
        """Note an epoch's record."""
        self._tally.report(trial, record)
        self._note(trial, self._journals[trial.key].append("epoch", trial.key, record))

    def ended(self, trial: TrialSpec, record: TrialRecord) -> None:
        """Note a trial's end."""
        news = self._journals[trial.key].append("end", trial.key, record)
        if news:
            self._tally.add(trial, record, self._epochs[trial.key])
        if record.state.has_result:
            self._checkpoints[trial.key].discard(trial.key)
        self._note(trial, news)

    def noted(self, trial: TrialSpec, text: str) -> None:
        """Tell the user, above the progress bar."""
        self._view.say(f"{trial.model}, {show.place(trial)}: {text}")

    def _note(self, trial: TrialSpec, news: bool) -> None:
        if news:
            self._outbox.put(trial.key)
        self._view.note = self._outbox.note
        self._view.refresh()


def run(tasks: Sequence[Task], workspace: Workspace, resources: Resources, console: Console) -> bool:
    """Train what is missing and bring MLflow up to date; say whether MLflow has all of it.

    Raises
    ------
    InputError
        If MLflow or the cluster cannot be used, or another driver is at work; nothing is written then.
    KeyboardInterrupt
        After Ctrl-C or SIGTERM; every finished trial is kept.
    """
    for task in tasks:
        task.sweep.plan.recipe.check_shared(resources.ranks)
    with ExitStack() as stack:
        for task in tasks:
            stack.enter_context(task.sweep.driving())
        sweeps = [task.sweep for task in tasks]
        to_train = sum(len(task.to_train) for task in tasks)
        show.beginning(sweeps, sum(len(task.wanted) for task in tasks), to_train, console)
        # MLflow is imported while Ray starts: both take seconds. It is opened, and its database created, once
        # it is known that something can run.
        store = RemoteStore(tasks[0].sweep.plan.recipe.name)
        if to_train:
            from sweep import orchestrate

            stack.enter_context(orchestrate.cluster(resources))
            orchestrate.parallel_trials(resources)
            orchestrate.check_seen(resources, [task.splits for task in tasks])
        stack.enter_context(terminable())  # after Ray, which would end the process at SIGTERM
        store.begin()
        for sweep in sweeps:
            for text in sweep.write_plan():
                console.print(text, markup=False)
        with Delivery(store, sweeps, workspace, console) as delivery:
            show.adopted(sum(adopt_results(task, workspace, console) for task in tasks), console)
            delivery.put_differences()
            if any(task.to_train for task in tasks):
                _train(tasks, resources, delivery.outbox, console)
    return delivery.complete


def sync(sweeps: Sequence[Sweep | Search], workspace: Workspace, console: Console) -> bool:
    """Bring MLflow up to date with what the journals hold; train nothing. Say whether MLflow has all of it.

    Raises
    ------
    InputError
        If MLflow cannot be used, or a driver is at work on one of the sweeps.
    """
    from sweep.store import Store

    complete = True
    with ExitStack() as stack:
        for sweep in sweeps:
            stack.enter_context(sweep.driving())
        stack.enter_context(terminable())
        for sweep in sweeps:
            store = Store(sweep.plan.recipe.name, sweep.EXPERIMENT)
            with Delivery(store, [sweep], workspace, console) as delivery:
                delivery.put_differences()
            complete &= delivery.complete
    return complete


class Delivery:
    """What goes from the journals of sweeps to MLflow, while this context lasts.

    At its beginning, results that only MLflow has are written to the journals; at its end, all that is on
    its way is waited for, and each sweep's figures are drawn and its parent run is ended. No trial may be
    in two of the sweeps.
    """

    def __init__(
        self,
        store: "Store | RemoteStore",
        sweeps: Sequence[Sweep | Search],
        workspace: Workspace,
        console: Console,
        *,
        remedy: str = "`sweep sync`, or the same command,",
    ) -> None:
        self._store, self._sweeps, self._console, self._remedy = store, sweeps, console, remedy
        self._identity, self._table = workspace.identity(), workspace.folder / FOUND
        self._trials = {trial.key: (sweep, trial) for sweep in sweeps for trial in sweep.plan.trials}
        self.outbox = Outbox(self._send)
        self.complete = False

    def __enter__(self) -> "Delivery":
        for sweep in self._sweeps:
            self._store.open_sweep(sweep.plan, sweep.plan_file, self._identity)
        recovered = [self._recover(sweep) for sweep in self._sweeps]
        show.recovered(sum(recovered), self._console)
        self.outbox.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.complete = self.outbox.close(CLOSE_TIMEOUT_S) and self._close()
        if not self.complete:
            reason = f" ({self.outbox.problem})" if self.outbox.problem else ""
            text = f"MLflow has not taken everything{reason}: {self._remedy} sends the rest."
            self._console.print(text, markup=False)

    def put(self, search: Search, trial: TrialSpec) -> None:
        """Put a trial on its way that may have come to be only now."""
        self._trials[trial.key] = (search, trial)
        self.outbox.put(trial.key)

    def _recover(self, sweep: Sweep | Search) -> int:
        """Write those results to a sweep's journal that only MLflow has; say how many."""
        lost = [key for key, record in sweep.records().items() if not (record and record.state.has_result)]
        found = dict(self._store.results(lost))
        for key, history in found.items():
            sweep.journal.adopt(key, history)
        return len(found)

    def put_differences(self) -> None:
        """Put the trials that MLflow does not know, or knows otherwise, on their way."""
        for sweep in self._sweeps:
            records = sweep.records()
            for key in self._store.differences(sweep.name, records):
                if records[key]:
                    self.outbox.put(key)

    def _send(self, key: str) -> None:
        sweep, trial = self._trials[key]
        self._store.send_trial(sweep.plan, trial, sweep.journal.history(key))

    def _close(self) -> bool:
        """Draw each sweep and end its parent run; say whether MLflow took it."""
        from sweep import draw

        for sweep in self._sweeps:
            counts = sweep.counts()
            counts[TrialState.PLANNED] += counts.pop(TrialState.RUNNING)  # nothing runs any more
            try:
                figures = (
                    draw.sweep_figures(sweep) if isinstance(sweep, Sweep) else draw.search_figures(sweep)
                )
                self._store.close_sweep(sweep.plan, counts, figures)
                if tags := self._found(sweep):
                    self._store.tag_sweep(sweep.plan, tags)
            except Exception as error:  # MLflow is away: the next run does it
                self._console.print(f"MLflow did not take the end of {sweep.name}: {error}", markup=False)
                return False
        return True

    def _found(self, sweep: Sweep | Search) -> dict[str, str]:
        """Return what a search's run says of the optimum that was saved of it, if one was."""
        if not isinstance(sweep, Search):
            return {}
        fields = ("lr", "weight_decay", "top1_err", "standard_error")
        return {
            f"sweep.optimum_{name}": repr(getattr(row, name))
            for row in read_found(self._table) if row.search == sweep.name
            for name in fields
        }  # fmt: skip


@contextmanager
def terminable() -> Iterator[None]:
    """Let SIGTERM end the run as Ctrl-C does, and Ctrl-C where the shell had it ignored."""

    def interrupt(signum: int, frame: FrameType | None) -> None:
        raise KeyboardInterrupt

    before = {number: signal.signal(number, interrupt) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _train(tasks: Sequence[Task], resources: Resources, outbox: Outbox[str], console: Console) -> None:
    from sweep import orchestrate

    parallel, gpus = orchestrate.parallel_trials(resources)
    shared = {task.sweep.plan.px: orchestrate.share(task.splits) for task in tasks}
    checkpoints = [Checkpoints(task.sweep, resources) for task in tasks]
    settings = [
        orchestrate.Setting(
            recipe=plan.recipe,
            px=plan.px,
            classes=plan.classes,
            data=shared[plan.px],
            fingerprint=plan.data_fingerprint,
            checkpoints=kept.place,
            readers=resources.readers,
        )
        for plan, kept in zip((task.sweep.plan for task in tasks), checkpoints, strict=True)
    ]
    jobs = [orchestrate.Job(trial, place) for place, task in enumerate(tasks) for trial in task.to_train]
    tally = Tally([(job.trial.model, settings[job.setting].recipe.epochs) for job in jobs], parallel)
    with ExitStack() as stack:
        for kept in checkpoints:
            stack.enter_context(kept)
        view = stack.enter_context(ProgressView(tally, console))
        recorder = _Recorder(tasks, checkpoints, outbox, tally, view)
        try:
            orchestrate.run(
                jobs, settings, recorder, cpus=resources.cpus_per_trial, gpus=gpus, ranks=resources.ranks
            )
        except orchestrate.RayLost as error:
            console.print(f"{error}. Every finished trial is kept.", markup=False)
