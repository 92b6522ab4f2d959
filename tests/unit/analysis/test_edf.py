import subprocess
import sys

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats
from support.analysed import repeated, trials

from analysis import AnalysisError, curves, edf, share_within

# Hundredths, so that ties and values that binary floats cannot hold are common.
errors_lists = st.lists(st.integers(0, 10_000).map(lambda k: k / 100), min_size=1, max_size=80)


@given(errors_lists)
def test_edf_is_scipys(errors):
    ours, theirs = edf(errors), stats.ecdf(errors).cdf
    np.testing.assert_array_equal(ours.x, theirs.quantiles)
    np.testing.assert_allclose(ours.y, theirs.probabilities, rtol=1e-14)
    at = np.concatenate([errors, np.linspace(-5, 105, 45)])
    np.testing.assert_allclose(ours.share(at), theirs.evaluate(at), rtol=1e-14)


@given(errors_lists, st.integers(0, 40))
def test_edf_rises_within_0_and_1_to_the_share_of_finite_trials(errors, diverged):
    n = len(errors) + diverged
    result = edf(errors, n=n)
    assert (np.diff(result.x) > 0).all()
    assert (np.diff(result.y) > 0).all()
    assert 0 < result.y[0] <= result.y[-1] == pytest.approx(len(errors) / n)
    assert result.n == n


@given(errors_lists, st.integers(0, 40), st.floats(-1, 101))
def test_share_counts(errors, diverged, at):
    n = len(errors) + diverged
    assert round(float(edf(errors, n=n).share(at)) * n, 6) == sum(e <= at for e in errors)


@given(errors_lists, st.floats(0.01, 1))
def test_quantile_is_numpys_inverted_cdf(errors, share):
    assert edf(errors).quantile(share) == np.quantile(errors, share, method="inverted_cdf")


def test_quantile_beyond_the_finite_trials_is_inf():
    assert edf([1.0, 2.0], n=4).quantile(0.5) == 2.0
    assert edf([1.0, 2.0], n=4).quantile(0.51) == np.inf


def test_share_is_right_continuous_and_keeps_the_shape():
    result = edf([1.0, 1.0, 3.0, 4.0])
    assert result.share(1.0).shape == ()
    np.testing.assert_array_equal(result.share([[0.999, 1.0], [2.999, 99.0]]), [[0.0, 0.5], [0.5, 1.0]])


@pytest.mark.parametrize(
    ("errors", "n", "word"),
    [
        ([1.0, np.nan], None, "1 of 2 NaN or infinite"),
        ([np.inf], None, "1 of 1 NaN or infinite"),
        ([], None, "0 errors and n = 0"),
        ([1.0, 2.0], 1, "2 errors and n = 1"),
        ([[1.0]], None, r"shape \(1, 1\)"),
    ],
)
def test_edf_refuses(errors, n, word):
    with pytest.raises(AnalysisError, match=word):
        edf(errors, n=n)


def test_diverged_trials_count():
    errors = [30.0] * 36 + [60.0] * 12
    (absolute,) = curves(trials(errors, diverged=16), absolute=True)
    assert absolute.edf.share(32.0) == 0.5625
    assert absolute.edf.share(99.9) == 0.75
    assert absolute.edf.share(100.0) == 1.0
    (relative,) = curves(trials(errors, diverged=16, optimum=29.0))
    assert relative.edf.share(3.0) == 0.5625
    assert relative.edf.share(1e6) == 0.75
    assert (relative.n, relative.diverged, relative.missing) == (64, 16, 0)


def test_trials_without_result_are_not_in_the_denominator():
    (curve,) = curves(trials([5.0, 6.0], diverged=2, missing=7))
    assert (curve.n, curve.missing) == (4, 7)
    assert curve.edf.share(0.0) == 0.25


def test_optimum_is_no_point_and_negative_delta_stays():
    (curve,) = curves(trials([3.5, 5.0, 9.0], optimum=5.0))
    np.testing.assert_array_equal(curve.edf.x, [-1.5, 0.0, 4.0])
    assert curve.n == 3
    assert (curve.relative, curve.optimum_err) == (True, 5.0)


@pytest.mark.parametrize("absolute", [False, True])
def test_delta_is_counted_from_the_mean_of_the_optimums_trials(absolute):
    table = repeated(trials([5.0, 6.5, 7.5, 12.0], optimum=5.0), [6.0, 8.5, np.nan])
    (curve,) = curves(table, absolute=absolute)
    np.testing.assert_array_equal(curve.zeros, [5.0, 6.0, 8.5])
    assert (curve.optimum_err, curve.optimum_missing, curve.n) == (6.5, 1, 4)
    if not absolute:
        np.testing.assert_array_equal(curve.edf.x, [-1.5, 0.0, 1.0, 5.5])
    np.testing.assert_array_equal(share_within(curve), [0.75, 0.75, 0.75, 1.0])


def test_a_zero_of_which_a_trial_diverged_is_none():
    table = repeated(trials([5.0]), [6.0, 100.0])
    with pytest.raises(AnalysisError, match="1 of the 3 trials there diverged: give a better optimum"):
        curves(table)
    (curve,) = curves(table, absolute=True)
    assert np.isnan(share_within(curve)).all()


def test_a_trial_exactly_4_points_off_is_within_4():
    assert 8.05 - 4.05 > 4
    (curve,) = curves(trials([8.05], optimum=4.05))
    assert share_within(curve, 4.0) == 1.0


def test_all_diverged_is_a_curve_at_0():
    (curve,) = curves(trials([], diverged=8))
    assert curve.edf.x.size == 0
    np.testing.assert_array_equal(share_within(curve), [0, 0, 0, 0])


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda t: t[t["role"] == "point"], ["not in the table", "sweep run", "`absolute`"]),
        (lambda t: t.assign(state=["finished", "running"]), ["is running", "sweep run", "`absolute`"]),
        (
            lambda t: t.assign(state=["finished", "diverged"], top1_err=[5.0, 100.0]),
            ["diverged", "`lr`"],
        ),
    ],
)
def test_delta_needs_an_optimum_with_a_finite_result(change, words):
    table = change(trials([5.0]))
    with pytest.raises(AnalysisError) as caught:
        curves(table)
    assert all(word in str(caught.value) for word in [*words, "vit_c_1mf"]), str(caught.value)
    (curve,) = curves(table, absolute=True)
    assert curve.edf.share(5.0) == 1.0
    assert np.isnan(share_within(curve)).all()


@settings(max_examples=40)
@given(errors_lists, st.integers(0, 10_000).map(lambda k: k / 100), st.integers(0, 9))
def test_share_within_is_the_same_of_both_kinds_of_curve(errors, optimum, diverged):
    table = trials(errors, optimum=optimum, diverged=diverged)
    within = [share_within(curves(table, absolute=flag)[0]) for flag in (False, True)]
    if optimum < 100:
        np.testing.assert_allclose(within[0], within[1], atol=1e-12)
    counts = [sum(round(e - optimum, 6) <= d for e in errors) for d in (1, 2, 4, 8)]
    np.testing.assert_allclose(within[0] * (len(errors) + diverged), counts, atol=1e-9)


def test_import_is_light():
    heavy = ["ray", "mlflow", "torch", "timm", "matplotlib", "sweep", "search_spaces"]
    code = f"import analysis, sys; print([m for m in {heavy} if m in sys.modules])"
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert out.stdout.strip() == "[]"
