import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from opda.nonparametric import EmpiricalDistribution
from scipy import stats
from statsmodels.stats.proportion import proportion_confint
from support.analysed import trials

from analysis import AnalysisError, bands, curve_band, curves, edf, no_band
from analysis.bands import DKW, EQUAL_PRECISION, KS, POINTWISE, SCRAMBLE, band, count_limits, staying

IID = (EQUAL_PRECISION, KS, DKW, POINTWISE)
few = settings(max_examples=25)
errors_lists = st.lists(st.integers(0, 500).map(lambda k: k / 5), min_size=1, max_size=60)


def sobol(errors, diverged=0, absolute=False, **kwargs):
    (curve,) = curves(trials(errors, diverged=diverged, **kwargs).assign(design="sobol"), absolute=absolute)
    return curve


@pytest.mark.parametrize("confidence", [0.5, 0.95])
@pytest.mark.parametrize(
    ("kind", "theirs", "n"),
    [(KS, "ks", n) for n in (1, 2, 16, 64, 300)]
    + [(DKW, "dkw", n) for n in (1, 2, 16, 64, 300)]
    + [(EQUAL_PRECISION, "ld_equal_tailed", n) for n in (1, 2, 3, 16)],
)
def test_simultaneous_bands_are_opdas(kind, theirs, n, confidence):
    ys = np.random.default_rng(n).random(n)
    low, _, high = EmpiricalDistribution.confidence_bands(ys, confidence, a=-1.0, b=2.0, method=theirs)
    between = np.concatenate([[-0.5], np.sort(ys)])
    # opda finds the local level by simulation, so its limits are off by a little
    tolerance = 4e-3 if kind == EQUAL_PRECISION else 1e-6
    ours = band(edf(ys), kind, confidence)
    np.testing.assert_allclose(ours.at(between)[0], low.cdf(between), atol=tolerance)
    np.testing.assert_allclose(ours.at(between)[1], high.cdf(between), atol=tolerance)


@given(st.integers(1, 400), st.floats(0, 1), st.floats(0.5, 0.999))
@few
def test_pointwise_limits_are_statsmodels_exact_ones(n, share, confidence):
    k = round(share * n)
    theirs = proportion_confint(k, n, 1 - confidence, method="beta")
    low, high = count_limits(n, POINTWISE, confidence)
    np.testing.assert_allclose((low[k], high[k]), theirs, atol=1e-12)


@pytest.mark.parametrize("n", [1, 2, 5, 40, 300])
def test_staying_is_the_distribution_of_the_ks_statistic(n):
    i = np.arange(1, n + 1)
    for d in (0.6 / math.sqrt(n), 1.2 / math.sqrt(n)):
        both = staying(np.clip(i / n - d, 0, 1), np.clip((i - 1) / n + d, 0, 1))
        # scipy's two-sided one is an expansion above n = 140
        assert both == pytest.approx(stats.kstwo.cdf(d, n), abs=1e-9 if n < 140 else 2e-6)
        above = staying(np.clip(i / n - d, 0, 1), np.ones(n))
        assert above == pytest.approx(stats.ksone.cdf(d, n), abs=1e-9)


def test_staying_of_two_by_hand():
    # the square less the strips where the smaller is above 0.6 or the larger below 0.3
    assert staying(np.array([0.0, 0.3]), np.array([0.6, 1.0])) == pytest.approx(1 - 0.4**2 - 0.3**2)


@pytest.mark.parametrize("n", [1, 2, 16, 64, 256, 1000, 2000, 5000])
@pytest.mark.parametrize("confidence", [0.8, 0.95])
def test_equal_precision_bands_are_left_as_often_as_they_say(n, confidence):
    low, high = count_limits(n, EQUAL_PRECISION, confidence)
    # beyond 1,000 the level is carried on from below
    tolerance = 2e-5 if n <= bands.EXACT_UP_TO else 1e-3
    assert staying(low[1:], high[:-1]) == pytest.approx(confidence, abs=tolerance)


