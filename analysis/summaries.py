"""Summary numbers of a sweep, with confidence intervals."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy import stats

from analysis import intervals
from analysis.bands import CONFIDENCE, POINTWISE, curve_band
from analysis.edf import Curve, curve_of, edf
from analysis.intervals import NOTHING, Interval, rounding_variance
from analysis.metric import TOP1_ERROR, Metric
from analysis.sampling import Sampling
from analysis.sweep_trials import SweepTrials, values
from analysis.variance import SeedNoise, VarianceSplit, seed_noise, variance_split

Floats = NDArray[np.float64]

AREA_TO = TOP1_ERROR.area_to
"""The area under the EDF extends from Δ = 0 to this Δ, in points."""
QUARTILES = {"lower_quartile": 0.25, "median": 0.5, "upper_quartile": 0.75}


@dataclass(frozen=True, kw_only=True, slots=True)
class Summary:
    """A sweep's summary numbers. Errors are in percent, Δ in points; NaN where a number does not exist.

    With another metric, errors are costs, and infinite where too many trials diverged.
    """

    sweep: SweepTrials
    confidence: float
    no_intervals: str | None
    """Why there are no intervals; None if there are."""
    diverged: Interval
    """Share of the points that diverged."""
    best: float
    """Lowest error of the points."""
    best_again: float
    """Upper prediction limit, at this confidence, of the best error of another sweep of as many points."""
    quartiles: dict[str, Interval]
    """Quartiles of the error, a diverged point at 100."""
    mean_err: Interval
    """Mean error, a diverged point at 100."""
    mean_delta: Interval
    """Mean of Δ; its limits include the uncertainty of the zero, if that is known."""
    within: dict[float, Interval]
    """δ → share of the points within δ points of the error at the optimum, which is taken as known."""
    area: Interval
    """Area under the EDF of Δ from 0 to `AREA_TO`, divided by `AREA_TO`: 1 if all points are as good as the
    optimum, 0 if none comes within `AREA_TO` points; with another metric, `Metric.area_to`."""
    noise: SeedNoise
    """Noise between seeds at the optimum."""
    variance: VarianceSplit
    """What explains the variance of the errors."""

    @property
    def near(self) -> Interval:
        """Share of the points near the optimum: within 4 points of it, or `Metric.near`."""
        return self.within[self.sweep.metric.near]

    @property
    def zero(self) -> Interval:
        """Mean error at the optimum, with limits if it was trained with several seeds."""
        return zero_of(self.sweep, self.confidence)


def summarise(sweep: SweepTrials, confidence: float = CONFIDENCE) -> Summary:
    """Compute a sweep's summary numbers, each with the interval that is valid for its design."""
    points, errors = Sampling.of(sweep, confidence), values(sweep.points, "top1_err")
    return Summary(
        sweep=sweep,
        confidence=confidence,
        no_intervals=points.problem,
        diverged=points.share(sweep.points["state"].to_numpy() == "diverged"),
        best=float(errors.min()),
        best_again=_best_again(errors, confidence) if sweep.design == "iid" else math.nan,
        quartiles=_quartiles(curve_of(sweep, absolute=True), confidence, points.problem),
        mean_err=points.mean(errors, sweep.metric.best, sweep.metric.worst),
        noise=seed_noise(sweep.optimum_errs if sweep.optimum_state == "finished" else [], errors, confidence),
        variance=_variance(sweep, errors, confidence),
        **_of_delta(sweep, points, errors),
    )


def _best_again(errors: Floats, confidence: float) -> float:
    return intervals.best_again(edf(errors[np.isfinite(errors)], n=len(errors)), confidence)


def _of_delta(sweep: SweepTrials, points: Sampling, errors: Floats) -> dict[str, Any]:
    """Return the numbers in terms of Δ; NaN if the optimum has no finished result."""
    metric = sweep.metric
    if sweep.optimum_state != "finished":
        return {"mean_delta": NOTHING, "within": dict.fromkeys(metric.deltas, NOTHING), "area": NOTHING}
    zero = zero_of(sweep, points.confidence)
    delta = errors - zero.value
    return {
        "mean_delta": minus(points.mean(errors, metric.best, metric.worst), zero),
        "within": {d: points.share(within(delta, errors, d, metric)) for d in metric.deltas},
        "area": points.mean(area_scores(delta, errors, metric.area_to, metric), 0.0, 1.0),
    }


