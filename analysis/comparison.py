"""What a comparison of two sweeps has found; `analysis.compare` makes it."""

import math
from dataclasses import dataclass

from scipy import stats

from analysis.any_difference import Stretch
from analysis.budgets import Budgets
from analysis.equivalence import Alike
from analysis.intervals import Interval
from analysis.robustness import Contrast
from analysis.rounds import LEVEL
from analysis.sweep_trials import SweepTrials

SHARES = {"where": 0.2, "budgets": 0.4, "robustness": 0.4}
"""How a pair's error rate is divided: over which errors the EDFs differ, which model to take at a budget,
which is more robust."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Comparison:
    """The difference between two sweeps, A minus B."""

    a: SweepTrials
    b: SweepTrials
    paired: bool
    n_a: int
    """Compared trials of A; the number of shared points if paired."""
    n_b: int
    """Compared trials of B."""
    left_out: int
    """Trials of both sweeps without a partner at the same point."""
    confidence: float
    """Confidence of each interval of a difference by itself."""
    mean_diff: Interval
    """Difference of the mean errors, in points; below 0, A is better."""
    median_diff: Interval
    """Median of the differences if paired, else difference of the medians, in points."""
    better: Interval
    """Probability that A has the lower error: at the same point if paired, else at any two points. Ties count
    half."""
    diverged: tuple[float, float]
    """Shares of A's and of B's compared trials that diverged."""
    diverged_diff: Interval
    """Difference of the shares of trials that diverged; below 0, fewer of A's did."""
    area: Contrast
    """Difference of the areas under the EDFs of Δ, which includes the uncertainty of the zeros."""
    area_around: Contrast
    """The same with each area counted from the mean error at and around the optimum."""
    tests: dict[str, float]
    """Tests of the error: name → two-sided p-value. The first one is corrected. Empty if no test is valid."""
    no_test: str | None
    """Why there is no test of the error; None if there is one."""
    no_delta: str | None
    """Why there is no test of Δ; None if there is one."""
    level: float = LEVEL
    """The error rate of all that is claimed: `LEVEL`, or less in one of several rounds."""
    q: float = math.nan
    """The first p-value of `tests`, corrected for the number of pairs; NaN without one."""
    q_robust: float = math.nan
    """The smaller of `p_area` and `p_area_around`, corrected for there being two and for all other claims
    that are made; NaN if they cannot be tested."""
    where: tuple[Stretch, ...] = ()
    """Where one EDF is claimed to lie above the other."""
    budgets: Budgets | None = None
    """Which model is better at a budget of k random trials; None if the design has no sampling error."""
    alike: Alike | None = None
    """Whether the models are alike up to the margin that was given; None without one."""
    gap_a: float
    """How far A's EDF of the error falls below B's at most, as a share; 0 if it is nowhere below."""
    gap_b: float
    """How far B's EDF falls below A's at most."""
    needed: float
    """Points (if paired) or trials per model that a rank test needs to detect this difference with a power of
    80 %; inf without a difference."""

    @property
    def area_diff(self) -> Interval:
        """Difference of the areas under the EDFs of Δ, with limits; above 0, A is more robust."""
        return self.area.interval(self.confidence)

    @property
    def area_around_diff(self) -> Interval:
        """The same with each area counted from the mean error at and around the optimum."""
        return self.area_around.interval(self.confidence)

    @property
    def p_area(self) -> float:
        """P-value of `area_diff`; NaN if it cannot be tested."""
        return math.nan if self.no_delta else self.area.p

    @property
    def p_area_around(self) -> float:
        """P-value of `area_around_diff`; NaN if it cannot be tested."""
        return math.nan if self.no_delta else self.area_around.p

    @property
    def different(self) -> bool:
        """Whether the errors of the models differ at all."""
        return self.q <= self.level

    @property
    def more_robust(self) -> SweepTrials | None:
        """The sweep with the larger area by either zero, if one is significant and both point to it."""
        if not self.q_robust <= self.level or self.area.value * self.area_around.value <= 0:
            return None
        return self.a if self.area_around.value > 0 else self.b

    @property
    def needed_robust(self) -> float:
        """Points or trials per model to see the difference in robustness with a power of 80 %.

        The number of seeds at the optimum growing alike. NaN if it cannot be tested.
        """
        if not self.area_around.variance > 0 or self.area_around.value == 0:
            return math.nan
        z = stats.norm.isf(LEVEL * SHARES["robustness"] / 4) + stats.norm.isf(0.2)
        return float(min(self.n_a, self.n_b) * self.area_around.variance * (z / self.area_around.value) ** 2)

    @property
    def better_at(self) -> list[tuple[int, SweepTrials | None]]:
        """For each budget, the model that is claimed to be better; None if neither is."""
        if self.budgets is None or not self.different:
            return []
        sides = {1: self.a, -1: self.b, 0: None}
        return [
            (int(k), sides[int(side)]) for k, side in zip(self.budgets.k, self.budgets.claimed, strict=True)
        ]

    @property
    def dominates(self) -> str | None:
        """The name of the sweep whose EDF is nowhere below the other's; None if the EDFs cross."""
        if (self.gap_a > 0) == (self.gap_b > 0):
            return None
        return self.b.name if self.gap_a > 0 else self.a.name
