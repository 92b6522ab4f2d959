import itertools
import math

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats
from statsmodels.stats.multitest import multipletests
from support.analysed import trials
from support.analysed_pairs import NAMES, A, B, apart, sweeps

from analysis import AnalysisError, compare, comparison_table, read_sweeps
from analysis.compare import ANY, LEVEL, _corrected
from analysis.comparison import SHARES
from analysis.paired_tests import sign_flip, signed_rank

few = settings(max_examples=8)


def swapped(interval):
    return (-interval.value, -interval.high, -interval.low)


def test_shared_points_are_compared_one_by_one():
    (found,) = compare(sweeps(A, B))
    # by family: ViT_P is first, it has the errors A
    assert (found.a.family, found.paired, found.n_a, found.n_b, found.left_out) == ("ViT_P", True, 48, 48, 0)
    d = np.round(A - B, 9)
    assert found.mean_diff.value == pytest.approx(d.mean())
    assert found.median_diff.value == pytest.approx(np.median(d))
    assert found.better.value == pytest.approx((d < 0).mean() + (d == 0).mean() / 2)
    assert found.tests == {ANY: found.tests[ANY], "Wilcoxon": signed_rank(d), "permutation": sign_flip(d)}
    assert found.tests["Wilcoxon"] == pytest.approx(stats.wilcoxon(d, zero_method="pratt").pvalue)
    limits = stats.quantile_test(d, q=0, p=0.5).confidence_interval()
    assert (found.median_diff.low, found.median_diff.high) == pytest.approx(limits)
    area = np.clip((8 - (A - 5)) / 8, 0, 1).mean() - np.clip((8 - (B - 5)) / 8, 0, 1).mean()
    assert found.area_diff.value == pytest.approx(area)


def test_other_points_are_two_samples():
    (found,) = compare(apart(A, B))
    assert (found.paired, found.n_a, found.n_b, found.left_out) == (False, 48, 48, 0)
    assert found.tests["Mann–Whitney"] == pytest.approx(stats.mannwhitneyu(A, B).pvalue)
    assert found.tests["Kolmogorov–Smirnov"] == pytest.approx(stats.ks_2samp(A, B).pvalue)
    assert list(found.tests) == [ANY, "Mann–Whitney", "Kolmogorov–Smirnov"]
    assert found.mean_diff.value == pytest.approx(A.mean() - B.mean())
    assert found.median_diff.value == pytest.approx(np.median(A) - np.median(B))
    assert max(found.gap_a, found.gap_b) == pytest.approx(stats.ks_2samp(A, B).statistic)
    assert "takes 3 trials" in found.no_delta
    assert math.isnan(found.p_area)


@pytest.mark.parametrize("make", [sweeps, apart])
@pytest.mark.parametrize("design", ["iid", "sobol", "grid"])
@pytest.mark.parametrize("diverged", [(0, 0), (16, 0), (3, 5)])
def test_swapping_the_models_swaps_every_sign(make, design, diverged):
    one = make(
        A[diverged[0] :], B[diverged[1] :], design=design, diverged=diverged, zeros=[[5.2, 4.9], [5.3, 5.5]]
    )
    (ab,), (ba,) = compare(one), compare(one[::-1])
    for name in ("mean_diff", "median_diff", "area_diff", "area_around_diff", "diverged_diff"):
        assert getattr(ba, name) == pytest.approx(swapped(getattr(ab, name)), nan_ok=True), name
    value, low, high = ab.better
    assert ba.better == pytest.approx((1 - value, 1 - high, 1 - low), nan_ok=True)
    assert ab.tests.keys() == ba.tests.keys()
    for name, p in ab.tests.items():
        assert p == pytest.approx(ba.tests[name], abs=0.02 if name in ("permutation", ANY) else 1e-9)
    assert (ab.p_area, ab.p_area_around) == pytest.approx((ba.p_area, ba.p_area_around), nan_ok=True)
    assert (ab.gap_a, ab.gap_b) == (ba.gap_b, ba.gap_a)
    assert ab.needed == pytest.approx(ba.needed, nan_ok=True)
    assert ab.dominates == ba.dominates


@given(st.lists(st.integers(0, 500).map(lambda k: k / 5), min_size=2, max_size=20), st.data())
@few
def test_intervals_hold_their_value_and_p_values_are_above_0(a, data):
    b = data.draw(st.lists(st.integers(0, 500).map(lambda k: k / 5), min_size=len(a), max_size=len(a)))
    for make in (sweeps, apart):
        (found,) = compare(make(a, b))
        for name in ("mean_diff", "median_diff", "better", "area_diff"):
            value, low, high = getattr(found, name)
            assert low - 1e-9 <= value <= high + 1e-9, name
        assert all(0 < p <= 1 for p in found.tests.values())
        assert found.q == next(iter(found.tests.values())), "one pair needs no correction"


