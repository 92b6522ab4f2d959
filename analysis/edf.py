"""Error distribution functions (EDF): the share of a sweep's trials with an error of at most x.

F(e) = 1/n · Σ 1[e_i ≤ e] (Radosavovic et al. 2019, arXiv:1905.13214). A steep EDF is a robust model. As in
Xiao et al. 2021 (arXiv:2106.14881), x is usually Δ: the top-1 error minus the same model's at its optimum.
"""

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from analysis.errors import AnalysisError
from analysis.table import DIVERGED_ERR, SweepTrials, read_sweeps, values

DELTAS = (1.0, 2.0, 4.0, 8.0)
"""Points above the optimum's error at which a sweep is summarised."""
DECIMALS = 9
"""Differences are rounded to 1e-9 points. An error is a count of images over their number, so true steps are
far wider; without it 8.05 - 4.05 > 4 in binary, and a trial exactly 4 points off would not count as such."""


class EDF(NamedTuple):
    """An exact step function, right-continuous."""

    x: NDArray[np.float64]
    """Distinct errors, ascending, shape (k,)."""
    y: NDArray[np.float64]
    """Share of the n trials with an error ≤ x, shape (k,). Ends below 1 where trials have no finite error."""
    n: int
    """The denominator: all trials that have a result."""

    def share(self, at: ArrayLike) -> NDArray[np.float64]:
        """Return the share of trials with an error ≤ `at`, in the shape of `at`."""
        steps = np.concatenate(([0.0], self.y))
        return np.asarray(steps[np.searchsorted(self.x, np.asarray(at, dtype=float), side="right")])

    def quantile(self, share: float) -> float:
        """Return the smallest error that at least this share of the trials keeps to, inf where none is.

        Parameters
        ----------
        share : float
            In (0, 1].
        """
        # y is k/n, so a share is reached to within rounding.
        place = int(np.searchsorted(self.y, share - 1e-12, side="left"))
        return float(self.x[place]) if place < len(self.x) else float("inf")


def edf(errors: ArrayLike, *, n: int | None = None) -> EDF:
    """Count the exact EDF of a sample.

    Parameters
    ----------
    errors : array_like, shape (m,)
        Finite errors, in percent or points; a diverged trial is in it as 100, or else in `n` only.
    n : int, optional
        The denominator where it is larger than m: the trials beyond m are worse than any error, and the
        function ends at m / n.

    Raises
    ------
    AnalysisError
        If an error is NaN or infinite, the sample is empty (m and n), not one-dimensional, or n < m.
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
    """A sweep's EDF and what it was counted from."""

    model: str
    family: str
    panel: str
    optimizer: str
    recipe: str
    sweep: str
    design: str
    """How the points were drawn: iid, sobol or grid."""
    edf: EDF
    """Of Δ in points, where diverged trials are in n and in no step; or of the error in percent, where they
    are at 100."""
    optimum_err: float | None
    """Top-1 error at the optimum in percent, the mean of `zeros`; None without a result."""
    zeros: NDArray[np.float64]
    """Top-1 errors in percent of the trials at the optimum that have a result, each with another seed, 100
    where one diverged, shape (k,)."""
    optimum_missing: int
    """Trials at the optimum without a result, in no mean. Above 0, the curve is incomplete."""
    n: int
    """Points with a result, finished and diverged: the EDF's denominator."""
    diverged: int
    missing: int
    """Points without a result (planned, running, failed): not in n. Above 0, the curve is incomplete."""
    scrambles: NDArray[np.float64]
    """A Sobol' design's errors on the curve's scale by independent scramble, shape (scrambles, 16). Diverged
    trials are above every Δ (inf), or at 100 %, as in the EDF."""
    relative: bool
    """Whether x is Δ to the optimum's error (points) or the error itself (percent)."""


