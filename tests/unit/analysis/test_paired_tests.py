import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from analysis.paired_tests import points_needed, share_difference, sign_flip, signed_rank

few = settings(max_examples=25)
steps = st.integers(-40, 40).map(lambda k: k / 5)
some = st.lists(steps, min_size=1, max_size=70)


def flips(weights):
    """Every sign change of weights, by brute force: the two-sided p-value of their sum."""
    sums = [abs(np.dot(signs, weights)) for signs in itertools.product([-1, 1], repeat=len(weights))]
    return np.mean(np.array(sums) >= abs(sum(weights)) - 1e-9)


@given(st.lists(steps, min_size=1, max_size=9))
@few
def test_small_samples_by_brute_force(d):
    # Pratt: zeros are ranked among the others, and count for neither side
    assert signed_rank(d) == pytest.approx(flips(np.sign(d) * stats.rankdata(np.abs(d))))
    assert sign_flip(d) == pytest.approx(flips(np.array(d)))


@pytest.mark.parametrize(
    ("n", "tied"), [*((n, False) for n in (2, 8, 13, 14, 40, 51, 500)), (14, True), (51, True), (500, True)]
)
def test_signed_rank_is_scipys(n, tied):
    rng = np.random.default_rng(n)
    d = rng.normal(0.4, 1, n)
    d = np.round(d * 5) / 5 if tied else d
    assert signed_rank(d) == pytest.approx(stats.wilcoxon(d, zero_method="pratt").pvalue)


@pytest.mark.parametrize("n", [14, 40, 256, 257, 1500])
@pytest.mark.parametrize("shift", [0.0, 0.15])
def test_sign_flip_is_a_permutation_of_samples(n, shift):
    d = np.random.default_rng(n).standard_t(2, n) + shift
    theirs = stats.permutation_test(
        (d,), np.mean, permutation_type="samples", n_resamples=1_999, rng=np.random.default_rng(1)
    )
    spread = 4 * np.sqrt(theirs.pvalue / 2_000) + 1e-3
    assert sign_flip(d) == pytest.approx(theirs.pvalue, abs=spread)


def test_a_few_outliers_among_many_are_flipped_one_by_one():
    # eight models' cliffs: the sum is 8 times ±100, its distribution far from normal
    d = np.concatenate([np.full(8, 100.0), np.random.default_rng(0).normal(0, 0.3, 3000)])
    assert sign_flip(d) == pytest.approx(2 / 2**8, abs=2e-3)


@given(some)
@few
def test_p_values_are_two_sided_and_above_0(d):
    for test in (signed_rank, sign_flip):
        p = test(d)
        assert 0 < p <= 1
        swapped = test([-x for x in d])
        assert swapped == pytest.approx(p, abs=1e-12 if test is signed_rank or len(d) <= 13 else 0.025)


@pytest.mark.parametrize("n", [1, 2, 16, 300])
def test_no_difference_at_all(n):
    assert signed_rank(np.zeros(n)) == sign_flip(np.zeros(n)) == 1.0
    assert points_needed(np.zeros(n)) == np.inf


def test_one_or_two_points_show_nothing():
    assert signed_rank([5.0]) == sign_flip([5.0]) == 1.0
    assert signed_rank([5.0, 6.0]) == sign_flip([5.0, 6.0]) == 0.5


def test_large_samples_are_tested_quickly():
    d = np.random.default_rng(0).normal(0.1, 1, 10_000)
    assert signed_rank(d) < 1e-10
    assert sign_flip(d) == 1e-4, "no smaller one is to be had from 9,999 sign changes"


def table(both, only_a, only_b, neither):
    counts = (both, only_a, only_b, neither)
    return np.repeat([True, True, False, False], counts), np.repeat([True, False, True, False], counts)


@pytest.mark.parametrize(
    ("counts", "limits"),
    [
        ((36, 12, 2, 0), (0.0569, 0.3404)),  # Newcombe 1998, Statistics in Medicine 17:2643, table II
        ((0, 0, 0, 50), (-0.0714, 0.0714)),
    ],
)
def test_a_difference_of_shares_has_newcombes_limits(counts, limits):
    assert share_difference(*table(*counts), 0.95)[1:] == pytest.approx(limits, abs=1.5e-4)


@given(st.lists(st.tuples(st.booleans(), st.booleans()), min_size=1, max_size=60))
@few
def test_a_difference_of_shares_lies_within_its_limits(rows):
    a, b = np.array(rows).T
    value, low, high = share_difference(a, b, 0.95)
    assert -1 <= low <= value <= high <= 1
    assert share_difference(b, a, 0.95) == pytest.approx((-value, -high, -low))


@pytest.mark.parametrize("shift", [0.3, 0.6])
def test_as_many_points_as_needed_have_the_power(shift):
    rng = np.random.default_rng(0)
    n = points_needed(rng.normal(shift, 1, 5_000))
    d = rng.normal(shift, 1, (2_000, int(n)))
    power = (stats.wilcoxon(d, axis=1, method="asymptotic").pvalue <= 0.05).mean()
    assert 0.77 < power < 0.88, "Noether's formula asks for a little too many where few are needed"
