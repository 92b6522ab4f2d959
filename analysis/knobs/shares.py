"""How much of the spread of a sweep's errors one hyperparameter explains by itself."""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy import stats

from analysis.intervals import Interval
from analysis.knobs.settings import Setting

Floats = NDArray[np.float64]

_GROUPS = 8
"""Groups of a range for the test of whether it matters at all."""


class Explained(NamedTuple):
    """The share of the variance of the errors that the mean error at each value makes up."""

    share: Interval
    """Between 0 and 1: the first-order Sobol' index, if the hyperparameters were drawn independently."""
    p: float
    """Of the F test that the mean error is the same at all values; NaN if all errors are equal."""


def explained(setting: Setting, errors: Floats, confidence: float, *, is_rare: bool = False) -> Explained:
    """Return the share of the variance that one hyperparameter explains, the others free.

    The mean error at a trial's value is estimated from the other trials near it: those of the same value, or
    about √n / 2 neighbours on each side in the order of values. The covariance of an error with that estimate
    is the variance of the mean error, without the bias that a trial's own noise would add (the estimator by
    ranks of Gamboa, Gremaud, Klein and Lagnoux 2022, Bernoulli 28:2345, with several neighbours, as Lin and
    Han 2023, Biometrika 110:283, have them). Limits are those of its influence function, Student's t.

    Parameters
    ----------
    setting : Setting
        The values.
    errors : ndarray, shape (n,)
        The error of each, in percent, diverged trials at 100; or its score (`analysis.knobs.scores`).
    confidence : float
        In (0, 1).
    is_rare : bool
        Whether the errors are 1 of a few trials and 0 of the others. Limits then allow for a spread that
        grows with the share, as Wilson's of a proportion do, and for its uncertainty: it is known from about
        √n separate neighbourhoods.
    """
    variance = float(errors.var())
    if variance == 0:
        return Explained(Interval(np.nan, np.nan, np.nan), np.nan)
    centred = errors - errors.mean()
    near, count = _near(setting, centred)
    value = float(np.mean(centred * near)) / variance + 1.0 / len(errors)
    influence = 2 * centred * near - near**2 - value * centred**2
    twice = _twice(setting, (centred - near) ** 2, count)
    spread = np.sqrt(max(influence.var(ddof=1) / len(errors) - twice, twice)) / variance
    freedom = np.sqrt(len(errors)) if is_rare else len(errors) - 1
    t = float(stats.t.ppf((1 + confidence) / 2, freedom))
    top = value + t * spread
    if is_rare:
        top = max(top, _score_limit(value, t, spread, np.sqrt(twice) / variance))
    low, high = np.clip([value - t * spread, top], 0.0, 1.0)
    return Explained(Interval(float(np.clip(value, 0.0, 1.0)), float(low), float(high)), _p(setting, errors))


def _score_limit(value: float, t: float, spread: float, noise: float) -> float:
    """Return the share that a value is t standard errors below, if those grow from noise to spread."""
    slope = (spread**2 - noise**2) / max(value, noise)
    middle = value + t**2 * slope / 2
    return float(middle + np.sqrt(max(middle**2 - value**2 + (t * noise) ** 2, 0.0)))


def _near(setting: Setting, values: Floats) -> tuple[Floats, Floats]:
    """Return the mean of the trials near each one, without itself, and how many they are, shape (n,) each."""
    if setting.is_range:
        return _windows(setting, values)
    level = setting.levels
    sums, counts = np.bincount(level, values), np.bincount(level)
    others = np.maximum(counts[level] - 1, 1)
    return np.where(counts[level] > 1, (sums[level] - values) / others, 0.0), others.astype(float)


def _windows(setting: Setting, values: Floats) -> tuple[Floats, Floats]:
    n = len(values)
    reach = max(1, round(np.sqrt(n) / 2))
    order = setting.order
    sums = np.concatenate([[0.0], np.cumsum(values[order])])
    first, last = np.maximum(np.arange(n) - reach, 0), np.minimum(np.arange(n) + reach + 1, n)
    counts = (last - first - 1).astype(float)
    mean, count = np.empty(n), np.empty(n)
    mean[order], count[order] = (sums[last] - sums[first] - values[order]) / counts, counts
    return mean, count


def _twice(setting: Setting, noise: Floats, count: Floats) -> float:
    """Return the variance that noise alone gives the estimate; the influence function has it twice."""
    return float(2 * np.mean(noise * _near(setting, noise)[0] / count) / len(noise))


def _p(setting: Setting, errors: Floats) -> float:
    groups = setting.bins(min(_GROUPS, max(2, len(errors) // 8)))
    parts = [errors[groups == group] for group in np.unique(groups)]
    return float(stats.f_oneway(*parts).pvalue)


def holm(p: Floats) -> Floats:
    """Return p-values corrected for being several (Holm 1979), NaN where there is none."""
    corrected = np.full(len(p), np.nan)
    known = np.flatnonzero(~np.isnan(p))
    order = known[np.argsort(p[known], kind="stable")]
    raised = p[order] * (len(order) - np.arange(len(order)))
    corrected[order] = np.minimum(np.maximum.accumulate(raised), 1.0) if len(order) else raised
    return corrected