@pytest.mark.parametrize("n", [2, 16, 300])
def test_every_height_of_an_equal_precision_band_is_left_equally_often(n):
    low, high = count_limits(n, EQUAL_PRECISION)
    i = np.arange(1, n + 1)
    below, above = stats.beta.cdf(low[1:], i, n + 1 - i), stats.beta.sf(high[:-1], i, n + 1 - i)
    np.testing.assert_allclose(below, below[0], rtol=1e-6)
    np.testing.assert_allclose(above, below[0], rtol=1e-6)


@given(errors_lists, st.integers(0, 20), st.sampled_from(IID), st.floats(0.5, 0.99))
@few
def test_bands_hold_the_edf_and_rise(errors, diverged, kind, confidence):
    steps = edf(errors, n=len(errors) + diverged)
    found = band(steps, kind, confidence)
    at = np.concatenate([[-1.0], steps.x, [200.0]])
    low, high = found.at(at)
    share = steps.share(at)
    assert ((low >= 0) & (low <= share) & (share <= high) & (high <= 1)).all()
    assert low[0] == 0.0
    assert high[-1] == 1.0 or diverged
    assert (np.diff(found.low) >= 0).all()
    assert (np.diff(found.high) >= 0).all()


@given(st.integers(1, 200), st.sampled_from(IID), st.floats(0.3, 0.98), st.floats(0.001, 0.015))
@few
def test_bands_widen_with_confidence(n, kind, confidence, more):
    low, high = count_limits(n, kind, confidence)
    wider_low, wider_high = count_limits(n, kind, confidence + more)
    assert (wider_low <= low + 1e-12).all()
    assert (wider_high >= high - 1e-12).all()


def test_simultaneous_bands_are_wider_than_pointwise_ones():
    around = {kind: np.subtract(*count_limits(64, kind)[::-1]) for kind in IID}
    assert (around[EQUAL_PRECISION] > around[POINTWISE]).all()
    assert (around[DKW] >= around[KS]).all()
    assert around[EQUAL_PRECISION][0] < around[KS][0], "narrower at the ends"
    assert around[EQUAL_PRECISION][32] > around[KS][32], "and wider in the middle"


def test_large_samples_are_quick_and_narrow():
    for kind in IID:
        low, high = count_limits(20_000, kind)
        assert 0 < (high - low).max() < 0.03
    # the simultaneous band must be close to what Kolmogorov's limit gives
    assert count_limits(20_000, KS)[1][0] == pytest.approx(stats.kstwobign.ppf(0.95) / 20_000**0.5, rel=0.01)


def test_one_trial_says_nearly_nothing():
    for kind in (KS, EQUAL_PRECISION, POINTWISE):
        low, high = count_limits(1, kind)
        np.testing.assert_allclose(low, [0, 0.025])
        np.testing.assert_allclose(high, [0.975, 1])


def test_limits_step_where_the_edf_does():
    found = band(edf([3.0, 1.0, 1.0]), POINTWISE)
    low, high = count_limits(3, POINTWISE)
    np.testing.assert_array_equal(found.at([0.99, 1.0, 2.99, 3.0])[0], low[[0, 2, 2, 3]])
    np.testing.assert_array_equal(found.at([[0.99], [1.0], [2.99], [3.0]])[1], high[[[0], [2], [2], [3]]])


@pytest.mark.parametrize("absolute", [False, True])
def test_a_curves_band_counts_diverged_trials(absolute):
    (curve,) = curves(trials([5.0, 6.0, 7.0], diverged=5), absolute=absolute)
    found = curve_band(curve, POINTWISE)
    assert found.at(50.0 if absolute else 45.0) == pytest.approx(proportion_confint(3, 8, method="beta"))


def test_all_diverged_has_a_band_at_the_bottom():
    (curve,) = curves(trials([], diverged=16))
    assert curve_band(curve, POINTWISE).at(1e6) == pytest.approx(proportion_confint(0, 16, method="beta"))


