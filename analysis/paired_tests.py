"""Tests of two models that were tried at the same relative points.

The effect of a point that both models share cancels in their difference. A paired test therefore needs far
fewer trials than a test of two separate samples. The null hypothesis of both tests here is that the models
are exchangeable at every point. It is testable for any design, because each trial has noise of its own.
"""

import functools
import math
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import stats

from analysis.intervals import Interval, wilson

Floats = NDArray[np.float64]
Test = Callable[[Floats], float]
"""Differences, shape (n,) → two-sided p-value."""

FLIPS = 9_999
"""Random sign changes of a permutation test. The smallest p-value is then 1e-4."""
ALL_FLIPS_UP_TO = 13
"""Up to this n, all 2^n sign changes are tried."""
FLIPPED = 256
"""How many of the largest differences change their signs one by one. The sum of the others is drawn from a
normal distribution."""
PAIRS_OF = 500
"""Statistics over all pairs of differences use at most this many quantiles of the differences."""


def signed_rank(differences: ArrayLike) -> float:
    """Return the two-sided p-value of Wilcoxon's signed-rank test; 1 if all differences are 0.

    Differences of 0, such as points where both models diverged, are ranked and then dropped (Pratt 1959, JASA
    54:655). The p-value is exact up to n = 13, even with ties, and up to n = 50 without ties; otherwise it
    comes from the normal approximation.
    """
    d = np.asarray(differences, dtype=float)
    if not d.any():
        return 1.0
    if len(d) <= ALL_FLIPS_UP_TO:
        return sign_flip(np.sign(d) * stats.rankdata(np.abs(d)))
    return float(stats.wilcoxon(d, zero_method="pratt").pvalue)


def sign_flip(differences: ArrayLike, seed: int = 0) -> float:
    """Return the two-sided p-value of the permutation test of a mean difference.

    If the models are exchangeable, both signs of a difference are equally likely (Fisher 1935, The Design of
    Experiments, § 21). The test tries all sign changes up to n = 13, else 9,999 random ones. Above n = 256,
    only the largest differences change their signs one by one, and the sum of the others is drawn from its
    normal limit. A normal limit for all would be wrong for a few diverged trials among many good ones.

    Parameters
    ----------
    differences : array_like, shape (n,)
        A minus B, in points.
    seed : int
        Decides the random sign changes.
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
    """Return sign changes of n differences, shape (changes, n), and a normal number for each change."""
    if n <= ALL_FLIPS_UP_TO:
        bits = np.arange(2**n)[:, None] >> np.arange(n) & 1
        return np.asarray(2.0 * bits - 1.0), np.zeros(2**n)
    rng = np.random.default_rng(seed)
    return np.asarray(2.0 * rng.integers(0, 2, (FLIPS, n)) - 1.0), rng.standard_normal(FLIPS)


def share_difference(a: NDArray[np.bool_], b: NDArray[np.bool_], confidence: float) -> Interval:
    """Return the difference of two shares at shared points, with limits.

    From the Wilson limits of each share and their correlation (Newcombe 1998, Statistics in Medicine 17:2635,
    method 10, with the continuity correction of the correlation).

    Parameters
    ----------
    a, b : ndarray of bool, shape (n,)
        Whether each model's trial counts.
    confidence : float
        In (0, 1).
    """
    n = len(a)
    low_a, high_a = wilson(int(a.sum()), n, confidence)
    low_b, high_b = wilson(int(b.sum()), n, confidence)
    share_a, share_b, phi = float(a.mean()), float(b.mean()), _phi(a, b)
    down, up = (
        math.sqrt(max(0.0, one**2 - 2 * phi * one * other + other**2))
        for one, other in ((share_a - low_a, high_b - share_b), (high_a - share_a, share_b - low_b))
    )
    return Interval(share_a - share_b, share_a - share_b - down, share_a - share_b + up)


def _phi(a: NDArray[np.bool_], b: NDArray[np.bool_]) -> float:
    """Return the correlation of two samples of bools; 0 if one of them has no spread."""
    both, only_a, only_b = (float(each.sum()) for each in (a & b, a & ~b, ~a & b))
    neither = len(a) - both - only_a - only_b
    margins = (both + only_a) * (only_b + neither) * (both + only_b) * (only_a + neither)
    if not margins:
        return 0.0
    product = both * neither - only_a * only_b
    corrected = max(product - len(a) / 2, 0.0) if product > 0 else product
    return corrected / math.sqrt(margins)


def points_needed(differences: ArrayLike, level: float = 0.05, power: float = 0.8) -> float:
    """Return how many shared points a signed-rank test needs to detect this difference.

    n = (z_{α/2} + z_β)² / (3 (P(d + d' > 0) − 1/2)²) (Noether 1987, JASA 82:645).

    Parameters
    ----------
    differences : array_like, shape (n,)
        A minus B at the points observed so far.
    level : float
        Significance level α.
    power : float
        1 − β, the probability that the test detects the difference.

    Returns
    -------
    float
        inf without a difference.
    """
    d = _thinned(differences)
    i, j = np.triu_indices(len(d), k=1)
    signs = np.sign(d[i] + d[j])
    excess = float(signs.mean()) / 2 if len(signs) else 0.0
    z = stats.norm.isf(level / 2) + stats.norm.isf(1 - power)
    return math.inf if excess == 0.0 else float(z**2 / (3 * excess**2))


def _thinned(differences: ArrayLike) -> Floats:
    """Return the differences, or `PAIRS_OF` quantiles of them if there are more."""
    d = np.asarray(differences, dtype=float)
    return d if len(d) <= PAIRS_OF else np.quantile(d, (np.arange(PAIRS_OF) + 0.5) / PAIRS_OF)
