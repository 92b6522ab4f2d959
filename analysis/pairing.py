"""Which trials of two sweeps stand at the same point."""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from analysis.sampling import Sampling
from analysis.table import UNKNOWN_DESIGN, SweepTrials, values

Floats = NDArray[np.float64]


class Pairs(NamedTuple):
    """Errors of two models at the points at which both have a result."""

    a: Floats
    """Top-1 errors in percent, a diverged trial at 100, shape (n,)."""
    b: Floats
    points: Sampling


def pair_up(a: SweepTrials, b: SweepTrials, confidence: float) -> Pairs | None:
    """Match two sweeps' points; None if they share none, or one of them has a shared point twice.

    Points are the same if they have the same place in the unit square, and so for models with other optima
    another lr and wd. Where a table has no relative points, they are the same at the same lr and wd.
    """
    for columns in (("u_lr", "u_wd"), ("lr", "weight_decay")):
        places = [_places(sweep, columns) for sweep in (a, b)]
        if not any(np.isnan(each).any() for each in places):
            shared = _shared(*places)
            return None if shared is None else _pairs(a, b, *shared, confidence)
    return None


def _places(sweep: SweepTrials, columns: tuple[str, str]) -> NDArray[np.complex128]:
    """Return a sweep's points, shape (n,), each as one number; NaN where it is not known."""
    if not set(columns) <= set(sweep.points):
        return np.full(1, np.nan + 0j)
    x, y = (values(sweep.points, column) for column in columns)
    return x + 1j * y


def _shared(
    a: NDArray[np.complex128], b: NDArray[np.complex128]
) -> tuple[NDArray[np.int64], NDArray[np.int64]] | None:
    """Return where the points that are in both stand in each, in the order of the first."""
    (a, at_a, count_a), (b, at_b, count_b) = (
        np.unique(x, return_index=True, return_counts=True) for x in (a, b)
    )
    _, in_a, in_b = np.intersect1d(a, b, assume_unique=True, return_indices=True)
    if len(in_a) < 2 or (count_a[in_a] > 1).any() or (count_b[in_b] > 1).any():
        return None
    order = np.argsort(at_a[in_a])
    return at_a[in_a][order], at_b[in_b][order]


def _pairs(
    a: SweepTrials, b: SweepTrials, in_a: NDArray[np.int64], in_b: NDArray[np.int64], confidence: float
) -> Pairs:
    design = a.design if a.design == b.design else UNKNOWN_DESIGN
    index = values(a.points, "index")[in_a].astype(int)
    points = Sampling(f"{a.sweep} and {b.sweep}", design, index, confidence)
    return Pairs(values(a.points, "top1_err")[in_a], values(b.points, "top1_err")[in_b], points)
