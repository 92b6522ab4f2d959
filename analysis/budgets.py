"""Which of two models to take when k random trials of it can be afforded.

The answer is the probability that the best of k trials of A beats the best of k of B; ties count half. It
needs no scale of errors, so that diverged trials, ties and curves that cross do no harm, and with k = 1 it is
the statistic of Mann and Whitney. The estimate averages over all choices of k of the n trials; its variance
is the jackknife's (Efron & Stein 1981, Annals of Statistics 9:586), its limits are symmetric in the logit.

Where one model won nearly every time, the spread of the trials says too little: a share of −log(level) / n of
a model's trials may be better than all n that were seen ("rule of three"), and with a budget of k one of them
turns up with k times that probability. Likewise, a share of the winner's trials may be worse than all that
were seen, which decides if all k are such. No limit is closer to 0 or 1 than that, and budgets end where it
leaves nothing to say. If the trials have no spread at all, as where all are tied, that alone makes the
limits.
"""

import math
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy import special, stats

from analysis.permutation import correlated_normals
from analysis.sampling import Sampling

Floats = NDArray[np.float64]

_JOINT = 5
"""How much smaller than the level of all limits together that of each is, roughly."""
_NO_SPREAD = 1e-24
"""A variance below is that of trials without any spread: what rounding leaves of it."""


class Budgets(NamedTuple):
    """Which model's best is better, for budgets of k random trials of each."""

    k: NDArray[np.int64]
    """Budgets, ascending, shape (budgets,)."""
    wins: Floats
    """Probability that A's best is better, shape (budgets,)."""
    low: Floats
    """Its lower limits, which hold for all budgets together with the upper ones, shape (budgets,)."""
    high: Floats
    """Its upper limits, shape (budgets,)."""

    @property
    def claimed(self) -> NDArray[np.int64]:
        """1 where A is the better one, −1 where B is, 0 where neither is claimed, shape (budgets,)."""
        return (self.low > 0.5).astype(int) - (self.high < 0.5).astype(int)

    @property
    def turns_at(self) -> float:
        """The budget at which the estimate changes sides; NaN if it does not."""
        sides = np.sign(self.wins - 0.5)
        turn = np.flatnonzero(sides[1:] * sides[:-1] < 0)
        return float(self.k[turn[0] + 1]) if turn.size else math.nan


def budgets(a: Floats, b: Floats, points: Sequence[Sampling], *, level: float) -> Budgets | None:
    """Compare the best of k trials of two models.

    Parameters
    ----------
    a, b : ndarray, shapes (n,) and (m,)
        Errors in percent, a diverged trial at 100.
    points : sequence of Sampling
        How the points were drawn that both share, in this order; or those of A and those of B.
    level : float
        Probability that any of the limits is wrong.

    Returns
    -------
    Budgets or None
        None if the design has no sampling error, or so few trials show nothing.
    """
    n = min(len(a), len(b))
    if any(each.problem for each in points) or n < 2:
        return None
    k = _budgets(n, level)
    ranks = _Ranks(a, b)
    found = [ranks.wins(int(budget)) for budget in k]
    wins = np.array([value for value, _, _ in found])
    effects_a, effects_b = (np.array([each[side] for each in found]) for side in (1, 2))
    effects = [effects_a + effects_b] if len(points) == 1 else [effects_a, effects_b]
    units = [each.units(effect) for effect, each in zip(effects, points, strict=True)]
    hidden = [each.hidden(effect) for effect, each in zip(effects, points, strict=True)]
    variance, dof = _variance(units, hidden)
    pointwise = _pointwise_level(units, level)
    return Budgets(k, wins, *_limits(k, wins, variance, dof, pointwise, (len(a), len(b))))


def _budgets(n: int, level: float) -> NDArray[np.int64]:
    """Return 1, 2, 3, 4, 6, 8, 12 …, up to the budget at which the rule of three leaves nothing to say."""
    most = max(1, int(n * math.log(2) / math.log(2 * _JOINT / level)))
    doubled = (factor * 2**power for power in range(most.bit_length()) for factor in (1, 3))
    return np.array(sorted(k for k in set(doubled) if k <= most), dtype=np.int64)


