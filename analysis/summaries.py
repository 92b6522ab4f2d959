"""What a sweep shows, in numbers with intervals."""

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
from analysis.edf import DECIMALS, DELTAS, Curve, curve_of, edf
from analysis.intervals import NOTHING, Interval, rounding_variance
from analysis.sampling import Sampling
from analysis.table import DIVERGED_ERR, SweepTrials, values
from analysis.variance import SeedNoise, VarianceSplit, seed_noise, variance_split

Floats = NDArray[np.float64]

AREA_TO = 8.0
"""Points of Δ up to which the area under the EDF is taken."""
QUARTILES = {"lower_quartile": 0.25, "median": 0.5, "upper_quartile": 0.75}


@dataclass(frozen=True, kw_only=True, slots=True)
class Summary:
    """A sweep in numbers. Errors in percent, Δ in points; NaN where something is not to be had."""

    sweep: SweepTrials
    confidence: float
    no_intervals: str | None
    """Why there are none; None where there are."""
    diverged: Interval
    """Share of the points that diverged."""
    best: float
    """Lowest error of the points."""
    best_again: float
    """Below this, with the stated confidence, lies the best of another sweep of as many points."""
    quartiles: dict[str, Interval]
    """Errors that a quarter, half and three quarters of the points keep to, a diverged one at 100."""
    mean_err: Interval
    mean_delta: Interval
    """Mean of Δ; its limits carry the uncertainty of the zero, where that is known."""
    within: dict[float, Interval]
    """δ → share of the points within δ points of the optimum, given the optimum's error."""
    area: Interval
    """Area under the EDF of Δ from 0 to `AREA_TO`, divided by it: 1 if all points are as good as the optimum,
    0 if none is within reach."""
    noise: SeedNoise
    variance: VarianceSplit

    @property
    def zero(self) -> Interval:
        """Error at the optimum, with limits where it was trained more than once."""
        return zero_of(self.sweep, self.confidence)


def summarise(sweep: SweepTrials, confidence: float = CONFIDENCE) -> Summary:
    """Put a sweep in numbers, each with the interval that holds for its design."""
    points, errors = Sampling.of(sweep, confidence), values(sweep.points, "top1_err")
    return Summary(
        sweep=sweep,
        confidence=confidence,
        no_intervals=points.problem,
        diverged=points.share(sweep.points["state"].to_numpy() == "diverged"),
        best=float(errors.min()),
        best_again=intervals.best_again(edf(errors), confidence) if sweep.design == "iid" else math.nan,
        quartiles=_quartiles(curve_of(sweep, absolute=True), confidence, points.problem),
        mean_err=points.mean(errors, 0.0, DIVERGED_ERR),
        noise=seed_noise(sweep.optimum_errs if sweep.optimum_state == "finished" else [], errors, confidence),
        variance=_variance(sweep, errors, confidence),
        **_of_delta(sweep, points, errors),
    )


def _of_delta(sweep: SweepTrials, points: Sampling, errors: Floats) -> dict[str, Any]:
    """Return what is counted from the error at the optimum; nothing where that has no finite result."""
    if sweep.optimum_state != "finished":
        return {"mean_delta": NOTHING, "within": dict.fromkeys(DELTAS, NOTHING), "area": NOTHING}
    zero = zero_of(sweep, points.confidence)
    delta = errors - zero.value
    return {
        "mean_delta": minus(points.mean(errors, 0.0, DIVERGED_ERR), zero),
        "within": {d: points.share(within(delta, errors, d)) for d in DELTAS},
        "area": points.mean(area_scores(delta, errors), 0.0, 1.0),
    }


def zero_of(sweep: SweepTrials, confidence: float = CONFIDENCE) -> Interval:
    """Return the mean error at a sweep's optimum."""
    zeros = sweep.optimum_errs
    rounding = rounding_variance(np.concatenate([zeros, values(sweep.points, "top1_err")]))
    return mean_of_zeros(zeros, rounding, confidence)


def mean_of_zeros(errors: Floats, rounding: float = 0.0, confidence: float = CONFIDENCE) -> Interval:
    """Return the mean error at the optimum, with Student's t limits where there is more than one trial.

    Parameters
    ----------
    errors : ndarray, shape (k,)
    rounding : float
        Variance that counting images adds to each.
    """
    if not len(errors):
        return NOTHING
    value = float(errors.mean())
    if len(errors) < 2:
        return Interval(value, math.nan, math.nan)
    variance = (errors.var(ddof=1) + rounding) / len(errors)
    width = float(stats.t.ppf((1 + confidence) / 2, len(errors) - 1) * math.sqrt(variance))
    return clipped(Interval(value, value - width, value + width), 0.0, DIVERGED_ERR)


