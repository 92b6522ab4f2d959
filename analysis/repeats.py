"""Chosen points trained with several seeds: separates the effect of lr and wd from seed noise."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from analysis.bands import CONFIDENCE
from analysis.intervals import NOTHING, Interval, rounding_variance
from analysis.summaries import interval_columns, mean_of_zeros, minus, zero_of
from analysis.table import RESULTS, SweepTrials, values


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class Repeated:
    """A point that was also trained with other seeds."""

    sweep: SweepTrials
    index: int
    lr: float
    weight_decay: float
    first: float
    """Error of the point's original trial, in percent; NaN without a result. It may be low by luck if the
    point was chosen for it, so that none of the numbers below include it."""
    errors: NDArray[np.float64]
    """Errors with the other seeds, in percent, 100 if diverged, shape (k,)."""
    diverged: int
    """How many of the other seeds diverged."""
    missing: int
    """Other seeds without a result."""
    mean: Interval
    """Mean of `errors` with Student's t limits: the error expected at this lr and wd."""
    spread: float
    """Standard deviation between the other seeds, in points; NaN with fewer than two."""
    delta: Interval
    """`mean` minus the mean at the optimum, in points; NaN if the optimum has no finished result."""


def repeated_points(sweep: SweepTrials, confidence: float = CONFIDENCE) -> list[Repeated]:
    """Return the results of each point that was trained with several seeds, by index.

    Parameters
    ----------
    sweep : SweepTrials
        Its trials need lr and weight_decay if any is a repeat.
    confidence : float
        Confidence of the limits of means and differences, in (0, 1).
    """
    rows = pd.concat([_with_result(sweep.optimum), sweep.points, _with_result(sweep.repeats)])
    rounding = rounding_variance(values(rows, "top1_err"))
    return [
        _repeated(sweep, rows, rounding, confidence) for _, rows in sweep.repeats.groupby("index", sort=True)
    ]


def repeats_table(points: Sequence[Repeated]) -> pd.DataFrame:
    """Return a table of repeated points, one row per point.

    Returns
    -------
    DataFrame
        sweep, model, optimizer, index, lr, weight_decay, first (the error of the point's original trial),
        diverged, missing, spread, seeds (other seeds with a result); mean and delta, each with its limits in
        further columns with the endings _low and _high.
    """
    return pd.DataFrame([_row(point) for point in points])


def _row(point: Repeated) -> dict[str, object]:
    words = ("index", "lr", "weight_decay", "first", "diverged", "missing", "spread")
    limits = interval_columns({"mean": point.mean, "delta": point.delta})
    of = {name: getattr(point.sweep, name) for name in ("sweep", "model", "optimizer")}
    return of | {word: getattr(point, word) for word in words} | {"seeds": len(point.errors)} | limits


def _repeated(sweep: SweepTrials, rows: pd.DataFrame, rounding: float, confidence: float) -> Repeated:
    index, found = int(rows["index"].iloc[0]), _with_result(rows)
    errors = values(found, "top1_err")
    own = values(sweep.points[sweep.points["index"] == index], "top1_err")
    mean = mean_of_zeros(errors, rounding, confidence)
    return Repeated(
        sweep=sweep,
        index=index,
        lr=float(rows["lr"].iloc[0]),
        weight_decay=float(rows["weight_decay"].iloc[0]),
        first=float(own[0]) if len(own) else math.nan,
        errors=errors,
        diverged=int((found["state"] == "diverged").sum()),
        missing=len(rows) - len(found),
        mean=mean,
        spread=float(errors.std(ddof=1)) if len(errors) > 1 else math.nan,
        delta=_delta(sweep, mean, confidence),
    )


def _delta(sweep: SweepTrials, mean: Interval, confidence: float) -> Interval:
    """Return a mean minus the mean at the optimum, with limits if the uncertainty of both is known."""
    if sweep.optimum_state != "finished":
        return NOTHING
    zero = zero_of(sweep, confidence)
    found = minus(mean, zero)
    return found if not math.isnan(zero.low) else Interval(found.value, math.nan, math.nan)


def _with_result(rows: pd.DataFrame) -> pd.DataFrame:
    return rows[rows["state"].isin(RESULTS)]
