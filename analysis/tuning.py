"""Tuning curves: the expected error of the best of k random points, for each budget k.

A robust model needs few trials. Tuning curves are due to Dodge et al. 2019 (arXiv:1909.03004), the unbiased
estimate from n points to Tang et al. 2020 (arXiv:2004.13861), and the band, which comes from the band of the
error distribution, to Lourie, Cho & He 2023 (arXiv:2311.09480).
"""

import bisect
import math
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from analysis.bands import CONFIDENCE, EQUAL_PRECISION, SIMULTANEOUS, count_limits
from analysis.errors import AnalysisError
from analysis.intervals import log_choose
from analysis.sweep_trials import SweepTrials, values

Floats = NDArray[np.float64]


class TuningCurve(NamedTuple):
    """The expected lowest error of k random points, in the unit of the errors."""

    k: NDArray[np.int64]
    """Budgets, shape (budgets,)."""
    expected: Floats
    """Expected lowest error for each budget, shape (budgets,); the median one in a `median_curve`."""
    low: Floats | None
    """Lower limits, simultaneous for all budgets; None if the points are not independent."""
    high: Floats | None
    """Upper limits, likewise."""


def tuning_curve(
    errors: ArrayLike,
    *,
    independent: bool = True,
    confidence: float = CONFIDENCE,
    kind: str = EQUAL_PRECISION,
    least: float = 0.0,
    most: float = 100.0,
    budgets: ArrayLike | None = None,
) -> TuningCurve:
    """Estimate the expected lowest error of k points drawn from the same box.

    Parameters
    ----------
    errors : array_like, shape (n,)
        Top-1 error in percent; a diverged trial at 100.
    independent : bool
        Whether the points are independent; otherwise there is no band.
    confidence : float
        Confidence of the band, in (0, 1).
    kind : str
        A simultaneous kind of `analysis.bands`.
    least, most : float
        The bounds of possible errors. The lower limit tends to ``least``: no sample excludes that a few
        points are far better.
    budgets : array_like of int, optional
        Each in 1 … n. Default: 1, 2, …, n.

    Raises
    ------
    AnalysisError
        If an error is not a number from ``least`` to ``most``, a budget not in 1 … n, or the kind of band not
        simultaneous.
    """
    x = np.sort(np.asarray(errors, dtype=float))
    k = np.arange(1, len(x) + 1) if budgets is None else np.asarray(budgets, dtype=np.int64)
    _check(x, k, kind, least, most)
    expected = _expected_best(x, k)
    if not independent:
        return TuningCurve(k, expected, None, None)
    low, high = count_limits(len(x), kind, confidence)
    edges = np.concatenate([[least], x, [most]])
    return TuningCurve(k, expected, _mean_best(edges, high, k), _mean_best(edges, low, k))


def tuning_of(sweep: SweepTrials, budgets: ArrayLike | None = None) -> TuningCurve:
    """Return a sweep's tuning curve, with a band if its points are independent; see `tuning_curve`.

    Of a metric that lacks a bound it is the median of the best, as a mean would depend on what a diverged
    trial, or a rare one, is taken for; see `median_curve`.
    """
    errors, metric = values(sweep.points, "top1_err"), sweep.metric
    k = np.arange(1, len(errors) + 1) if budgets is None else np.asarray(budgets, dtype=np.int64)
    if not (math.isfinite(metric.best) and math.isfinite(metric.worst)):
        return median_curve(errors, k, least=metric.best, independent=sweep.design == "iid")
    return tuning_curve(
        errors, independent=sweep.design == "iid", least=metric.best, most=metric.worst, budgets=k
    )


