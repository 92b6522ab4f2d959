import math

import numpy as np
import pytest
from scipy import stats
from support.analysed import by_metric
from support.analysed_recipes import POINTS, on_recipes

from analysis import Metric, read_sweeps
from analysis.across import common_point, line_up


def contender(first, second, points=(POINTS, POINTS), **changes):
    """A model at these points on two recipes, with these errors."""
    table = on_recipes({("ViT_C", "r"): first, ("ViT_C", "s"): second}, **changes)
    for recipe, at in zip("rs", points, strict=True):
        rows = (table["recipe"] == recipe) & (table["role"] == "point")
        table.loc[rows, list(at)] = at[: rows.sum()].to_numpy()
    return line_up(read_sweeps(table, any_metric=True)).contenders[0]


def test_the_point_with_the_lowest_mean_cost_is_taken_not_the_best_of_any_recipe():
    found = common_point(contender([10, 13, 11, 30], [30, 13, 14, 10]))
    assert found.values == (1e-3, 0.3)
    assert found.tried == 4
    assert [cost.value for cost in found.costs] == [1, 4]
    assert found.mean.value == 2.5


def test_only_points_with_the_same_values_are_common_but_for_the_last_digits():
    other = POINTS.assign(lr=POINTS["lr"] * [1, 1 + 1e-13, 1.01, 1.01])
    found = common_point(contender([20, 13, 11, 11], [20, 13, 11, 11], points=(POINTS, other)))
    assert found.tried == 2
    assert found.values == (1e-2, 0.2)
    apart = POINTS.assign(lr=POINTS["lr"] * 1.01)
    assert common_point(contender([20, 13, 11, 11], [20, 13, 11, 11], points=(POINTS, apart))) is None


def test_of_one_common_point_the_limits_are_students():
    found = common_point(contender([15], [17], optimum=(9.0, 10.0, 11.0)))
    width = stats.t.ppf(0.975, 2) * math.sqrt((1 + 1 / 12) * (1 + 1 / 3))  # with the rounding of counts
    for cost in found.costs:
        assert cost.high - cost.value == pytest.approx(width, rel=0.25)
        assert cost.value - cost.low == pytest.approx(width, rel=0.25)
    assert found.mean.high - found.mean.low < found.costs[0].high - found.costs[0].low


def test_the_more_points_were_as_good_the_higher_is_the_upper_limit_and_only_that():
    at = POINTS.loc[np.zeros(40, dtype=int)].assign(lr=np.arange(1.0, 41.0)).reset_index(drop=True)
    alike, outlying = (
        common_point(contender([15.0] + rest * 39, [15.0] + rest * 39, (at, at), optimum=(9.0, 10.0, 11.0)))
        for rest in ([15.0], [60.0])
    )
    assert alike.tried == outlying.tried == 40
    assert alike.costs[0].value == outlying.costs[0].value == 5
    assert alike.costs[0].high > outlying.costs[0].high + 1
    assert alike.costs[0].low == pytest.approx(outlying.costs[0].low, abs=0.5)


def test_limits_of_a_cost_are_those_of_a_possible_error():
    found = common_point(contender([1, 99], [1, 99], optimum=(2.0, 5.0, 8.0)))
    assert [cost.low for cost in found.costs] == [-5, -5]  # no error is below 0
    assert found.mean.low == -5


def test_without_seeds_or_where_it_diverged_a_cost_has_no_limits():
    assert math.isnan(common_point(contender([15], [17], optimum=(10.0,))).costs[0].low)
    lost = common_point(contender([np.nan], [17], optimum=(9.0, 11.0)))
    assert lost.costs[0].value == 90
    assert math.isnan(lost.costs[0].high)


def test_a_point_that_diverged_without_a_bound_costs_more_than_any_other():
    table = on_recipes({("ViT_C", r): [15.0, np.nan] for r in "rs"})
    for recipe in "rs":
        rows = (table["recipe"] == recipe) & (table["role"] == "point")
        table.loc[rows, list(POINTS)] = POINTS[:2].to_numpy()
    found = common_point(
        line_up(read_sweeps(by_metric(table, Metric(name="loss")), any_metric=True)).contenders[0]
    )
    assert found.values == (0.1, 0.1)
    assert found.mean.value == 5
