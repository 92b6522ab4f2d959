import dataclasses

import numpy as np
import pandas as pd
import pytest
from scipy import stats
from support.analysed import repeated, trials
from support.analysed_pairs import sweeps

from analysis import compare, read_sweeps
from analysis.robustness import (
    Area,
    Contrast,
    Part,
    area_around,
    area_from,
    around_optimum,
    contrast,
    zero_part,
)
from analysis.sampling import Sampling
from analysis.summaries import area_scores

RNG = np.random.default_rng(6)
ERRORS = np.append(RNG.gamma(2, 2, 95).round(1) + 5, np.full(5, 100.0))
ZEROS = np.array([5.2, 4.8, 5.4])
NEAR = np.arange(100) < 10


def points(n, design="iid"):
    return Sampling("A", design, np.arange(n), 0.95)


def test_limits_are_in_order_where_the_points_are_far_better_than_the_optimum():
    """Counted from an optimum at 40 %, points at 10 % are better than an area can say."""
    found = Contrast(1.66, 1e-6, 60.0).interval(0.95)
    assert found.low <= found.value <= found.high
    assert Contrast(-1.66, 1e-6, 60.0).interval(0.95).low == -1.66
    assert Contrast(0.9, 1.0, 60.0).interval(0.95)[1:] == (-1.0, 1.0)


def test_the_area_from_the_optimum_is_the_mean_of_the_scores():
    area = area_from(5.0, ERRORS)
    scores = area_scores(ERRORS - 5.0, ERRORS)
    assert area.value == pytest.approx(scores.mean())
    np.testing.assert_allclose(area.influence, scores - scores.mean())
    raised = area_from(5.01, ERRORS).value - area.value
    assert area.slope == pytest.approx(raised / 0.01, rel=0.05)


def test_the_area_around_the_optimum_by_hand():
    near = np.array([True, True, False, False, False])
    errors = np.array([6.0, 100.0, 9.0, 30.0, 100.0])
    zeros = np.array([4.0, 6.0])  # mean 5: a trial around it counts as 13 at most
    zero = (6.0 + 13.0 + 4.0 + 6.0) / 4
    losses = [6.0 - zero, 8.0, 9.0 - zero, 8.0, 8.0]
    assert area_around(zeros, errors, near).value == pytest.approx(1 - np.mean(losses) / 8)
    nowhere = area_around(zeros, errors, np.zeros(5, dtype=bool)).value
    assert nowhere == pytest.approx(1 - np.mean([1.0, 8.0, 4.0, 8.0, 8.0]) / 8)


@pytest.mark.parametrize("near", [NEAR, np.zeros(100, dtype=bool), np.arange(100) % 4 == 0])
def test_the_influence_of_a_trial_is_what_the_area_changes_by_without_it(near):
    area = area_around(ZEROS, ERRORS, near)
    assert area.influence.mean() == pytest.approx(0, abs=1e-12)
    for i in range(0, 100, 7):
        kept = np.arange(100) != i
        # the weight of the points around the optimum stays as it was planned
        rest = area_around(ZEROS, ERRORS[kept], near[kept])
        if not near[i]:
            assert 99 * (area.value - rest.value) == pytest.approx(area.influence[i], abs=0.03)
    raised = area_around(ZEROS + 0.01, ERRORS, near).value - area.value
    assert area.slope == pytest.approx(raised / 0.01, abs=0.02)


def test_a_contrast_is_students_t_test_where_the_zeros_are_known():
    a, b = (area_from(zero, ERRORS[RNG.permutation(100)]) for zero in (5.0, 5.6))
    shared = contrast(a, b, [points(100)])
    scores = [area.influence + area.value for area in (a, b)]
    theirs = stats.ttest_rel(*scores)
    assert shared.p == pytest.approx(theirs.pvalue)
    assert shared.interval(0.95)[1:] == pytest.approx(tuple(theirs.confidence_interval(0.95)))
    apart = contrast(a, b, [points(100), points(100)])
    welch = stats.ttest_ind(*scores, equal_var=False)
    assert apart.p == pytest.approx(welch.pvalue)
    assert apart.dof == pytest.approx(welch.df)


