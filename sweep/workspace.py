"""The folder that holds sweeps: a plan and a journal each, and the table that comes of them."""

import json
import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from filelock import FileLock, Timeout

from sweep import plan as plans
from sweep.errors import InputError, unknown
from sweep.journal import Journal
from sweep.plan import Plan
from sweep.trial import TrialSpec, TrialState

PLAN, JOURNAL, LOCK, DRIVER = "plan.json", "journal.jsonl", ".lock", ".driver"

COLUMNS = (
    "sweep", "key", "role", "index", "model", "optimizer", "recipe", "design", "seed", "u_lr", "u_wd", "lr",
    "weight_decay", "state", "top1_err", "best_top1_err", "epochs", "wall_s",
)  # fmt: skip


class Sweep:
    """A plan and its journal, in a folder of their own."""

    def __init__(self, folder: Path, plan: Plan) -> None:
        self.folder, self.plan = folder, plan
        self.journal = Journal(folder / JOURNAL)

    @property
    def name(self) -> str:
        """The sweep's name, which is also its folder's."""
        return self.plan.sweep

    def state(self, trial: TrialSpec) -> TrialState:
        """Where a trial stands. One that was running when its driver ended is planned again."""
        state = self.journal.history(trial.key).state
        return TrialState.PLANNED if state is TrialState.RUNNING and not self.is_running else state

    def counts(self) -> dict[TrialState, int]:
        """Count the trials in each state, the optimum among them."""
        states = [self.state(trial) for trial in self.plan.trials]
        return {state: states.count(state) for state in TrialState}

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

        The lock is the operating system's: it ends with its process, however that ends.

        Raises
        ------
        InputError
            If another driver is at work. Its host and process are named.
        """
        lock = FileLock(self.folder / LOCK)
        try:
            lock.acquire(timeout=0)
        except Timeout:
            driver = _read_driver(self.folder / DRIVER)
            raise InputError(
                f"{self.name} is being run already, by {driver}. Wait for it, or stop it."
            ) from None
        try:
            self.journal = Journal(self.folder / JOURNAL)  # another driver may have added to it meanwhile
            (self.folder / DRIVER).write_text(f"process {os.getpid()} on {socket.gethostname()}")
            yield
        finally:
            (self.folder / DRIVER).unlink(missing_ok=True)
            lock.release()

    def rows(self) -> Iterator[dict[str, Any]]:
        """Yield one row a trial, with `COLUMNS`."""
        for trial in self.plan.trials:
            state, record = self.state(trial), self.journal.history(trial.key).record
            yield {
                "sweep": self.name, "key": trial.key, "role": trial.role, "index": trial.index,
                "model": trial.model, "optimizer": trial.optimizer, "recipe": self.plan.recipe.name,
                "design": self.plan.design, "seed": trial.seed, "u_lr": trial.u_lr, "u_wd": trial.u_wd,
                "lr": trial.lr, "weight_decay": trial.weight_decay, "state": state.value,
                "top1_err": record and record.top1_err, "best_top1_err": record and record.best_top1_err,
                "epochs": record and record.epochs, "wall_s": record and record.wall_s,
            }  # fmt: skip


def _read_driver(path: Path) -> str:
    try:
        return path.read_text()
    except OSError:
        return "a process that does not say which"


class Workspace:
    """All the sweeps of a folder."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def create(self, plan: Plan) -> Sweep:
        """Write a plan, or open the sweep that has it; a larger one replaces a smaller one of its own.

        Raises
        ------
        InputError
            If the folder cannot be written.
        """
        folder = self.folder / plan.sweep
        try:
            folder.mkdir(parents=True, exist_ok=True)
            written = self.open(plan.sweep).plan if (folder / PLAN).exists() else None
            if written is None or written.n < plan.n:
                write_atomically(
                    folder / PLAN, json.dumps(plans.to_dict(plan), indent=1, allow_nan=False) + "\n"
                )
                written = plan
        except OSError as error:
            raise InputError(f"cannot write the plan to {folder}: {error.strerror or error}") from error
        return Sweep(folder, written)

    def open(self, name: str) -> Sweep:
        """Open a sweep by its name, or by a beginning of it that fits only one."""
        names = [name] if (self.folder / name / PLAN).is_file() else self._beginning_with(name)
        path = self.folder / names[0] / PLAN
        try:
            return Sweep(path.parent, plans.from_json(path.read_text(), str(path)))
        except (OSError, UnicodeDecodeError) as error:
            raise InputError(f"cannot read {path}: {error}") from error

    def _beginning_with(self, name: str) -> list[str]:
        names = [known for known in self.names() if known.startswith(name)] if name else []
        if len(names) > 1:
            raise InputError(f"{name!r} fits {len(names)} sweeps: {', '.join(names)}")
        if not names:
            raise unknown("sweep", name, self.names(), "`sweep status` lists them.")
        return names

    def names(self) -> list[str]:
        """Return the names of all sweeps, sorted."""
        return sorted(path.parent.name for path in self.folder.glob(f"*/{PLAN}"))

    def sweeps(self) -> list[Sweep]:
        """Open all sweeps."""
        return [self.open(name) for name in self.names()]


def write_atomically(path: Path, contents: str) -> None:
    """Write a text file so that it is there whole or not at all."""
    aside = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        with aside.open("w") as file:
            file.write(contents)
            file.flush()
            os.fsync(file.fileno())
        aside.replace(path)
    finally:
        aside.unlink(missing_ok=True)
