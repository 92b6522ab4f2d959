import pandas as pd
import pytest
from support.analysed_recipes import on_recipes

from analysis import AnalysisError, read_sweeps
from analysis.across import line_up

FOUR = [11.0, 12.0, 13.0, 14.0]


def lined_up(*pairs, **changes):
    return line_up(read_sweeps(on_recipes(dict.fromkeys(pairs, FOUR), **changes)))


def test_a_model_contends_if_it_was_swept_on_every_recipe():
    found = lined_up(("ViT_C", "r"), ("ViT_C", "s"), ("ViT_P", "r"), ("RegNetY", "r"), ("RegNetY", "s"))
    assert found.recipes == ("r", "s")
    assert [each.name for each in found.contenders] == ["vit_c_1mf", "regnety_1mf"]
    assert [[s.recipe for s in each.sweeps] for each in found.contenders] == [["r", "s"]] * 2
    assert found.left_out == ("vit_p_1mf on r",)


def test_contenders_with_other_optimizers_are_named_by_them():
    table = on_recipes(dict.fromkeys([("ViT_C", "r"), ("ViT_C", "s")], FOUR))
    other = table.assign(optimizer="sgd", sweep=table["sweep"] + "-sgd")
    found = line_up(read_sweeps(pd.concat([table, other])))
    assert [each.name for each in found.contenders] == ["vit_c_1mf with AdamW", "vit_c_1mf with SGD"]


@pytest.mark.parametrize(
    ("pairs", "message"),
    [
        ([("ViT_C", "r"), ("ViT_P", "r")], "takes at least two, got r: sweep the same models on another"),
        ([("ViT_C", "r"), ("ViT_P", "s")], "r has vit_c_1mf; s has vit_p_1mf"),
    ],
)
def test_what_shares_no_recipes_is_refused_with_what_there_is(pairs, message):
    with pytest.raises(AnalysisError, match=message):
        lined_up(*pairs)


def test_two_sweeps_of_a_model_on_one_recipe_are_refused_by_name():
    table = on_recipes(dict.fromkeys([("ViT_C", "r"), ("ViT_C", "s")], FOUR))
    twice = table[table["recipe"] == "s"].assign(sweep="again")
    with pytest.raises(AnalysisError, match=r"got several: ViT_C-s, again\. Choose with `sweep` ID"):
        line_up(read_sweeps(pd.concat([table, twice])))
