"""How the error rate is spent over rounds, against published bounds."""

import math
from dataclasses import replace

import pandas as pd
import pytest
from scipy import integrate, stats
from support.analysed_pairs import A, B, sweeps

from analysis import AnalysisError, Rounds, compare, of_rounds
from analysis.rounds import FIRST, LEVEL, MOST, rounds_of, share_of_look

ZEROS = [[5.0, 5.2, 4.9, 5.1], [5.0, 5.3, 4.8, 5.1]]


@pytest.mark.parametrize(
    ("first", "most", "sizes"),
    [
        (16, 256, (16, 32, 64, 128, 256)),
        (64, 256, (64, 128, 256)),
        (64, 64, (64,)),
        (64, 80, (80,)),
        (64, 130, (64, 130)),
        (16, 100, (16, 32, 64, 100)),
        (10, 15, (10, 15)),
    ],
)
def test_rounds_double_up_to_the_most_points(first, most, sizes):
    assert Rounds(first=first, most=most).sizes == sizes


@pytest.mark.parametrize(("first", "most"), [(7, 64), (64, 63), (0, 0), (-8, 8)])
def test_rounds_that_cannot_be_are_refused(first, most):
    with pytest.raises(AnalysisError, match=f"{first} points in the first and {most} in the last"):
        Rounds(first=first, most=most)


@pytest.mark.parametrize(("first", "most"), [(16, 256), (64, 100), (8, 1_000_000), (48, 48)])
def test_all_rounds_together_spend_the_error_rate_and_no_more(first, most):
    rounds = Rounds(first=first, most=most)
    assert math.fsum(map(rounds.share, rounds.sizes)) == pytest.approx(1, abs=1e-12)


def test_the_levels_are_the_spending_of_the_textbook():
    """α t at 5 looks, cumulated: 1, 2, 3, 4 and 5 % (DeMets & Lan 1994, Statistics in Medicine 13:1341)."""
    rounds = Rounds(first=16, most=256)
    spent = [LEVEL * sum(map(rounds.share, rounds.sizes[:count])) for count in range(1, 6)]
    assert spent == pytest.approx([LEVEL * size / 256 for size in rounds.sizes])


def test_the_levels_keep_the_error_rate_of_a_normal_mean_and_come_close_to_the_exact_bounds():
    """Bounds of the same spending that know how looks depend on each other are found by integration."""
    rounds = Rounds(first=64, most=128)
    first, last = (LEVEL * rounds.share(size) for size in rounds.sizes)
    early, late = (stats.norm.isf(level / 2) for level in (first, last))

    def crossing(limit: float) -> float:
        """P(within the first bound, beyond a limit at the second look), with twice the data then."""

        def beyond(z: float) -> float:
            mean, sd = z / math.sqrt(2), math.sqrt(0.5)
            return stats.norm.pdf(z) * (stats.norm.sf(limit, mean, sd) + stats.norm.cdf(-limit, mean, sd))

        return integrate.quad(beyond, -early, early)[0]

    assert first + crossing(late) < LEVEL
    assert first + crossing(late) > 0.85 * LEVEL
    assert crossing(stats.norm.isf(0.033 / 2)) < last < crossing(stats.norm.isf(0.034 / 2))


def test_what_is_no_round_has_the_level_of_the_last_one():
    rounds = Rounds(first=64, most=256)
    assert [rounds.share(n) for n in (64, 100, 128, 256, 300)] == [0.25, 0.25, 0.25, 0.5, 0.5]
    assert rounds.share(20) == 0.25
    assert [rounds.is_round(n) for n in (64, 100, 256)] == [True, False, True]


def test_a_comparison_has_the_level_of_its_round_and_says_so():
    plain = sweeps(A, B, zeros=ZEROS)
    grown = [replace(each, rounds=Rounds(first=24, most=96)) for each in plain]
    assert share_of_look(plain) == 1
    assert share_of_look(grown) == share_of_look([plain[0], grown[1]]) == 0.25
    (at_once,), (looked,) = compare(plain), compare(grown)
    assert (at_once.level, looked.level) == (LEVEL, LEVEL / 4)
    assert looked.confidence == pytest.approx(1 - 0.05 / 4)
    assert looked.better.low < at_once.better.low
    assert looked.q == at_once.q
    (sentence,) = of_rounds(grown)
    assert "in rounds of 24, 48 and 96 points" in sentence
    assert "At 48 points claims are made at 1.2 %, so that all looks together keep 5 %." in sentence
    assert of_rounds(plain) == []
    more = [replace(each, rounds=Rounds(first=32, most=128)) for each in plain]
    assert "keep 6.2 %: this is no round, but one look more." in of_rounds(more)[0]


def test_in_the_middle_of_a_round_the_least_level_is_told():
    rounds = Rounds(first=12, most=48)
    whole, half = (replace(each, rounds=rounds) for each in sweeps(A, B[:24], zeros=ZEROS))
    assert (whole.n, half.n) == (48, 24)
    (pair,) = compare([whole, half])
    assert pair.level == LEVEL / 4
    (sentence,) = of_rounds([whole, half])
    assert "At 24 points claims are made at 1.2 %, so that all looks together keep 6.2 %" in sentence


def test_what_is_claimed_at_once_may_not_be_in_a_round():
    plain = sweeps(A, B, zeros=ZEROS)
    (pair,) = compare(plain)
    assert 1e-4 < pair.q <= LEVEL
    late = [replace(each, rounds=Rounds(first=48, most=int(48 * LEVEL / pair.q) + 48)) for each in plain]
    (looked,) = compare(late)
    assert pair.different
    assert not looked.different
    assert not looked.where
    assert not looked.better_at


def test_a_table_says_in_which_rounds_its_sweeps_grow():
    plain = pd.DataFrame({"sweep": ["a", "a"]})
    assert rounds_of(plain) is None
    assert rounds_of(plain.assign(**{FIRST: [math.nan] * 2, MOST: [math.nan] * 2})) is None
    assert rounds_of(plain.assign(**{FIRST: [64.0] * 2, MOST: [256.0] * 2})) == Rounds(first=64, most=256)
    with pytest.raises(AnalysisError, match="2 pairs of first_n and max_n"):
        rounds_of(plain.assign(**{FIRST: [64, 32], MOST: [256, 256]}))
