"""Which trials of two sweeps stand at the same point."""

from typing import NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from analysis.sampling import Sampling
from analysis.table import UNKNOWN_DESIGN, Sweep, values

Floats = NDArray[np.float64]


class Pairs(NamedTuple):
    """Errors of two models at the points at which both have a result."""

    a: Floats
    """Top-1 errors in percent, a diverged trial at 100, shape (n,)."""
    b: Floats
    points: Sampling


def pair_up(a: Sweep, b: Sweep, confidence: float) -> Pairs | None:
    """Match two sweeps' points; None if they share none.

    Points are the same if they have the same place in the unit square, and so for models with other optima
    another lr and wd. Where a table has no relative points, they are the same at the same lr and wd.
    """
    for columns in (["u_lr", "u_wd"], ["lr", "weight_decay"]):
        if all(_has(sweep, columns) for sweep in (a, b)):
            rows = a.points.merge(b.points, on=columns, suffixes=("_a", "_b")).sort_values("index_a")
            return _pairs(a, b, rows, confidence)
    return None


def _has(sweep: Sweep, columns: list[str]) -> bool:
    points = sweep.points
    return set(columns) <= set(points) and not points[columns].isna().any(axis=None)


def _pairs(a: Sweep, b: Sweep, rows: pd.DataFrame, confidence: float) -> Pairs | None:
    if len(rows) < 2 or rows["index_a"].duplicated().any() or rows["index_b"].duplicated().any():
        return None
    design = a.design if a.design == b.design else UNKNOWN_DESIGN
    points = Sampling(f"{a.sweep} and {b.sweep}", design, values(rows, "index_a").astype(int), confidence)
    return Pairs(values(rows, "top1_err_a"), values(rows, "top1_err_b"), points)
