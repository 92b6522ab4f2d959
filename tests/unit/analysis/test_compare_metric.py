"""Comparisons by another metric than the top-1 error."""

import dataclasses
import functools
import math

import numpy as np
import pandas as pd
import pytest
from support.analysed import by_metric, repeated, trials

from analysis import (
    AnalysisError,
    Metric,
    advice,
    compare,
    comparison_table,
    read_margin,
    read_sweeps,
    sentences,
)
from analysis.comparison_sentences import of_budget

RNG = np.random.default_rng(0)
GOOD, BAD = RNG.normal(6, 1, 50).round(2), RNG.normal(12, 3, 50).round(2)
ZEROS = [5.1, 5.2, 4.9]
ERROR_RATE = Metric(name="error rate", unit="%", low=0.0, high=100.0)
ACCURACY = Metric(name="accuracy", unit="%", higher_better=True, low=0.0, high=100.0)
LOSS = Metric(name="val_loss", unit="nats")
RETURN = Metric(name="return", higher_better=True)


def table(diverged=(0, 2)):
    pair = (("ViT_C", GOOD), ("ViT_P", BAD))
    tables = [
        trials(e[: 50 - lost], family=f, diverged=lost) for (f, e), lost in zip(pair, diverged, strict=True)
    ]
    return pd.concat([repeated(each, ZEROS) for each in tables], ignore_index=True)


@functools.cache
def compared(metric=None, diverged=(0, 2), test="auto", **kwargs):
    rows = table(diverged)
    if metric is not None:
        rows = by_metric(rows, metric, lambda e: 100 - e if metric.higher_better else e)
    (pair,) = compare(read_sweeps(rows, any_metric=True), test=test, **kwargs)
    return pair


NUMBERS = ("q", "q_robust", "p_area", "p_area_around", "gap_a", "gap_b", "needed", "needed_robust")


@pytest.mark.parametrize("test", ["paired", "unpaired"])
@pytest.mark.parametrize("metric", [ERROR_RATE, ACCURACY])
def test_a_name_and_a_direction_change_no_test_and_no_interval(metric, test):
    usual, mine = compared(test=test), compared(metric, test=test)
    assert mine.a.metric.step == 1.0
    for name in NUMBERS:
        assert getattr(mine, name) == pytest.approx(getattr(usual, name), nan_ok=True), name
    for name in ("mean_diff", "median_diff", "better", "diverged_diff", "area_diff", "area_around_diff"):
        assert getattr(mine, name) == pytest.approx(getattr(usual, name)), name
    assert mine.tests == pytest.approx(usual.tests)
    assert mine.more_robust.model == usual.more_robust.model
    np.testing.assert_allclose(mine.budgets.wins, usual.budgets.wins)
    assert [each.share_a for each in mine.where] == [each.share_a for each in usual.where]


@pytest.mark.parametrize("test", ["paired", "unpaired"])
@pytest.mark.parametrize("metric", [LOSS, RETURN])
def test_where_nothing_bounds_it_what_diverged_is_worse_than_everything(metric, test):
    usual, mine = compared(test=test), compared(metric, test=test)
    for name in ("better", "diverged_diff", "area_diff", "area_around_diff"):
        assert getattr(mine, name) == pytest.approx(getattr(usual, name)), name
    assert mine.tests["any difference"] == pytest.approx(usual.tests["any difference"])
    np.testing.assert_allclose(mine.budgets.wins, usual.budgets.wins)
    assert math.isnan(mine.mean_diff.value)  # how much worse than everything it is, no number says
    assert not math.isnan(compared(metric, (0, 0), test).median_diff.value)
    assert math.isnan(compared(metric, (0, 0), test).mean_diff.low)  # nothing bounds what was not seen


def test_the_sentences_name_the_metric_and_its_unit():
    pair = compared(LOSS, (0, 0))
    text = " ".join(sentences(pair))
    assert "reach val_loss from" in text
    assert "nats" in text
    assert "area up to 8 nats" in text
    assert "leads by" in text
    assert "error" not in text
    assert "points in the median" not in text
    assert advice([pair])[0].startswith("Take vit_c_1mf rather than vit_p_1mf")
    text = " ".join(sentences(compared(LOSS)))
    assert "nan" not in text
    assert "vit_c_1mf is better at 98 % (91–100) of the shared points" in text


def test_higher_values_are_said_as_they_are():
    text = " ".join(sentences(compared(ACCURACY)))
    assert "trials of vit_c_1mf than of vit_p_1mf reach accuracy from 9" in text
    assert "-9" not in text


def test_the_table_says_the_same(tmp_path):
    (row,) = comparison_table([compared(ACCURACY)]).to_dict("records")
    (usual,) = comparison_table([compared()]).to_dict("records")
    assert row["median_diff"] == pytest.approx(usual["median_diff"])  # above 0 where A is worse, as ever
    assert row["take"] == usual["take"]


def test_a_margin_of_points_is_of_errors_only():
    assert compared(LOSS, margin=read_margin("0.3")).alike is not None
    for margin in ("error=0.5", "within4=0.1"):
        with pytest.raises(AnalysisError, match=r"a margin of val_loss is one of the area \(0.1\)"):
            compared(LOSS, margin=read_margin(margin))


def test_nothing_is_expected_of_trials_that_are_worse_than_everything():
    assert "can be expected to match the best" in of_budget(compared(LOSS, (0, 0)))
    assert of_budget(compared(LOSS)) == ""


@pytest.mark.parametrize("test", ["paired", "unpaired"])
def test_of_an_unbounded_metric_no_limits_come_from_a_bound(test):
    """A median of three may have all of them on one side, and a mean may have values that none shows."""
    above = dataclasses.replace(LOSS, low=0.0)
    for n, has_limits in ((3, False), (20, True)):
        both = pd.concat([trials(errors[:n], family=f) for f, errors in (("ViT_C", GOOD), ("ViT_P", BAD))])
        (pair,) = compare(read_sweeps(by_metric(both, above), any_metric=True), test=test)
        assert math.isfinite(pair.mean_diff.value)
        assert math.isnan(pair.mean_diff.low)
        assert math.isnan(pair.mean_diff.high)
        assert math.isfinite(pair.median_diff.low) == has_limits
        assert math.isfinite(pair.median_diff.high) == has_limits


def test_of_trials_that_all_diverged_neither_is_better():
    both = pd.concat([trials([], family=f, diverged=20) for f in ("ViT_C", "ViT_P")])
    (pair,) = compare(read_sweeps(by_metric(both, LOSS), any_metric=True))
    text = " ".join(sentences(pair))
    assert "neither is better more often (43–57 %, ties count half)" in text
    assert pair.area_diff.low < -0.1 < 0.1 < pair.area_diff.high
