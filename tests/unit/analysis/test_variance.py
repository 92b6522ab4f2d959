import numpy as np
import pandas as pd
import pytest
import statsmodels.api as sm
from numpy.polynomial import legendre
from scipy import stats
from statsmodels.formula.api import ols

from analysis import AnalysisError, variance
from analysis.variance import seed_noise, variance_split


def grid(side):
    middle = (np.arange(side) + 0.5) / side
    return np.stack(np.meshgrid(middle, middle, indexing="ij"), axis=-1).reshape(-1, 2)


def values(split):
    return np.array([part.value for part in split])


def test_shares_of_a_surface_whose_variance_is_known():
    rng = np.random.default_rng(0)
    u = rng.random((4000, 2))
    p1, q1 = np.sqrt(3) * (2 * u - 1).T
    p2 = np.sqrt(5) * legendre.legval(2 * u[:, 0] - 1, [0, 0, 1])
    # the polynomials have variance 1 and are uncorrelated: 4 + 1, 1, 2.25 and 0.75 of 9
    e = 30 + 2 * p1 + p2 + q1 + 1.5 * p1 * q1 + rng.normal(0, np.sqrt(0.75), 4000)
    found = variance_split(u, e)
    np.testing.assert_allclose(values(found), np.array([5, 1, 2.25, 0.75]) / 9, atol=0.02)
    for part, truth in zip(found, np.array([5, 1, 2.25, 0.75]) / 9, strict=True):
        assert part.low < truth < part.high
        assert part.high - part.low < 0.08


def test_shares_on_a_grid_are_those_of_an_analysis_of_variance():
    rng = np.random.default_rng(1)
    u = grid(12)
    e = 5 + 20 * (u[:, 0] - 0.6) ** 2 + 6 * u[:, 0] * u[:, 1] + rng.normal(0, 0.1, len(u))
    rows = pd.DataFrame({"lr": u[:, 0].round(6), "wd": u[:, 1].round(6), "e": e})
    table = sm.stats.anova_lm(ols("e ~ C(lr) + C(wd)", rows).fit(), typ=2)["sum_sq"]
    found = variance_split(u, e)
    np.testing.assert_allclose(values(found)[:2], table[:2] / table.sum(), atol=0.02)
    np.testing.assert_allclose(values(found)[2:].sum(), table.iloc[2] / table.sum(), atol=0.02)


def _brute(u, e):
    """Fit with statsmodels, take off what noise adds to each squared coefficient."""
    lr, wd = ((2 * u - 1).T[i] for i in (0, 1))
    basis = [np.sqrt(2 * i + 1) * legendre.legval(lr, np.eye(4)[i]) for i in range(4)]
    other = [np.sqrt(2 * i + 1) * legendre.legval(wd, np.eye(4)[i]) for i in range(4)]
    terms = [(0, 0), (1, 0), (2, 0), (3, 0), (0, 1), (0, 2), (0, 3), (1, 1), (2, 1), (1, 2)]
    fit = sm.OLS(e, np.stack([basis[i] * other[j] for i, j in terms], 1)).fit()
    squares = fit.params**2 - fit.bse**2
    parts = np.array([squares[a:b].sum() for a, b in ((1, 4), (4, 7), (7, 10))] + [fit.mse_resid])
    return parts / np.maximum(parts, 0).sum()


@pytest.mark.parametrize("n", [20, 64, 150])
def test_shares_and_jackknife_by_brute_force(n, monkeypatch):
    monkeypatch.setattr(variance, "LIMITS_FROM", 0)
    rng = np.random.default_rng(n)
    u = rng.random((n, 2))
    e = 5 + 20 * (u[:, 0] - 0.6) ** 2 + 6 * u[:, 0] * u[:, 1] + rng.normal(0, 1, n)
    found = variance_split(u, e)
    whole = _brute(u, e)
    np.testing.assert_allclose(values(found), np.maximum(whole, 0), atol=1e-8)
    groups = min(n, variance.GROUPS)
    kept = [np.arange(n) % groups != group for group in range(groups)]
    without = np.array([_brute(u[some], e[some]) for some in kept])
    spread = np.sqrt((groups - 1) / groups * ((without - without.mean(0)) ** 2).sum(0))
    width = stats.t.ppf(0.975, groups - 1) * spread
    for part, value, half in zip(found, whole, width, strict=True):
        assert (part.low, part.high) == pytest.approx(
            tuple(np.clip([value - half, value + half], 0, 1)), abs=1e-8
        )


def test_shares_add_up_and_intervals_hold_them_with_a_cliff():
    rng = np.random.default_rng(3)
    u = rng.random((256, 2))
    errors = np.where(u[:, 0] > 0.8, 100.0, 5.0 + u[:, 1])
    found = variance_split(u, errors)
    assert values(found).sum() == pytest.approx(1)
    few = variance_split(u[:255], errors[:255])
    assert np.isnan([part[1:] for part in few]).all(), "at 255 trials there are shares, but no limits"
    assert values(few).sum() == pytest.approx(1)
    assert all(0 <= part.low <= part.value <= part.high <= 1 for part in found)
    assert values(found).argmax() == 0, "the cliff is one of lr"


@pytest.mark.parametrize("n", [1, 2, 19])
def test_too_few_trials_have_no_split(n):
    u = np.random.default_rng(0).random((n, 2))
    assert np.isnan(values(variance_split(u, np.arange(n) * 1.0))).all()


def test_the_same_error_everywhere_has_no_split():
    assert np.isnan(values(variance_split(grid(6), np.full(36, 100.0)))).all()


def test_points_on_a_line_have_no_split():
    u = np.random.default_rng(0).random((40, 2)) * [1, 0] + [0, 0.5]
    assert np.isnan(values(variance_split(u, np.arange(40.0)))).all()


def test_a_point_a_trial():
    with pytest.raises(AnalysisError, match=r"shapes \(4, 2\) and \(3,\)"):
        variance_split(np.ones((4, 2)), [1.0, 2.0, 3.0])


@pytest.mark.parametrize("k", [2, 5, 40])
def test_seed_noise_has_the_limits_that_a_test_of_it_just_accepts(k):
    same = np.random.default_rng(k).normal(5, 0.4, k)
    found = seed_noise(same, [5.0, 9.0, 30.0])
    assert found.seeds.value == pytest.approx(np.std(same, ddof=1))
    squares = (k - 1) * np.var(same, ddof=1)
    # two of 40 errors that are no counts lie close together: hardly any rounding
    near = {2: 0.2, 5: 0.05, 40: 1e-5}[k]
    assert stats.chi2.sf(squares / found.seeds.low**2, k - 1) == pytest.approx(0.025, abs=near)
    assert stats.chi2.cdf(squares / found.seeds.high**2, k - 1) == pytest.approx(0.025, rel=10 * near)
    assert found.points == pytest.approx(np.std([5, 9, 30], ddof=1))
    assert found.share == pytest.approx(np.var(same, ddof=1) / np.var([5, 9, 30], ddof=1))
    assert found.repeats == k


def test_seed_noise_needs_two_of_each():
    for same, all_points in (([5.0], [1.0, 2.0]), ([], [1.0, 2.0]), ([5.0, 6.0], [3.0])):
        found = seed_noise(same, all_points)
        assert np.isnan([*found.seeds, found.points, found.share]).all()
    assert np.isnan(seed_noise([5.0, 6.0], [3.0, 3.0]).share), "points that do not differ"
    assert seed_noise([5.0, 16.0], [3.0, 3.1]).share == 1.0
