"""Confidence intervals of a sweep's numbers: shares, means, quantiles, the best error of another sweep.

Each is valid for one kind of sample: independent points, or independently scrambled Sobol' nets
("scrambles"), whose own points are not independent. A grid has no intervals: only its seeds are random.

The intervals of independent points are exact (shares, quantiles, the best of another sweep) or validated by
simulation (means; `benchmarks/coverage.py`). None is based on resampling.
"""

import functools
import math
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import special, stats

from analysis.bands import (
    CONFIDENCE,
    Band,
    check_confidence,
    clopper_pearson,
    scrambled_limits,
)
from analysis.edf import EDF

Floats = NDArray[np.float64]


class Interval(NamedTuple):
    """An estimate with its confidence limits; NaN where there is none."""

    value: float
    low: float
    high: float


NOTHING = Interval(math.nan, math.nan, math.nan)


def share(k: int, n: int, confidence: float = CONFIDENCE) -> Interval:
    """Return a share of independent trials with its Clopper–Pearson interval.

    Parameters
    ----------
    k, n : int
        k of n trials were counted.
    confidence : float
        In (0, 1).
    """
    low, high = clopper_pearson(k, n, confidence)
    return Interval(k / n, float(low), float(high))


@functools.lru_cache(maxsize=4096)  # the same few shares come again in all pairs of a report
def wilson(k: int, n: int, confidence: float = CONFIDENCE) -> tuple[float, float]:
    """Return the limits of a share, of which k of n trials were observed (Wilson 1927, JASA 22:209)."""
    limits = stats.binomtest(k, n).proportion_ci(confidence, method="wilson")
    return float(limits.low), float(limits.high)


def bounded_mean(sample: ArrayLike, least: float, most: float, confidence: float = CONFIDENCE) -> Interval:
    """Return the mean of independent, bounded values with its confidence limits.

    The limits are Student's t limits, each computed with one imagined extra value at that end of the range.
    The extra value allows for what a small sample cannot show. Without it, the interval of a mean error
    misses cliffs that no point fell off: where 3 % of a box diverge, 16 % of the intervals at n = 64 and 61 %
    at n = 16 are wrong instead of 5 %. The idea follows Agresti and Coull (1998, The American Statistician
    52:119), who use it for shares. Its price is a wider interval where nothing is hidden.

    Parameters
    ----------
    sample : array_like, shape (n,)
        The values.
    least, most : float
        The bounds of possible values.
    confidence : float
        In (0, 1).
    """
    check_confidence(confidence)
    values = np.asarray(sample, dtype=float)
    low = _t_limit(np.append(values, least), -1.0, confidence)
    high = _t_limit(np.append(values, most), 1.0, confidence)
    return Interval(float(values.mean()), max(least, low), min(most, high))


def _t_limit(values: Floats, side: float, confidence: float) -> float:
    n = len(values)
    width = stats.t.ppf((1 + confidence) / 2, n - 1) * values.std(ddof=1) / math.sqrt(n)
    return float(values.mean() + side * width)


def scrambled_mean(
    values_km: ArrayLike, least: float, most: float, confidence: float = CONFIDENCE
) -> Interval:
    """Return the mean over independent scrambles, with limits from the spread between their means.

    As in `bounded_mean`, the limits allow for what few scrambles cannot show: a point of each could lie
    beyond a cliff, at the other end of the range (`analysis.bands.HIDDEN_VARIANCE`).

    Parameters
    ----------
    values_km : array_like, shape (scrambles, points per scramble)
        The values.
    least, most : float
        The bounds of possible values.
    confidence : float
        In (0, 1).
    """
    values = np.asarray(values_km, dtype=float)
    reach = (float(values.max()) - least, most - float(values.min()))
    low, high = scrambled_limits(values[:, :, None], confidence, reach)
    return Interval(float(values.mean()), max(least, float(low[0])), min(most, float(high[0])))


def rounding_variance(errors: ArrayLike) -> float:
    """Return the variance that counting whole images adds to an error: step² / 12.

    The errors of a few seeds often agree by chance; their spread then understates the uncertainty.

    Parameters
    ----------
    errors : array_like
        All errors on the same images. The step is the least distance between two different ones, at most
        1 point (100 images).
    """
    sample = np.asarray(errors, dtype=float)
    steps = np.diff(np.unique(np.round(sample[np.isfinite(sample)], 9)))
    return float(min(steps.min(), 1.0)) ** 2 / 12 if len(steps) else 0.0


def quantile(edf: EDF, share: float, band: Band) -> Interval:
    """Return a quantile of the errors; its limits are observed errors.

    The limits are where a pointwise band crosses the share. For independent points these are the exact limits
    from order statistics (David & Nagaraja 2003, Order Statistics, § 7.1).

    Parameters
    ----------
    edf : EDF
        The errors.
    share : float
        In (0, 1], such as 0.5 for the median.
    band : Band
        A pointwise band around the EDF. A limit is −inf or inf if the band does not cross the share.
    """
    errors = np.concatenate([[-np.inf], edf.x, [np.inf]])
    possible, certain = (np.flatnonzero(limits >= share) for limits in (band.high, band.low))
    first, last = (int(steps[0]) if steps.size else len(errors) - 1 for steps in (possible, certain))
    return Interval(edf.quantile(share), float(errors[first]), float(errors[last]))


def best_again(edf: EDF, confidence: float = CONFIDENCE) -> float:
    """Return an upper prediction limit of the best error of another sweep of n independent points.

    The best of n new points exceeds the r-th smallest of the n old ones if the r smallest of all 2n are old.
    For a continuous error, the probability is C(n, r) / C(2n, r). Ranks alone give no lower limit. Returns
    inf if too many trials diverged.
    """
    check_confidence(confidence)
    n = edf.n
    r = np.arange(1, n + 1)
    log_old = log_choose(n, r) - log_choose(2 * n, r)
    enough = np.flatnonzero(log_old <= math.log(1.0 - confidence) + 1e-12)
    return edf.quantile((enough[0] + 1) / n) if enough.size else math.inf


def log_choose(n: ArrayLike, k: ArrayLike) -> Floats:
    """Return the logarithm of the binomial coefficient; −inf where k > n."""
    total, part = np.asarray(n, dtype=float), np.asarray(k, dtype=float)
    rest = np.maximum(total - part, 0.0)
    value = special.gammaln(total + 1) - special.gammaln(part + 1) - special.gammaln(rest + 1)
    return np.where(part <= total, value, -np.inf)
