"""How many points it takes to see a difference in robustness, and which difference some points can show.

The difference is that of the areas under the EDFs of Δ, as `analysis.robustness` tests it: at shared points,
counted from the mean error at and around the optimum. How much a point's contribution varies between points
is known once some are trained; before, it is taken from published sweeps.
"""

import math
from collections.abc import Sequence
from typing import NamedTuple

from scipy import stats

from analysis.comparison import SHARES, Comparison
from analysis.errors import AnalysisError
from analysis.rounds import LEVEL

POWER = 0.8
"""The share of studies in which the difference is seen."""
LEAST_TRIALS = 16
"""Shared points from which the spread is estimated."""


class Spread(NamedTuple):
    """How much the contribution of a point to a difference of areas varies between points."""

    least: float
    """Standard deviation."""
    most: float
    source: str
    """Where it is from, in words."""


TYPICAL = Spread(0.28, 0.50, "as of the demo's three models")
"""The standard deviations of the pairs of docs/demo/trials.csv."""


def spread_of(pairs: Sequence[Comparison]) -> Spread:
    """Return the spread of compared sweeps; `TYPICAL` if none has enough shared points and seeds."""
    known = [
        math.sqrt(pair.area_around.variance * pair.n_a)
        for pair in pairs
        if pair.paired and not pair.no_delta and pair.n_a >= LEAST_TRIALS
    ]
    return Spread(min(known), max(known), "as of their trials so far") if known else TYPICAL


def points_needed(difference: float, deviation: float, share: float = 1.0) -> int:
    """Return how many shared points show a difference of areas in 4 of 5 studies.

    Parameters
    ----------
    difference : float
        Of the areas, in (0, 1).
    deviation : float
        Standard deviation of a point's contribution.
    share : float
        The part of the error rate that the last of several rounds has.
    """
    if not 0 < difference < 1:
        raise AnalysisError(
            f"a difference of areas lies between 0 and 1, such as 0.1, got {difference}: the area under the "
            "EDF of Δ is 1 at best."
        )
    return math.ceil((_width(share) * deviation / difference) ** 2)


def least_difference(n: int, deviation: float, share: float = 1.0) -> float:
    """Return the least difference of areas that n shared points show in 4 of 5 studies."""
    return _width(share) * deviation / math.sqrt(n)


def _width(share: float) -> float:
    """Return a difference that is seen, in its standard deviations; two areas are tested."""
    return float(stats.norm.isf(SHARES["robustness"] * LEVEL * share / 4) + stats.norm.isf(1 - POWER))
