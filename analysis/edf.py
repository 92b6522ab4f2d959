"""Error distribution functions (EDF): the share of a sweep's trials with an error of at most x.

F(e) = 1/n · Σ 1[e_i ≤ e] (Radosavovic et al. 2019, arXiv:1905.13214). A steep EDF is a robust model. As in
Xiao et al. 2021 (arXiv:2106.14881), x is usually Δ: the top-1 error minus the same model's at its optimum.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from analysis.errors import AnalysisError
from analysis.table import DIVERGED_ERR, Sweep, read_sweeps, values

DELTAS = (1.0, 2.0, 4.0, 8.0)
"""Points above the optimum's error at which a sweep is summarised."""
DECIMALS = 9
"""Differences are rounded to 1e-9 points. An error is a count of images over their number, so true steps are
far wider; without it 8.05 - 4.05 > 4 in binary, and a trial exactly 4 points off would not count as such."""

FLATTERY_GAP = 4.0
"""Points by which an optimum must be worse than its panel's best to be suspected. Run-to-run noise is 0.1-0.2
points, and with AdamW the study's stems of equal cost differ by under 4 at their optimum (27.7 and 24.0)."""
FLATTERY_WITHIN = 4.0
"""Points at which the shares of two Δ curves are compared, where Xiao et al. read theirs."""
FLATTERY_SLACK = 0.05
"""A share this little lower still looks as robust: 3 trials of 64, well within a sweep's sampling noise."""
UNDERTRAINED_ERR = 30.0
"""Percent. An optimum worse than this leaves so little to lose that all of its points lie near it: in a short
training a model at 60 % had as steep a Δ curve as a far better one. Hard data can be a good reason for it."""
OUTDONE_BY, OUTDONE_SHARE = 1.0, 0.25
"""More than this share of the points beating the optimum by over this many points: Δ has the wrong zero."""


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
    return [_curve(sweep, absolute=absolute) for sweep in read_sweeps(table)]


def _curve(sweep: Sweep, *, absolute: bool) -> Curve:
    return Curve(
        model=sweep.model,
        family=sweep.family,
        panel=sweep.panel,
        optimizer=sweep.optimizer,
        recipe=sweep.recipe,
        sweep=sweep.sweep,
        edf=_absolute_edf(sweep) if absolute else _relative_edf(sweep),
        optimum_err=sweep.optimum_err,
        zeros=sweep.optimum_errs,
        optimum_missing=sweep.optimum_missing,
        n=sweep.n,
        diverged=len(sweep.diverged),
        missing=sweep.missing,
        relative=not absolute,
    )


def _absolute_edf(sweep: Sweep) -> EDF:
    return edf(np.concatenate([values(sweep.finished, "top1_err"), values(sweep.diverged, "top1_err")]))


def _relative_edf(sweep: Sweep) -> EDF:
    if sweep.optimum_state != "finished" or sweep.optimum_err is None:
        raise AnalysisError(_no_zero(sweep))
    return edf(np.round(values(sweep.finished, "top1_err") - sweep.optimum_err, DECIMALS), n=sweep.n)


def _no_zero(sweep: Sweep) -> str:
    """Say why a sweep has no Δ."""
    k, lost = len(sweep.optimum_errs), int((sweep.optimum["state"] == "diverged").sum())
    trial = f"{lost} of the {k} trials there" if lost and k > 1 else "that trial"
    rule = f"Δ is counted from the error at the optimum, and in {sweep} {trial}"
    if lost:
        return f"{rule} diverged: give a better optimum with --lr and --wd, or draw errors with --absolute."
    state = (
        "is not in the table"
        if sweep.optimum_state is None
        else f"is {sweep.optimum_state}, without a result"
    )
    return f"{rule} {state}: finish it with `sweep run`, or draw errors with --absolute."


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


def summary(curves: Sequence[Curve], deltas: Sequence[float] = DELTAS) -> pd.DataFrame:
    """Tabulate what the curves show, one row a sweep.

    Returns
    -------
    DataFrame
        panel, family, model, optimizer, recipe, sweep; n (finished and diverged points), diverged, missing;
        optimum_err, best and median (top-1 error in percent; of the points, a diverged one at 100, the median
        as the smallest error with F ≥ 1/2); and within_1, within_2, … (shares).
    """
    return pd.DataFrame([_summary_row(curve, deltas) for curve in curves])


