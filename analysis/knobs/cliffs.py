"""How far it is from a hyperparameter's optimum to where the errors become bad, on each side."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from analysis.intervals import Interval
from analysis.knobs.differences import minus
from analysis.knobs.isolation import Bin
from analysis.knobs.settings import Setting

Floats = NDArray[np.float64]

DROP = 10.0
"""By how many points the median error must exceed that at the optimum."""


class Cliff(NamedTuple):
    """Where, on one side of the optimum, the median error comes to exceed that at the optimum, for good."""

    at: Interval
    """The value of the hyperparameter. Infinite (−inf below the optimum): not within the range tried."""

    @property
    def is_shown(self) -> bool:
        """Whether it is certain to lie within the range that was tried."""
        return bool(np.isfinite(self.at).all())


def lowest(setting: Setting, errors: Floats, bins: int) -> float:
    """Return where the mean error is lowest: the middle of a bin, of a range on average with its neighbours.

    It stands for the optimum where none is known. The best trial would not do: it may owe its error to the
    other hyperparameters, at a value where most trials diverge.

    Parameters
    ----------
    setting : Setting
        The values.
    errors : ndarray, shape (n,)
        The error of each, or its score.
    bins : int
        How many bins a range has.
    """
    place = setting.bins(bins)
    means = np.bincount(place, errors) / np.bincount(place)
    if setting.is_range:
        padded = np.concatenate([[np.nan], means, [np.nan]])
        means = np.nanmean([padded[:-2], padded[1:-1], padded[2:]], axis=0)
    return float(np.median(setting.values[place == int(means.argmin())]))


def bin_of(value: float, bins: Sequence[Bin]) -> int:
    """Return which bin a value lies in; the nearest one if it lies in none."""
    inside = [place for place, each in enumerate(bins) if each.low <= value <= each.high]
    return inside[0] if inside else int(np.argmin([abs(each.middle - value) for each in bins]))


def cliffs(curve: Sequence[Bin], optimum: float, drop: float = DROP) -> tuple[Cliff, Cliff]:
    """Return the cliffs below and above the optimum.

    The limits are from two sequences of tests, one inward from the end of the range and one outward from the
    optimum, each of which ends at the first test that fails, so that their number needs no correction. Each
    compares the medians of two bins (see `minus`). The cliff may lie anywhere in the bins at the two ends.

    Parameters
    ----------
    curve : sequence of Bin
        The isolation curve, in ascending order.
    optimum : float
        The optimum's value.
    drop : float
        By how much the median error must exceed that in the optimum's bin.
    """
    home = bin_of(optimum, curve)
    above = _outward(curve[home:], optimum, drop)
    turned = [each._replace(low=-each.high, high=-each.low) for each in reversed(curve[: home + 1])]
    below = _outward(turned, -optimum, drop)
    mirrored = Interval(-below.value, -below.high, -below.low)
    return Cliff(mirrored), Cliff(above)


def _outward(bins: Sequence[Bin], optimum: float, drop: float) -> Interval:
    """Return where the cliff is in bins that begin at the optimum's and go outward."""
    others = bins[1:]
    worse = [minus(each.median, bins[0].median) for each in others]
    bad = [each.value > drop for each in worse]
    surely_bad = [each.low > drop for each in worse]
    surely_good = [each.high < drop for each in worse]
    first = _start_of_last(bad)
    sure = _start_of_last(surely_bad)
    good = surely_good.index(False) if False in surely_good else len(others)
    value = others[first].low if first < len(others) else np.inf
    low = others[good - 1].low if good else optimum
    high = others[sure].high if sure < len(others) else np.inf
    return Interval(float(value), float(min(low, value)), float(max(high, value)))


def _start_of_last(is_bad: Sequence[bool]) -> int:
    """Return where the run begins that lasts to the end; the length if there is none."""
    start = len(is_bad)
    while start and is_bad[start - 1]:
        start -= 1
    return start
