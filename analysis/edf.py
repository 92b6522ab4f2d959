"""Error distribution functions (EDF): the share of a sweep's trials with an error of at most x.

F(e) = 1/n · Σ 1[e_i ≤ e] (Radosavovic et al. 2019, arXiv:1905.13214). A steep EDF means a robust model. As in
Xiao et al. 2021 (arXiv:2106.14881), x is usually Δ: the top-1 error minus the model's error at its optimum.
"""

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from analysis.errors import AnalysisError
from analysis.metric import THRESHOLDS, TOP1_ERROR, Metric
from analysis.sweep_trials import SweepTrials, read_sweeps, values

DELTAS = THRESHOLDS
"""Points above the optimum's error at which a sweep is summarised."""


class EDF(NamedTuple):
    """An exact step function, right-continuous."""

    x: NDArray[np.float64]
    """Distinct errors, ascending, shape (k,)."""
    y: NDArray[np.float64]
    """Share of the n trials with an error ≤ x, shape (k,). Ends below 1 if some trials exceed every error."""
    n: int
    """The denominator: all trials with a result."""

    def share(self, at: ArrayLike) -> NDArray[np.float64]:
        """Return the share of trials with an error of at most ``at``, in the shape of ``at``."""
        steps = np.concatenate(([0.0], self.y))
        return np.asarray(steps[np.searchsorted(self.x, np.asarray(at, dtype=float), side="right")])

    def quantile(self, share: float) -> float:
        """Return the smallest error that at least this share of the trials does not exceed; inf if none.

        Parameters
        ----------
        share : float
            In (0, 1].
        """
        # y is k/n: allow for rounding when comparing it with a share.
        step = int(np.searchsorted(self.y, share - 1e-12, side="left"))
        return float(self.x[step]) if step < len(self.x) else float("inf")


def edf(errors: ArrayLike, *, n: int | None = None) -> EDF:
    """Compute the exact EDF of a sample.

    Parameters
    ----------
    errors : array_like, shape (m,)
        Finite errors, in percent or points. A diverged trial is given as 100, or counts in ``n`` only.
    n : int, optional
        The denominator, if it is larger than m: the other trials exceed every error, and the EDF ends at
        m / n.

    Raises
    ------
    AnalysisError
        If an error is NaN or infinite, there is no trial, ``errors`` is not one-dimensional, or n < m.

    Examples
    --------
    >>> edf([3.0, 1.0, 3.0, 7.0]).y
    array([0.25, 0.75, 1.  ])
    """
    sample = np.asarray(errors, dtype=float)
    total = sample.size if n is None else n
    _check_sample(sample, total)
    x, counts = np.unique(sample, return_counts=True)
    return EDF(x=x, y=np.cumsum(counts) / total, n=total)


def _check_sample(sample: NDArray[np.float64], total: int) -> None:
    if sample.ndim != 1:
        raise AnalysisError(
            f"an EDF needs a list of errors, got an array of shape {sample.shape}: flatten it."
        )
    if total < 1 or total < sample.size:
        raise AnalysisError(
            f"an EDF needs at least one trial, and n no smaller than the number of errors; "
            f"got {sample.size} errors and n = {total}."
        )
    odd = int((~np.isfinite(sample)).sum())
    if odd:
        raise AnalysisError(
            f"an EDF needs finite errors, got {odd} of {sample.size} NaN or infinite: give a diverged trial "
            "as 100, and leave out one without a result."
        )


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class Curve:
    """A sweep's EDF, with the counts behind it."""

    model: str
    family: str
    panel: str
    optimizer: str
    recipe: str
    sweep: str
    name: str
    """What tells it from the other sweeps of its table."""
    setting: str
    """The end of `name` that is neither model nor optimizer; often empty."""
    design: str
    """How the points were drawn: iid, sobol or grid."""
    edf: EDF
    """Of Δ in points: diverged trials count in n, but in no step. Or of the error in percent: diverged trials
    are at 100."""
    optimum_err: float | None
    """Top-1 error at the optimum in percent, the mean of `zeros`; None without a result."""
    zeros: NDArray[np.float64]
    """Top-1 errors in percent of the trials at the optimum with a result, one per seed, 100 if diverged,
    shape (k,)."""
    optimum_missing: int
    """Trials at the optimum without a result. Above 0, the curve is incomplete."""
    n: int
    """Points with a result, finished and diverged: the EDF's denominator."""
    diverged: int
    missing: int
    """Points without a result (planned, running, failed). Above 0, the curve is incomplete."""
    scrambles: NDArray[np.float64]
    """Errors of a Sobol' design on the curve's scale, by scramble, shape (scrambles, 16). A diverged trial
    has an infinite Δ, or an error of 100 %."""
    relative: bool
    """Whether x is Δ (points) or the error itself (percent)."""
    metric: Metric = TOP1_ERROR
    """What the trials are judged by. If it is not the top-1 error, x is a cost or a difference of costs, and
    a diverged trial may be worse than everything: it counts in n, but in no step."""


