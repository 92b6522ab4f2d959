"""The folder that holds sweeps: a plan and a journal each, and the table that comes of them."""

import os
import secrets
import socket
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from filelock import FileLock, Timeout

from sweep import plan as plans
from sweep.errors import DamagedError, InputError, unknown
from sweep.files import keep_aside, write_atomically, write_once
from sweep.journal import Journal
from sweep.plan import Plan
from sweep.trial import SWEEP_STATES, TrialRecord, TrialState

PLAN, JOURNAL, LOCK, DRIVER = "plan.json", "journal.jsonl", ".lock", ".driver"
IDENTITY = ".workspace"

_PATIENCE_S = 2.0  # whoever asks whether a driver is at work holds the lock for a moment

COLUMNS = (
    "sweep", "key", "role", "index", "repeat", "model", "optimizer", "recipe", "design", "seed", "u_lr",
    "u_wd", "lr", "weight_decay", "state", "top1_err", "best_top1_err", "epochs", "wall_s",
)  # fmt: skip


class Sweep:
    """A plan and its journal, in a folder of their own.

    With ``mend``, whatever is damaged is put right once this is the sweep's driver.
    """

    def __init__(self, folder: Path, plan: Plan, *, mend: bool = False) -> None:
        self.folder, self.plan, self._mend = folder, plan, mend
        self.name = plan.sweep
        """Also its folder's."""
        self.journal = Journal(folder / JOURNAL, mend=mend)

    @property
    def plan_file(self) -> Path:
        """Where the plan is written."""
        return self.folder / PLAN

    def states(self) -> dict[str, TrialState]:
        """Return where each trial stands, by key. What was running when its driver ended is planned again."""
        states = {trial.key: self.journal.history(trial.key).state for trial in self.plan.trials}
        if TrialState.RUNNING in states.values() and not self.is_running:
            states = {k: TrialState.PLANNED if s is TrialState.RUNNING else s for k, s in states.items()}
        return states

    def records(self) -> dict[str, TrialRecord | None]:
        """Return how each trial has ended, by key; None if it has not."""
        return {trial.key: self.journal.history(trial.key).record for trial in self.plan.trials}

    def counts(self) -> dict[TrialState, int]:
        """Count the trials in each state, the optimum among them."""
        states = list(self.states().values())
        return {state: states.count(state) for state in SWEEP_STATES}

    def write_plan(self) -> list[str]:
        """Write the plan, unless it is there already, and put right what is damaged; say what was."""
        path = self.folder / PLAN
        text = plans.to_json(self.plan)
        said = [self.journal.mend()]
        damaged = path.exists() and _is_damaged(path)
        if damaged:
            said.append(f"{path} was damaged and is written anew; as it was, it is {keep_aside(path).name}")
        if damaged or not path.exists() or path.read_text() != text:
            write_atomically(path, text)
        return [text for text in said if text]

    @property
    def is_running(self) -> bool:
        """Whether a driver is at work on it, on this machine or another that shares the folder."""
        if not (self.folder / LOCK).exists():
            return False
        lock = FileLock(self.folder / LOCK)
        try:
            lock.acquire(timeout=0)
        except Timeout:
            return True
        except OSError:
            return False  # not ours to write: whoever drives it would have to be able to
        lock.release()
        return False

    @contextmanager
    def driving(self) -> Iterator[None]:
        """Be the sweep's only driver.

        Raises
        ------
        InputError
            If another driver is at work. Its host and process are named.
        """
        with driving(self.folder, self.name, PLAN):
            # Another driver may have grown the plan or added results meanwhile.
            self.plan = _larger(self.folder / PLAN, self.plan)
            self.journal = Journal(self.folder / JOURNAL, mend=self._mend)
            yield

    def rows(self) -> Iterator[dict[str, Any]]:
        """Yield one row a trial, with `COLUMNS`."""
        states = self.states()
        for trial in self.plan.trials:
            state, record = states[trial.key], self.journal.history(trial.key).record
            yield {
                "sweep": self.name, "key": trial.key, "role": trial.role, "index": trial.index,
                "repeat": trial.repeat, "model": trial.model, "optimizer": trial.optimizer,
                "recipe": self.plan.recipe.name,
                "design": self.plan.design, "seed": trial.seed, "u_lr": trial.u_lr, "u_wd": trial.u_wd,
                "lr": trial.lr, "weight_decay": trial.weight_decay, "state": state.value,
                "top1_err": record and record.top1_err, "best_top1_err": record and record.best_top1_err,
                "epochs": record and record.epochs, "wall_s": record and record.wall_s,
            }  # fmt: skip


