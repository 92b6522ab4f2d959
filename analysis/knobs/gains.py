"""What the best and the worst values of a hyperparameter change, the others free."""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from analysis import intervals
from analysis.intervals import Interval
from analysis.knobs.differences import minus
from analysis.knobs.settings import Setting
from analysis.metric import TOP1_ERROR

Floats = NDArray[np.float64]

TENTHS = 10
LEAST_A_HALF = 10
"""Trials of a tenth in each half of the trials."""
LEAST_TRIALS = 2 * TENTHS * LEAST_A_HALF
PERCENT = (TOP1_ERROR.best, TOP1_ERROR.worst)
"""The bounds of an error in percent."""
TOGETHER = 0.25
"""Correlation of what the halves say where nothing matters. If both choose the same one of k, each found it
lower than it is: E[lowest of k]² / k of standard normal means, which is 0.16 to 0.27 for k from 2 to 20."""


class Gain(NamedTuple):
    """The mean error in the best or the worst tenth of a hyperparameter's values."""

    low: float
    """Where that tenth begins, by all trials."""
    high: float
    """Where it ends."""
    label: str
    """The text, if it is a choice."""
    error: Interval
    """Mean score there, of trials that did not choose it: the error in percent, or see `Scores`."""
    change: Interval
    """The mean score there minus that of all trials, such as in points: negative is better."""


def gains(
    setting: Setting, errors: Floats, confidence: float, bounds: tuple[float, float] = PERCENT
) -> tuple[Gain, Gain]:
    """Return the best and the worst tenth of a hyperparameter's values, or value where there are few.

    The lowest of ten means is low by chance, too. So each half of the trials chooses a tenth, and the other
    half says what its error is: the mean of both is what one gets by choosing from half the trials. The
    limits leave room for a trial as good or as bad as the best or worst of all, which the tenth may hide.

    Parameters
    ----------
    setting : Setting
        The values.
    errors : ndarray, shape (n,)
        The error of each, or its score.
    confidence : float
        In (0, 1).
    bounds : tuple of float
        The least and the greatest possible error.
    """
    tenth = setting.bins(TENTHS)
    half = halves(tenth)
    means = [_means(tenth[half == h], errors[half == h], tenth.max() + 1) for h in (0, 1)]
    overall = intervals.bounded_mean(errors, *bounds, confidence)
    everywhere = np.bincount(tenth, errors) / np.bincount(tenth)
    found = []
    for choose in (np.nanargmin, np.nanargmax):
        chosen = [int(choose(each)) for each in means]
        there = np.concatenate([errors[(half == 1 - h) & (tenth == chosen[h])] for h in (0, 1)])
        error = _widened(intervals.bounded_mean(there, errors.min(), errors.max(), confidence), bounds)
        found.append(
            _gain(setting, setting.values[tenth == choose(everywhere)], error, minus(error, overall))
        )
    return found[0], found[1]


def _widened(mean: Interval, bounds: tuple[float, float]) -> Interval:
    """Return a mean of both halves with limits that allow for their correlation."""
    factor = np.sqrt(1 + TOGETHER)
    low, high = (mean.value + factor * (limit - mean.value) for limit in mean[1:])
    return Interval(mean.value, max(bounds[0], float(low)), min(bounds[1], float(high)))


def problem(setting: Setting, n: int) -> str | None:
    """Return why the trials do not suffice; None if they do."""
    if setting.is_range and n < LEAST_TRIALS:
        what = "the best and the worst tenth of a range, and what it costs untuned,"
        return f"{what} take {LEAST_TRIALS} trials, there are {n}"
    fewest = int(np.bincount(setting.levels).min()) if not setting.is_range else n
    if fewest < 2 * LEAST_A_HALF:
        return f"each value of {setting.name} takes {2 * LEAST_A_HALF} trials, one has {fewest}"
    return None


def halves(tenth: NDArray[np.int64]) -> NDArray[np.int64]:
    """Split each tenth's trials into two halves at random, always the same ones.

    Every second one would not do: in a Sobol' design the two halves complement each other, so that a value
    which is low by chance in the one is high in the other.
    """
    half = np.empty_like(tenth)
    shuffled = np.random.default_rng(0).permutation(len(tenth))
    for each in range(tenth.max() + 1):
        where = shuffled[tenth[shuffled] == each]
        half[where] = np.arange(len(where)) % 2
    return half


def _means(tenth: NDArray[np.int64], errors: Floats, count: int) -> Floats:
    with np.errstate(invalid="ignore"):
        return np.bincount(tenth, errors, count) / np.bincount(tenth, minlength=count)


def _gain(setting: Setting, values: Floats, error: Interval, change: Interval) -> Gain:
    label = setting.labels[int(values[0])] if setting.labels else ""
    return Gain(float(values.min()), float(values.max()), label, error, change)
