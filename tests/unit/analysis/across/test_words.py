import numpy as np
import pytest
from support.analysed import by_metric
from support.analysed_recipes import on_recipes

from analysis import Metric, across_table, read_across, read_sweeps
from analysis.across import headlines

LOW, HIGH = np.linspace(11, 13, 30), np.linspace(14, 16, 30)
APART = {("ViT_C", "r"): LOW, ("ViT_P", "r"): HIGH, ("ViT_C", "s"): LOW, ("ViT_P", "s"): HIGH}
PAIRS = list(APART)


def found_of(errors, **changes):
    return read_across(read_sweeps(on_recipes(errors, **changes), any_metric=True))


def test_the_first_sentence_names_who_is_nearest_to_the_best_with_limits():
    first, second, *_ = headlines(found_of(APART))
    assert first == (
        "By the median best of 5 random trials, vit_c_1mf is nearest to the best model over 2 recipes: "
        "within 1 point of it on 2 of 2 (2 to 2), area under its performance profile up to 8 points "
        "1.00 (1.00 to 1.00)."
    )
    assert second == "vit_p_1mf: within 1 point of it on 0 of 2 (0 to 0), area 0.62 (0.62 to 0.62)."


def test_models_that_may_be_as_near_are_named():
    rng = np.random.default_rng(0)
    first = headlines(found_of({pair: rng.normal(12, 1, 64) for pair in PAIRS}))[0]
    assert "As near may be: vit_" in first


def test_where_all_are_alike_none_is_said_to_be_nearest_or_to_lose_most():
    first, second, third, fourth, plane, *_ = headlines(
        found_of({(f, r): [12.0] * 30 for f in ("ViT_C", "ViT_P", "RegNetY") for r in "rs"})
    )
    assert first.endswith("all models are equally near the best one over 2 recipes.")
    assert {line.split(":")[0] for line in (second, third, fourth)} == {
        "vit_c_1mf",
        "vit_p_1mf",
        "regnety_1mf",
    }
    assert plane.startswith("Away from its best, a trial of the box loses as much with every model on every")


def test_who_loses_least_and_most_is_said_with_limits():
    line = headlines(found_of(APART))[2]
    assert line.startswith("Away from its best, a trial of the box loses least with vit_c_1mf on r, 2.00 (")
    assert "most with vit_p_1mf on s, 5.00 (" in line


def test_one_setting_for_all_is_said_with_its_cost_on_each_recipe():
    """The trials of the support share their learning rates and weight decays."""
    line = headlines(found_of(APART))[3]
    assert line.startswith("vit_c_1mf with lr ")
    assert "for all, the cheapest of the 30 tried on all: 1.00 (" in line
    assert ") points on r, 1.00 (" in line


def test_where_no_point_is_common_that_is_said_once():
    table = on_recipes(APART)
    table.loc[table["recipe"] == "s", "lr"] *= 1.01
    lines = headlines(read_across(read_sweeps(table)))
    assert lines[-1].startswith("No learning rate and weight decay was tried on all 2 recipes")
    assert len(lines) == 4


def test_the_table_has_a_row_a_model_and_recipe_with_all_numbers():
    table = across_table(found_of(APART))
    assert list(table["contender"]) == ["vit_c_1mf"] * 2 + ["vit_p_1mf"] * 2
    assert list(table["recipe"]) == ["r", "s"] * 2
    assert list(table["cost"]) == pytest.approx([1, 1, 4, 4])
    assert list(table["behind"]) == pytest.approx([0, 0, 3, 3], abs=0.1)
    assert {"level_low", "loss_high", "area_low", "within_4_high", "lr", "best_of_5"} <= set(table)


def test_of_a_metric_of_which_more_is_better_values_are_shown():
    metric = Metric(name="F1", higher_better=True, low=0.0, high=1.0)
    table = by_metric(on_recipes(APART), metric, lambda errors: 1 - errors / 100)
    found = read_across(read_sweeps(table, any_metric=True))
    assert list(across_table(found)["level"]) == pytest.approx([0.9] * 4)
    assert "within 0.01 of it on 2 of 2" in headlines(found)[0]


def test_a_single_model_has_its_plane_and_common_point_but_no_profile():
    found = found_of({("ViT_C", "r"): LOW, ("ViT_C", "s"): LOW})
    assert found.profiles is None
    assert len(headlines(found)) == 2
    assert "area" not in across_table(found)