def zero_of(sweep: SweepTrials, confidence: float = CONFIDENCE) -> Interval:
    """Return the mean error at a sweep's optimum, with its limits."""
    zeros = sweep.optimum_errs
    rounding = rounding_variance(np.concatenate([zeros, values(sweep.points, "top1_err")]))
    return mean_of_zeros(zeros, rounding, confidence, sweep.metric)


def mean_of_zeros(
    errors: Floats, rounding: float = 0.0, confidence: float = CONFIDENCE, metric: Metric = TOP1_ERROR
) -> Interval:
    """Return the mean error over seeds, with Student's t limits if there are several.

    Parameters
    ----------
    errors : ndarray, shape (k,)
        Errors in percent, one per seed.
    rounding : float
        Variance that counting whole images adds to each error; see `rounding_variance`.
    confidence : float
        In (0, 1).
    metric : Metric
        Gives the bounds of possible errors.
    """
    if not len(errors):
        return NOTHING
    value = float(errors.mean())
    if len(errors) < 2 or math.isinf(value):
        return Interval(value, math.nan, math.nan)
    variance = (errors.var(ddof=1) + rounding) / len(errors)
    width = float(stats.t.ppf((1 + confidence) / 2, len(errors) - 1) * math.sqrt(variance))
    return clipped(Interval(value, value - width, value + width), metric.best, metric.worst)


def clipped(interval: Interval, least: float, most: float) -> Interval:
    """Clip the limits of an interval to the bounds of possible values."""
    value, low, high = interval
    return Interval(value, max(low, least), min(high, most))


def minus(minuend: Interval, subtrahend: Interval) -> Interval:
    """Return the difference of two independent estimates, with limits by MOVER (Zou & Donner 2008).

    A subtrahend without limits is taken as exact.
    """
    down = math.hypot(minuend.value - minuend.low, _known(subtrahend.high - subtrahend.value))
    up = math.hypot(minuend.high - minuend.value, _known(subtrahend.value - subtrahend.low))
    value = minuend.value - subtrahend.value
    return Interval(value, value - down, value + up)


def _known(width: float) -> float:
    return 0.0 if math.isnan(width) else width


def within(delta: Floats, errors: Floats, points: float, metric: Metric = TOP1_ERROR) -> NDArray[np.bool_]:
    """Return which trials lie within ``points`` points of the optimum; a diverged trial never does.

    Parameters
    ----------
    delta : ndarray, shape (n,)
        Δ of each trial, in points.
    errors : ndarray, shape (n,)
        Its error in percent, 100 if diverged.
    points : float
        The largest Δ that counts.
    metric : Metric
        What the errors are of.
    """
    return (np.round(delta, metric.delta_decimals) <= points) & (errors < metric.worst)


def area_scores(delta: Floats, errors: Floats, to: float = AREA_TO, metric: Metric = TOP1_ERROR) -> Floats:
    """Return each trial's contribution to the area under the EDF of Δ: (to − Δ) / to, clipped to 0 … 1.

    Parameters
    ----------
    delta : ndarray, shape (n,)
        Δ of each trial, in points.
    errors : ndarray, shape (n,)
        Its error in percent, 100 if diverged; a diverged trial contributes 0.
    to : float
        Upper end of the area, in points.
    metric : Metric
        What the errors are of.
    """
    return np.where(errors < metric.worst, np.clip((to - delta) / to, 0.0, 1.0), 0.0)


def _quartiles(curve: Curve, confidence: float, problem: str | None) -> dict[str, Interval]:
    if problem:
        return {name: Interval(curve.edf.quantile(q), math.nan, math.nan) for name, q in QUARTILES.items()}
    kind = POINTWISE if curve.design == "iid" else None
    around = curve_band(curve, kind, confidence)
    found = {name: intervals.quantile(curve.edf, q, around) for name, q in QUARTILES.items()}
    # A limit that no observed error determines lies at a bound of possible errors.
    best, worst = curve.metric.best, curve.metric.worst
    return {name: clipped(interval, best, worst) for name, interval in found.items()}


