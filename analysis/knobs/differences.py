"""The difference of two independent estimates."""

import math

import numpy as np

from analysis.intervals import Interval


def minus(a: Interval, b: Interval) -> Interval:
    """Return a difference with limits from those of its terms (Zou & Donner 2008, Stat. Med. 27:1693).

    If a term is infinite, worse than everything, the limits are the least and the greatest difference between
    the terms' limits. Two such terms do not differ, and nothing limits their difference.
    """
    value = a.value - b.value
    if not math.isfinite(value):
        return _of_infinite(a, b)
    low = value - np.hypot(a.value - a.low, b.high - b.value)
    high = value + np.hypot(a.high - a.value, b.value - b.low)
    return Interval(value, float(low), float(high))


def _of_infinite(a: Interval, b: Interval) -> Interval:
    value = 0.0 if a.value == b.value else a.value - b.value
    unknown_low, unknown_high = (
        math.isinf(end) and end == other for end, other in ((a.low, b.high), (a.high, b.low))
    )
    low = -math.inf if unknown_low else a.low - b.high
    high = math.inf if unknown_high else a.high - b.low
    return Interval(value, low, high)