@contextmanager
def driving(folder: Path, name: str, made: str) -> Iterator[None]:
    """Be the only driver of what is in a folder; it is removed in the end if no file ``made`` came to be.

    The lock is the operating system's: it ends with its process, however that ends.

    Raises
    ------
    InputError
        If another driver is at work. Its host and process are named.
    """
    folder.mkdir(parents=True, exist_ok=True)
    lock = FileLock(folder / LOCK)
    try:
        lock.acquire(timeout=_PATIENCE_S)
    except Timeout:
        driver = _read_driver(folder / DRIVER)
        raise InputError(f"{name} is being run already, by {driver}. Wait for it, or stop it.") from None
    try:
        (folder / DRIVER).write_text(f"process {os.getpid()} on {socket.gethostname()}")
        yield
    finally:
        (folder / DRIVER).unlink(missing_ok=True)
        lock.release()
        if not (folder / made).exists():
            _remove_empty(folder)


def _remove_empty(folder: Path) -> None:
    (folder / LOCK).unlink(missing_ok=True)
    for each in (folder, folder.parent):
        with suppress(OSError):  # it holds something else
            each.rmdir()


def _read_plan(path: Path) -> Plan:
    try:
        plan = plans.from_json(path.read_text(), str(path))
    except UnicodeDecodeError as error:
        raise DamagedError(f"{path} is not a plan, or damaged: {error}") from error
    except OSError as error:
        raise InputError(f"cannot read {path}: {error}") from error
    if plan.sweep != path.parent.name:  # classes, say, are part of the name and of no key
        raise DamagedError(
            f"{path} is the plan of {plan.sweep}: it was changed after it was written, or its folder renamed"
        )
    return plan


def _is_damaged(path: Path) -> bool:
    try:
        _read_plan(path)
    except DamagedError:
        return True
    return False


def _larger(path: Path, plan: Plan) -> Plan:
    """Return a plan with all trials that it or the same sweep's plan at ``path``, if there is one, has."""
    try:
        return plan.joined(_read_plan(path)) if path.exists() else plan
    except DamagedError:
        return plan


def _read_driver(path: Path) -> str:
    try:
        return path.read_text()
    except OSError:
        return "a process that does not say which"


class Workspace:
    """All the sweeps of a folder."""

    def __init__(self, folder: Path) -> None:
        if os.path.lexists(folder) and not folder.is_dir():
            raise InputError(f"--dir {folder}: not a folder")
        self.folder = folder

    def prepare(self, plan: Plan) -> Sweep:
        """Return the sweep of a plan, or of the larger one that is there already; nothing is written."""
        folder = self.folder / plan.sweep
        return Sweep(folder, _larger(folder / PLAN, plan), mend=True)

    def identity(self, *, create: bool = True) -> str:
        """Return what tells this workspace's runs in MLflow from others' of the same trials.

        It is drawn once and kept in the folder, wherever that is moved; empty if it was not drawn yet.
        """
        path = self.folder / IDENTITY
        if create and not path.exists():
            write_once(path, secrets.token_hex(8) + "\n")
        return path.read_text().strip() if path.exists() else ""

    def open(self, name: str) -> Sweep:
        """Open a sweep by its name, or by a beginning of it that fits only one."""
        name = self.find(name)
        return Sweep(self.folder / name, self.read_plan(name))

    def read_plan(self, name: str) -> Plan:
        """Return the plan of the sweep of that name."""
        return _read_plan(self.folder / name / PLAN)

    def find(self, name: str) -> str:
        """Return the name of the sweep of that name, or of the only one that begins so."""
        if (self.folder / name / PLAN).is_file():
            return name
        names = [known for known in self.names() if known.startswith(name)] if name else []
        if len(names) > 1:
            raise InputError(f"{name!r} fits {len(names)} sweeps: {', '.join(names)}")
        if not names:
            raise unknown("sweep", name, self.names(), "`sweep status` lists them.")
        return names[0]

    def names(self) -> list[str]:
        """Return the names of all sweeps, sorted."""
        return sorted(path.parent.name for path in self.folder.glob(f"*/{PLAN}"))

    def sweeps(self) -> list[Sweep]:
        """Open all sweeps."""
        return [self.open(name) for name in self.names()]
