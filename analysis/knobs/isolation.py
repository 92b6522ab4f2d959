"""The isolation curve of a hyperparameter: the errors at each of its values, the others free."""

import itertools
from functools import lru_cache
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy import stats

from analysis.intervals import Interval
from analysis.knobs.settings import Setting
from analysis.metric import TOP1_ERROR, Metric

Floats = NDArray[np.float64]

LEAST_A_BIN = 24
"""Trials in a bin: 22 are the fewest whose best error can be told to be near the best of 4."""
LEAST_BINS = 3
_MOST_BINS = 16
TRIES = 4
"""Tries by which the other hyperparameters are tuned at each value."""
BEST_OF = 1 - 0.5 ** (1 / TRIES)
"""The quantile that is the median of the best of four tries: 16 %."""


class Bin(NamedTuple):
    """The trials within a part of a hyperparameter's values."""

    low: float
    """Where it begins: halfway to the bin below, or the least value."""
    high: float
    """Where it ends."""
    middle: float
    """The median of its values."""
    label: str
    """Its text if it is a choice; else empty."""
    n: int
    median: Interval
    """Median error, in percent."""
    best_of_4: Interval
    """What the best of four tries reaches in half of the cases: the 16 % quantile of the errors."""
    best: float
    """The best error that was found, which depends on n."""


def isolation(setting: Setting, errors: Floats, confidence: float, metric: Metric = TOP1_ERROR) -> list[Bin]:
    """Return the errors by bins of equally many trials, or by value where there are few.

    Limits are the exact ones of quantiles (David & Nagaraja 2003, Order Statistics, § 7.1), each by itself.

    Parameters
    ----------
    setting : Setting
        The values.
    errors : ndarray, shape (n,)
        The error of each, or its cost; infinite if it is worse than everything.
    confidence : float
        In (0, 1).
    metric : Metric
        Gives the bounds of possible errors.
    """
    bins = setting.bins(max(1, min(_MOST_BINS, len(errors) // LEAST_A_BIN)))
    edges = _edges(setting, bins)
    return [
        _bin(setting, bins == b, np.sort(errors[bins == b]), edges[b : b + 2], confidence, metric)
        for b in range(bins.max() + 1)
    ]


def _edges(setting: Setting, bins: NDArray[np.int64]) -> Floats:
    """Return where the bins begin and end, shape (bins + 1,)."""
    parts = [setting.values[bins == b] for b in range(bins.max() + 1)]
    inner = [
        _between(below.max(), above.min(), is_log=setting.is_log)
        for below, above in itertools.pairwise(parts)
    ]
    return np.array([parts[0].min(), *inner, parts[-1].max()])


def _between(low: float, high: float, *, is_log: bool) -> float:
    return float(np.sqrt(low * high) if is_log else (low + high) / 2)


def _bin(
    setting: Setting,
    inside: NDArray[np.bool_],
    errors: Floats,
    edges: Floats,
    confidence: float,
    metric: Metric,
) -> Bin:
    values = setting.values[inside]
    return Bin(
        low=float(edges[0]),
        high=float(edges[1]),
        middle=float(np.median(values)),
        label=setting.labels[int(values[0])] if setting.labels else "",
        n=len(errors),
        median=quantile(errors, 0.5, confidence, metric),
        best_of_4=quantile(errors, BEST_OF, confidence, metric),
        best=float(errors[0]),
    )


def quantile(ordered: Floats, q: float, confidence: float, metric: Metric = TOP1_ERROR) -> Interval:
    """Return a quantile of independent errors with its exact limits, the bounds where the sample has none.

    Parameters
    ----------
    ordered : ndarray, shape (n,)
        In ascending order.
    q : float
        In (0, 1).
    confidence : float
        In (0, 1).
    metric : Metric
        Gives the bounds of possible errors.
    """
    below, above = _ranks(len(ordered), q, confidence)
    padded = np.concatenate([[metric.best], ordered, [metric.worst]])
    return Interval(_estimate(ordered, q), float(padded[below]), float(padded[above]))


def _estimate(ordered: Floats, q: float) -> float:
    """Return a quantile; what lies between a finite error and an infinite one is infinite."""
    finite = ordered[np.isfinite(ordered)]
    if not finite.size:
        return np.inf
    value = float(np.quantile(np.minimum(ordered, finite[-1] + 1.0), q, method="median_unbiased"))
    return np.inf if value > finite[-1] and len(finite) < len(ordered) else value


@lru_cache(maxsize=4096)
def _ranks(n: int, q: float, confidence: float) -> tuple[int, int]:
    """Return the ranks, from 1, of the limits of a quantile; 0 and n + 1 are beyond the sample."""
    tail = (1 - confidence) / 2
    at_most = stats.binom.cdf(np.arange(n + 1), n, q)
    below = int(np.searchsorted(at_most, tail, side="right"))
    above = int(np.searchsorted(at_most, 1 - tail, side="left")) + 1
    return below, above
