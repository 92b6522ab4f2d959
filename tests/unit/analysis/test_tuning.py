import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from opda.nonparametric import EmpiricalDistribution
from scipy import stats

from analysis import AnalysisError, bands, tuning_curve
from analysis.tuning import median_curve

few = settings(max_examples=25)
errors_lists = st.lists(st.integers(0, 500).map(lambda k: k / 5), min_size=1, max_size=40)


@given(errors_lists)
@few
def test_the_expected_best_is_opdas(errors):
    found = tuning_curve(errors)
    theirs = EmpiricalDistribution(np.array(errors)).u_tuning_curve(found.k, minimize=True)
    np.testing.assert_allclose(found.expected, theirs, atol=1e-9)


def test_the_expected_best_is_the_mean_over_all_choices():
    errors = [8.0, 3.0, 3.0, 100.0, 5.0]
    means = [np.mean([min(some) for some in itertools.combinations(errors, k)]) for k in range(1, 6)]
    np.testing.assert_allclose(tuning_curve(errors).expected, means)


@pytest.mark.parametrize(("kind", "theirs"), [(bands.KS, "ks"), (bands.DKW, "dkw")])
@pytest.mark.parametrize("n", [1, 2, 40])
def test_its_band_is_opdas(kind, theirs, n):
    errors = np.random.default_rng(n).random(n) * 100
    found = tuning_curve(errors, kind=kind)
    low, _, high = EmpiricalDistribution.confidence_bands(errors, 0.95, a=0.0, b=100.0, method=theirs)
    np.testing.assert_allclose(found.low, high.average_tuning_curve(found.k, minimize=True), rtol=1e-5)
    np.testing.assert_allclose(found.high, low.average_tuning_curve(found.k, minimize=True), rtol=1e-5)


@given(errors_lists, st.sampled_from(bands.SIMULTANEOUS), st.floats(0.5, 0.99))
@few
def test_it_falls_and_lies_in_its_band(errors, kind, confidence):
    found = tuning_curve(errors, kind=kind, confidence=confidence)
    assert (np.diff(found.expected) <= 1e-9).all()
    assert found.expected[0] == pytest.approx(np.mean(errors))
    assert found.expected[-1] == pytest.approx(min(errors))
    for curve in (found.low, found.high):
        assert (np.diff(curve) <= 1e-9).all()
        assert ((curve >= 0) & (curve <= 100 + 1e-9)).all()
    # the limits are of the best of any k points, the estimate is of these: at k = n the smallest of them
    mean = found.expected[0]
    assert found.low[0] - 1e-9 <= mean <= found.high[0] + 1e-9


def test_budgets_can_be_chosen():
    errors = np.random.default_rng(0).random(64) * 50
    some, all_of_them = tuning_curve(errors, budgets=[1, 8, 64]), tuning_curve(errors)
    for ours, whole in zip(some, all_of_them, strict=True):
        np.testing.assert_array_equal(ours, whole[[0, 7, 63]])


@pytest.mark.parametrize("budgets", [[0], [65], [3, -1]])
def test_a_budget_is_one_to_n(budgets):
    with pytest.raises(AnalysisError, match=r"from 1 to 64, got"):
        tuning_curve(np.arange(64.0), budgets=budgets)


@pytest.mark.parametrize(
    ("errors", "words"), [([], "got 0"), ([1.0, np.nan], "1 of"), ([np.inf], "1 of"), ([101.0], "1 of")]
)
def test_bad_errors_are_refused(errors, words):
    with pytest.raises(AnalysisError, match=words):
        tuning_curve(errors)


def test_a_pointwise_band_is_none_of_a_curve():
    with pytest.raises(AnalysisError, match="equal-precision, ks, dkw"):
        tuning_curve([1.0, 2.0], kind=bands.POINTWISE)


def test_without_independence_there_is_no_band():
    found = tuning_curve([3.0, 1.0], independent=False)
    assert (found.low, found.high) == (None, None)
    np.testing.assert_array_equal(found.expected, [2.0, 1.0])


def test_all_diverged():
    found = tuning_curve([100.0] * 16)
    np.testing.assert_allclose(found.expected, 100.0)
    np.testing.assert_allclose(found.high, 100.0)
    assert found.low[15] < 1.0, "no sample excludes that a few points are far better"


def test_the_median_of_the_best_is_that_over_all_choices():
    costs = np.array([0.3, 0.5, 0.9, 2.0, np.inf, np.inf])
    found = median_curve(costs, np.arange(1, 7), least=0.0)
    for k, median in zip(found.k, found.expected, strict=True):
        best = sorted(min(chosen) for chosen in itertools.combinations(costs, int(k)))
        assert median == best[(len(best) - 1) // 2]  # the least value that half of the choices reach
    assert (found.low <= found.expected).all()
    assert (found.expected <= found.high).all()
    assert found.high[0] == np.inf  # perhaps most trials diverge
    assert median_curve(costs, np.array([1]), independent=False).low is None


def test_the_band_of_the_median_best_holds():
    rng, k = np.random.default_rng(0), np.array([1, 4, 16])
    exact = np.exp(stats.norm.ppf(1 - 0.5 ** (1 / k)))
    held = 0
    for _ in range(300):
        found = median_curve(np.exp(rng.normal(size=64)), k)
        held += bool((found.low <= exact).all() and (exact <= found.high).all())
    assert stats.binom.cdf(held, 300, 0.95) > 1e-3
