import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from analysis.any_difference import pairs, two_samples
from analysis.edf import edf

RNG = np.random.default_rng(4)
few = settings(max_examples=25)
errors = st.lists(st.integers(0, 50).map(lambda k: 2.0 * k), min_size=2, max_size=40)


def compared(a, b, *, paired):
    return pairs(a, b, np.round(a - b, 9)) if paired else two_samples(a, b)


@given(errors, st.booleans(), st.data())
@few
def test_shares_are_those_of_the_edfs_and_swap_with_the_models(a, paired, data):
    a = np.array(a)
    b = np.array(data.draw(st.lists(st.sampled_from([2.0, 50.0, 100.0]), min_size=len(a), max_size=len(a))))
    found, other = compared(a, b, paired=paired), compared(b, a, paired=paired)
    np.testing.assert_allclose(found.share_a, edf(a).share(found.at))
    np.testing.assert_allclose(found.share_b, edf(b).share(found.at))
    assert 0 < found.p <= 1
    assert (found.at < 100).all()
    np.testing.assert_allclose(found.p_at, other.p_at, atol=0.03)
    assert found.p <= found.p_at.min(initial=1.0)


@pytest.mark.parametrize("paired", [True, False])
@pytest.mark.parametrize("a", [np.full(30, 7.0), np.full(30, 100.0), np.tile([3.0, 100.0], 15)])
def test_equal_samples_do_not_differ(paired, a):
    found = compared(a, a.copy(), paired=paired)
    assert found.p == 1.0
    assert found.stretches(0.05) == []


@pytest.mark.parametrize("paired", [True, False])
@pytest.mark.parametrize("n", [1, 2, 3])
def test_two_or_three_trials_show_nothing(paired, n):
    assert compared(np.arange(n) + 1.0, np.arange(n) + 50.0, paired=paired).p > 0.05


@pytest.mark.parametrize("paired", [True, False])
def test_one_outlier_is_no_difference(paired):
    a = RNG.normal(10, 1, 64)
    b = RNG.permutation(a) if not paired else a + RNG.normal(0, 0.1, 64)
    b[0] = 99.0
    assert compared(a, b, paired=paired).p > 0.05


@pytest.mark.parametrize("n", [10, 150])
def test_a_small_sample_beside_a_large_one_is_not_told_apart_by_luck(n):
    """Among few trials, one that is the best of all is no wonder: a normal limit would call it one."""
    rng, found = np.random.default_rng(n), 0
    for _ in range(30):
        b = np.where(rng.random(800) < 0.004, 100.0, rng.normal(10, 2, 800))
        found += two_samples(rng.normal(10, 2, n), b).p <= 0.05
    assert found <= 6, "of 30, 1 or 2 are expected"
    assert two_samples(rng.normal(10, 2, n), rng.normal(14, 2, 800)).p <= 1e-3


def test_equal_medians_with_different_tails_differ_on_both_sides():
    narrow, wide = RNG.normal(30, 2, 200), RNG.normal(30, 12, 200)
    found = two_samples(narrow, wide)
    assert found.p <= 1e-4
    low, high = found.stretches(0.01)
    assert (low.a_leads, high.a_leads) == (False, True)
    assert low.from_err < low.at_err < low.to_err < 30 < high.from_err < high.to_err


def test_a_difference_in_divergence_alone_reaches_the_last_error():
    a = np.concatenate([np.linspace(3, 9, 60), np.full(40, 100.0)])
    b = np.concatenate([np.linspace(3, 9, 90), np.full(10, 100.0)])
    (stretch,) = two_samples(a, b).stretches(0.05)
    assert stretch.to_the_last
    assert not stretch.a_leads
    assert stretch.to_err == 9.0


@pytest.mark.parametrize("by", [0.0, 0.4, 0.9])
def test_the_p_value_is_scipys_of_the_largest_statistic(by):
    """A tenth of one model's trials diverge, a fifth of the other's; ties are common."""
    rng = np.random.default_rng(4)
    a, b = rng.normal(10, 1, 20).round(), (rng.normal(10, 1, 25) + by).round()
    a[:2], b[:5] = 100.0, 100.0
    both = np.concatenate([a, b])
    found = two_samples(a, b)
    at = found.at
    columns = np.column_stack([*(both <= error for error in at), stats.rankdata(both)]).astype(float)
    columns = (columns - columns.mean(axis=0)) / columns.std(axis=0)

    def largest(of_a, of_b):
        means = (columns[rows.astype(int)].mean(axis=0) for rows in (of_a, of_b))
        return float(np.abs(np.subtract(*means)).max())

    rows = np.arange(45)
    theirs = stats.permutation_test(
        (rows[:20], rows[20:]), largest, vectorized=False, n_resamples=1_999, alternative="greater", rng=1
    ).pvalue
    assert found.p == pytest.approx(theirs, abs=3 * np.sqrt(theirs * (1 - theirs) / 2_000) + 0.001)
