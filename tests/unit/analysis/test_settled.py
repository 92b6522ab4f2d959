"""When a comparison is settled, and when it cannot be."""

import math
from dataclasses import replace

import numpy as np
import pytest
from support.analysed_pairs import sweeps

from analysis import Rounds, compare, look
from analysis.settled import LEAST_CHANCE, chance

RNG = np.random.default_rng(1)
ERRORS = RNG.normal(10, 2, 64).round(1)
ZEROS = [[5.0, 5.1, 4.9, 5.0, 5.1], [5.0, 4.9, 5.1, 5.1, 4.9]]
ROUNDS = Rounds(first=64, most=256)


def a_look(*errors, zeros=ZEROS, rounds=ROUNDS, n=64, **kwargs):
    grown = [replace(each, rounds=rounds) for each in sweeps(*errors, zeros=zeros, **kwargs)]
    return look(compare(grown), n, rounds)


@pytest.mark.parametrize(
    ("z", "growth", "needed"), [(0.0, 4.0, 2.8), (1.5, 2.0, 2.8), (-1.5, 2.0, 2.8), (3.0, 1.5, 3.2)]
)
def test_the_chance_is_that_of_more_data_like_these(z, growth, needed):
    """Play it: draw the true effect by what the first data say, then the further data."""
    rng = np.random.default_rng(2)
    effect = z + rng.standard_normal(400_000)
    further = effect * (growth - 1) + rng.standard_normal(400_000) * math.sqrt(growth - 1)
    later = (z + further) / math.sqrt(growth)
    assert chance(z, growth, needed) == pytest.approx((np.abs(later) > needed).mean(), abs=3e-3)


def test_there_is_no_chance_without_more_data():
    assert chance(2.0, 1.0, 2.2) == 0


def test_a_clear_difference_is_settled_at_once():
    steeper = 5 + 2.5 * (ERRORS - 5)
    found = a_look(ERRORS, steeper)
    assert found.settled
    assert found.is_last
    assert found.sentences[-1] == "Settled with 64 of at most 256 points."
    assert any(text.startswith("Take ") for text in found.sentences)
    assert any("is more robust than" in text for text in found.sentences)


def test_models_that_are_the_very_same_are_hopeless_only_when_much_is_known():
    noise = RNG.normal(0, 0.3, 64).round(1)
    early = a_look(ERRORS, ERRORS + noise, rounds=Rounds(first=64, most=1024))
    assert not early.settled
    assert [each.question for each in early.open] == ["take", "robust"]
    late = a_look(ERRORS, ERRORS + noise, rounds=Rounds(first=64, most=97))
    assert all(each.hopeless for each in late.open)
    assert late.is_last
    assert f"less than {100 * LEAST_CHANCE:.0f} %" in late.sentences[0]
    assert late.sentences[-1] == "Not settled with 64 of at most 97 points: stopped."


def test_a_question_is_open_while_it_may_be_settled():
    zeros = [ZEROS[0], [6.0, 5.9, 6.1, 6.1, 5.9]]
    found = a_look(ERRORS, ERRORS + 1 + RNG.normal(0, 0.3, 64).round(1), zeros=zeros)
    assert any(text.startswith("Take ") for text in found.sentences)
    (robust,) = found.open
    assert str(robust) == "which of vit_p_1mf and vit_c_1mf is more robust"
    assert LEAST_CHANCE < robust.chance < 1
    assert not found.is_last
    assert f"is {100 * robust.chance:.0f} %." in found.sentences[-2]
    assert found.sentences[-1] == "Not settled with 64 of at most 256 points: goes on."


def test_the_last_round_is_the_last_whatever_is_open():
    found = a_look(ERRORS, ERRORS + RNG.normal(0, 0.3, 64).round(1), rounds=Rounds(first=64, most=64))
    assert found.is_last
    assert not found.settled
    assert found.sentences[0].startswith("Open: which of ")
    assert "chance" not in found.sentences[0]


def test_robustness_is_not_asked_where_it_cannot_be_tested():
    found = a_look(ERRORS, ERRORS + 5, zeros=())
    assert found.settled


def test_a_design_too_small_for_limits_leaves_all_open():
    found = a_look(ERRORS[:32], ERRORS[:32] + 5, design="sobol", n=32, rounds=Rounds(first=32, most=128))
    assert "take" in [each.question for each in found.open]
    assert not found.is_last


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize(
    ("a", "b", "diverged"),
    [
        (ERRORS[:8], ERRORS[:8] + 50, [0, 0]),
        (ERRORS[:8], ERRORS[:8], [0, 0]),
        ([], [], [8, 8]),
        ([], ERRORS[:8], [8, 0]),
        (np.full(8, 5.0), np.full(8, 5.0), [0, 0]),
    ],
)
def test_odd_errors_do_no_harm(a, b, diverged):
    found = a_look(a, b, diverged=diverged, n=8, rounds=Rounds(first=8, most=512))
    assert len(found.sentences) >= 1
    assert not found.is_last


def test_of_several_models_every_pair_is_asked():
    found = a_look(ERRORS, 5 + 2.5 * (ERRORS - 5), ERRORS + 0.1, zeros=[*ZEROS, ZEROS[0]])
    assert len(found.pairs) == 3
    assert not found.settled
    assert {each.pair.a.name for each in found.open} <= {each.a.name for each in found.pairs}
