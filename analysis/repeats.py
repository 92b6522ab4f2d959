"""Points trained with several seeds: separates the effect of hyperparameters from seed noise."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy import stats

from analysis.bands import CONFIDENCE
from analysis.intervals import NOTHING, Interval, rounding_variance
from analysis.summaries import interval_columns, mean_of_zeros, minus, own_values, zero_of
from analysis.sweep_trials import RESULTS, SweepTrials, values


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
    """Errors with the other seeds, in percent, 100 if diverged, shape (k,); with all seeds if every point has
    several."""
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


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class SeedSpread:
    """How far the seeds of a sweep's points are apart, beside the points themselves."""

    sweep: SweepTrials
    seeds: int
    """The most trainings of a point with a result."""
    noise: Interval
    """Standard deviation between the seeds of a point, in points, pooled over all. Its limits assume normal
    errors, and are missing if a training diverged."""
    points: float
    """Standard deviation between the mean errors of the points, in points."""
    share: float
    """The share of noise in the variance of these means; NaN if they do not differ."""


def seed_spread(sweep: SweepTrials, confidence: float = CONFIDENCE) -> SeedSpread | None:
    """Tell noise from effect where every point has several seeds; None for other sweeps.

    Parameters
    ----------
    sweep : SweepTrials
        The trials.
    confidence : float
        In (0, 1).
    """
    if not sweep.averaged or len(sweep.points) < 2:
        return None
    own = sweep.points[sweep.points["first_err"].notna()]
    trainings = pd.concat([own.assign(top1_err=own["first_err"]), _with_result(sweep.repeats)])
    errors = trainings.groupby("index")["top1_err"]
    if not np.isfinite(trainings["top1_err"]).all():  # what is worse than everything has no variance
        return None
    counts, variances = errors.count(), errors.var(ddof=1).fillna(0.0)
    dof = int((counts - 1).sum())
    if not dof:
        return None
    variance = float(((counts - 1) * variances).sum() / dof)
    tails = stats.chi2.ppf([(1 + confidence) / 2, (1 - confidence) / 2], dof)
    low, high = np.sqrt(variance * dof / tails)
    if (trainings["top1_err"] == sweep.metric.worst).any():
        low = high = math.nan
    between = float(values(sweep.points, "top1_err").var(ddof=1))
    share = float(variance * (1 / counts).mean() / between) if between else math.nan
    noise = Interval(math.sqrt(variance), float(low), float(high))
    return SeedSpread(
        sweep=sweep, seeds=int(counts.max()), noise=noise, points=math.sqrt(between), share=min(share, 1.0)
    )


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
    metric = point.sweep.metric
    limits = interval_columns({"mean": own_values(metric, point.mean), "delta": point.delta})
    of = {name: getattr(point.sweep, name) for name in ("sweep", "model", "optimizer")}
    own = {word: getattr(point, word) for word in words} | {"first": metric.cost(point.first)}
    return of | own | {"seeds": len(point.errors)} | limits


def _repeated(sweep: SweepTrials, rows: pd.DataFrame, rounding: float, confidence: float) -> Repeated:
    index, found = int(rows["index"].iloc[0]), _with_result(rows)
    errors = values(found, "top1_err")
    own = values(sweep.points[sweep.points["index"] == index], "first_err" if sweep.averaged else "top1_err")
    if sweep.averaged:
        errors = np.concatenate(
            [own[~np.isnan(own)], errors]
        )  # its first training was not chosen for its error
    mean = mean_of_zeros(errors, rounding, confidence, sweep.metric)
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
        spread=float(errors.std(ddof=1)) if len(errors) > 1 and np.isfinite(errors).all() else math.nan,
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