@given(st.lists(st.one_of(st.floats(1e-6, 1), st.just(math.nan)), min_size=1, max_size=45))
@few
def test_corrected_p_values_are_statsmodels(p):
    known = np.array([x for x in p if not math.isnan(x)])
    found = np.array(_corrected(p))
    assert np.isnan(found).tolist() == np.isnan(p).tolist()
    if known.size:
        theirs = multipletests(known, method="fdr_bh")[1]
        np.testing.assert_allclose(found[~np.isnan(found)], theirs)
        assert (theirs >= known - 1e-12).all()


def test_all_pairs_are_corrected_together():
    found = compare(sweeps(A, B, A + 0.4, B + 3))
    assert [(p.a.family, p.b.family) for p in found] == list(itertools.combinations(NAMES, 2))
    first = [p.tests[ANY] for p in found]
    np.testing.assert_allclose([p.q for p in found], multipletests(first, method="fdr_bh")[1])
    assert [p.different for p in found] == [p.q <= 0.05 for p in found]


@pytest.mark.parametrize(
    ("designs", "tests", "words"),
    [
        (("iid", "iid"), 3, None),
        (("sobol", "sobol"), 1, None),
        (("grid", "grid"), 0, "is a grid"),
        (("iid", "grid"), 0, "is a grid"),
        (("iid", "sobol"), 0, "no test holds for both"),
        (("unknown", "iid"), 0, "column design"),
    ],
)
def test_which_tests_hold_for_samples_of_which_designs(designs, tests, words):
    one = apart(A, B)
    tables = [sweep.finished.assign(design=design) for sweep, design in zip(one, designs, strict=True)]
    (found,) = compare(read_sweeps(pd.concat(tables)))
    assert len(found.tests) == tests
    assert found.no_test is None if words is None else words in found.no_test
    assert math.isnan(found.better.low) == (designs != ("iid", "iid"))
    assert math.isnan(found.q) == (tests == 0)
    assert not found.different or tests


def test_two_scrambles_are_too_few():
    (found,) = compare(apart(A[:32], B[:32], design="sobol"))
    assert found.tests == {}
    assert "2 whole scrambles" in found.no_test


@pytest.mark.parametrize("design", ["iid", "sobol", "grid"])
def test_shared_points_are_tested_whatever_the_design(design):
    (found,) = compare(sweeps(A, B, design=design))
    assert list(found.tests) == [ANY, "Wilcoxon", "permutation"]
    assert math.isnan(found.mean_diff.low) == (design == "grid")
    assert math.isnan(found.median_diff.low) == (design != "iid")


@pytest.mark.parametrize("make", [sweeps, apart])
@pytest.mark.parametrize("design", ["iid", "sobol"])
@pytest.mark.parametrize("by", np.linspace(0, 3, 7))
def test_robustness_is_claimed_with_its_share_of_the_error_rate(make, design, by):
    zeros = [[5.2, 4.8, 5.0, 5.1], [5.1, 4.9, 5.0, 4.8]]
    (found,) = compare(make(A + by, A, zeros=zeros, design=design))
    out = found.area_diff.low > 0 or found.area_diff.high < 0
    assert (found.p_area < 0.05) == out
    claimed = min(found.p_area, found.p_area_around) <= LEVEL * SHARES["robustness"] / 2
    assert (found.q_robust <= LEVEL) == (claimed and found.different)
    assert claimed or found.more_robust is None
    assert found.more_robust is None or found.more_robust.model == "vit_c_1mf"


def test_a_grid_makes_no_claim_of_robustness():
    (found,) = compare(sweeps(A + 3, A, zeros=[[5.2, 4.8, 5.0], [5.1, 4.9, 5.0]], design="grid"))
    assert found.more_robust is None
    assert math.isnan(found.p_area)
    assert "grid" in found.no_delta


@pytest.mark.parametrize(
    ("zeros", "words"),
    [
        ([[], []], ["takes 3 trials", "has 1", "5 seeds"]),
        ([[5.0, 5.2], [5.1]], ["vit_c_1mf", "has 2"]),
        ([[5.0, 5.2], [100.0, 5.0]], ["vit_c_1mf", "diverged"]),
    ],
)
def test_delta_is_not_tested_where_a_zero_is_uncertain(zeros, words):
    (found,) = compare(sweeps(A, B, zeros=zeros))
    assert math.isnan(found.p_area)
    assert all(word in found.no_delta for word in words), found.no_delta


def test_zeros_of_several_seeds_widen_the_difference_of_the_areas():
    (sure,) = compare(sweeps(A, B))
    (unsure,) = compare(sweeps(A, B, zeros=[[5.0, 4.0, 6.0], [5.0, 3.0, 7.0]]))
    assert unsure.area_diff.value == pytest.approx(sure.area_diff.value)
    assert unsure.area_diff.low < sure.area_diff.low - 0.05
    assert unsure.area_diff.high > sure.area_diff.high + 0.05


