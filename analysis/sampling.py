"""Means over a sweep's points, with the interval that the points' design allows."""

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from analysis import intervals
from analysis.intervals import Interval
from analysis.table import SweepTrials, no_sampling_error, values, whole_scrambles

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Sampling:
    """How some points were drawn."""

    name: str
    """What the points are of."""
    design: str
    index: NDArray[np.int64]
    """The points' places in their design, shape (n,)."""
    confidence: float

    @classmethod
    def of(cls, sweep: SweepTrials, confidence: float) -> "Sampling":
        """Return how the points of a sweep that have a result were drawn."""
        return cls(sweep.sweep, sweep.design, values(sweep.points, "index").astype(np.int64), confidence)

    @property
    def scrambles(self) -> NDArray[np.int64]:
        """Places of the whole scrambles of a Sobol' design, shape (scrambles, 16); else none."""
        return whole_scrambles(self.index if self.design == "sobol" else [])

    @property
    def problem(self) -> str | None:
        """Why there are no intervals; None if there are."""
        return no_sampling_error(self.name, self.design, len(self.scrambles))

    def mean(self, sample: ArrayLike, least: float, most: float) -> Interval:
        """Return the mean of a value of each point.

        Points of a scramble that is not whole are in the mean only; its limits are widened to hold it where
        need be.

        Parameters
        ----------
        sample : array_like, shape (n,)
            In the order of `index`.
        least, most : float
            The range of what is possible.
        """
        values_n = np.asarray(sample, dtype=float)
        value = float(values_n.mean())
        if self.problem:
            return Interval(value, math.nan, math.nan)
        if self.design == "iid":
            return intervals.bounded_mean(values_n, least, most, self.confidence)
        blocks = values_n[self.scrambles]
        limits = intervals.scrambled_mean(blocks, least, most, self.confidence)
        return Interval(value, min(limits.low, value), max(limits.high, value))

    def share(self, sample: NDArray[np.bool_]) -> Interval:
        """Return the share of the points of which something holds; exact limits for independent ones."""
        if self.design == "iid":
            return intervals.share(int(sample.sum()), len(sample), self.confidence)
        return self.mean(sample, 0.0, 1.0)
