"""What it costs to leave a hyperparameter untuned, against formulas and all fours of a sample."""

import itertools

import numpy as np
import pytest
from scipy import stats

from analysis.knobs.sensitivity import best_of_tries, sensitivity
from analysis.knobs.settings import Setting


def a_setting(values: np.ndarray) -> Setting:
    return Setting.of("x", values, np.arange(len(values)))


def of_all_fours(errors) -> float:
    return float(np.mean([min(four) for four in itertools.combinations(errors, 4)]))


def test_the_best_of_four_is_the_mean_over_all_fours_and_its_variance_the_jackknifes():
    errors = np.random.default_rng(0).normal(20, 5, 11).round(0)  # with ties
    value, variance = best_of_tries(errors)
    left_out = [of_all_fours(np.delete(errors, i)) for i in range(11)]
    assert value == pytest.approx(of_all_fours(errors))
    assert variance == pytest.approx(10 / 11 * ((left_out - np.mean(left_out)) ** 2).sum())


def test_of_a_slope_it_is_the_distance_from_the_middle_to_the_best_tenth():
    rng = np.random.default_rng(1)
    u = rng.random(4000)
    found = sensitivity(a_setting(u), 20 + 30 * u + rng.random(4000), 0.95)
    assert found.value == pytest.approx(30 * (0.5 - 0.05), abs=0.2)  # the best of four shifts both alike
    assert found.low <= 13.5 <= found.high


def test_of_a_choice_each_value_counts_as_often_as_it_was_tried():
    rng = np.random.default_rng(2)
    x = np.repeat([0.0, 1.0], [900, 300])
    found = sensitivity(a_setting(x), 20 + 8 * x + rng.normal(0, 1, 1200), 0.95)
    assert found.low <= 8 * 300 / 1200 <= found.high
    assert found.high - found.low < 0.6


def test_what_tuning_the_others_makes_good_costs_nothing():
    """The mean error differs between values of x, the best of four does not: there it only takes luck."""
    rng = np.random.default_rng(3)
    x, luck = rng.random(4000), rng.random(4000)
    errors = np.where(luck < 0.7, 20.0, np.where(x < 0.5, 30.0, 60.0)) + rng.random(4000)
    costs = sensitivity(a_setting(x), errors, 0.95)
    alone = errors[x >= 0.5].mean() - errors[x < 0.5].mean()
    assert alone > 8
    assert costs.value < 0.5


def test_its_limits_hold_as_often_as_promised():
    rng = np.random.default_rng(4)
    held, reps = 0, 200
    for _ in range(reps):
        u = rng.random(256)
        found = sensitivity(a_setting(u), 20 + 30 * u + rng.normal(0, 3, 256), 0.95)
        held += found.low <= 13.5 <= found.high
    assert stats.binom.cdf(held, reps, 0.95) > 1e-3


def test_trials_that_all_fail_cost_what_they_are_worse():
    x = np.repeat([0.0, 1.0], 100)
    errors = np.where(x == 1.0, 100.0, 20.0)
    value, low, high = sensitivity(a_setting(x), errors, 0.95)
    assert value == pytest.approx(40.0)
    assert value - low == pytest.approx(high - value)
    assert high - low < 15  # of 100 values of each kind, others could have been drawn


def test_where_nothing_matters_nothing_is_lost():
    """Half of the trials chooses and the other half judges: the lowest of ten means is low by chance, too."""
    rng = np.random.default_rng(5)
    costs = [sensitivity(a_setting(rng.random(400)), rng.normal(50, 10, 400), 0.95).value for _ in range(60)]
    assert abs(np.mean(costs)) < 1.0
