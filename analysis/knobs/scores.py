"""What means and variances are of: the costs themselves, or their ranks where a metric lacks a bound."""

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import stats

from analysis.intervals import Interval
from analysis.metric import Metric
from analysis.summaries import own_values

Floats = NDArray[np.float64]

_RANKS = (0.0, 100.0)
"""Ranks are in percent of the trials: the share of them that are better, ties counted half."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Scores:
    """How the trials of one metric are scored.

    A mean needs a metric that is bounded on both sides. Without the worse bound a diverged trial has no
    value that could be averaged, and without either a rare value could change every mean, so that it has no
    confidence interval. The trials' ranks have both bounds; a diverged trial has the last rank.
    """

    metric: Metric
    """What the trials are judged by."""

    @property
    def are_ranks(self) -> bool:
        """Whether trials are scored by their ranks."""
        return not (math.isfinite(self.metric.best) and math.isfinite(self.metric.worst))

    @property
    def bounds(self) -> tuple[float, float]:
        """The least and the greatest possible score."""
        return _RANKS if self.are_ranks else (self.metric.best, self.metric.worst)

    def of(self, costs: Floats) -> Floats:
        """Return the score of each trial; less is better."""
        if not self.are_ranks:
            return costs
        return np.asarray(100.0 * (stats.rankdata(costs) - 0.5) / len(costs))

    def shown(self, difference: Interval) -> Interval:
        """Return a difference of scores as it is shown: of ranks, or in the metric's own direction."""
        return difference if self.are_ranks else own_values(self.metric, difference)