def curves(table: pd.DataFrame, *, absolute: bool = False) -> list[Curve]:
    """Count the EDF of every sweep in a trial table.

    Only rows of role "point" are in an EDF; the mean of the trials at the optimum is the zero of Δ. A Δ below
    0 is a point better than the optimum and stays. A diverged trial lies above every Δ: it is in the
    denominator and never a step.

    Parameters
    ----------
    table : DataFrame
        One row a trial; see `analysis.table.read_sweeps`.
    absolute : bool
        Top-1 error in percent on x in place of Δ.

    Returns
    -------
    list of Curve
        One a sweep, by panel (size), optimizer, family and model.

    Raises
    ------
    AnalysisError
        If the table breaks a rule of `read_sweeps`, or Δ is asked for and an optimum has no result, or one
        that diverged.
    """
    return [curve_of(sweep, absolute=absolute) for sweep in read_sweeps(table)]


def curve_of(sweep: SweepTrials, *, absolute: bool) -> Curve:
    """Count the EDF of one sweep; see `curves`."""
    return Curve(
        model=sweep.model,
        family=sweep.family,
        panel=sweep.panel,
        optimizer=sweep.optimizer,
        recipe=sweep.recipe,
        sweep=sweep.sweep,
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
    )


def _scrambles(sweep: SweepTrials, absolute: bool) -> NDArray[np.float64]:
    """Return the errors of a Sobol' design's scrambles on the scale of the EDF."""
    points = sweep.points
    errors = values(points, "top1_err")
    if not absolute:
        delta = np.round(errors - (sweep.optimum_err or 0.0), DECIMALS)
        errors = np.where(points["state"] == "diverged", np.inf, delta)
    return errors[sweep.scrambles]


def _absolute_edf(sweep: SweepTrials) -> EDF:
    return edf(np.concatenate([values(sweep.finished, "top1_err"), values(sweep.diverged, "top1_err")]))


def _relative_edf(sweep: SweepTrials) -> EDF:
    if sweep.optimum_state != "finished" or sweep.optimum_err is None:
        raise AnalysisError(_no_zero(sweep))
    return edf(np.round(values(sweep.finished, "top1_err") - sweep.optimum_err, DECIMALS), n=sweep.n)


def _no_zero(sweep: SweepTrials) -> str:
    """Say why a sweep has no Δ."""
    k, lost = len(sweep.optimum_errs), int((sweep.optimum["state"] == "diverged").sum())
    trial = f"{lost} of the {k} trials there" if lost and k > 1 else "that trial"
    rule = f"Δ is counted from the error at the optimum, and in {sweep} {trial}"
    if lost:
        return f"{rule} diverged: give a better optimum with --lr and --wd, or draw errors with --absolute."
    if sweep.optimum_state is None:
        return (
            f"{rule} is not in the table: train it with `sweep run`, name it with --optimum if the table is "
            "from elsewhere, or draw errors with --absolute."
        )
    return (
        f"{rule} is {sweep.optimum_state}, without a result: finish it with `sweep run`, or draw errors with "
        "--absolute."
    )


def share_within(curve: Curve, deltas: ArrayLike = DELTAS) -> NDArray[np.float64]:
    """Return the share of a sweep's trials within some points of its optimum's error.

    Parameters
    ----------
    curve : Curve
        Relative or absolute: the answer is the same.
    deltas : array_like
        Points of top-1 error.

    Returns
    -------
    ndarray, shape of deltas
        Shares of n; diverged trials are within no distance. NaN where the optimum has no result, or one that
        diverged.
    """
    at = np.asarray(deltas, dtype=float)
    if curve.relative:
        return curve.edf.share(at)
    if curve.optimum_err is None or (curve.zeros == DIVERGED_ERR).any():
        return np.full(at.shape, np.nan)
    finished = (curve.n - curve.diverged) / curve.n
    return np.minimum(curve.edf.share(curve.optimum_err + at + 0.5 * 10**-DECIMALS), finished)
