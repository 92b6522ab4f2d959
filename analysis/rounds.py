"""Sweeps that grow in rounds until a comparison is settled: how much each look at them may claim.

Who looks five times at growing data, each time at 5 %, claims a difference where there is none in some 17 %
of studies. So the 5 % are spent over the rounds: a round may be wrong in as much of them as it adds of the
most points, the spending function α t of Lan & DeMets (1983, Biometrika 70:659). Its claims are made at that
level alone, which makes all rounds together wrong in at most 5 %, by addition: whatever the statistics,
whenever and why one stops. For statistics that are the largest of many, little is lost by adding: unlike
single ones, they hardly depend on each other between rounds.
"""

import itertools
from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pandas as pd

from analysis.errors import AnalysisError

if TYPE_CHECKING:
    from analysis.sweep_trials import SweepTrials

LEVEL = 0.05
"""Pairs with a corrected p-value of at most this are called different. Each of several rounds has a part of
it."""
FIRST, MOST = "first_n", "max_n"
"""The columns of a trial table that say how its sweeps grow."""
LEAST_FIRST = 8
"""Points of the smallest first round: with fewer, hardly any difference can be shown."""
_LEAST_GROWTH = 1.5
"""The last round has at least so many times the points of the one before, which is left out otherwise."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Rounds:
    """How sweeps grow: the points double from round to round."""

    first: int
    """Points of the first round."""
    most: int
    """Points of the last round."""

    def __post_init__(self) -> None:
        if not LEAST_FIRST <= self.first <= self.most:
            raise AnalysisError(
                f"rounds have {LEAST_FIRST} points or more, and the last not fewer than the first; got "
                f"{self.first} points in the first and {self.most} in the last."
            )

    @property
    def sizes(self) -> tuple[int, ...]:
        """The points of each round, ascending."""
        doubled = (self.first * 2**power for power in itertools.count())
        smaller = itertools.takewhile(lambda size: size * _LEAST_GROWTH <= self.most, doubled)
        return (*smaller, self.most)

    def share(self, n: int) -> float:
        """Return the share of the error rate that may be spent on looking at n points.

        That of the last round that is complete; before the first one is, that of the first.
        """
        before = [0, *(size for size in self.sizes if size <= n)]
        last = before.pop() or self.first
        return (last - (before[-1] if before else 0)) / self.most

    def is_round(self, n: int) -> bool:
        """Return whether n points are those of a round."""
        return n in self.sizes


def rounds_of(rows: pd.DataFrame) -> Rounds | None:
    """Return how the sweep of a trial table's rows grows; None if it does not grow in rounds."""
    if not {FIRST, MOST} <= set(rows) or rows[[FIRST, MOST]].isna().any(axis=None):
        return None
    pairs = set(zip(rows[FIRST].astype(int), rows[MOST].astype(int), strict=True))
    if len(pairs) > 1:
        raise AnalysisError(
            f"all trials of a sweep grow in the same rounds, got {len(pairs)} pairs of {FIRST} and {MOST}: "
            "mend the table."
        )
    ((first, most),) = pairs
    return Rounds(first=first, most=most)


def share_of_look(sweeps: Iterable["SweepTrials"]) -> float:
    """Return the share of the error rate that a comparison of sweeps may spend: 1 if none grows in rounds."""
    return min((sweep.rounds.share(sweep.n) for sweep in sweeps if sweep.rounds), default=1.0)


def of_rounds(sweeps: Iterable["SweepTrials"]) -> list[str]:
    """Return in which rounds sweeps grow, and at which level claims are made; nothing if none grows so.

    Of several numbers of points, as in the middle of a round, the one with the least level decides
    (`share_of_look`).
    """
    plans = list(dict.fromkeys((s.rounds, s.n) for s in sweeps if s.rounds))
    if not plans:
        return []
    rounds, n = min(plans, key=lambda plan: plan[0].share(plan[1]))
    return [_sentence(rounds, n, is_round=len(plans) == 1 and rounds.is_round(n))]


def _sentence(rounds: Rounds, n: int, *, is_round: bool) -> str:
    *others, last = map(str, rounds.sizes)
    sizes = f"{', '.join(others)} and {last}" if others else last
    share = rounds.share(n)
    text = f"These sweeps grow in rounds of {sizes} points until they are settled. At {n} points"
    text += f" claims are made at {100 * share * LEVEL:.2g} %, so that all looks together keep "
    if is_round:
        return f"{text}{100 * LEVEL:g} %."
    return f"{text}{100 * (1 + share) * LEVEL:.2g} %: this is no round, but one look more."