def curves(table: pd.DataFrame, *, absolute: bool = False, any_metric: bool = False) -> list[Curve]:
    """Compute the EDF of every sweep in a trial table.

    Only rows with the role "point" count in an EDF. The mean error of the trials at the optimum is the zero
    of Δ; a point that is better than the optimum has a Δ below 0. A diverged trial exceeds every Δ: it counts
    in the denominator, but in no step.

    Parameters
    ----------
    table : DataFrame
        One row per trial; see `analysis.read_sweeps`.
    absolute : bool
        Use the top-1 error in percent as x instead of Δ.
    any_metric : bool
        Whether the caller can speak of another metric than the top-1 error.

    Returns
    -------
    list of Curve
        One per sweep, sorted by panel (size), optimizer, family and model.

    Raises
    ------
    AnalysisError
        If the table breaks a rule of `read_sweeps`, or Δ is asked for although a trial at an optimum diverged
        or none has a result.
    """
    return [curve_of(sweep, absolute=absolute) for sweep in read_sweeps(table, any_metric=any_metric)]


def curve_of(sweep: SweepTrials, *, absolute: bool) -> Curve:
    """Compute the EDF of one sweep; see `curves`."""
    return Curve(
        model=sweep.model,
        family=sweep.family,
        panel=sweep.panel,
        optimizer=sweep.optimizer,
        recipe=sweep.recipe,
        sweep=sweep.sweep,
        name=sweep.name,
        setting=sweep.setting,
        design=sweep.design,
        edf=_absolute_edf(sweep) if absolute else _relative_edf(sweep),
        optimum_err=sweep.optimum_err,
        zeros=sweep.optimum_errs,
        optimum_missing=sweep.optimum_missing,
        n=sweep.n,
        diverged=len(sweep.diverged),
        missing=sweep.missing,
        scrambles=_scrambles(sweep, absolute),
        relative=not absolute,
        metric=sweep.metric,
    )


def _scrambles(sweep: SweepTrials, absolute: bool) -> NDArray[np.float64]:
    """Return the errors of a Sobol' design by scramble, on the scale of the EDF."""
    points = sweep.points
    errors = values(points, "top1_err")
    if not absolute:
        delta = np.round(errors - (sweep.optimum_err or 0.0), sweep.metric.delta_decimals)
        errors = np.where(points["state"] == "diverged", np.inf, delta)
    return errors[sweep.scrambles]


def _absolute_edf(sweep: SweepTrials) -> EDF:
    errors = np.concatenate([values(sweep.finished, "top1_err"), values(sweep.diverged, "top1_err")])
    return edf(errors[np.isfinite(errors)], n=len(errors))


def check_zero(sweep: SweepTrials) -> float:
    """Return the mean error at the optimum, the zero of Δ.

    Raises
    ------
    AnalysisError
        If a trial at the optimum diverged or none has a result.
    """
    if sweep.optimum_state != "finished" or sweep.optimum_err is None:
        raise AnalysisError(_no_zero(sweep))
    return sweep.optimum_err


def _relative_edf(sweep: SweepTrials) -> EDF:
    deltas = values(sweep.finished, "top1_err") - check_zero(sweep)
    return edf(np.round(deltas, sweep.metric.delta_decimals), n=sweep.n)


def _no_zero(sweep: SweepTrials) -> str:
    """Return the message that says why a sweep has no Δ."""
    k, lost = len(sweep.optimum_errs), int((sweep.optimum["state"] == "diverged").sum())
    trial = f"{lost} of the {k} trials there" if lost and k > 1 else "that trial"
    what, shown = ("error", "errors") if sweep.metric.is_top1_error else (sweep.metric.name,) * 2
    rule = f"Δ is counted from the {what} at the optimum, and in {sweep} {trial}"
    if lost:
        return f"{rule} diverged: give a better optimum with `lr` and `wd`, or draw {shown} with `absolute`."
    if sweep.optimum_state is None:
        return (
            f"{rule} is not in the table: train it with `sweep run`, name it with `optimum` if the table is "
            f"from elsewhere, or draw {shown} with `absolute`."
        )
    return (
        f"{rule} is {sweep.optimum_state}, without a result: finish it, with "
        f"`sweep run` if it is this folder's, or draw {shown} with `absolute`."
    )


def share_within(curve: Curve, deltas: ArrayLike = DELTAS) -> NDArray[np.float64]:
    """Return the share of a sweep's trials whose Δ is at most ``deltas``.

    Parameters
    ----------
    curve : Curve
        Relative or absolute; both give the same shares.
    deltas : array_like
        Points of top-1 error.

    Returns
    -------
    ndarray, in the shape of deltas
        Shares of n; diverged trials are within no Δ. NaN if a trial at the optimum diverged or none has a
        result.
    """
    at = np.asarray(deltas, dtype=float)
    if curve.relative:
        return curve.edf.share(at)
    if curve.optimum_err is None or (curve.zeros == curve.metric.worst).any():
        return np.full(at.shape, np.nan)
    finished = (curve.n - curve.diverged) / curve.n
    return np.minimum(
        curve.edf.share(curve.optimum_err + at + 0.5 * 10.0**-curve.metric.delta_decimals), finished
    )
