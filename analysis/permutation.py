"""Permutation tests of many statistics at once: which of them differ, with one error rate for all.

If two models are exchangeable, the labels of their trials are, too: of two samples every relabelling is
equally likely, of pairs every choice of signs (Fisher 1935). Each statistic is divided by its standard
deviation under relabelling, and compared with the largest of all. Rejecting step by step, from the largest
down, keeps the probability of any false claim (Westfall & Young 1993, Resampling-Based Multiple Testing).
For shares of trials below given errors that is exact in two samples: trials sorted into the errors at which
the models agree are exchangeable. In pairs it is exact for one share, and for all in the limit.
"""

import functools
import math
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

DRAWS = 9_999
"""Random relabellings. The smallest p-value is then 1e-4."""
ALL_SIGNS_UP_TO = 13
"""Up to so many pairs, all 2^n choices of signs are tried."""
LIMIT_FROM = 700
"""From so many trials on, the statistics are drawn from their joint normal limit."""
FEW = 100
"""If one of two samples has fewer trials, relabellings are drawn one by one, however large the other is."""
LEAST_EXPECTED = 10
"""A share of trials has a normal limit if so many of them are expected in the smaller sample."""
LEAST_CHANGED = 12
"""A share has a normal limit in pairs if so many of them count for one model only."""


class MaxT(NamedTuple):
    """Statistics of two models with p-values that hold for all of them together."""

    statistic: Floats
    """Each in standard deviations under relabelling, above 0 if A's is larger, shape (columns,)."""
    p: Floats
    """Two-sided, adjusted for all columns, shape (columns,)."""

    @property
    def any_difference(self) -> float:
        """P-value of the hypothesis that the models do not differ at all."""
        return float(self.p.min(initial=1.0))


def least_count(n: int, m: int) -> int:
    """Return how many of all trials must lie on each side of an error, for the share there to be tested."""
    if not _in_the_limit(n, m):
        return 1
    return math.ceil(LEAST_EXPECTED * (n + m) / min(n, m))


def least_changed(n: int) -> int:
    """Return in how many of n pairs an error must lie between the two, for the share there to be tested."""
    return LEAST_CHANGED if n >= LIMIT_FROM else 1


def _in_the_limit(n: int, m: int) -> bool:
    return n + m >= LIMIT_FROM and min(n, m) >= FEW


def two_samples(columns: Floats, n: int) -> MaxT:
    """Compare the means of the first n rows with those of the others.

    Parameters
    ----------
    columns : ndarray, shape (trials, columns)
        The values of each trial, those of A first.
    n : int
        Trials of A.
    """
    total, m = len(columns), len(columns) - n
    unit, kept = _unit(columns - columns.mean(axis=0))
    if not kept.any():
        return MaxT(np.zeros(len(kept)), np.ones(len(kept)))
    scale = math.sqrt((total - 1) / (1 / n + 1 / m))
    labels = np.concatenate([np.full(n, 1 / n), np.full(m, -1 / m)]) * scale
    if _in_the_limit(n, m):
        draws = _limit(unit)
    elif total >= LIMIT_FROM:
        draws = _few_chosen(unit, min(n, m)) * scale * (1 / n + 1 / m)
    else:
        draws = _relabelled(n, m) * scale @ unit
    return _adjusted(labels @ unit, draws, kept, exact=False)


def pairs(columns: Floats) -> MaxT:
    """Compare the means of paired differences with 0.

    Parameters
    ----------
    columns : ndarray, shape (pairs, columns)
        Differences A − B.
    """
    unit, kept = _unit(columns)
    if not kept.any():
        return MaxT(np.zeros(len(kept)), np.ones(len(kept)))
    n = len(columns)
    draws = _limit(unit) if n >= LIMIT_FROM else _signs(n) @ unit
    return _adjusted(unit.sum(axis=0), draws, kept, exact=n <= ALL_SIGNS_UP_TO)


def _unit(columns: Floats) -> tuple[Floats, NDArray[np.bool_]]:
    """Return the columns with some spread, each of length 1, and which they are."""
    length = np.sqrt((columns**2).sum(axis=0))
    kept = length > 1e-9
    return columns[:, kept] / length[kept], kept


@functools.lru_cache(maxsize=4)
def _relabelled(n: int, m: int) -> Floats:
    labels = np.concatenate([np.full(n, 1 / n), np.full(m, -1 / m)])
    return np.random.default_rng(0).permuted(np.broadcast_to(labels, (DRAWS, n + m)), axis=1)


def _few_chosen(unit: Floats, few: int) -> Floats:
    """Return sums of a few rows, drawn without replacement by Floyd's algorithm, shape (`DRAWS`, columns)."""
    rng, total = np.random.default_rng(0), len(unit)
    chosen = np.full((DRAWS, few), -1)
    sums = np.zeros((DRAWS, unit.shape[1]))
    for place, last in enumerate(range(total - few, total)):
        drawn = rng.integers(0, last + 1, DRAWS)
        chosen[:, place] = np.where((chosen == drawn[:, None]).any(axis=1), last, drawn)
        sums += unit[chosen[:, place]]
    return sums


@functools.lru_cache(maxsize=4)
def _signs(n: int) -> Floats:
    if n <= ALL_SIGNS_UP_TO:
        return np.asarray(2.0 * (np.arange(2**n)[:, None] >> np.arange(n) & 1) - 1.0, dtype=float)
    return np.asarray(2.0 * np.random.default_rng(0).integers(0, 2, (DRAWS, n)) - 1.0, dtype=float)


def _limit(unit: Floats) -> Floats:
    return correlated_normals(unit.T @ unit)


def correlated_normals(correlation: Floats) -> Floats:
    """Return draws of normal numbers with the given correlations, shape (`DRAWS`, columns)."""
    values, vectors = np.linalg.eigh(correlation)
    return _normals(len(correlation)) @ (vectors * np.sqrt(np.maximum(values, 0.0))).T


@functools.lru_cache(maxsize=4)
def _normals(columns: int) -> Floats:
    return np.random.default_rng(0).standard_normal((DRAWS, columns))


def _adjusted(statistic: Floats, draws: Floats, kept: NDArray[np.bool_], *, exact: bool) -> MaxT:
    """Return step-down p-values; a column without any spread has p = 1."""
    size = np.abs(statistic)
    order = np.argsort(-size, kind="stable")
    largest = np.maximum.accumulate(np.abs(draws)[:, order[::-1]], axis=1)[:, ::-1]
    reached = (largest >= size[order] - 1e-9).sum(axis=0)
    p = reached / len(draws) if exact else (reached + 1) / (len(draws) + 1)
    found, all_p = np.zeros(len(kept)), np.ones(len(kept))
    found[kept] = statistic
    all_p[np.flatnonzero(kept)[order]] = np.maximum.accumulate(p)
    return MaxT(found, all_p)