@pytest.mark.parametrize("make", [sweeps, apart])
@pytest.mark.parametrize("n", [1, 2, 3])
def test_tiny_sweeps_show_nothing(make, n):
    (found,) = compare(make(np.arange(n) + 1.0, np.arange(n) + 20.0))
    assert found.q > 0.05
    assert found.paired == (make is sweeps and n > 1)
    comparison_table([found])


@pytest.mark.parametrize("make", [sweeps, apart])
def test_all_diverged(make):
    (both,) = compare(make([], [], diverged=[16, 16]))
    assert set(both.tests.values()) == {1.0}
    assert (both.mean_diff.value, both.better.value, both.dominates, both.needed) == (
        0.0,
        0.5,
        None,
        math.inf,
    )
    (one,) = compare(make([], np.linspace(4, 9, 16), diverged=[16, 0]))
    assert one.better.value == 0.0
    assert one.dominates == "vit_c_1mf"
    assert one.different
    for pair in (both, one):
        for interval in (pair.mean_diff, pair.better, pair.area_diff):
            assert interval.low <= interval.value <= interval.high
        comparison_table([pair])


@pytest.mark.parametrize("n", [3000])
def test_p_values_of_large_samples_stay_above_0(n):
    a, b = np.linspace(3, 9, n), np.linspace(40, 60, n)
    for make in (sweeps, apart):
        (found,) = compare(make(a, b))
        assert all(0 < p < 1e-3 for p in found.tests.values()), found.tests
        assert 0 < found.q < 1e-3


def test_points_that_only_one_has_are_counted():
    one = sweeps(A, B[:40])
    (found,) = compare(one)
    assert not found.paired, "the other seed's points are others"
    both = trials(A).assign(design="iid")
    fewer = trials(B, family="ViT_P").assign(design="iid")
    fewer.loc[:7, ["state", "top1_err"]] = ["failed", np.nan]
    (found,) = compare(read_sweeps(pd.concat([both, fewer])))
    assert (found.paired, found.n_a, found.left_out) == (True, 40, 8)


def test_samples_can_be_asked_for_although_points_are_shared():
    (found,) = compare(sweeps(A, B), test="unpaired")
    assert not found.paired
    assert found.tests["Mann–Whitney"] == pytest.approx(stats.mannwhitneyu(A, B).pvalue)


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (
            lambda: compare(apart(A, B), test="paired"),
            ["share no points", "vit_p_1mf", "vit_c_1mf", "`seed`"],
        ),
        (lambda: compare(sweeps(A)), ["at least two sweeps", "vit_p_1mf-adamw-0"]),
        (lambda: compare([]), ["at least two sweeps, got none"]),
        (lambda: compare(sweeps(A, B), test="t"), ["auto, paired, unpaired", "'t'"]),
        (lambda: compare(sweeps(A, B), confidence=95), ["between 0 and 1", "95"]),
    ],
)
def test_what_cannot_be_compared_is_refused_and_named(call, words):
    with pytest.raises(AnalysisError) as caught:
        call()
    assert all(word in str(caught.value) for word in words), str(caught.value)


def several(*tables):
    return read_sweeps(pd.concat(tables, ignore_index=True))


def test_one_model_under_two_optimizers_is_compared_point_by_point_and_named():
    (found,) = compare(several(trials(A), trials(B, optimizer="sgd")))
    assert (found.paired, found.n_a) == (True, 48)
    assert found.mean_diff.value == pytest.approx((A - B).mean())
    assert [found.a.name, found.b.name] == ["vit_c_1mf with AdamW", "vit_c_1mf with SGD"]
    row = comparison_table([found]).iloc[0]
    assert (row["optimizer"], row["differ_in"]) == ("adamw – sgd", "optimizer")
    assert row["verdict"].count("vit_c_1mf with AdamW") >= 1


def test_recipes_and_seeds_of_one_model_are_compared():
    longer = trials(B).assign(recipe="digits (epochs 40)", sweep="long")
    again = trials(B + 1).assign(sweep="again")
    first, *_ = compare(several(trials(A), longer))
    assert first.b.name == "vit_c_1mf on digits (epochs 40)"
    (found,) = compare(several(trials(A), again))
    assert found.b.name == "vit_c_1mf (again)"
    assert comparison_table([found])["differ_in"].item() == ""


def test_pairs_that_differ_in_several_things_are_compared_only_if_there_are_no_others():
    vit, sgd, other = trials(A), trials(B, optimizer="sgd"), trials(A, family="ViT_P", optimizer="sgd")
    pairs = compare(several(vit, sgd, other))
    assert [comparison_table([p])["differ_in"].item() for p in pairs] == ["optimizer", "model"]
    (pair,) = compare(several(vit, other))
    assert comparison_table([pair])["differ_in"].item() == "model, optimizer"


@pytest.mark.parametrize("error", [np.nan, np.inf, -0.1, 100.1])
def test_errors_that_are_none_are_refused(error):
    table = trials([5.0, error, 7.0])
    with pytest.raises(AnalysisError, match="top1_err must be a percentage from 0 to 100"):
        read_sweeps(table)
