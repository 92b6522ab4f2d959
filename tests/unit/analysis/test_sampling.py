import numpy as np
import pytest
from scipy import stats
from statsmodels.stats.proportion import proportion_confint
from support.analysed import trials

from analysis import read_sweeps
from analysis.sampling import Sampling

RNG = np.random.default_rng(0)


def points(design, n):
    return Sampling("A", design, np.arange(n), 0.95)


def test_how_a_sweeps_points_were_drawn():
    (sweep,) = read_sweeps(trials([1.0, 2.0], diverged=1, missing=2).assign(design="grid"))
    found = Sampling.of(sweep, 0.9)
    assert (found.name, found.design, found.confidence) == (sweep.sweep, "grid", 0.9)
    assert found.index.tolist() == [0, 1, 2]


def test_independent_points_have_exact_shares_and_students_means():
    sample = RNG.random(40)
    found = points("iid", 40)
    share = found.share(sample < 0.3)
    assert share[1:] == pytest.approx(proportion_confint((sample < 0.3).sum(), 40, method="beta"))
    mean = found.mean(sample, 0.0, 1.0)
    inner = stats.ttest_1samp(sample, 0).confidence_interval()
    assert mean.low < inner.low < mean.value < inner.high < mean.high
    assert mean.high - mean.low < 1.4 * (inner.high - inner.low)


def test_scrambles_have_students_intervals_between_them():
    sample = RNG.random(64)
    inner = stats.ttest_1samp(sample.reshape(4, 16).mean(1), 0).confidence_interval()
    found = points("sobol", 64).mean(sample, 0.0, 1.0)
    assert found.value == pytest.approx(sample.mean())
    assert found.low < inner.low < inner.high < found.high
    # a tenth of the variance of one point in sixteen is all that is allowed for
    assert found.high - found.low < np.hypot(inner.high - inner.low, 2 * 3.19 * np.sqrt(0.1 / 4) / 16)


def test_scrambles_are_told_apart_by_index_not_by_order():
    sample, order = RNG.random(64), RNG.permutation(64)
    whole = points("sobol", 64).mean(sample, 0.0, 1.0)
    mixed = Sampling("A", "sobol", order, 0.95).mean(sample[order], 0.0, 1.0)
    assert mixed == pytest.approx(whole)


def test_a_scramble_that_is_not_whole_is_in_the_mean_only():
    sample = np.concatenate([np.tile([0.2, 0.4], 24), np.full(10, 1.0)])
    found = points("sobol", 58).mean(sample, 0.0, 1.0)
    assert found.value == pytest.approx(sample.mean())
    assert found.low < 0.3 < found.high == pytest.approx(sample.mean()), "widened to hold the mean"


def test_shares_of_scrambles_that_agree_still_have_a_width():
    found = points("sobol", 48).share(np.tile([True, False], 24))
    assert found.value == 0.5
    assert 0.4 < found.low < 0.5 < found.high < 0.6


@pytest.mark.parametrize(
    ("design", "n", "word"),
    [("grid", 16, "is a grid"), ("unknown", 16, "is not known"), ("sobol", 32, "2 whole scrambles")],
)
def test_no_interval_without_sampling(design, n, word):
    found = points(design, n)
    assert word in found.problem
    for interval in (found.mean(np.arange(n), 0.0, 100.0), found.share(np.arange(n) < 4)):
        assert np.isfinite(interval.value)
        assert np.isnan(interval[1:]).all()
