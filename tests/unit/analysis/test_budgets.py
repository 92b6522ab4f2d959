import itertools
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from analysis.budgets import _Ranks, budgets
from analysis.sampling import Sampling

RNG = np.random.default_rng(2)
few = settings(max_examples=25)
small = st.lists(st.sampled_from([1.0, 2.0, 2.5, 7.0, 100.0]), min_size=4, max_size=6)


def points(n, design="iid"):
    return Sampling("A", design, np.arange(n), 0.95)


def compared(a, b, *, level=0.02, paired=False, design="iid"):
    each = [points(len(x), design) for x in ((a,) if paired else (a, b))]
    return budgets(np.asarray(a), np.asarray(b), each, level=level)


def wins_by_hand(a, b, k):
    """How often the best of k of A is better, over all choices of k of each."""
    bests = [[min(chosen) for chosen in itertools.combinations(x, k)] for x in (a, b)]
    outcomes = [(x < y) + 0.5 * (x == y) for x in bests[0] for y in bests[1]]
    return float(np.mean(outcomes))


@given(small, small, st.integers(1, 3))
@few
def test_wins_are_those_of_all_choices(a, b, k):
    value, of_a, of_b = _Ranks(np.array(a), np.array(b)).wins(k)
    assert value == pytest.approx(wins_by_hand(a, b, k))
    for sample, effects, side in ((a, of_a, 0), (b, of_b, 1)):
        for i, effect in enumerate(effects):  # the jackknife's pseudo-values, less their mean
            rest = sample[:i] + sample[i + 1 :]
            without = wins_by_hand(*((rest, b) if side == 0 else (a, rest)), k)
            assert effect == pytest.approx((len(sample) - 1) * (value - without), abs=1e-9)


def test_one_trial_of_each_is_the_statistic_of_mann_and_whitney():
    a, b = RNG.normal(0, 1, 40).round(1), RNG.normal(0.3, 2, 60).round(1)
    found = compared(a, b)
    u = stats.mannwhitneyu(b, a).statistic
    assert found.wins[0] == pytest.approx(u / (40 * 60))


@pytest.mark.parametrize("paired", [True, False])
@pytest.mark.parametrize("n", [8, 64])
def test_limits_of_trials_without_any_spread_are_those_of_what_was_not_seen(n, paired):
    """If all are tied, a share of −log(level) / n of one model's trials may still be better than all."""
    found = compared(np.full(n, 5.0), np.full(n, 5.0), paired=paired)
    unseen = 0.01 ** (1 / n)
    assert found.wins[0] == 0.5
    assert (found.low[0], found.high[0]) == pytest.approx((unseen / 2, 1 - unseen / 2), abs=0.02)
    assert (found.low <= 0.5 * unseen + 0.02).all()
    assert not found.claimed.any()


def test_a_model_of_three_trials_may_have_worse_ones():
    """Of a model half of whose trials diverge, three in a row are good in 1 of 8 studies."""
    good, many = np.full(3, 10.0), RNG.normal(12, 1, 3_000)
    found = compared(good, many)
    assert found.wins[0] > 0.95
    assert found.low[0] < 0.25
    assert not found.claimed.any()
    assert not compared(many, good).claimed.any()


def test_pairs_whose_effects_cancel_have_limits():
    a, b = np.tile([5.0, 52.5], 6), np.tile([52.5, 100.0], 6)
    found = compared(a, b, paired=True)
    assert found.low[0] < found.wins[0] - 0.02 < found.high[0] - 0.03


@pytest.mark.parametrize("paired", [True, False])
def test_swapping_the_models_swaps_the_limits(paired):
    a, b = RNG.normal(10, 1, 64), RNG.normal(10.5, 3, 64)
    one, other = compared(a, b, paired=paired), compared(b, a, paired=paired)
    np.testing.assert_allclose(one.wins, 1 - other.wins)
    np.testing.assert_allclose(one.low, 1 - other.high, atol=1e-9)
    assert (one.claimed == -other.claimed).all()


def test_more_budgets_with_more_trials_and_none_beyond_what_they_show():
    def largest(n):
        return int(compared(RNG.normal(0, 1, n), RNG.normal(0, 1, n)).k[-1])

    assert [largest(n) for n in (2, 8, 64, 512)] == [1, 1, 6, 48]
    assert compared([1.0], [2.0]) is None
    assert compared(np.arange(16.0), np.arange(16.0), design="grid") is None


@pytest.mark.parametrize("paired", [True, False])
@pytest.mark.parametrize(("n", "shown"), [(2, False), (5, False), (12, True)])
def test_a_model_that_always_won_is_claimed_once_there_are_trials_enough(paired, n, shown):
    found = compared(np.arange(n) + 1.0, np.arange(n) + 50.0, paired=paired)
    assert found.wins[0] == 1.0
    assert (found.claimed[0] == 1) == shown
    assert found.high[0] == 1.0
    # rule of three: a share of the other's trials, better than all of these, may have gone unseen
    assert found.low[0] <= (0.02 / 2) ** (1 / n) + 1e-9


@pytest.mark.parametrize("paired", [True, False])
@pytest.mark.parametrize("a", [np.full(20, 100.0), np.full(20, 7.0)])
def test_models_that_are_alike_win_half_of_the_time(paired, a):
    found = compared(a, a.copy(), paired=paired)
    assert (found.wins == 0.5).all()
    assert not found.claimed.any()


def test_scrambles_are_the_units_of_a_sobol_design():
    """Scrambles whose means agree by chance say nothing of how far apart others would be."""
    a = np.tile(RNG.normal(10, 1, 16), 4)
    found = compared(a, a + 0.3, design="sobol")
    np.testing.assert_allclose(found.wins, compared(a, a + 0.3).wins)
    assert found.wins[0] - found.low[0] > 0.02
    assert compared(a[:48], a[:48], design="sobol").low[0] < found.low[0]
    assert math.isnan(found.turns_at)


def test_limits_hold_for_all_budgets_together():
    """Two equal models, 300 times: how often is any claim made?"""
    rng, claimed = np.random.default_rng(8), 0
    for _ in range(300):
        found = compared(rng.normal(0, 1, 48).round(1), rng.normal(0, 1, 48).round(1), level=0.05)
        claimed += bool(found.claimed.any())
    assert claimed <= 300 * 0.05 + 3 * math.sqrt(300 * 0.05)