def _variance(sweep: SweepTrials, errors: Floats, confidence: float) -> VarianceSplit:
    """Split the variance, with limits if the points are independent."""
    points = sweep.points
    if not {"u_lr", "u_wd"} <= set(points.columns) or points[["u_lr", "u_wd"]].isna().any(axis=None):
        return VarianceSplit(NOTHING, NOTHING, NOTHING, NOTHING)
    if not np.isfinite(errors).all():  # what is worse than everything has no variance
        return VarianceSplit(NOTHING, NOTHING, NOTHING, NOTHING)
    split = variance_split(points[["u_lr", "u_wd"]].to_numpy(dtype=float), errors, confidence)
    if sweep.design == "iid":
        return split
    return VarianceSplit(*(part._replace(low=math.nan, high=math.nan) for part in split))


def summary_table(summaries: Sequence[Summary]) -> pd.DataFrame:
    """Return a table of summaries, one row per sweep, in the metric's own values.

    Returns
    -------
    DataFrame
        panel, family, model, optimizer, recipe, sweep, design; n (finished and diverged points), diverged (a
        count), missing; seeds (trials at the optimum with a result), optimum_err, best, best_again; and for
        each estimate X three columns X, X_low and X_high: lower_quartile, median, upper_quartile, mean_err,
        mean_delta, within_1 …, area_8, divergence_rate, seed_sd, var_lr, var_wd, var_interaction, var_rest.
        With another metric than the top-1 error, at_optimum and mean instead of optimum_err and mean_err, and
        within_0.1 … by its own thresholds.
    """
    return pd.DataFrame([_row(summary) for summary in summaries])


def _row(summary: Summary) -> dict[str, object]:
    sweep = summary.sweep
    words = ("panel", "family", "model", "optimizer", "recipe", "sweep", "design", "n")
    metric = sweep.metric
    numbers = {
        "diverged": len(sweep.diverged),
        "missing": sweep.missing,
        "seeds": len(sweep.optimum_errs),
        optimum_name(metric): math.nan if sweep.optimum_err is None else metric.cost(sweep.optimum_err),
        "best": metric.cost(summary.best),
        "best_again": metric.cost(summary.best_again),
    }
    return {word: getattr(sweep, word) for word in words} | numbers | interval_columns(_estimates(summary))


def _estimates(summary: Summary) -> dict[str, Interval]:
    variance, metric = summary.variance, summary.sweep.metric
    quartiles = summary.quartiles
    if metric.higher_better:
        quartiles = dict(zip(quartiles, reversed(quartiles.values()), strict=True))
    return {
        **{name: own_values(metric, interval) for name, interval in quartiles.items()},
        "mean_err" if metric.is_top1_error else "mean": own_values(metric, summary.mean_err),
        "mean_delta": summary.mean_delta,
        **{f"within_{delta:g}": interval for delta, interval in summary.within.items()},
        f"area_{metric.area_to:g}": summary.area,
        "divergence_rate": summary.diverged,
        "seed_sd": summary.noise.seeds,
        "var_lr": variance.lr,
        "var_wd": variance.weight_decay,
        "var_interaction": variance.interaction,
        "var_rest": variance.rest,
    }


def optimum_name(metric: Metric) -> str:
    """Return the name of the column of a summary that holds the mean at the optimum."""
    return "optimum_err" if metric.is_top1_error else "at_optimum"


def own_values(metric: Metric, costs: Interval) -> Interval:
    """Return an estimate of costs in the metric's own values."""
    if not metric.higher_better:
        return costs
    return Interval(*(metric.cost(number) for number in (costs.value, costs.high, costs.low)))


def interval_columns(estimates: Mapping[str, Interval]) -> dict[str, float]:
    """Return each estimate X as three columns: X, X_low and X_high."""
    return {
        name + suffix: value
        for name, interval in estimates.items()
        for suffix, value in zip(("", "_low", "_high"), interval, strict=True)
    }
