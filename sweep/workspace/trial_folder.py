"""What a sweep and a search have in common: a folder with settings and a journal, one driver at a time."""

from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from filelock import FileLock, Timeout

from sweep.core.trial import TrialRecord, TrialSpec, TrialState
from sweep.workspace.journal import Journal, TrialHistory
from sweep.workspace.lock import DRIVER, JOURNAL, LOCK, _driving, _read_driver

if TYPE_CHECKING:
    from sweep.core.plan import Plan
    from sweep.core.search_plan import SearchPlan


class TrialFolder(ABC):
    """Settings and a journal, in a folder of their own.

    With ``mend``, whatever is damaged is put right once this is their driver.
    """

    FILE: ClassVar[str]
    """Where the settings are written."""
    EXPERIMENT: ClassVar[str]
    """How MLflow's experiments of such a thing begin."""
    STATES: ClassVar[tuple[TrialState, ...]] = tuple(TrialState)
    """Those that its trials can have."""

    def __init__(self, folder: Path, name: str, *, mend: bool = False) -> None:
        self.folder, self.name, self._mend = folder, name, mend
        self._read()

    def _read(self) -> None:
        """Read what is in the folder, or may have changed there."""
        self.journal = Journal(self.folder / JOURNAL, mend=self._mend)

    def _catch_up(self) -> None:
        """Take in what another driver may have done since this was opened."""
        self._read()

    @property
    @abstractmethod
    def plan(self) -> "Plan | SearchPlan":
        """The settings, with the trials."""

    @property
    @abstractmethod
    def trials(self) -> Sequence[TrialSpec]:
        """The trials."""

    @property
    def plan_file(self) -> Path:
        """Where the settings are written."""
        return self.folder / self.FILE

    def history(self, trial: TrialSpec) -> TrialHistory:
        """Return what is known of a trial."""
        return self.journal.history(trial.key)

    def states(self) -> dict[str, TrialState]:
        """Return where each trial stands, by key. What was running when its driver ended is planned again."""
        states = {trial.key: self.history(trial).state for trial in self.trials}
        if TrialState.RUNNING in states.values() and not self.is_running:
            states = {k: TrialState.PLANNED if s is TrialState.RUNNING else s for k, s in states.items()}
        return states

    def records(self) -> dict[str, TrialRecord | None]:
        """Return how each trial has ended, by key; None if it has not."""
        return {trial.key: self.history(trial).record for trial in self.trials}

    def counts(self) -> dict[TrialState, int]:
        """Count the trials in each state, the optimum among them."""
        states = list(self.states().values())
        return {state: states.count(state) for state in self.STATES}

    def rows(self) -> Iterator[dict[str, Any]]:
        """Yield one row a trial, with `sweep.workspace.table.COLUMNS`."""
        states, plan = self.states(), self.plan
        for trial in plan.trials:
            state, record = states[trial.key], self.history(trial).record
            yield {
                "sweep": self.name,
                "key": trial.key,
                "role": trial.role.value,
                "index": trial.index,
                "repeat": trial.repeat,
                "model": trial.model,
                "optimizer": trial.optimizer,
                "recipe": plan.recipe.name,
                "design": plan.design,
                "seed": trial.seed,
                "u_lr": trial.u_lr,
                "u_wd": trial.u_wd,
                "lr": trial.lr,
                "weight_decay": trial.weight_decay,
                "state": state.value,
                "top1_err": record and record.top1_err,
                "best_top1_err": record and record.best_top1_err,
                "epochs": record and record.epochs,
                "wall_s": record and record.wall_s,
            }

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

    @property
    def driver(self) -> str | None:
        """Who is at work on it: process and host; None if nobody is."""
        path = self.folder / DRIVER  # whoever only asks holds the lock for a moment, and leaves no such file
        return _read_driver(path) if path.exists() and self.is_running else None

    @contextmanager
    def driving(self) -> Iterator[None]:
        """Be its only driver.

        Raises
        ------
        InputError
            If another driver is at work. Its host and process are named.
        """
        with _driving(self.folder, self.name, self.FILE):
            self._catch_up()
            yield
