import math

import numpy as np
import pytest
from scipy import stats
from support.analysed import by_metric
from support.analysed_recipes import on_recipes

from analysis import Metric, read_sweeps
from analysis.across import standing


def sweep(errors, **changes):
    return read_sweeps(on_recipes({("ViT_C", "r"): errors}, **changes), any_metric=True)[0]


def test_the_loss_is_the_mean_excess_over_the_optimum_each_from_0_to_8_points():
    found = standing(sweep([9.0, 12.0, 30.0, np.nan], optimum=(9.9, 10.1)))
    assert found.level.value == pytest.approx(10)
    assert found.at_optimum
    assert found.loss.value == pytest.approx((0 + 2 + 8 + 8) / 4)
    assert 0 <= found.loss.low < found.loss.value < found.loss.high <= 8


def test_the_limits_of_the_loss_contain_the_uncertainty_of_the_optimum():
    errors = 14 + np.random.default_rng(0).normal(0, 1, 400)
    known, vague = (standing(sweep(errors, optimum=at)) for at in ((10.0, 10.0), (8.5, 11.5)))
    width = stats.t.ppf(0.975, 1) * 1.5  # of a mean of two
    assert vague.loss.value == pytest.approx(known.loss.value)
    assert vague.loss.value - vague.loss.low == pytest.approx(4.0, abs=0.2)  # down to 0: clipped
    assert vague.level.high - vague.level.value == pytest.approx(width, rel=0.01)
    assert known.loss.high - known.loss.low < 0.5


def test_without_a_trial_at_the_optimum_the_best_point_is_the_level_without_limits():
    found = standing(sweep([10.0, 11.0, 13.0], optimum=None))
    assert (found.level.value, found.at_optimum) == (10.0, False)
    assert math.isnan(found.level.low)
    assert found.loss.value == pytest.approx((0 + 1 + 3) / 3)


def test_a_loss_without_a_bound_counts_a_diverged_trial_as_the_most():
    metric = Metric(name="loss", unit="nats")
    table = on_recipes({("ViT_C", "r"): [12.0, 20.0, np.nan, np.nan]})
    (found,) = map(standing, read_sweeps(by_metric(table, metric), any_metric=True))
    assert found.loss.value == pytest.approx((2 + 8 + 8 + 8) / 4 * found.sweep.metric.step)


def test_points_that_were_not_drawn_at_random_have_no_limits():
    assert math.isnan(standing(sweep([10.0, 11.0, 13.0], design="grid")).loss.low)
