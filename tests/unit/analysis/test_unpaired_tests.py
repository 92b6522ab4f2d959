import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats
from statsmodels.stats.nonparametric import rank_compare_2indep
from statsmodels.stats.weightstats import ttest_ind

from analysis.unpaired_tests import (
    between_scrambles,
    kolmogorov_smirnov,
    mann_whitney,
    probability_better,
    trials_needed,
)

few = settings(max_examples=25)
some = st.lists(st.integers(0, 100).map(lambda k: k / 5), min_size=1, max_size=30)
TESTS = (mann_whitney, kolmogorov_smirnov)


@pytest.mark.parametrize("shift", [0.0, 0.8])
@pytest.mark.parametrize(
    ("test", "statistic"),
    [
        (mann_whitney, lambda x, y, axis: np.abs((np.sign(x[..., :, None] - y[..., None, :])).sum((-1, -2)))),
        (kolmogorov_smirnov, lambda x, y, axis: stats.ks_2samp(x, y, axis=axis).statistic),
    ],
)
def test_small_samples_are_permutations(test, statistic, shift):
    rng = np.random.default_rng(3)
    x, y = rng.normal(0, 1, 4), rng.normal(shift, 1, 5)
    theirs = stats.permutation_test(
        (x, y), statistic, vectorized=True, alternative="greater", n_resamples=np.inf
    )
    assert test(x, y) == pytest.approx(theirs.pvalue, abs=1e-9)


@given(some, some)
@few
def test_p_values_are_symmetric_and_above_0(a, b):
    for test in TESTS:
        p = test(a, b)
        assert 0 < p <= 1
        assert test(b, a) == pytest.approx(p, abs=1e-9)


def test_the_same_error_everywhere():
    for test in TESTS:
        assert test([100.0] * 16, [100.0] * 16) == 1.0
    assert probability_better([100.0] * 16, [100.0] * 16).value == 0.5


@pytest.mark.parametrize("n", [2, 16, 64])
def test_all_diverged_against_none(n):
    for test in TESTS:
        p = test(np.full(n, 100.0), np.linspace(3, 9, n))
        assert 0 < p < (0.05 if n > 2 else 1)
    found = probability_better(np.full(n, 100.0), np.linspace(3, 9, n))
    assert found.value == found.low == 0.0
    assert 0 < found.high < 1 or n == 2


def test_one_trial_shows_nothing():
    for test in TESTS:
        assert test([1.0], [2.0]) == 1.0
    found = probability_better([1.0], [2.0])
    assert found.value == 1.0
    assert found.low < 0.5


@given(some, some, st.floats(0.5, 0.99))
@few
def test_better_is_what_mann_whitney_counts(a, b, confidence):
    found = probability_better(a, b, confidence)
    wins = stats.mannwhitneyu(b, a).statistic / (len(a) * len(b))
    assert found.value == pytest.approx(wins)
    assert 0 <= found.low <= found.value + 1e-9
    assert found.value - 1e-9 <= found.high <= 1
    other = probability_better(b, a, confidence)
    assert other == pytest.approx((1 - found.value, 1 - found.high, 1 - found.low))
    wider = probability_better(a, b, confidence + 0.009)
    assert wider.low <= found.low
    assert found.high <= wider.high


@pytest.mark.parametrize(("n", "m"), [(2, 3), (8, 8), (30, 50)])
def test_its_limits_are_brunner_and_munzels_with_one_further_trial_each(n, m):
    rng = np.random.default_rng(n)
    a, b = np.round(rng.normal(0, 1, n), 1), np.round(rng.normal(0.5, 1.3, m), 1)
    found = probability_better(a, b)
    # statsmodels counts the first above the second: of −errors, that is the better
    against = rank_compare_2indep(-np.append(a, 99), -np.append(b, -99)).conf_int()[0]
    towards = rank_compare_2indep(-np.append(a, -99), -np.append(b, 99)).conf_int()[1]
    assert found[1:] == pytest.approx((max(0, against), min(1, towards)))


def test_large_samples():
    rng = np.random.default_rng(0)
    a, b = rng.random((2, 10_000))
    assert kolmogorov_smirnov(a, b) == pytest.approx(stats.ks_2samp(a, b, method="exact").pvalue, abs=0.01)
    for test in TESTS:
        assert test(a, b + 0.03) < 1e-4
    assert probability_better(a, b).value == pytest.approx(0.5, abs=0.01)


@pytest.mark.parametrize(("k", "m"), [(3, 3), (4, 8)])
def test_scrambles_are_compared_by_welch(k, m):
    rng = np.random.default_rng(k)
    a, b = rng.random((k, 16)), rng.random((m, 16)) + 0.1
    theirs = ttest_ind(a.mean(1), b.mean(1), usevar="unequal")[1]
    assert between_scrambles(a, b) == pytest.approx(theirs)
    assert between_scrambles(b, a) == pytest.approx(theirs)


def test_scrambles_that_do_not_differ():
    same = np.full((3, 16), 100.0)
    assert between_scrambles(same, same) == 1.0
    assert between_scrambles(same, same - 50) == 2 / math.comb(6, 3), "as permuting the six could show"
    assert between_scrambles(same, np.full((4, 16), 7.0)) == 2 / math.comb(7, 3)


def test_as_many_trials_as_needed_have_the_power():
    rng = np.random.default_rng(0)
    shift = 0.5
    n = trials_needed(stats.norm.cdf(shift / math.sqrt(2)))
    a, b = rng.normal(0, 1, (2, 2_000, math.ceil(n)))
    power = (stats.mannwhitneyu(a, b + shift, axis=1).pvalue <= 0.05).mean()
    assert power == pytest.approx(0.8, abs=0.03)
    assert trials_needed(0.5) == math.inf
    assert trials_needed(0.3) == pytest.approx(trials_needed(0.7))
