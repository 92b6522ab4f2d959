"""Means over a sweep's points, with the confidence interval that is valid for their design."""

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from analysis import intervals
from analysis.bands import HIDDEN_VARIANCE
from analysis.intervals import Interval
from analysis.sweep_trials import SCRAMBLE_POINTS, SweepTrials, no_sampling_error, values, whole_scrambles

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Sampling:
    """How a set of points was drawn."""

    name: str
    """Name of the sweep or sweeps, for messages."""
    design: str
    """iid, sobol, grid or unknown."""
    index: NDArray[np.int64]
    """Index of each point within its design, shape (n,)."""
    confidence: float
    """Confidence of the intervals, in (0, 1)."""

    @classmethod
    def of(cls, sweep: SweepTrials, confidence: float) -> "Sampling":
        """Return how those points of a sweep were drawn that have a result."""
        return cls(sweep.sweep, sweep.design, values(sweep.points, "index").astype(np.int64), confidence)

    @property
    def scrambles(self) -> NDArray[np.int64]:
        """Row numbers of the complete scrambles of a Sobol' design, shape (scrambles, 16); else empty."""
        return whole_scrambles(self.index if self.design == "sobol" else [])

    @property
    def problem(self) -> str | None:
        """Why there are no intervals; None if there are."""
        return no_sampling_error(self.name, self.design, len(self.scrambles))

    def mean(self, sample: ArrayLike, least: float, most: float) -> Interval:
        """Return the mean over the points of a value, with its limits.

        Points of incomplete scrambles count in the mean only. If the mean falls outside the limits, these are
        widened.

        Parameters
        ----------
        sample : array_like, shape (n,)
            The value at each point, in the order of ``index``.
        least, most : float
            The bounds of possible values. Without finite ones there are no limits: a mean says nothing of
            what a rare value may add to it.
        """
        values_n = np.asarray(sample, dtype=float)
        value = float(values_n.mean())
        if self.problem or not (math.isfinite(least) and math.isfinite(most)):
            return Interval(value, math.nan, math.nan)
        if self.design == "iid":
            return intervals.bounded_mean(values_n, least, most, self.confidence)
        blocks = values_n[self.scrambles]
        limits = intervals.scrambled_mean(blocks, least, most, self.confidence)
        return Interval(value, min(limits.low, value), max(limits.high, value))

    def units(self, values_n: Floats) -> Floats:
        """Return the means of independent units: the points themselves, or the scrambles of a Sobol' design.

        Parameters
        ----------
        values_n : ndarray, shape (…, n)
            The value at each point, in the order of ``index``.

        Returns
        -------
        ndarray, shape (…, units)
        """
        return values_n[..., self.scrambles].mean(axis=-1) if self.design == "sobol" else values_n

    def hidden(self, values_n: Floats) -> Floats:
        """Return the variance to add to that between units, as scrambles may agree by chance; else 0.

        Parameters
        ----------
        values_n : ndarray, shape (…, n)
            The value at each point.

        Returns
        -------
        ndarray, shape (…)
        """
        reach = np.ptp(values_n, axis=-1) / SCRAMBLE_POINTS if self.design == "sobol" else 0.0
        return np.asarray(HIDDEN_VARIANCE * reach**2, dtype=float)

    def share(self, sample: NDArray[np.bool_]) -> Interval:
        """Return the share of points where ``sample`` is true; with exact limits for independent points."""
        if self.design == "iid":
            return intervals.share(int(sample.sum()), len(sample), self.confidence)
        return self.mean(sample, 0.0, 1.0)
