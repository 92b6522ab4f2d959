"""The difference of two independent estimates."""

import numpy as np

from analysis.intervals import Interval


def minus(a: Interval, b: Interval) -> Interval:
    """Return a difference with limits from those of its terms (Zou & Donner 2008, Stat. Med. 27:1693)."""
    value = a.value - b.value
    low = value - np.hypot(a.value - a.low, b.high - b.value)
    high = value + np.hypot(a.high - a.value, b.value - b.low)
    return Interval(value, float(low), float(high))