def test_a_contrast_of_zeros_alone_is_welchs_test():
    flat = np.full(40, 9.0)
    zeros = [np.array([5.0, 5.4, 5.1]), np.array([6.0, 5.2, 6.1, 5.9])]
    areas = [area_from(float(z.mean()), flat) for z in zeros]
    parts = [zero_part(z, 0.0, area.slope) for z, area in zip(zeros, areas, strict=True)]
    found = contrast(*areas, [points(40), points(40)], parts)
    assert found.p == pytest.approx(stats.ttest_ind(*zeros, equal_var=False).pvalue)


def test_nothing_varies_and_nothing_is_claimed():
    same = Area(0.5, np.zeros(20), 0.1)
    assert contrast(same, same, [points(20)], [Part(0.0, 4.0)]).p == 1.0
    one = Area(0.5, np.zeros(1), 0.1)
    assert np.isnan(contrast(one, one, [points(1)]).p)
    grid = contrast(same, same._replace(value=0.2), [points(20, "grid")])
    assert grid.value == pytest.approx(0.3)
    assert np.isnan(grid.interval(0.95).low)


def test_points_around_the_optimum_are_the_nearest_tenth_on_a_log_scale():
    (sweep,) = sweeps(np.linspace(5, 9, 30))
    rows = np.arange(30)
    near = around_optimum(sweep, rows)
    at = np.log(sweep.optimum[["lr", "weight_decay"]].to_numpy(dtype=float))[0]
    places = np.log(sweep.points[["lr", "weight_decay"]].to_numpy(dtype=float))
    distance = (((places - at) / np.ptp(places, axis=0)) ** 2).sum(axis=1)
    assert sorted(np.flatnonzero(near)) == sorted(np.argsort(distance)[:3])
    assert around_optimum(sweep, rows[::-1])[::-1].tolist() == near.tolist()
    bare = dataclasses.replace(sweep, points=sweep.points.drop(columns="lr"))
    zero = dataclasses.replace(sweep, points=sweep.points.assign(weight_decay=0.0))
    assert not around_optimum(bare, rows).any()
    assert not around_optimum(zero, rows).any()


@pytest.mark.parametrize("n", [8, 12])
def test_a_difference_without_any_spread_has_a_p_value_that_agrees_with_its_limits(n):
    """All trials of one model are as good as its optimum, all of the other diverged."""
    good, bad = (area_from(5.0, np.full(n, error)) for error in (5.0, 100.0))
    for found in (contrast(good, bad, [points(n)]), contrast(bad, good, [points(n)] * 2)):
        assert found.variance == 0
        assert 0 < found.p < 0.05
        edge = found.interval(1 - found.p)
        assert min(abs(edge.low), abs(edge.high)) == pytest.approx(0, abs=1e-6)
    assert contrast(good, good, [points(n)]).p == 1


def alike_in_delta(n, zeros, *, level, rng, name):
    """A model whose errors rise from its optimum on; where that stands makes no difference to Δ."""
    u = rng.random((n, 2))
    away = np.abs(u - 0.6).sum(axis=1)
    table = trials(np.round(level + 1 + 6 * away + rng.normal(0, 0.2, n), 2), family=name, optimum=level)
    rows = table["role"] == "point"
    table.loc[rows, ["u_lr", "u_wd"]] = u
    table.loc[rows, ["lr", "weight_decay"]] = np.array([2e-3, 0.2]) * 32 ** (u - 0.6)
    return repeated(table, list(np.round(level + rng.normal(0, 0.1, zeros - 1), 2)))


@pytest.mark.parametrize(("few", "seeds"), [(16, 5), (200, 3)])
def test_models_alike_look_alike_with_other_numbers_of_points_or_seeds(few, seeds):
    """The zero from around the optimum counted the more, the more points there were."""
    rng, found = np.random.default_rng(0), []
    for _ in range(12):
        one = alike_in_delta(few, seeds, level=5.0, rng=rng, name="ViT_P")
        other = alike_in_delta(200, 12 if seeds == 3 else 5, level=7.0, rng=rng, name="ViT_C")
        (pair,) = compare(read_sweeps(pd.concat([one, other], ignore_index=True)))
        found.append(pair.area_around.value / np.sqrt(pair.area_around.variance))
    assert abs(np.mean(found)) < 1