def test_scramble_bands_are_students_between_the_scrambles():
    rng = np.random.default_rng(4)
    errors = rng.random(64) * 30
    found = curve_band(sobol(errors, absolute=True))
    assert (found.kind, found.confidence) == (SCRAMBLE, 0.95)
    counts = (errors.reshape(4, 16) <= 12.0).sum(1)
    # a tenth more variance of each count than they show
    width = stats.t.ppf(0.975, 3) * math.sqrt((counts.var(ddof=1) + 0.1) / 4) / 16
    share = counts.mean() / 16
    assert found.at(12.0) == pytest.approx((share - width, share + width))


@pytest.mark.parametrize("absolute", [False, True])
@pytest.mark.parametrize(("finished", "diverged"), [(64, 0), (50, 14), (10, 54), (55, 0), (0, 64), (41, 12)])
def test_scramble_bands_hold_the_edf(absolute, finished, diverged):
    rng = np.random.default_rng(finished)
    table = trials(np.round(5 + 20 * rng.random(finished), 1), diverged=diverged)
    order = rng.permutation(finished + diverged)
    table.loc[table["role"] == "point", "index"] = order
    (curve,) = curves(table.assign(design="sobol"), absolute=absolute)
    found = curve_band(curve)
    at = np.concatenate([[-10.0], curve.edf.x, [100.0]])
    low, high = found.at(at)
    share = curve.edf.share(at)
    assert ((low >= 0) & (low <= share) & (share <= high) & (high <= 1)).all()


def test_scrambles_that_agree_still_have_a_width():
    low, high = bands.scrambled_limits(np.tile([[1.0], [0.0]], (3, 8, 1)), 0.95)
    assert low[0] < 0.5 < high[0]


@pytest.mark.parametrize(
    ("design", "n", "kind", "words"),
    [
        ("grid", 16, None, ["vit_c_1mf-adamw-0", "grid", "not random"]),
        ("unknown", 16, None, ["is not known", "column design"]),
        ("sobol", 32, None, ["2 whole scrambles", "at least 3", "`n`"]),
        ("sobol", 64, KS, ["ks band", "iid", "sobol", "scramble"]),
        ("iid", 16, SCRAMBLE, ["scramble band", "sobol", "equal-precision, ks, dkw, pointwise"]),
        ("iid", 16, "wald", ["one of equal-precision", "'wald'"]),
    ],
)
def test_a_band_that_does_not_hold_is_refused(design, n, kind, words):
    (curve,) = curves(trials(np.arange(n) + 1.0).assign(design=design))
    problem = no_band(curve, kind)
    assert problem is not None
    with pytest.raises(AnalysisError) as caught:
        curve_band(curve, kind)
    assert str(caught.value) == problem
    assert all(word in problem for word in words), problem


@pytest.mark.parametrize("confidence", [0.0, 1.0, 95, -0.1, float("nan")])
@pytest.mark.parametrize("kind", IID)
def test_a_confidence_is_a_share(confidence, kind):
    with pytest.raises(AnalysisError, match=r"between 0 and 1, such as 0\.95, got"):
        count_limits(8, kind, confidence)


def test_no_trial_has_no_band():
    with pytest.raises(AnalysisError, match="at least one trial, got n = 0"):
        count_limits(0, KS)
    with pytest.raises(AnalysisError, match="a band is one of"):
        count_limits(4, "wald")


def test_labels_say_what_kind_of_promise_it_is():
    steps = edf([1.0, 2.0])
    assert band(steps, KS).label == "95 % confidence band, simultaneous (KS)"
    assert band(steps, EQUAL_PRECISION, 0.9).label == "90 % confidence band, simultaneous (equal-precision)"
    assert band(steps, POINTWISE).label == "95 % confidence band, pointwise"
    assert curve_band(sobol(np.arange(48.0))).label == "95 % confidence band, pointwise (scramble)"
