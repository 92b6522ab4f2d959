"""What a sweep and a search have in common: a folder with settings and a journal, one driver at a time."""

from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, ClassVar, Generic, Self, TypeVar

from filelock import FileLock, Timeout

from sweep.core.base_plan import BasePlan
from sweep.core.trial import TrialRecord, TrialSpec, TrialState
from sweep.errors import DamagedError, InputError
from sweep.recipes.metric import FURTHER, MetricSpec, chance_error, further_metric
from sweep.utils.atomic_files import keep_aside, write_atomically
from sweep.workspace.journal import Journal, TrialHistory
from sweep.workspace.lock import DRIVER, JOURNAL, LOCK, driving, read_driver

AnyPlan = TypeVar("AnyPlan", bound=BasePlan)

VALUE, RELATIVE = "hp.", "u."
"""How the columns of further hyperparameters begin: their values, and the relative ones."""


class TrialFolder(ABC, Generic[AnyPlan]):
    """A plan and its journal, in a folder of their own.

    Parameters
    ----------
    folder : Path
        The folder of all sweeps and searches; that of this one lies in it and has the plan's name.
    plan : BasePlan
        The plan; nothing is written.
    mend : bool
        Whether this is for a driver: it takes in the trials that the folder has beside the plan's, and
        `write_plan` repairs what is damaged.

    Raises
    ------
    DamagedError
        If the journal is damaged, unless ``mend`` is given.
    """

    FILE: ClassVar[str]
    """The name of the plan's file."""
    EXPERIMENT: ClassVar[str]
    """How MLflow's experiments of such a thing begin."""
    STATES: ClassVar[tuple[TrialState, ...]] = tuple(TrialState)
    """Those that its trials can have."""

    def __init__(self, folder: Path, plan: AnyPlan, *, mend: bool = False) -> None:
        self.folder, self.name, self._plan, self._mend = folder / plan.name, plan.name, plan, mend
        if mend:
            self._catch_up()
        else:
            self._read()

    @classmethod
    def open(cls, folder: Path) -> Self:
        """Open what lies in a folder.

        Raises
        ------
        InputError
            If its plan cannot be read, is damaged (`DamagedError`), or of another version.
        """
        return cls(folder.parent, cls.read_plan(folder / cls.FILE))

    @classmethod
    def read_plan(cls, path: Path) -> AnyPlan:
        """Read a plan's file, which lies in a folder of the plan's name; raises as `open` does."""
        try:
            plan = cls._parse(path.read_bytes(), str(path))
        except OSError as error:
            raise InputError(f"cannot read {path}: {error}") from error
        if plan.name != path.parent.name:  # classes, say, are part of the name and of no key
            raise DamagedError(
                f"{path} is the plan of {plan.name}: it was changed after it was written, or its folder "
                "renamed"
            )
        return plan

    @staticmethod
    @abstractmethod
    def _parse(text: str | bytes, origin: str) -> AnyPlan:
        """Read the contents of a plan's file."""

    def _read(self) -> None:
        """Read the journal, which another process may have changed."""
        self.journal = Journal(self.folder / JOURNAL, mend=self._mend)

    def _catch_up(self) -> None:
        """Take in what another driver may have done since this was opened."""
        self._read()

    @property
    def plan(self) -> AnyPlan:
        """The plan, with the trials."""
        return self._plan

    @property
    def trials(self) -> Sequence[TrialSpec]:
        """The trials."""
        return self._plan.trials

    def write_plan(self) -> list[str]:
        """Write the plan unless it is there, and repair what is damaged.

        Returns
        -------
        list of str
            What was repaired, in words.
        """
        path, text = self.plan_file, self._plan.to_json()
        repaired = [self.journal.mend()]
        damaged = path.exists() and self._is_damaged(path, text)
        if damaged:
            aside = keep_aside(path).name
            repaired.append(f"{path} was damaged and is written anew; the old file is kept as {aside}")
        if damaged or not path.exists() or path.read_text() != text:
            write_atomically(path, text)
        return [text for text in repaired if text]

    def _is_damaged(self, path: Path, text: str) -> bool:
        """Return whether a plan's file is damaged; ``text`` is what this plan's file should contain."""
        try:
            self.read_plan(path)
        except DamagedError:
            return True
        return False

    def start_contents(self, trial: TrialSpec) -> TrialSpec | None:
        """Return what the journal notes of a trial as it starts: nothing where the plan lists it."""
        return None

    def result_tags(self) -> dict[str, str]:
        """Return what its MLflow run shows of its result, beside the counts of its trials."""
        return {}

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

    def metric(self, name: str | None = None) -> MetricSpec | None:
        """Return the metric that its trials are judged by, or a further one; None: the top-1 error."""
        recipe = self.plan.recipe
        if name in FURTHER and not (recipe.metric and recipe.metric.name == name):
            return further_metric(name, None if recipe.trainer else self.plan.classes)
        return recipe.metric

    def chance(self, name: str | None = None) -> float | None:
        """Return what chance gives of its metric, or of a further one; None: not known."""
        if metric := self.metric(name):
            return metric.chance
        return None if self.plan.recipe.trainer else chance_error(self.plan.classes)

    def rows(self, metric: str | None = None) -> Iterator[dict[str, Any]]:
        """Yield one row a trial: the trial table's columns, and cells of further hyperparameters.

        Parameters
        ----------
        metric : str, optional
            What the trials are judged by instead of their own metric: one of `FURTHER`.
        """
        states, plan, judged_by = self.states(), self.plan, self.metric(metric)
        for trial in plan.trials:
            state, history = states[trial.key], self.history(trial)
            record = history.record
            by_error = record if judged_by is None else None
            yield (
                {
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
                    "top1_err": by_error and by_error.top1_err,
                    "best_top1_err": by_error and by_error.best_top1_err,
                    "epochs": record and record.epochs,
                    "wall_s": record and record.wall_s,
                }
                | (_metric_cells(judged_by, history) if judged_by else {})
                | _over_cells(trial)
                | _further_cells(history)
            )

    @property
    def is_running(self) -> bool:
        """Whether a driver is running it, on this machine or another that shares the folder."""
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
        """Its running driver, as process and host; None if there is none."""
        path = (
            self.folder / DRIVER
        )  # a process that only asks holds the lock for a moment, and writes no such file
        return read_driver(path) if path.exists() and self.is_running else None

    @contextmanager
    def driving(self) -> Iterator[None]:
        """Be its only driver.

        Raises
        ------
        InputError
            If another driver is running. Its host and process are named.
        """
        with driving(self.folder, self.name, self.FILE):
            self._catch_up()
            yield


def _metric_cells(metric: MetricSpec, history: TrialHistory) -> dict[str, Any]:
    """Return the cells of another metric than the top-1 error."""
    value, best = history.values_of(metric)
    return {
        "metric": metric.name,
        "unit": metric.unit,
        "better": "higher" if metric.higher_better else "lower",
        "low": metric.low,
        "high": metric.high,
        "value": value,
        "best_value": best,
    }


def _further_cells(history: TrialHistory) -> dict[str, Any]:
    """Return the cells of what was reported beside the metric, after the last epoch."""
    last = history.last_epoch
    if last is None:
        return {}
    cells = {name: last.value_of(name) for name in FURTHER if name != last.metric}
    return {name: value for name, value in cells.items() if value is not None}


def _over_cells(trial: TrialSpec) -> dict[str, Any]:
    """Return the cells of a trial's further hyperparameters."""
    values = {f"{VALUE}{name}": value for name, value in trial.over}
    relative = zip(trial.over, trial.u_over or [None] * len(trial.over), strict=True)
    return values | {f"{RELATIVE}{name}": u for (name, _), u in relative}
