import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats
from statsmodels.stats.proportion import proportion_confint
from statsmodels.stats.weightstats import DescrStatsW

from analysis import AnalysisError, edf, intervals
from analysis.bands import POINTWISE, band

few = settings(max_examples=25)
errors_lists = st.lists(st.integers(0, 500).map(lambda k: k / 5), min_size=1, max_size=60)


@given(st.integers(1, 300), st.floats(0, 1))
@few
def test_a_share_is_statsmodels_exact_one(n, p):
    k = round(p * n)
    assert intervals.share(k, n)[1:] == pytest.approx(proportion_confint(k, n, method="beta"))
    assert intervals.share(k, n).value == k / n


@given(st.lists(st.integers(0, 500).map(lambda k: k / 5), min_size=2, max_size=40))
@few
def test_a_bounded_mean_is_students_with_one_further_value(errors):
    found = intervals.bounded_mean(errors, 0.0, 100.0)
    low = DescrStatsW([*errors, 0.0]).tconfint_mean()[0] if any(errors) else 0.0
    high = DescrStatsW([*errors, 100.0]).tconfint_mean()[1] if min(errors) < 100 else 100.0
    assert found == pytest.approx((np.mean(errors), max(0, low), min(100, high)))


@given(errors_lists, st.floats(0.5, 0.99))
@few
def test_intervals_hold_their_value_and_widen_with_confidence(errors, confidence):
    for wide, narrow in (
        [intervals.bounded_mean(errors, 0.0, 100.0, c) for c in (confidence + 0.009, confidence)],
        [intervals.share(len(errors) // 2, len(errors), c) for c in (confidence + 0.009, confidence)],
    ):
        assert wide.low <= narrow.low <= narrow.value + 1e-9
        assert narrow.value - 1e-9 <= narrow.high <= wide.high


def test_the_mean_of_one_is_nearly_unknown():
    found = intervals.bounded_mean([30.0], 0.0, 100.0)
    assert found == (30.0, 0.0, 100.0)
    assert intervals.bounded_mean([100.0] * 8, 0.0, 100.0).high == 100.0
    assert intervals.bounded_mean([0.0] * 8, 0.0, 100.0).low == 0.0


@pytest.mark.parametrize("k", [3, 8])
def test_a_mean_over_scrambles_is_students_between_them(k):
    sample = np.random.default_rng(k).random((k, 16)) * 50
    # one point of each scramble could reach an end of the range unseen, with a tenth of a count's variance
    variances = [
        sample.mean(1).var(ddof=1) + 0.1 * (far / 16) ** 2 for far in (sample.max(), 100 - sample.min())
    ]
    down, up = stats.t.ppf(0.975, k - 1) * np.sqrt(np.array(variances) / k)
    mean = sample.mean()
    assert intervals.scrambled_mean(sample, 0.0, 100.0) == pytest.approx((mean, mean - down, mean + up))
    inner = stats.ttest_1samp(sample.mean(1), 0).confidence_interval()
    assert mean - down < inner.low < inner.high < mean + up
    assert intervals.scrambled_mean(sample, 24.9, 24.95)[1:] == (24.9, 24.95)


@given(errors_lists, st.sampled_from([0.25, 0.5, 0.75, 0.9]), st.floats(0.6, 0.99))
@few
def test_quantile_limits_are_scipys_order_statistics(errors, share, confidence):
    errors = np.array(errors) + np.arange(len(errors)) * 1e-4  # scipy's are the same only without ties
    steps = edf(errors)
    found = intervals.quantile(steps, share, band(steps, POINTWISE, confidence))
    assert found.low <= found.value <= found.high
    theirs = stats.quantile_test(errors, q=0, p=share).confidence_interval(confidence)
    for ours, other in zip(found[1:], theirs, strict=True):
        assert ours == other if np.isfinite(other) else np.isinf(ours)


def test_quantiles_of_ties_and_diverged_trials():
    steps = edf([5.0] * 10 + [6.0] * 10, n=40)
    assert intervals.quantile(steps, 0.5, band(steps, POINTWISE)) == (6.0, 6.0, math.inf)
    assert intervals.quantile(steps, 0.75, band(steps, POINTWISE)) == (math.inf, math.inf, math.inf)
    one = edf([7.0])
    assert intervals.quantile(one, 0.5, band(one, POINTWISE)) == (7.0, -math.inf, math.inf)


@pytest.mark.parametrize("n", [5, 16, 64, 1000])
@pytest.mark.parametrize("confidence", [0.5, 0.95, 0.99])
def test_the_best_again_is_the_first_rank_that_is_sure_enough(n, confidence):
    best = intervals.best_again(edf(np.arange(n) + 1.0), confidence)
    if math.isinf(best):
        assert stats.hypergeom(2 * n, n, n).pmf(n) > 1 - confidence
        return
    # all r smallest of the 2n are old: r draws without a new one among n of 2n
    exceeds = [stats.hypergeom(2 * n, n, int(r)).pmf(0) for r in (best - 1, best)]
    assert exceeds[1] <= 1 - confidence + 1e-12 < exceeds[0]


def test_the_best_again_of_few_or_many_diverged_is_not_known():
    assert intervals.best_again(edf([1.0, 2.0])) == math.inf
    assert intervals.best_again(edf([1.0, 2.0, 3.0])) == 3.0, "3! 3! / 6! = 1 / 20"
    assert intervals.best_again(edf([1.0, 2.0], n=64)) == math.inf
    assert intervals.best_again(edf([], n=8)) == math.inf


@given(st.integers(0, 300), st.integers(0, 320))
@few
def test_log_choose(n, k):
    expected = math.log(math.comb(n, k)) if k <= n else -math.inf
    assert float(intervals.log_choose(n, k)) == pytest.approx(expected, abs=1e-8)


@pytest.mark.parametrize("confidence", [0.0, 1.0, 95.0])
def test_a_confidence_is_a_share(confidence):
    steps = edf([1.0, 2.0])
    for wrong in (
        lambda: intervals.bounded_mean([1.0], 0.0, 100.0, confidence),
        lambda: intervals.share(1, 2, confidence),
        lambda: intervals.scrambled_mean(np.ones((3, 16)), 0.0, 1.0, confidence),
        lambda: intervals.best_again(steps, confidence),
    ):
        with pytest.raises(AnalysisError, match="between 0 and 1"):
            wrong()
