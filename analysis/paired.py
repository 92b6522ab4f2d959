"""Tests of two models that were tried at the same relative points.

What one point is for both models drops out of their difference, so that far less is left to chance than
between two separate samples. Both tests ask whether the models could be exchanged at every point; that holds
whatever the design, as each trial has noise of its own.
"""

import functools
import math
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import stats

Floats = NDArray[np.float64]
Test = Callable[[Floats], float]
"""Differences, shape (n,) → two-sided p-value."""

FLIPS = 9_999
"""Random sign changes of a permutation test: the smallest p-value is 1e-4."""
ALL_FLIPS_UP_TO = 13
"""Up to this n all 2^n sign changes are tried."""
FLIPPED = 256
"""The largest differences, whose signs are changed one by one; the sum of all others is taken as normal."""
PAIRS_OF = 500
"""Statistics over all pairs of differences take this many quantiles of them where there are more."""


def signed_rank(differences: ArrayLike) -> float:
    """Return the two-sided p-value of Wilcoxon's signed-rank test; 1 if all differences are 0.

    Ties of 0, such as points where both models diverged, are ranked and then left out (Pratt 1959, JASA
    54:655). Exact up to n = 13, also with ties; from n = 51, or with ties, the normal limit.
    """
    d = np.asarray(differences, dtype=float)
    if not d.any():
        return 1.0
    if len(d) <= ALL_FLIPS_UP_TO:
        return sign_flip(np.sign(d) * stats.rankdata(np.abs(d)))
    return float(stats.wilcoxon(d, zero_method="pratt").pvalue)


def sign_flip(differences: ArrayLike, seed: int = 0) -> float:
    """Return the two-sided p-value of the permutation test of a mean difference.

    Either sign of a difference is as likely if the models can be exchanged (Fisher 1935, The Design of
    Experiments, § 21). All sign changes up to n = 13, else 9,999 random ones. Above n = 256 only the largest
    differences are changed one by one, and the sum of the others is drawn from its normal limit: a few
    diverged trials among many good ones are what a limit for all would get wrong.

    Parameters
    ----------
    differences : array_like, shape (n,)
    seed : int
        Draws the sign changes.
    """
    d = np.asarray(differences, dtype=float)
    scale = math.sqrt(float(d @ d))
    if scale == 0.0:
        return 1.0
    d = d / scale
    ordered = d[np.argsort(-np.abs(d), kind="stable")]
    head, rest = ordered[:FLIPPED], ordered[FLIPPED:]
    signs, normal = _draws(len(head), seed)
    flipped = np.abs(signs @ head + math.sqrt(float(rest @ rest)) * normal)
    at_least = int((flipped >= abs(float(d.sum())) - 1e-9).sum())
    return at_least / len(flipped) if len(d) <= ALL_FLIPS_UP_TO else (at_least + 1) / (FLIPS + 1)


@functools.lru_cache(maxsize=4)
def _draws(n: int, seed: int) -> tuple[NDArray[Any], NDArray[Any]]:
    """Return sign changes of n differences, shape (changes, n), and as many normal numbers."""
    if n <= ALL_FLIPS_UP_TO:
        bits = np.arange(2**n)[:, None] >> np.arange(n) & 1
        return np.asarray(2.0 * bits - 1.0), np.zeros(2**n)
    rng = np.random.default_rng(seed)
    return np.asarray(2.0 * rng.integers(0, 2, (FLIPS, n)) - 1.0), rng.standard_normal(FLIPS)


ZERO_LEVEL = 0.005
"""Probability that the zeros' difference lies outside the interval over which a test of Δ is taken."""


NO_RESULT = 100.0
"""The error of a diverged trial, in percent, and the difference in Δ between it and any that did not."""


def delta_differences(a: Floats, b: Floats, shift: float) -> Floats:
    """Return the differences in Δ of two models at shared points, given the difference of their zeros.

    Two diverged trials are a tie, whatever the zeros are; one is as much worse as can be. Only where both
    have finished is the shift taken off.

    Parameters
    ----------
    a, b : ndarray, shape (n,)
        Errors in percent; 100 is taken as diverged.
    shift : float
        Zero of A minus zero of B.
    """
    lost_a, lost_b = a >= NO_RESULT, b >= NO_RESULT
    one_lost = NO_RESULT * (lost_a.astype(float) - lost_b.astype(float))
    return np.asarray(np.round(np.where(lost_a | lost_b, one_lost, a - b - shift), 9), dtype=float)


def leaning(test: Test, differences: ArrayLike) -> float:
    """Return the statistic whose sign says which model a test favours; below 0: A."""
    d = np.asarray(differences, dtype=float)
    return float(d.sum() if test is sign_flip else np.sign(d) @ stats.rankdata(np.abs(d)))


def with_uncertain_shift(test: Test, shifted: Callable[[float], Floats], low: float, high: float) -> float:
    """Return a test's p-value where the differences are counted from a zero that is itself uncertain.

    The largest p-value over the interval of the zero, plus the probability that it lies outside (Berger &
    Boos 1994, JASA 89:1012): the test stays valid whatever the zero is. Both tests' p-values fall on either
    side of one peak, so that the largest is at an end, or 1 where the test leans one way at one end and the
    other way at the other.

    Parameters
    ----------
    test : callable
        Differences → two-sided p-value, `signed_rank` or `sign_flip`.
    shifted : callable
        Difference of the zeros → differences in Δ, shape (n,), none of which grows with it.
    low, high : float
        The interval of the zeros' difference, at level 1 − `ZERO_LEVEL`.
    """
    ends = [shifted(low), shifted(high)]
    if leaning(test, ends[0]) * leaning(test, ends[1]) <= 0:
        return 1.0
    return min(1.0, max(map(test, ends)) + ZERO_LEVEL)


def points_needed(differences: ArrayLike, level: float = 0.05, power: float = 0.8) -> float:
    """Return how many shared points a signed-rank test would need to see this difference.

    Noether 1987 (JASA 82:645): n = (z_{α/2} + z_β)² / (3 (P(d + d' > 0) − 1/2)²). inf without any difference.
    """
    d = _thinned(differences)
    i, j = np.triu_indices(len(d), k=1)
    signs = np.sign(d[i] + d[j])
    excess = float(signs.mean()) / 2 if len(signs) else 0.0
    z = stats.norm.isf(level / 2) + stats.norm.isf(1 - power)
    return math.inf if excess == 0.0 else float(z**2 / (3 * excess**2))


def _thinned(differences: ArrayLike) -> Floats:
    """Return the differences, or some quantiles of them where their pairs would be too many."""
    d = np.asarray(differences, dtype=float)
    return d if len(d) <= PAIRS_OF else np.quantile(d, (np.arange(PAIRS_OF) + 0.5) / PAIRS_OF)
