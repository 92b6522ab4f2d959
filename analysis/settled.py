"""Whether a comparison is settled, or cannot be by the most points that are to be trained: when to stop.

Each pair of models is asked two questions: which one to take, and which is more robust. A question is settled
once `analysis.compare` claims an answer, at the level of the round (`analysis.rounds`). It is hopeless if an
answer by the last round is unlikely even if the difference is what it seems now: the predictive power
(Spiegelhalter and others 1986, Controlled Clinical Trials 7:8) is small. Stopping then can only lose answers,
and makes none wrong.
"""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from scipy import special, stats

from analysis.comparison import SHARES, Comparison
from analysis.comparison_sentences import answers
from analysis.rounds import LEVEL, Rounds

LEAST_CHANCE = 0.2
"""A question is hopeless if the chance to settle it is smaller."""
_CLAIMED = ("take", "robust")
_JOINT = 3.0
"""How much smaller than their joint level that of each budget's limits is, roughly."""


class Open(NamedTuple):
    """A question that no claim answers yet."""

    pair: Comparison
    question: str
    """take or robust."""
    chance: float
    """Probability that it is settled by the last round; NaN if that cannot be said."""

    @property
    def hopeless(self) -> bool:
        """Whether an answer is unlikely."""
        return self.chance < LEAST_CHANCE

    def __str__(self) -> str:
        what = "to take" if self.question == "take" else "is more robust"
        return f"which of {self.pair.a.name} and {self.pair.b.name} {what}"


@dataclass(frozen=True, kw_only=True, slots=True)
class Look:
    """What a round has shown."""

    pairs: tuple[Comparison, ...]
    n: int
    """Its points."""
    rounds: Rounds
    open: tuple[Open, ...]

    @property
    def settled(self) -> bool:
        """Whether every question has its answer."""
        return not self.open

    @property
    def is_last(self) -> bool:
        """Whether no other round follows: all is settled or hopeless, or there are no more points."""
        return self.n >= self.rounds.most or all(each.hopeless for each in self.open)

    @property
    def sentences(self) -> list[str]:
        """What is claimed, what is open, and whether the sweeps stop."""
        return [*self._claims(), *map(self._of_open, self.open), self._end()]

    def _claims(self) -> Iterator[str]:
        for pair in self.pairs:
            yield from (
                f"{each.sentence}." for each in answers(pair) if each.settled and each.question in _CLAIMED
            )

    def _of_open(self, each: Open) -> str:
        if self.n >= self.rounds.most or math.isnan(each.chance):
            return f"Open: {each}."
        chance = f"less than {100 * LEAST_CHANCE:.0f} %" if each.hopeless else f"{100 * each.chance:.0f} %"
        return f"Open: {each}; the chance to tell by {self.rounds.most} points is {chance}."

    def _end(self) -> str:
        of = f"{self.n} of at most {self.rounds.most} points"
        if self.settled:
            return f"Settled with {of}."
        return f"Not settled with {of}: stopped." if self.is_last else f"Not settled with {of}: goes on."


def look(pairs: Sequence[Comparison], n: int, rounds: Rounds) -> Look:
    """Return which questions a round leaves open.

    Parameters
    ----------
    pairs : sequence of Comparison
        The comparisons of sweeps with the points of this round.
    n : int
        These points.
    rounds : Rounds
        How the sweeps grow.
    """
    found = tuple(each for pair in pairs for each in _open(pair, pairs, n, rounds))
    return Look(pairs=tuple(pairs), n=n, rounds=rounds, open=found)


def _open(pair: Comparison, pairs: Sequence[Comparison], n: int, rounds: Rounds) -> Iterator[Open]:
    growth, level = rounds.most / n, _last_level(pair, pairs, rounds)
    if not any(model is not None for _, model in pair.better_at):
        yield Open(pair, "take", _chance_to_take(pair, growth, level))
    if pair.more_robust is None and not pair.no_delta:
        yield Open(pair, "robust", _chance_of_robust(pair, growth, level))


def _last_level(pair: Comparison, pairs: Sequence[Comparison], rounds: Rounds) -> float:
    """Return the level of a pair's claims in the last round, if it is found to differ then."""
    differing = sum(each.different for each in pairs if each is not pair) + 1
    return LEVEL * rounds.share(rounds.most) * differing / len(pairs)


def _chance_to_take(pair: Comparison, growth: float, level: float) -> float:
    if pair.no_test:
        return math.nan
    if not pair.different:
        return chance(_z(next(iter(pair.tests.values()))), growth, _z(level))
    if pair.budgets is None:
        return math.nan
    now = _z(SHARES["budgets"] * pair.level / _JOINT)
    wins, low, high = (special.logit(each) for each in pair.budgets[1:])
    with np.errstate(invalid="ignore", divide="ignore"):
        widths = np.abs(wins) / ((high - low) / 2)
    known = widths[np.isfinite(widths)]
    if not known.size:  # one model has won every time
        return math.nan
    return chance(float(known.max()) * now, growth, _z(SHARES["budgets"] * level / _JOINT))


def _chance_of_robust(pair: Comparison, growth: float, level: float) -> float:
    return chance(_z(min(pair.p_area, pair.p_area_around)), growth, _z(SHARES["robustness"] * level / 2))


def _z(p: float) -> float:
    return float(stats.norm.isf(p / 2))


def chance(z: float, growth: float, needed: float) -> float:
    """Return the predictive power: the chance that a statistic is beyond a limit once there is more data.

    Parameters
    ----------
    z : float
        The statistic now, in its standard deviations.
    growth : float
        How many times as much data there will be.
    needed : float
        The limit then, on either side.
    """
    if growth <= 1:
        return 0.0
    mean, deviation = z * math.sqrt(growth), math.sqrt(growth - 1)
    return float(stats.norm.sf((needed - mean) / deviation) + stats.norm.cdf((-needed - mean) / deviation))