class _Ranks:
    """Two samples, sorted together."""

    def __init__(self, a: Floats, b: Floats) -> None:
        distinct, place = np.unique(np.round(np.concatenate([a, b]), 9), return_inverse=True)
        self.places = place[: len(a)], place[len(a) :]
        self.counts = tuple(np.cumsum(np.bincount(at, minlength=len(distinct))) for at in self.places)
        self.logs = special.gammaln(np.arange(max(len(a), len(b)) + 1) + 1.0)

    def wins(self, k: int) -> tuple[float, Floats, Floats]:
        """Return the probability that A's best of k is better, and each trial's effect on it."""
        before_a, after_a = self._none_below(0, k)
        before_b, after_b = self._none_below(1, k)
        value = float((before_a - after_a) @ (before_b + after_b)) / 2
        of_a = self._effects(0, k, (before_b + after_b) / 2, value)
        return value, of_a, -self._effects(1, k, (before_a + after_a) / 2, 1 - value)

    def _none_below(self, side: int, k: int, others: int = 0) -> tuple[Floats, Floats]:
        """Return P(none of k trials is below each error), and the same for at or below it.

        With ``others`` = 1, of k trials out of the n − 1 above one that is left out.
        """
        counts = self.counts[side]
        n, before = int(counts[-1]) - others, np.concatenate([[0], counts[:-1]])
        return self._chance(n, before, k), self._chance(n, counts, k)

    def _chance(self, n: int, below: NDArray[np.int64], k: int) -> Floats:
        """Return C(n − below, k) / C(n, k)."""
        rest = n - below
        log = self.logs[np.maximum(rest, 0)] - self.logs[np.maximum(rest - k, 0)]
        return np.where(rest >= k, np.exp(log - self.logs[n] + self.logs[n - k]), 0.0)

    def _effects(self, side: int, k: int, other_worse: Floats, value: float) -> Floats:
        """Return the jackknife's pseudo-values, less their mean.

        A trial's pseudo-value follows from the probability to win with it among the k: its best is that of
        the k − 1 others as long as these are better.
        """
        before, after = self._none_below(side, k - 1, others=1)
        by_others = np.concatenate([[0.0], np.cumsum((before - after) * other_worse)[:-1]])
        n, with_it = int(self.counts[side][-1]), by_others + before * other_worse
        return np.asarray(k * (n - 1) / (n - k) * (with_it[self.places[side]] - value))


def _variance(units: list[Floats], hidden: list[Floats]) -> tuple[Floats, Floats]:
    """Return the variance for each budget, and its degrees of freedom (Satterthwaite).

    Parameters
    ----------
    units : list of ndarray, each of shape (budgets, units)
        The effects of independent units, trials or scrambles, of each sample.
    hidden : list of ndarray
        The variance to add to that between units.
    """
    parts = np.array(
        [(each.var(axis=1, ddof=1) + more) / each.shape[1] for each, more in zip(units, hidden, strict=True)]
    )
    dofs = np.array([[each.shape[1] - 1.0] for each in units])
    variance = parts.sum(axis=0)
    with np.errstate(invalid="ignore", divide="ignore"):
        dof = variance**2 / (parts**2 / dofs).sum(axis=0)
    return variance, np.where(variance > 0, dof, dofs.min())


def _pointwise_level(units: list[Floats], level: float) -> float:
    """Return the level of limits that are all right with probability 1 − level."""
    covariance = sum((np.atleast_2d(np.cov(each)) / each.shape[1] for each in units), np.zeros(()))
    scale = np.sqrt(np.diag(covariance))
    known = scale > 0
    if known.sum() < 2:
        return level
    correlation = covariance[np.ix_(known, known)] / np.outer(scale[known], scale[known])
    largest = np.abs(correlated_normals(correlation)).max(axis=1)
    return float(2 * stats.norm.sf(np.quantile(largest, 1 - level)))


def _limits(
    k: NDArray[np.int64], wins: Floats, variance: Floats, dof: Floats, level: float, sizes: tuple[int, int]
) -> tuple[Floats, Floats]:
    """Return limits in the logit, none closer to 0 or 1 than trials that were not seen allow."""
    spread = wins * (1 - wins)
    with np.errstate(invalid="ignore", divide="ignore"):
        width = stats.t.isf(level / 2, dof) * np.sqrt(variance) / spread
        low, high = (special.expit(special.logit(wins) + side * width) for side in (-1, 1))
    low, high = (np.where(spread > 1e-9, limit, wins) for limit in (low, high))
    most_a, most_b = (_most_share(k, level, *each) for each in (sizes, sizes[::-1]))
    tied = variance < _NO_SPREAD
    low = np.where(tied, wins * most_a, np.minimum(low, most_a))
    high = np.where(tied, 1 - (1 - wins) * most_b, np.maximum(high, 1 - most_b))
    return low, high


def _most_share(k: NDArray[np.int64], level: float, own: int, others: int) -> Floats:
    """Return how often a model may certainly win that won every time, by the numbers of trials of both.

    None of k trials of the other is better than all that were seen, and not all k of its own are worse.
    """
    seen_own, seen_others = ((level / 2) ** (1 / size) for size in (own, others))
    return np.minimum(seen_others**k, 1 - (1 - seen_own) ** k)
