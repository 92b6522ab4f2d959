import math

import numpy as np
import pytest
from support.analysed import by_metric
from support.analysed_recipes import on_recipes

from analysis import AnalysisError, Metric, read_sweeps
from analysis.across import line_up, performance_profiles
from analysis.across.profile import LEAST_TRIALS, score

RNG = np.random.default_rng(3)
SPREAD = RNG.normal(15, 2, 64).round(1)


def lineup(errors, **changes):
    return line_up(read_sweeps(on_recipes(errors, **changes)))


def profiles(errors, **changes):
    by_factor = changes.pop("by_factor", False)
    found = performance_profiles(lineup(errors, **changes), by_factor=by_factor)
    return {profile.name: profile for profile in found.profiles}


CONSTANT = {
    ("ViT_C", "r"): [10.0] * 30,
    ("ViT_P", "r"): [12.0] * 30,
    ("ViT_C", "s"): [20.0] * 30,
    ("ViT_P", "s"): [16.0] * 30,
}


def test_a_profile_is_the_share_of_recipes_within_a_tolerance_and_its_area():
    """By hand: behind the best 0 and 4 points, and 2 and 0."""
    found = profiles(CONSTANT)
    assert [b.value for b in found["vit_c_1mf"].behind] == [0, 4]
    assert {step: share.value for step, share in found["vit_c_1mf"].within.items()} == {
        1: 0.5,
        2: 0.5,
        4: 1,
        8: 1,
    }
    assert found["vit_c_1mf"].area == pytest.approx((0.75, 0.75, 0.75))
    assert found["vit_p_1mf"].area == pytest.approx((0.875, 0.875, 0.875))
    assert list(found) == ["vit_p_1mf", "vit_c_1mf"]  # the largest area first


def test_a_profile_by_factors_is_that_of_ratios_up_to_4():
    found = profiles(CONSTANT, by_factor=True)
    assert [b.value for b in found["vit_c_1mf"].behind] == [1, 1.25]
    assert found["vit_p_1mf"].area.value == pytest.approx((1 + (4 - 1.2) / 3) / 2)
    assert found["vit_c_1mf"].within[1.1].value == 0.5


def test_a_score_is_the_median_of_the_best_of_five():
    best = RNG.choice(SPREAD, (200_000, 5)).min(axis=1)
    assert score(SPREAD) == pytest.approx(np.median(best), abs=1e-9)
    assert score(np.array([5.0, 100.0])) == 5.0
    assert math.isinf(score(np.full(9, np.inf)))


def test_models_at_shared_points_are_resampled_together():
    shifted = {
        ("ViT_C", "r"): SPREAD,
        ("ViT_P", "r"): SPREAD + 1,
        ("ViT_C", "s"): SPREAD,
        ("ViT_P", "s"): SPREAD + 1,
    }
    together = profiles(shifted)["vit_p_1mf"].behind[0]
    assert together == pytest.approx((1, 1, 1))
    table = on_recipes(shifted)
    rows = table["model"] == "vit_p_1mf"
    table.loc[rows, "u_lr"] = (table.loc[rows, "u_lr"] + 0.1) % 1
    found = performance_profiles(line_up(read_sweeps(table)))
    apart = next(each for each in found.profiles if each.name == "vit_p_1mf").behind[0]
    assert apart.high - apart.low > 0.5


def test_models_that_are_alike_can_all_be_the_best_everywhere():
    """The best of equal ones is so by luck: plain bootstraps exclude that all are."""
    rng = np.random.default_rng(4)
    errors = {(f, f"r{i}"): rng.normal(15, 2, 64) for f in ("ViT_C", "ViT_P", "RegNetY") for i in range(6)}
    table = on_recipes(errors)
    for place, (_, rows) in enumerate(table.groupby("sweep")):
        points = rows.index[rows["role"] == "point"]
        table.loc[points, ["u_lr", "u_wd"]] = np.random.default_rng(place).random((len(points), 2))
    found = performance_profiles(line_up(read_sweeps(table))).profiles
    assert all(each.area.value < 0.99 for each in found)
    assert all(each.area.high == 1 for each in found)


def test_too_few_trials_and_points_of_a_grid_have_no_limits_and_say_why():
    few = performance_profiles(
        lineup({pair: errors[: LEAST_TRIALS - 1] for pair, errors in CONSTANT.items()})
    )
    assert "has 26 trials with a result, and limits take 27" in few.no_limits
    assert math.isnan(few.profiles[0].area.low)
    grid = performance_profiles(lineup(CONSTANT, design="grid"))
    assert "is a grid" in grid.no_limits
    assert performance_profiles(lineup(CONSTANT, design="sobol")).no_limits is None


def test_without_a_bound_a_model_whose_trials_all_diverged_is_infinitely_far_behind():
    metric = Metric(name="loss", unit="nats")
    lost = dict(CONSTANT) | {("ViT_C", "r"): [np.nan] * 30, ("ViT_C", "s"): [np.nan] * 30}
    table = by_metric(on_recipes(lost), metric)
    found = performance_profiles(line_up(read_sweeps(table, any_metric=True))).profiles
    assert [each.name for each in found] == ["vit_p_1mf", "vit_c_1mf"]
    assert found[1].area == (0, 0, 0)
    assert found[0].area == (1, 1, 1)
    assert [behind.value for behind in found[1].behind] == [math.inf, math.inf]


@pytest.mark.parametrize(
    ("errors", "by_factor", "message"),
    [
        (
            {("ViT_C", "r"): [1.0] * 30, ("ViT_C", "s"): [1.0] * 30},
            False,
            "at least two models .* got vit_c_1mf",
        ),
        ({pair: [0.0] * 30 for pair in CONSTANT}, True, "a factor takes values above 0 .* the least 0"),
    ],
)
def test_what_has_no_profile_is_refused(errors, by_factor, message):
    with pytest.raises(AnalysisError, match=message):
        profiles(errors, by_factor=by_factor)