def median_curve(
    costs: ArrayLike, k: NDArray[np.int64], *, least: float = -math.inf, independent: bool = True
) -> TuningCurve:
    """Return the median of the lowest of k costs, the value that half of all searches reach.

    Parameters
    ----------
    costs : array_like, shape (n,)
        Infinite if a trial diverged.
    k : ndarray of int
        Budgets, each in 1 … n.
    least : float
        The least possible cost.
    independent : bool
        Whether the points are independent; otherwise there is no band.
    """
    x = np.sort(np.asarray(costs, dtype=float))
    n, i = len(x), np.arange(1, len(x) + 1)
    worse = (np.exp(log_choose(n - i, budget) - log_choose(n, budget)) for budget in k)
    median = np.array([x[np.argmax(share <= 0.5)] for share in worse])
    if not independent:
        return TuningCurve(k, median, None, None)
    low, high = count_limits(n, EQUAL_PRECISION, CONFIDENCE)
    edges, quantiles = np.concatenate([[least], x, [math.inf]]), 1 - 0.5 ** (1 / k)
    return TuningCurve(k, median, _reached(edges, high, quantiles), _reached(edges, low, quantiles))


def _reached(edges: Floats, shares: Floats, quantiles: Floats) -> Floats:
    """Return where a step function first reaches each quantile; see `_mean_best`."""
    places = [int(np.argmax(shares >= q)) if (shares >= q).any() else len(shares) for q in quantiles]
    return np.array(edges[places])


def some_budgets(most: int, count: int = 100) -> NDArray[np.int64]:
    """Return about ``count`` budgets from 1 to ``most``, spread evenly on a logarithmic scale."""
    return np.unique(np.geomspace(1, most, count).round().astype(np.int64))


def doublings(most: int) -> list[int]:
    """Return the budgets 1, 2, 4, 8 … up to ``most``."""
    return [2**power for power in range(most.bit_length())]


def budget_for(errors: ArrayLike, target: float) -> int | None:
    """Return how many random points are expected to reach an error; None if n points are not.

    Parameters
    ----------
    errors : array_like, shape (n,)
        Top-1 error in percent; a diverged trial at 100.
    target : float
        The error to reach, in percent.
    """
    x = np.sort(np.asarray(errors, dtype=float))
    reached = bisect.bisect_left(
        range(1, len(x) + 1), True, key=lambda k: bool(_expected_best(x, np.array([k]))[0] <= target + 1e-9)
    )
    return reached + 1 if reached < len(x) else None


def _check(x: Floats, k: NDArray[np.int64], kind: str, least: float, most: float) -> None:
    n = len(x)
    odd = int((~((x >= least) & (x <= most))).sum())
    if n == 0 or odd:
        raise AnalysisError(
            f"a tuning curve takes at least one error, each from {least:g} to {most:g}, got {n} and {odd} of "
            "them NaN or outside: give a diverged trial as 100, and leave out one without a result."
        )
    if ((k < 1) | (k > n)).any():
        raise AnalysisError(f"a budget is a number of trials from 1 to {n}, got {k.tolist()}.")
    if kind not in SIMULTANEOUS:
        raise AnalysisError(f"a tuning curve's band is one of {', '.join(SIMULTANEOUS)}, got {kind!r}.")


def _expected_best(x: Floats, k: NDArray[np.int64]) -> Floats:
    """Average the smallest of k errors over all choices of k of the n errors, for each budget k.

    The i-th smallest of the n errors is the smallest one of C(n − i, k − 1) of the C(n, k) choices.
    """
    n = len(x)
    i = np.arange(1, n + 1)
    weights = (np.exp(log_choose(n - i, budget - 1) - log_choose(n, budget)) for budget in k)
    return np.array([weight @ x for weight in weights])


def _mean_best(edges: Floats, shares: Floats, k: NDArray[np.int64]) -> Floats:
    """Return E[best of k] = least + ∫ (1 − F)^k for a step function F.

    Parameters
    ----------
    edges : ndarray, shape (n + 2,)
        Where F steps, from the least possible error to the greatest.
    shares : ndarray, shape (n + 1,)
        The value of F between each edge and the next.
    k : ndarray of int
        Budgets.
    """
    widths = np.diff(edges)
    return np.array([edges[0] + widths @ (1.0 - shares) ** budget for budget in k])
