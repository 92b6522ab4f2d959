"""The board of a run: a line a sweep, with what its trials have come to so far."""

import functools
import statistics
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from rich.table import Table

from sweep.console.tables import new_table, progress_bar
from sweep.core.plan import Plan
from sweep.core.trial import Role, TrialRecord, TrialSpec, TrialState
from sweep.recipes.metric import MetricSpec

_BAR = 8
DELTAS = (1.0, 4.0)
"""The points of Δ at which the EDF so far is shown."""


@dataclass(kw_only=True, slots=True)
class SweepProgress:
    """What is known of a sweep's trials while it runs.

    It is read by the thread that draws, so that a copy of ``records`` is gone through.
    """

    name: str
    trials: dict[str, TrialSpec]
    """Those of the plan, by key."""
    metric: MetricSpec | None = None
    """What they report; None: the top-1 error."""
    records: dict[str, TrialRecord] = field(default_factory=dict)
    """How those have ended that have, by key."""

    def count(self, state: TrialState) -> int:
        """Return how many have ended in a state."""
        return sum(record.state is state for record in list(self.records.values()))

    @property
    def best(self) -> float | None:
        """The lowest error so far, in percent, or the best of another metric."""
        results = (*self._errors(Role.OPTIMUM), *self._errors(Role.POINT))
        return functools.reduce(self.metric.better if self.metric else min, results) if results else None

    def share(self, delta: float) -> float | None:
        """Return which share of the points so far lies within ``delta`` points of the mean at the optimum.

        With another metric there is none: which differences are small is known once they are all there.
        """
        zeros, errors = self._errors(Role.OPTIMUM), self._errors(Role.POINT)
        if self.metric or not zeros or not errors:
            return None
        most = min(round(statistics.fmean(zeros) + delta, 9), 99.999)  # a diverged trial is never within
        return sum(error <= most for error in errors) / len(errors)

    def _errors(self, role: Role) -> list[float]:
        return [
            record.result
            for key, record in list(self.records.items())
            if record.result is not None and self.trials[key].role is role
        ]


class Board:
    """Takes in how trials end, and shows each sweep.

    Parameters
    ----------
    plans : iterable of Plan
        The sweeps that run.
    earlier : iterable of TrialRecord
        The results that they have already.
    """

    def __init__(self, plans: Iterable[Plan], earlier: Iterable[TrialRecord] = ()) -> None:
        self._sweeps = [
            SweepProgress(
                name=plan.name,
                trials={trial.key: trial for trial in plan.trials},
                metric=plan.recipe.metric,
            )
            for plan in plans
        ]
        for record in earlier:
            self.add(record)

    def add(self, record: TrialRecord) -> None:
        """Take the end of a trial in."""
        for sweep in self._sweeps:
            if record.key in sweep.trials:
                sweep.records[record.key] = record

    def table(self, lines: int) -> Table:
        """Return the sweeps as a table of at most so many lines: those that are not complete come first."""
        columns = ("", "trials", "div.", "failed", "best", *(f"≤{delta:g}" for delta in DELTAS))
        table = new_table(*columns, names=("sweep",))
        for sweep in self._shown(max(1, lines)):
            finished, diverged, failed = map(
                sweep.count, (TrialState.FINISHED, TrialState.DIVERGED, TrialState.FAILED)
            )
            bar = progress_bar(finished, diverged, len(sweep.trials), _BAR)
            counts = f"{finished + diverged}/{len(sweep.trials)}", str(diverged), str(failed)
            numbers = map(_number, (sweep.best, *map(sweep.share, DELTAS)))
            table.add_row(sweep.name, bar, *counts, *numbers)
        return table

    def _shown(self, most: int) -> Sequence[SweepProgress]:
        if len(self._sweeps) <= most:
            return self._sweeps
        return sorted(self._sweeps, key=lambda sweep: len(sweep.records) == len(sweep.trials))[:most]


def _number(value: float | None) -> str:
    return "–" if value is None else f"{value:.2f}"
