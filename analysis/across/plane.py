"""The performance–sensitivity plane: how good a model is at its best, and how much is lost away from it.

After Adkins, Bowling & White 2024 (arXiv:2412.07165), whose plane has a point an algorithm. Here it has one
for each model and recipe. Their sensitivity, the cost of one setting for all environments, is in
`analysis.across.common_points`: it needs a setting that was tried on all of them, and this does not.
"""

import math
from typing import NamedTuple

from analysis.bands import CONFIDENCE
from analysis.intervals import Interval
from analysis.sampling import Sampling
from analysis.summaries import area_scores, clipped, zero_of
from analysis.sweep_trials import SweepTrials, values


class Standing(NamedTuple):
    """Where a sweep stands in the plane."""

    sweep: SweepTrials
    level: Interval
    """The mean error at the optimum, with limits from its seeds; or the best of the points, without."""
    at_optimum: bool
    """Whether the level is that at the optimum."""
    loss: Interval
    """How much worse a trial of the box is on average, in points. One that diverged or is worse by more than
    `Metric.area_to` counts as that, one that is better as 0: it is that much times 1 less the area under the
    EDF of Δ."""


def level_of(sweep: SweepTrials, confidence: float = CONFIDENCE) -> tuple[Interval, bool]:
    """Return the mean error at a sweep's optimum, or its best one, and which of them it is.

    The best of the points has no limits: it is that of these points. Infinite if all diverged.
    """
    if sweep.optimum_state == "finished":
        return zero_of(sweep, confidence), True
    return Interval(float(values(sweep.points, "top1_err").min()), math.nan, math.nan), False


def standing(sweep: SweepTrials, confidence: float = CONFIDENCE) -> Standing:
    """Place a sweep in the plane.

    The limits of the loss are those of a mean over the points, widened by the uncertainty of the mean at the
    optimum, by MOVER (Zou & Donner 2008). A level without limits is taken as known.

    Parameters
    ----------
    sweep : SweepTrials
        The trials.
    confidence : float
        In (0, 1).
    """
    metric, errors = sweep.metric, values(sweep.points, "top1_err")
    level, at_optimum = level_of(sweep, confidence)
    scores = area_scores(errors - level.value, errors, metric.area_to, metric)
    area = Sampling.of(sweep, confidence).mean(scores, 0.0, 1.0)
    inside = float(((scores > 0) & (scores < 1)).mean())  # of the trials, whose loss moves with the level
    value, least, most = (metric.area_to * (1 - share) for share in (area.value, area.high, area.low))
    down, up = (
        0.0 if math.isnan(width) else inside * width
        for width in (level.high - level.value, level.value - level.low)
    )
    loss = Interval(value, value - math.hypot(value - least, down), value + math.hypot(most - value, up))
    if not math.isnan(loss.low):
        loss = clipped(loss, 0.0, metric.area_to)
    return Standing(sweep, level, at_optimum, loss)
