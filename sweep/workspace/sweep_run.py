"""What is wanted of a sweep by one command."""

from collections.abc import Set
from dataclasses import dataclass

from sweep.core.trial import TrialSpec, TrialState
from sweep.data.images import FileSplits, Splits
from sweep.workspace.sweep import Growth, Sweep


@dataclass(frozen=True, kw_only=True, slots=True)
class SweepRun:
    """A sweep of which the first n points, the first trials at the optimum and some repeats are wanted."""

    sweep: Sweep
    splits: Splits | FileSplits
    n: int
    seeds: int
    again: Set[tuple[int, int]] = frozenset()
    """Index and repeat of the trials that train a point again."""
    retry_failed: bool = False
    """Whether failed trials are trained once more."""
    growth: Growth | None = None
    """How it grows in rounds, of which this is one; None if all is asked for at once."""

    @property
    def wanted(self) -> tuple[TrialSpec, ...]:
        """The trials that are to have a result in the end, the optimum first."""
        return self.sweep.plan.first(self.n, self.seeds, self.again).trials

    @property
    def missing(self) -> list[TrialSpec]:
        """The wanted trials that have no result."""
        states = self.sweep.states()
        return [trial for trial in self.wanted if not states[trial.key].has_result]

    @property
    def to_train(self) -> list[TrialSpec]:
        """The missing trials, without the failed ones unless these are to be trained again."""
        states = self.sweep.states()
        return [
            trial for trial in self.missing if self.retry_failed or states[trial.key] is not TrialState.FAILED
        ]
