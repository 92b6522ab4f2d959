import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from analysis import permutation
from analysis.permutation import pairs, two_samples

few = settings(max_examples=20)
steps = st.integers(-20, 20).map(lambda k: k / 5)


def largest_of_all_signs(columns):
    """The p-value of the largest statistic, by trying every choice of signs."""
    unit = columns / np.sqrt((columns**2).sum(axis=0))
    signs = np.array(list(itertools.product([-1, 1], repeat=len(columns))))
    return np.mean(np.abs(signs @ unit).max(axis=1) >= np.abs(unit.sum(axis=0)).max() - 1e-9)


@given(st.lists(st.tuples(steps, steps), min_size=2, max_size=9))
@few
def test_few_pairs_by_brute_force(rows):
    columns = np.array(rows)
    columns = columns[:, np.abs(columns).sum(axis=0) > 0]
    if columns.size:
        assert pairs(columns).any_difference == pytest.approx(largest_of_all_signs(columns))
    else:
        assert pairs(columns).any_difference == 1.0


@pytest.mark.parametrize("shift", [0.0, 0.5, 1.0])
def test_one_column_of_two_samples_is_scipys_permutation_test(shift):
    rng = np.random.default_rng(3)
    a, b = rng.normal(0, 1, 20), rng.normal(shift, 1, 30)
    theirs = stats.permutation_test(
        (a, b), lambda x, y: x.mean() - y.mean(), n_resamples=9_999, rng=np.random.default_rng(1)
    )
    found = two_samples(np.concatenate([a, b])[:, None], 20)
    assert found.any_difference == pytest.approx(theirs.pvalue, abs=4 * np.sqrt(theirs.pvalue / 1e4) + 1e-3)
    assert np.sign(found.statistic[0]) == np.sign(a.mean() - b.mean())


@pytest.mark.parametrize("test", [pairs, lambda columns: two_samples(columns, 40)])
def test_p_values_are_adjusted_step_by_step(test):
    rng = np.random.default_rng(0)
    columns = rng.normal(0, 1, (80, 5))
    columns[:40, 0] += 2.0
    columns[:, 1] = 0.0 if test is pairs else 7.0
    found = test(columns)
    assert found.p[1] == 1.0, "a column without any spread shows nothing"
    order = np.argsort(-np.abs(found.statistic))
    assert (np.diff(found.p[order]) >= 0).all()
    for column in (0, 2, 3, 4):
        assert found.p[column] >= test(columns[:, [column]]).p[0] - 0.02
    alone = test(columns[:, [2, 3, 4]]).any_difference
    rest = min(found.p[[2, 3, 4]])
    assert rest == pytest.approx(max(alone, found.p[0]), abs=0.02), "what was rejected no longer counts"


@pytest.mark.parametrize("paired", [True, False])
def test_the_limit_for_many_trials_is_that_of_few(paired, monkeypatch):
    rng = np.random.default_rng(5)
    x = np.concatenate([rng.normal(0, 1, 300), rng.normal(0.15, 1, 300)])
    columns = (x[:, None] <= np.linspace(-1.5, 1.5, 9)) - (0.5 if paired else 0.0)
    test = pairs if paired else lambda columns: two_samples(columns, 300)
    one_by_one = test(columns)
    monkeypatch.setattr(permutation, "LIMIT_FROM", 500)
    limit = test(columns)
    np.testing.assert_allclose(limit.statistic, one_by_one.statistic)
    np.testing.assert_allclose(limit.p, one_by_one.p, rtol=0.12, atol=0.01)