def _summary_row(curve: Curve, deltas: Sequence[float]) -> dict[str, object]:
    zero = curve.optimum_err if curve.relative and curve.optimum_err is not None else 0.0
    best, median = (
        min(round(curve.edf.quantile(share) + zero, DECIMALS), DIVERGED_ERR) for share in (1 / curve.n, 0.5)
    )
    words = ("panel", "family", "model", "optimizer", "recipe", "sweep", "n", "diverged", "missing")
    return {
        **{word: getattr(curve, word) for word in words},
        "optimum_err": float("nan") if curve.optimum_err is None else curve.optimum_err,
        "best": best,
        "median": median,
        **{f"within_{d:g}": float(s) for d, s in zip(deltas, share_within(curve, deltas), strict=True)},
    }


def flattery(curves: Sequence[Curve]) -> list[str]:
    """Warn of Δ curves that look more robust than the model is.

    A model that is equally bad everywhere has a steep Δ curve. Three signs: an optimum more than
    `FLATTERY_GAP` points worse than its panel's best while the share within `FLATTERY_WITHIN` points is about
    that of a model with a better optimum, or more; an optimum worse than `UNDERTRAINED_ERR`; and an optimum
    that more than `OUTDONE_SHARE` of the points beat by over `OUTDONE_BY`.

    Parameters
    ----------
    curves : sequence of Curve
        Absolute curves flatter nobody: they are passed over.

    Returns
    -------
    list of str
        One sentence or two a warning, in the order of the curves; empty where all is well.
    """
    relative = [curve for curve in curves if curve.relative and curve.optimum_err is not None]
    found = [(_outshines(curve, relative), _undertrained(curve), _outdone(curve)) for curve in relative]
    return [text for pair in found for text in pair if text]


def _outshines(curve: Curve, others: Sequence[Curve]) -> str | None:
    """Warn if a curve with a poor optimum looks as robust as one with a better optimum."""
    peers = [c for c in others if (c.panel, c.optimizer) == (curve.panel, curve.optimizer)]
    if _optimum(curve) - min(map(_optimum, peers)) <= FLATTERY_GAP:
        return None
    mine = _near(curve)
    beaten = [c for c in peers if _optimum(c) < _optimum(curve) and mine >= _near(c) - FLATTERY_SLACK]
    if not beaten:
        return None
    peer = min(beaten, key=_optimum)
    return (
        f"{curve.model} ({curve.panel}, {curve.optimizer}): Δ flatters it. Its optimum stands at "
        f"{_optimum(curve):.1f} % error, that of {peer.model} at {_optimum(peer):.1f} %, yet {mine:.2f} of "
        f"its trials lie within {FLATTERY_WITHIN:g} points of it, against {_near(peer):.2f}: "
        "look at `--absolute` too."
    )


def _undertrained(curve: Curve) -> str | None:
    """Warn if the optimum itself is poor."""
    if _optimum(curve) <= UNDERTRAINED_ERR:
        return None
    return (
        f"{curve.model} ({curve.panel}, {curve.optimizer}): its optimum stands at {_optimum(curve):.1f} % "
        f"error, over {UNDERTRAINED_ERR:g} %, so it is likely under-trained and a steep Δ curve says little: "
        "train for longer, or look at `--absolute`."
    )


def _outdone(curve: Curve) -> str | None:
    """Warn if many points beat the optimum, so that Δ is counted from the wrong zero."""
    share = float(curve.edf.share(-OUTDONE_BY - 0.5 * 10**-DECIMALS))
    if share <= OUTDONE_SHARE:
        return None
    k = len(curve.zeros)
    optimum = "its optimum" if k == 1 else f"the mean of the {k} trials at its optimum"
    cause = (
        "either that is not the optimum or its one trial was unlucky"
        if k == 1
        else "that is likely no optimum"
    )
    return (
        f"{curve.model} ({curve.panel}, {curve.optimizer}): {share:.2f} of its trials beat {optimum} by "
        f"more than {OUTDONE_BY:g} point, so {cause}, and Δ flatters the model: look at `--absolute` too."
    )


def _optimum(curve: Curve) -> float:
    return float("nan") if curve.optimum_err is None else curve.optimum_err


def _near(curve: Curve) -> float:
    return float(share_within(curve, FLATTERY_WITHIN))