def clipped(interval: Interval, least: float, most: float) -> Interval:
    """Keep limits to what is possible."""
    value, low, high = interval
    return Interval(value, max(low, least), min(high, most))


def minus(minuend: Interval, subtrahend: Interval) -> Interval:
    """Return the difference of two independent estimates, limits by MOVER (Zou & Donner 2008).

    An estimate without limits is taken as it is.
    """
    down = math.hypot(minuend.value - minuend.low, _known(subtrahend.high - subtrahend.value))
    up = math.hypot(minuend.high - minuend.value, _known(subtrahend.value - subtrahend.low))
    value = minuend.value - subtrahend.value
    return Interval(value, value - down, value + up)


def _known(width: float) -> float:
    return 0.0 if math.isnan(width) else width


def within(delta: Floats, errors: Floats, points: float) -> NDArray[np.bool_]:
    """Say of each trial whether it lies within some points of the optimum; one that diverged never does."""
    return (np.round(delta, DECIMALS) <= points) & (errors < DIVERGED_ERR)


def area_scores(delta: Floats, errors: Floats, to: float = AREA_TO) -> Floats:
    """Return what each trial adds to the area under the EDF of Δ: (to − Δ) / to, kept between 0 and 1."""
    return np.where(errors < DIVERGED_ERR, np.clip((to - delta) / to, 0.0, 1.0), 0.0)


def _quartiles(curve: Curve, confidence: float, problem: str | None) -> dict[str, Interval]:
    if problem:
        return {name: Interval(curve.edf.quantile(q), math.nan, math.nan) for name, q in QUARTILES.items()}
    kind = POINTWISE if curve.design == "iid" else None
    around = curve_band(curve, kind, confidence)
    found = {name: intervals.quantile(curve.edf, q, around) for name, q in QUARTILES.items()}
    # Limits that no observed error sets are at the ends of what is possible.
    return {name: clipped(interval, 0.0, DIVERGED_ERR) for name, interval in found.items()}


def _variance(sweep: SweepTrials, errors: Floats, confidence: float) -> VarianceSplit:
    """Split the variance, with limits where the points are independent."""
    points = sweep.points
    if not {"u_lr", "u_wd"} <= set(points.columns) or points[["u_lr", "u_wd"]].isna().any(axis=None):
        return VarianceSplit(NOTHING, NOTHING, NOTHING, NOTHING)
    split = variance_split(points[["u_lr", "u_wd"]].to_numpy(dtype=float), errors, confidence)
    if sweep.design == "iid":
        return split
    return VarianceSplit(*(part._replace(low=math.nan, high=math.nan) for part in split))


def summary_table(summaries: Sequence[Summary]) -> pd.DataFrame:
    """Tabulate summaries, one row a sweep.

    Returns
    -------
    DataFrame
        panel, family, model, optimizer, recipe, sweep, design; n (finished and diverged points), diverged (a
        count), missing; seeds (trials at the optimum with a result), optimum_err, best, best_again, and for
        each estimate X three columns X, X_low and X_high: median, mean_err, mean_delta, within_1 …, area_8,
        divergence_rate, seed_sd, var_lr, var_wd, var_interaction, var_rest.
    """
    return pd.DataFrame([_row(summary) for summary in summaries])


def _row(summary: Summary) -> dict[str, object]:
    sweep = summary.sweep
    words = ("panel", "family", "model", "optimizer", "recipe", "sweep", "design", "n")
    numbers = {
        "diverged": len(sweep.diverged),
        "missing": sweep.missing,
        "seeds": len(sweep.optimum_errs),
        "optimum_err": math.nan if sweep.optimum_err is None else sweep.optimum_err,
        "best": summary.best,
        "best_again": summary.best_again,
    }
    return {word: getattr(sweep, word) for word in words} | numbers | flat(_estimates(summary))


def _estimates(summary: Summary) -> dict[str, Interval]:
    variance = summary.variance
    return {
        **summary.quartiles,
        "mean_err": summary.mean_err,
        "mean_delta": summary.mean_delta,
        **{f"within_{delta:g}": interval for delta, interval in summary.within.items()},
        f"area_{AREA_TO:g}": summary.area,
        "divergence_rate": summary.diverged,
        "seed_sd": summary.noise.seeds,
        "var_lr": variance.lr,
        "var_wd": variance.weight_decay,
        "var_interaction": variance.interaction,
        "var_rest": variance.rest,
    }


def flat(estimates: Mapping[str, Interval]) -> dict[str, float]:
    """Return each estimate X as X, X_low and X_high."""
    return {
        name + suffix: value
        for name, interval in estimates.items()
        for suffix, value in zip(("", "_low", "_high"), interval, strict=True)
    }
