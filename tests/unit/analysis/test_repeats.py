"""Chosen points with other seeds: checked against scipy's t test."""

import numpy as np
import pytest
from scipy import stats
from support.analysed import repeated, trials
from support.analysed_repeats import with_repeats

from analysis import AnalysisError, of_repeats, read_sweeps, repeated_points
from analysis.edf import curves

ZEROS = [5.0, 5.31, 4.62, 5.07]


def a_table(errors=(4.13, 6.0, 7.0), **kwargs):
    return repeated(trials(list(errors), optimum=ZEROS[0], **kwargs), ZEROS[1:])


def found(table):
    (sweep,) = read_sweeps(table)
    return repeated_points(sweep)


def test_mean_and_spread_are_those_of_the_other_seeds_alone():
    others = [5.93, 6.41, 5.52]
    (point,) = found(with_repeats(a_table(), 0, others))
    assert (point.index, point.first, point.diverged, point.missing) == (0, 4.13, 0, 0)
    assert point.lr == pytest.approx(2e-3 / 8 * 32 ** np.random.default_rng(0).random((2, 3))[0, 0])
    assert point.mean.value == pytest.approx(np.mean(others))
    assert point.spread == pytest.approx(np.std(others, ddof=1))
    low, high = stats.t.interval(0.95, 2, np.mean(others), stats.sem(others))
    assert (point.mean.low, point.mean.high) == pytest.approx((low, high), rel=1e-3)  # and some rounding


def test_the_difference_to_the_optimum_is_never_surer_than_welchs():
    rng = np.random.default_rng(1)
    for k, sd in ((2, 0.1), (4, 0.5), (8, 2.0)):
        others = list(rng.normal(6, sd, k).round(2))
        (point,) = found(with_repeats(a_table(), 1, others))
        welch = stats.ttest_ind(others, ZEROS, equal_var=False).confidence_interval(0.95)
        assert point.delta.value == pytest.approx(np.mean(others) - np.mean(ZEROS))
        width = point.delta.high - point.delta.low
        assert welch.high - welch.low <= width <= 2.5 * (welch.high - welch.low)


def test_repeats_are_in_no_edf_and_no_summary():
    table = a_table()
    more = with_repeats(with_repeats(table, 0, [50.0, 100.0]), 2, [np.nan, 60.0])
    (bare,), (sweep,) = read_sweeps(table), read_sweeps(more)
    assert (sweep.n, sweep.missing, sweep.optimum_missing) == (bare.n, bare.missing, bare.optimum_missing)
    assert (sweep.optimum_err, len(sweep.repeats)) == (bare.optimum_err, 4)
    (one,), (other,) = curves(table), curves(more)
    np.testing.assert_array_equal(one.edf.x, other.edf.x)
    assert one.n == other.n == 3


def test_what_diverged_counts_as_100_and_what_has_no_result_is_told():
    table = with_repeats(with_repeats(a_table(), 0, [6.0, 100.0, np.nan]), 2, [np.nan])
    one, other = found(table)
    assert (one.mean.value, one.diverged, one.missing) == (53.0, 1, 1)
    assert "with 2 other seeds (1 without a result): 53.00" in of_repeats(one)
    assert "1 of them diverged" in of_repeats(one)
    assert np.isnan([*other.mean, *other.delta, other.spread]).all()
    assert "no result with other seeds yet" in of_repeats(other)


def test_one_other_seed_or_one_at_the_optimum_has_no_limits():
    (point,) = found(with_repeats(a_table(), 0, [6.0]))
    assert point.delta.value == pytest.approx(1.0)
    assert np.isnan([*point.mean[1:], *point.delta[1:], point.spread]).all()
    (point,) = found(with_repeats(trials([4.13, 6.0], optimum=5.0), 0, [6.0, 6.4]))
    assert point.delta.value == pytest.approx(1.2)
    assert not np.isnan(point.mean).any()
    assert np.isnan(point.delta[1:]).all()


def test_an_optimum_that_diverged_is_no_zero():
    table = with_repeats(repeated(trials([4.13], optimum=5.0), [100.0]), 0, [6.0, 6.4])
    (point,) = found(table)
    assert np.isnan(point.delta).all()
    assert "no finite error to compare it with" in of_repeats(point)


def test_a_sentence_says_all_of_it():
    (point,) = found(with_repeats(a_table(), 0, [5.93, 6.41, 5.52]))
    where = f"point 0 (lr {point.lr:.3g}, wd {point.weight_decay:.3g})"
    assert of_repeats(point).startswith(f"{where} with 3 other seeds: ")
    assert "5.95 (4.85 to 7.06) %, standard deviation 0.45; its own trial gave 4.13 %." in of_repeats(point)
    assert "That minus the mean at the optimum: 0.95 (" in of_repeats(point)


@pytest.mark.parametrize(
    ("column", "value", "words"),
    [
        ("repeat", 0, "from 1 at a repeat, got 0 at repeat 0"),
        ("repeat", 2, "rows too many, the first repeat 0 repeat 2"),
        ("index", 9, "repeat 1 of point 9, but no such point"),
        ("lr", 0.1, "repeat 1 of point 0 at lr 0.1, "),
        ("weight_decay", 0.1, "repeat 1 of point 0 at lr .*, weight_decay 0.1, the point itself at "),
    ],
)
def test_a_repeat_belongs_to_a_point(column, value, words):
    table = with_repeats(a_table(), 0, [6.0, 6.4])
    table.loc[table.index[-2], column] = value
    with pytest.raises(AnalysisError, match=words):
        read_sweeps(table)


def test_repeats_need_to_say_where_they_are():
    with pytest.raises(AnalysisError, match="lr, weight_decay missing"):
        read_sweeps(with_repeats(a_table(), 0, [6.0]).drop(columns=["lr", "weight_decay"]))
