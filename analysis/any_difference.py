"""Whether two models' errors differ at all, and over which errors one EDF lies above the other.

The question is put to the share of trials at or below each of many errors, and to the ranks, all at once
(`analysis.permutation`). So a difference anywhere is seen: in the best tenth, in the middle, in how many
trials diverge, and where the curves cross.
"""

import itertools
from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy import stats

from analysis import permutation
from analysis.permutation import MaxT
from analysis.sweep_trials import DIVERGED_ERR

Floats = NDArray[np.float64]

MOST_ERRORS = 60
"""Errors at which two EDFs are compared."""
LEAST_COUNT = 3
"""Trials of both models together at or below the lowest of these errors, and above the highest."""


class Stretch(NamedTuple):
    """A range of errors over which one EDF lies above the other."""

    a_leads: bool
    """Whether more of A's trials than of B's have at most these errors."""
    from_err: float
    """Its lowest error, in percent."""
    to_err: float
    """Its highest error, in percent."""
    at_err: float
    """The error in between at which the difference is clearest."""
    share_a: float
    """Share of A's trials with at most that error."""
    share_b: float
    """Share of B's trials with at most that error."""
    to_the_last: bool
    """Whether it ends at the highest error of a trial that finished: the shares that diverged differ, too."""


class Difference(NamedTuple):
    """How the errors of two models differ."""

    p: float
    """P-value of the hypothesis that they do not differ at all."""
    at: Floats
    """The errors at which the EDFs were compared, ascending, shape (k,)."""
    share_a: Floats
    """A's EDF there, shape (k,)."""
    share_b: Floats
    """B's EDF there, shape (k,)."""
    p_at: Floats
    """P-values of a difference there, adjusted for all of them together, shape (k,)."""
    highest: float
    """The highest error of a trial that finished; −inf if none did."""

    def stretches(self, level: float) -> list[Stretch]:
        """Return where one EDF lies above the other; all together are right with probability 1 − level."""
        sides = np.where(self.p_at <= level, np.sign(self.share_a - self.share_b), 0).astype(int)
        return [self._stretch(first, last) for first, last in _runs(sides)]

    def _stretch(self, first: int, last: int) -> Stretch:
        gaps = np.abs(self.share_a - self.share_b)[first : last + 1]
        clearest = first + int(np.argmax(gaps))
        a, b = float(self.share_a[clearest]), float(self.share_b[clearest])
        low, high, at = (float(self.at[place]) for place in (first, last, clearest))
        return Stretch(a > b, low, high, at, a, b, high == self.highest)


def _runs(sides: NDArray[np.int64]) -> Iterator[tuple[int, int]]:
    """Return the first and last place of each run of equal numbers other than 0."""
    place = 0
    for side, run in itertools.groupby(sides.tolist()):
        length = len(list(run))
        if side:
            yield place, place + length - 1
        place += length


def two_samples(a: Floats, b: Floats, worst: float = DIVERGED_ERR) -> Difference:
    """Compare the errors of two models at separate points, shapes (n,) and (m,).

    Parameters
    ----------
    a, b : ndarray
        Errors.
    worst : float
        That of a diverged trial.
    """
    both = np.concatenate([a, b])
    at = _errors(both, worst)
    below = both[:, None] <= at
    counts, least = below.sum(axis=0), permutation.least_count(len(a), len(b))
    tested = (counts >= least) & (counts <= len(both) - least)
    at, below = at[tested], below[:, tested]
    columns = np.column_stack([below, -stats.rankdata(both)]).astype(float)
    return _difference(a, b, at, permutation.two_samples(columns, len(a)), worst)


def pairs(a: Floats, b: Floats, difference: Floats, worst: float = DIVERGED_ERR) -> Difference:
    """Compare the errors of two models at shared points.

    Parameters
    ----------
    a, b : ndarray, shape (n,)
        Errors.
    difference : ndarray, shape (n,)
        A minus B, rounded so that equal errors differ by 0.
    worst : float
        The error of a diverged trial.
    """
    at = _errors(np.concatenate([a, b]), worst)
    below = (a[:, None] <= at).astype(float) - (b[:, None] <= at)
    tested = np.abs(below).sum(axis=0) >= permutation.least_changed(len(a))
    at, below = at[tested], below[:, tested]
    ranks = -np.sign(difference) * stats.rankdata(np.abs(difference))
    return _difference(a, b, at, permutation.pairs(np.column_stack([below, ranks])), worst)


def _difference(a: Floats, b: Floats, at: Floats, found: MaxT, worst: float) -> Difference:
    share_a, share_b = ((sample[:, None] <= at).mean(axis=0) for sample in (a, b))
    finished = np.concatenate([each[each < worst] for each in (a, b)])
    highest = float(finished.max(initial=-np.inf))
    return Difference(found.any_difference, at, share_a, share_b, found.p[:-1], highest)


def _errors(both: Floats, worst: float) -> Floats:
    """Return the errors at which EDFs are compared: more of them among the best trials than in the middle.

    The last one is the highest error of a trial that finished: above it, only the shares that diverged
    differ. Empty if all diverged.
    """
    n, finished = len(both), np.sort(both[both < worst])
    if not len(finished):
        return finished
    halves = MOST_ERRORS // 2
    counts = np.concatenate(
        [np.linspace(LEAST_COUNT, n - LEAST_COUNT, halves), np.geomspace(LEAST_COUNT, n / 2, halves)]
    )
    places = np.clip(np.rint(counts), 1, len(finished)).astype(int) - 1
    return np.unique(np.append(finished[places], finished[-1]))
