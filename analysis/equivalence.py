"""Whether two models are alike, up to a stated margin: equivalence and non-inferiority.

Two models that are not shown to differ need not be alike: the trials may be too few. To show that they are
alike takes a margin, the largest difference that would not matter. Equivalence is claimed if the interval of
the difference lies within the margin on both sides, non-inferiority if on one (two one-sided tests,
Schuirmann 1987, Journal of Pharmacokinetics and Biopharmaceutics 15:657). Where robustness is compared by its
area, the differences from both zeros must lie within the margin. Limits of areas and shares allow for trials
that were not seen (`Contrast.cautious`), those of medians are order statistics. The level is divided by the
number of pairs.
"""

import math
import re
from typing import NamedTuple

from scipy import optimize, stats

from analysis.errors import AnalysisError
from analysis.intervals import Interval
from analysis.robustness import Contrast

MEASURES = ("area", "within", "error")
_TEXT = re.compile(r"(?:(area|error|within(\d+(?:\.\d+)?))=)?(-?\d+(?:\.\d+)?(?:e-?\d+)?)")


class Margin(NamedTuple):
    """The largest difference that does not matter."""

    measure: str
    """area: under the EDF of Δ; within: share of trials within some points of the optimum; error: median."""
    size: float
    """Above 0: of an area or share, or in points."""
    points: float = math.nan
    """Of what a share is within, in points."""

    @property
    def label(self) -> str:
        """The measure in words."""
        if self.measure == "within":
            return f"the share of trials within {self.points:g} points of the optimum"
        return {"area": "the area under the EDF of Δ", "error": "the median error"}[self.measure]

    @property
    def text(self) -> str:
        """The margin in words."""
        unit = " point" if self.size == 1 else " points"
        return f"{self.size:g}{unit if self.measure == 'error' else ''}"


class Alike(NamedTuple):
    """What was found about two models being alike."""

    margin: Margin
    difference: Interval
    """A minus B, above 0 if A is better; the limits are those of the two one-sided tests."""
    confidence: float
    """Confidence of the limits, after correction for the number of pairs."""
    needed: float
    """Points or trials per model to show equivalence in 4 of 5 studies if there is no difference; NaN if
    that is unknown."""

    @property
    def a_not_worse(self) -> bool:
        """Whether A is at most the margin worse than B."""
        return self.difference.low > -self.margin.size

    @property
    def b_not_worse(self) -> bool:
        """Whether B is at most the margin worse than A."""
        return self.difference.high < self.margin.size

    @property
    def equivalent(self) -> bool:
        """Whether they differ by less than the margin."""
        return self.a_not_worse and self.b_not_worse


def read_margin(text: str) -> Margin:
    """Read a margin such as ``0.1``, ``area=0.1``, ``within4=0.1`` or ``error=0.5``.

    Raises
    ------
    AnalysisError
        If it is written otherwise, is not above 0, or is as large as the largest possible difference.
    """
    found = _TEXT.fullmatch(text.strip())
    size = float(found[3]) if found else 0.0
    most = 100.0 if found and found[1] == "error" else 1.0
    if found is None or not 0 < size < most:
        raise AnalysisError(
            "a margin is a difference that would not matter, above 0: of the area (0.1 or area=0.1), of the "
            "share within some points of the optimum (within4=0.1), both below 1, or of the median error in "
            f"points (error=0.5); got {text!r}."
        )
    if found[2]:
        return Margin("within", size, float(found[2]))
    return Margin(found[1] or "area", size)


def alike_by(margin: Margin, contrasts: list[Contrast], n: int, level: float) -> Alike:
    """Compare differences with a margin, all of which must lie within it.

    Parameters
    ----------
    margin : Margin
    contrasts : list of Contrast
        Differences, A minus B, above 0 if A is better.
    n : int
        Trials per model so far.
    level : float
        Of each one-sided test.
    """
    limits = [each.cautious(level) for each in contrasts]
    hull = Interval(limits[0].value, min(x.low for x in limits), max(x.high for x in limits))
    variance = max(each.variance for each in contrasts)
    return Alike(margin, hull, 1 - 2 * level, _needed_for_areas(n * variance, margin.size, level))


def alike_by_median(margin: Margin, lead: Interval, n: int, level: float) -> Alike:
    """Compare a difference of medians with a margin; ``lead`` is above 0 if A is better, at 1 − 2 level."""
    z = stats.norm.isf(level)
    variance = ((lead.high - lead.low) / (2 * z)) ** 2
    return Alike(margin, lead, 1 - 2 * level, _needed(n, variance, margin.size, level))


def _needed_for_areas(variance: float, size: float, level: float) -> float:
    """Return the n at which limits with an imagined trial at either end are likely to be within a margin.

    Parameters
    ----------
    variance : float
        Of one trial.
    size : float
        The margin.
    level : float
        Of each one-sided test.
    """
    if math.isnan(variance):
        return math.nan
    z = stats.norm.isf(level) + stats.norm.isf(0.1)  # each side fails in 1 of 10 studies

    def beyond(n: float) -> float:
        extra = 1 / (n + 1)
        return extra + float(z * math.sqrt((variance + extra) / (n + 1))) - size

    return float(optimize.brentq(beyond, 1.0, 1e15))


def _needed(n: int, variance: float, size: float, level: float) -> float:
    z = stats.norm.isf(level) + stats.norm.isf(0.1)  # each side fails in 1 of 10 studies
    return float(n * variance * (z / size) ** 2)
