"""Decides which sweeps are compared, and matches their trials at the same point."""

import itertools
import weakref
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from analysis.sampling import Sampling
from analysis.sweep_trials import UNKNOWN_DESIGN, SweepTrials, values

Floats = NDArray[np.float64]
Pair = tuple[SweepTrials, SweepTrials]

ASPECTS = ("model", "optimizer", "recipe", "over")
"""What two sweeps may differ in."""


def pairs_of(sweeps: Sequence[SweepTrials]) -> list[Pair]:
    """Return the pairs of sweeps that differ in at most one of `ASPECTS`; all pairs if there is none.

    If two sweeps differ in both model and optimizer, their difference could come from either.
    """
    every = list(itertools.combinations(sweeps, 2))
    return [pair for pair in every if len(aspects(*pair)) <= 1] or every


def aspects(a: SweepTrials, b: SweepTrials) -> list[str]:
    """Return in which of `ASPECTS` two sweeps differ."""
    return [aspect for aspect in ASPECTS if getattr(a, aspect) != getattr(b, aspect)]


class Pairs(NamedTuple):
    """Errors of two models at the points where both have a result."""

    a: Floats
    """Top-1 errors of A in percent, a diverged trial at 100, shape (n,)."""
    b: Floats
    """Top-1 errors of B, likewise."""
    points: Sampling
    """How the points were drawn."""
    rows: tuple[NDArray[np.int64], NDArray[np.int64]]
    """Row numbers of the shared points in the points of A and of B, each of shape (n,)."""


def pair_up(a: SweepTrials, b: SweepTrials, confidence: float) -> Pairs | None:
    """Match the points of two sweeps.

    Two trials share a point if their relative points in the unit square agree; their lr and wd differ if the
    models have different optima. Without relative points in the table, lr and wd must agree.

    Parameters
    ----------
    a, b : SweepTrials
        The sweeps to compare.
    confidence : float
        The confidence of intervals over the shared points, in (0, 1).

    Returns
    -------
    Pairs or None
        None if fewer than two points are shared, or a sweep has a shared point twice.
    """
    if a.over != b.over:
        return None
    relative = "u_lr", "u_wd", *(f"u.{name}" for name in a.over)
    given = "lr", "weight_decay", *(f"hp.{name}" for name in a.over)
    for columns in (relative, given):
        of_a, of_b = (_points(sweep, columns) for sweep in (a, b))
        if of_a is not None and of_b is not None:
            shared = _shared(of_a, of_b)
            return None if shared is None else _pairs(a, b, *shared, confidence)
    return None


class _Points(NamedTuple):
    """Where the points of a sweep lie."""

    distinct: NDArray[np.void]
    """Each place once, as one value of all its coordinates, sorted."""
    first: NDArray[np.int64]
    """The row number of the first point there."""
    times: NDArray[np.int64]
    """How many points are there."""


_FOUND: weakref.WeakKeyDictionary[SweepTrials, dict[tuple[str, ...], _Points | None]] = (
    weakref.WeakKeyDictionary()
)
"""What `_points` found, as a sweep is compared with each of the others."""


def _points(sweep: SweepTrials, columns: tuple[str, ...]) -> _Points | None:
    found = _FOUND.setdefault(sweep, {})
    if columns not in found:
        found[columns] = _find_points(sweep, columns)
    return found[columns]


def _find_points(sweep: SweepTrials, columns: tuple[str, ...]) -> _Points | None:
    """Return where the points of a sweep lie.

    None if a coordinate is unknown, or is no number. One that no point has does not count: it is not swept.
    """
    known = [column for column in columns if column in sweep.points and sweep.points[column].notna().any()]
    try:
        rows = sweep.points[known].to_numpy(dtype=float)
    except ValueError:  # a choice
        return None
    if not known or np.isnan(rows).any():
        return None
    places = np.ascontiguousarray(rows).view([(column, float) for column in known])[:, 0]
    return _Points(*np.unique(places, return_index=True, return_counts=True))


def _shared(a: _Points, b: _Points) -> tuple[NDArray[np.int64], NDArray[np.int64]] | None:
    """Return the row numbers, in each sweep, of the points that both share, in the order of the first."""
    if a.distinct.dtype != b.distinct.dtype:
        return None
    _, in_a, in_b = np.intersect1d(a.distinct, b.distinct, assume_unique=True, return_indices=True)
    if len(in_a) < 2 or (a.times[in_a] > 1).any() or (b.times[in_b] > 1).any():
        return None
    order = np.argsort(a.first[in_a])
    return a.first[in_a][order], b.first[in_b][order]


def _pairs(
    a: SweepTrials, b: SweepTrials, in_a: NDArray[np.int64], in_b: NDArray[np.int64], confidence: float
) -> Pairs:
    known = UNKNOWN_DESIGN not in (a.design, b.design)
    both = f"{a.design} and {b.design}" if known else UNKNOWN_DESIGN
    design = a.design if a.design == b.design else both
    index = values(a.points, "index")[in_a].astype(int)
    points = Sampling(f"{a.sweep} and {b.sweep}", design, index, confidence)
    errors_a, errors_b = values(a.points, "top1_err")[in_a], values(b.points, "top1_err")[in_b]
    return Pairs(errors_a, errors_b, points, (in_a, in_b))
