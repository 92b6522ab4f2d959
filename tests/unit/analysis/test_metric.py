import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.analysed import by_metric, repeated, trials

from analysis import (
    AnalysisError,
    Metric,
    curve_band,
    curves,
    read_sweeps,
    summarise,
    summary_table,
    verdicts,
)
from analysis.metric import TOP1_ERROR, fitted

ERRORS = [4.0, 5.5, 8.0, 11.0, 16.0, 30.0]
ERROR_RATE = Metric(name="error rate", unit="%", low=0.0, high=100.0)
LOSS = Metric(name="val_loss", unit="nats")
ACCURACY = Metric(name="accuracy", unit="%", higher_better=True, low=0.0, high=100.0)
F1 = Metric(name="F1", higher_better=True, low=0.0, high=1.0)


def row(table):
    (sweep,) = read_sweeps(table, any_metric=True)
    return summary_table([summarise(sweep)]).iloc[0]


@pytest.mark.parametrize("metric", [ERROR_RATE, ACCURACY])
def test_another_name_or_direction_changes_no_curve_and_no_estimate(metric):
    plain = trials(ERRORS, diverged=2, missing=1)
    table = by_metric(plain, metric, values=lambda errors: 100 - errors if metric.higher_better else errors)
    for absolute in (False, True):
        (mine,) = curves(table, absolute=absolute, any_metric=True)
        (usual,) = curves(plain, absolute=absolute)
        np.testing.assert_allclose(
            mine.edf.x, usual.edf.x - (100 if metric.higher_better and absolute else 0)
        )
        np.testing.assert_array_equal(mine.edf.y, usual.edf.y)
        np.testing.assert_array_equal(curve_band(mine).low, curve_band(usual).low)
    mine, usual = row(table), row(plain)
    same = [name for name in usual.index if name.startswith(("within", "area", "mean_delta", "diverg"))]
    np.testing.assert_allclose(mine[same].astype(float), usual[same].astype(float))


def test_levels_are_in_the_metrics_own_values_and_limits_change_sides():
    plain = trials(ERRORS, diverged=2)
    mine = row(by_metric(plain, ACCURACY, values=lambda errors: 100 - errors))
    usual = row(plain)
    assert (mine["at_optimum"], mine["best"]) == (95.0, 96.0)
    pairs = {"median": "median", "lower_quartile": "upper_quartile", "mean": "mean_err"}
    for name, of in pairs.items():
        assert mine[name] == pytest.approx(100 - usual[of])
        assert mine[name + "_low"] == pytest.approx(100 - usual[of + "_high"])
        assert mine[name + "_high"] == pytest.approx(100 - usual[of + "_low"])


def test_where_nothing_bounds_a_metric_a_diverged_trial_is_no_step_and_counts_in_the_denominator():
    table = by_metric(trials([1.0, 2.0, 3.0], diverged=1, optimum=1.0), LOSS)
    (curve,) = curves(table, absolute=True, any_metric=True)
    np.testing.assert_array_equal(curve.edf.x, [1.0, 2.0, 3.0])
    np.testing.assert_array_equal(curve.edf.y, [0.25, 0.5, 0.75])
    mine = row(table)
    assert mine["median"] == 2.0
    assert np.isinf(mine["upper_quartile_high"])
    assert np.isinf(mine["mean"])  # no number says how much worse than everything it is
    assert np.isnan([mine["mean_low"], mine["mean_high"], mine["var_lr"]]).all()


def test_a_sweep_that_diverged_everywhere_is_worse_than_everything():
    mine = row(by_metric(trials([], diverged=8), LOSS))
    assert np.isinf([mine["best"], mine["median"]]).all()
    assert mine["within_8"] == 0.0


def test_a_point_with_a_diverged_seed_is_worse_than_everything_if_nothing_bounds_its_mean():
    rows = trials([1.0, 2.0], optimum=1.0)
    again = rows[rows["role"] == "point"].assign(role="repeat", repeat=1, top1_err=[1.5, np.nan])
    again = again.assign(state=["finished", "diverged"])
    table = by_metric(pd.concat([rows.assign(repeat=0), again], ignore_index=True), LOSS)
    (sweep,) = read_sweeps(table, any_metric=True)
    assert sweep.averaged
    assert sweep.finished["top1_err"].tolist() == [1.25]
    assert len(sweep.diverged) == 1
    bounded = by_metric(table, Metric(name="val_loss", low=0.0, high=10.0), values=lambda _: table["value"])
    (sweep,) = read_sweeps(bounded, any_metric=True)
    assert sweep.finished["top1_err"].tolist() == [1.25, 6.0]


@given(st.lists(st.floats(1e-9, 1e9), min_size=1, max_size=9))
def test_the_last_threshold_is_the_first_power_of_ten_that_reaches_the_median(sizes):
    metric = fitted(LOSS, np.array(sizes))
    size = np.median(sizes)
    assert metric.deltas[-1] >= size * (1 - 1e-6)
    assert metric.deltas[-1] / 10 < size * (1 + 1e-6)
    assert np.log10(metric.step) == pytest.approx(round(np.log10(metric.step)))


