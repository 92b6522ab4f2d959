"""Chosen points with other seeds: checked against scipy's t test."""

import numpy as np
import pytest
from scipy import stats
from support.analysed import repeated, trials
from support.analysed_repeats import with_repeats

from analysis import AnalysisError, of_repeats, of_seeds, read_sweeps, repeated_points, seed_spread
from analysis.edf import curves

ZEROS = [5.0, 5.31, 4.62, 5.07]


def a_table(errors=(4.13, 6.0, 7.0), **kwargs):
    return repeated(trials(list(errors), optimum=ZEROS[0], **kwargs), ZEROS[1:])


def found(table):
    (sweep,) = read_sweeps(table)
    return repeated_points(sweep)


def test_nothing_is_said_of_the_noise_where_all_points_are_tied():
    table, _ = a_grid(points=12, seeds=2)
    spread = seed_spread(read_sweeps(table.assign(top1_err=5.0))[0])
    assert np.isnan(spread.share)
    assert of_seeds(spread).endswith("0.00 (0.00 to 0.00) points between seeds and 0.00 between points.")


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


def a_grid(points=9, seeds=15, *, noise=2.0, effect=5.0, seed=0):
    """A table in which every point has several seeds."""
    rng = np.random.default_rng(seed)
    truth = rng.normal(30, effect, points)
    errors = truth[:, None] + rng.normal(0, noise, (points, seeds))
    table = trials(list(errors[:, 0]))
    for index in range(points):
        table = with_repeats(table, index, list(errors[index, 1:]))
    return table, errors


def test_where_every_point_has_several_seeds_their_means_count():
    table, errors = a_grid()
    (sweep,) = read_sweeps(table)
    assert (sweep.averaged, sweep.n) == (True, 9)
    assert sweep.points["top1_err"].tolist() == pytest.approx(errors.mean(axis=1))
    (curve,) = curves(table, absolute=True)
    assert curve.edf.x.tolist() == pytest.approx(sorted(errors.mean(axis=1)))


def test_each_point_is_told_with_all_its_seeds():
    table, errors = a_grid()
    told = found(table)
    assert [point.mean.value for point in told] == pytest.approx(errors.mean(axis=1))
    assert [point.spread for point in told] == pytest.approx(errors.std(axis=1, ddof=1))


def test_a_point_diverges_only_if_all_its_trainings_do():
    table, errors = a_grid(points=3, seeds=3)
    is_of = table["index"].isin([0, 1]) & table["role"].isin(["point", "repeat"])
    lost = is_of & ~((table["index"] == 1) & (table["role"] == "point"))
    table.loc[lost, ["state", "top1_err"]] = ["diverged", 100.0]
    (sweep,) = read_sweeps(table)
    assert sweep.points["state"].tolist() == ["diverged", "finished", "finished"]
    assert sweep.points["top1_err"].tolist() == pytest.approx(
        [100, (200 + errors[1, 0]) / 3, errors[2].mean()]
    )
    assert np.isnan(seed_spread(sweep).noise.low)


def test_noise_is_told_from_effect():
    table, errors = a_grid(points=30, seeds=4, noise=2.0, effect=5.0)
    spread = seed_spread(read_sweeps(table)[0])
    within = errors.var(axis=1, ddof=1).mean()
    assert (spread.seeds, spread.noise.value) == (4, pytest.approx(np.sqrt(within)))
    assert spread.share == pytest.approx(within / 4 / errors.mean(axis=1).var(ddof=1))
    assert "30 points, each the mean of 4 seeds: the standard deviation is" in of_seeds(spread)


def test_the_limits_of_noise_hold_as_often_as_they_say():
    held = 0
    for seed in range(200):
        noise = seed_spread(read_sweeps(a_grid(points=4, seeds=5, seed=seed)[0])[0]).noise
        held += noise.low <= 2.0 <= noise.high
    assert 1e-3 < stats.binom.cdf(held, 200, 0.95) < 1 - 1e-3


def test_a_few_chosen_points_with_other_seeds_are_not_averaged():
    (sweep,) = read_sweeps(with_repeats(a_table(), 0, [5.0, 6.0]))
    assert not sweep.averaged
    assert seed_spread(sweep) is None
