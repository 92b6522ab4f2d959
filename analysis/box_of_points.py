"""The box of lr and wd that a sweep's points were drawn from, as far as they determine it."""

from typing import NamedTuple

import numpy as np
import pandas as pd

from analysis.sweep_trials import values

_FIT = 1e-6
"""A box is drawn if lr and wd agree with the relative points to this relative error."""


class Box(NamedTuple):
    """The ranges of lr and wd that were sampled."""

    lr_low: float
    lr_high: float
    wd_low: float
    wd_high: float


def box_of(points: pd.DataFrame) -> Box | None:
    """Return the box that was sampled, from lr = low · (high / low)^u, and wd likewise.

    None if there are fewer than two relative points, or they do not determine a box.
    """
    if not {"u_lr", "u_wd"} <= set(points.columns):
        return None
    limits = [_limits(points, u, x) for u, x in (("u_lr", "lr"), ("u_wd", "weight_decay"))]
    if any(limit is None for limit in limits):
        return None
    (lr, wd) = (limit for limit in limits if limit is not None)
    return Box(*lr, *wd)


def _limits(points: pd.DataFrame, u: str, x: str) -> tuple[float, float] | None:
    at, place = values(points, u), values(points, x)
    if len(at) < 2 or not np.isfinite(at).all() or np.ptp(at) == 0 or not (place > 0).all():
        return None
    logs = np.log(place)
    slope, start = np.polyfit(at, logs, 1)
    if np.abs(start + slope * at - logs).max() > _FIT:
        return None
    return float(np.exp(start)), float(np.exp(start + slope))