def test_thresholds_fit_what_is_shown_together_and_the_top_1_error_keeps_its_own():
    small = trials([4.003, 4.006, 4.02], optimum=4.0)
    (usual,) = read_sweeps(small)
    (mine,) = read_sweeps(by_metric(small, LOSS), any_metric=True)
    assert usual.metric.deltas == (1.0, 2.0, 4.0, 8.0)
    assert mine.metric.deltas == (0.001, 0.002, 0.004, 0.008)
    assert mine.metric.decimals == 4
    summary = summarise(mine)
    assert summary.within[0.004].value == pytest.approx(1 / 3)
    assert summary.near == summary.within[0.004]


@pytest.mark.parametrize("errors", [[], [4.0, 4.0]])
def test_without_any_difference_thresholds_are_1_to_8(errors):
    table = by_metric(trials(errors, diverged=1, optimum=4.0), LOSS)
    (sweep,) = read_sweeps(table, any_metric=True)
    assert sweep.metric.step == 1.0


def test_whoever_can_only_speak_of_errors_refuses_another_metric():
    with pytest.raises(AnalysisError, match="the metric F1, and this speaks of top-1 errors in percent only"):
        read_sweeps(by_metric(trials([5.0]), F1, values=lambda errors: errors / 100))


def test_two_metrics_in_one_comparison_are_refused():
    table = pd.concat([by_metric(trials([5.0]), LOSS), trials([5.0], family="ViT_P")])
    with pytest.raises(AnalysisError) as error:
        read_sweeps(table, any_metric=True)
    assert "one metric, got 2: val_loss (nats), lower is better, −∞ to ∞ in vit_c_1mf-adamw-0" in str(
        error.value
    )
    assert "top-1 error (%), lower is better, 0 to 100 in vit_p_1mf-adamw-0" in str(error.value)


@pytest.mark.parametrize(("value", "got"), [(1.5, "got 1.5 at point 0"), (np.nan, "nan"), (np.inf, "inf")])
def test_a_finished_trial_has_a_finite_value_within_the_bounds(value, got):
    table = by_metric(trials([0.5, 0.6], optimum=0.5), F1)
    table.loc[0, "value"] = value
    with pytest.raises(AnalysisError, match=f"a finite F1 within its bounds .*{got}"):
        read_sweeps(table, any_metric=True)


def test_a_direction_that_is_none_is_refused():
    with pytest.raises(AnalysisError, match="better must be lower or higher, got 'more'"):
        read_sweeps(by_metric(trials([5.0]), LOSS).assign(better="more"), any_metric=True)


def test_all_that_is_wrong_with_a_metric_is_told_at_once():
    with pytest.raises(AnalysisError, match="it needs a name; its low bound must be below its high one"):
        Metric(name=" ", low=1.0, high=0.0)
    with pytest.raises(AnalysisError, match="bounds must be finite"):
        Metric(name="a", low=float("-inf"))


def test_words_are_of_the_metric():
    metric = Metric(name="F1", higher_better=True, low=0.0, high=1.0, step=0.01)
    assert (metric.amount(0.04), metric.level(-0.5), metric.diverged) == ("0.04", "F1 0.500", "F1 0")
    assert (LOSS.amount(4.0), LOSS.level(0.25)) == ("4 nats", "val_loss 0.2 nats")
    assert (LOSS.diverged, LOSS.level(np.inf)) == (
        "worse than every val_loss",
        "val_loss worse than everything",
    )
    assert (TOP1_ERROR.amount(4.0), TOP1_ERROR.level(4.55)) == ("4 points", "4.5 % error")
    assert TOP1_ERROR.diverged == "100 % error"


def test_warnings_are_in_the_metrics_words_and_know_no_percent_that_is_poor():
    good = by_metric(trials([1.0] * 8 + [2.0] * 8, optimum=1.0), LOSS)
    bad = by_metric(trials([41.0] * 8 + [42.0] * 8, optimum=41.0, family="ViT_P"), LOSS)
    assert read_sweeps(pd.concat([good, bad]), any_metric=True)[0].metric.step == 0.1
    (text,) = verdicts(read_sweeps(pd.concat([good, bad]), any_metric=True))
    assert "stands at val_loss 41.00 nats, that of vit_c_1mf at 1.00 nats, yet 0.50 of its" in text
    assert "trials lie within 0.4 nats of it, against 0.50" in text
    outdone = by_metric(trials([1.0] * 8 + [2.0] * 8, optimum=1.6), LOSS)
    (text,) = verdicts(read_sweeps(outdone, any_metric=True))
    assert "beat its optimum by more than 0.1 nats, so" in text


def test_an_optimum_with_a_diverged_seed_has_no_delta():
    table = by_metric(repeated(trials([1.0, 2.0], optimum=1.0), [100.0]), LOSS)
    (sweep,) = read_sweeps(table, any_metric=True)
    assert np.isnan(summarise(sweep).zero.low)
    with pytest.raises(
        AnalysisError, match=r"from the val_loss at the optimum, .* draw val_loss with `absolute`"
    ):
        curves(table, any_metric=True)
