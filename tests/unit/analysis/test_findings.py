"""The ranking and the findings: what the summaries and comparisons say, in words."""

import numpy as np
import pandas as pd
import pytest
from support.analysed import repeated, trials

from analysis import compare, read_sweeps, summarise
from analysis.findings import findings, listed, ranking

RNG = np.random.default_rng(1)
NEAR, FAR = RNG.uniform(5, 8, 64), RNG.uniform(5, 40, 64)


def analysed(*tables, seeds=(4.9, 5.1, 5.0, 5.05)):
    if seeds:
        tables = [repeated(table, seeds) for table in tables]
    sweeps = read_sweeps(pd.concat(tables, ignore_index=True))
    pairs = {}
    for optimizer in dict.fromkeys(sweep.optimizer for sweep in sweeps):
        own = [sweep for sweep in sweeps if sweep.optimizer == optimizer]
        pairs |= {optimizer: compare(own)} if len(own) > 1 else {}
    return [summarise(sweep) for sweep in sweeps], pairs


def two(**kwargs):
    return analysed(trials(FAR, family="ViT_P"), trials(NEAR, family="ViT_C"), **kwargs)


def test_the_most_robust_is_first_with_the_share_within_four_points():
    first, last = ranking(two()[0])
    share = 100 * np.mean(FAR - 5.01 <= 4)
    assert (first.word, last.word) == ("robust", "sensitive")
    assert first.text == "100 % of its trials within 4 points of its optimum"
    assert last.text.startswith(f"{share:.0f} % of its trials")
    assert first.note == "94 to 100 % at 95 % confidence; 5.0 % error at the optimum, 64 trials"


@pytest.mark.parametrize(("near", "word"), [(60, "robust"), (50, "less robust"), (38, "sensitive")])
def test_the_word_depends_on_that_share_alone(near, word):
    errors = np.concatenate([np.full(near, 6.0), np.full(64 - near, 30.0)])
    (rank,) = ranking(analysed(trials(errors))[0])
    assert rank.word == word


def test_a_grid_has_no_limits_and_a_diverged_optimum_no_rank():
    grid = trials(NEAR).assign(design="grid")
    lost = trials(FAR, family="ViT_P")
    lost.loc[lost["role"] == "optimum", ["state", "top1_err"]] = ["diverged", 100.0]
    (rank,) = ranking(analysed(grid, lost, seeds=())[0])
    assert rank.note == "5.0 % error at the optimum, 64 trials"


def test_the_answer_comes_first_then_the_error_and_what_decides_it():
    found = findings(*two())
    assert found[0].startswith("Take vit_c_1mf rather than vit_p_1mf, with 1 to ")
    assert found[1] == "vit_c_1mf is more robust than vit_p_1mf."
    assert any("random trial" in text for text in found)
    assert findings(*two(), most=1) == found[:1]


def test_what_is_not_shown_is_not_claimed():
    same = analysed(trials(FAR, family="ViT_P"), trials(FAR + 0.01, family="ViT_C"))
    assert findings(*same)[1] == "No model is shown to be more robust than another."
    assert findings(*two(seeds=()))[1].startswith("Which model is the more robust is not tested: ")


def test_pairs_without_a_difference_are_named():
    table = trials(NEAR + RNG.normal(0, 0.01, 64), family="RegNetY")
    found = findings(*analysed(trials(FAR, family="ViT_P"), trials(NEAR, family="ViT_C"), table))
    assert found[1] == (
        "vit_c_1mf is more robust than vit_p_1mf; regnety_1mf is more robust than vit_p_1mf. No difference "
        "in robustness is shown between vit_c_1mf and regnety_1mf."
    )


def test_each_optimizer_is_named_where_there_are_several():
    one = [trials(FAR, family="ViT_P"), trials(NEAR, family="ViT_C")]
    found = findings(
        *analysed(*one, *(table.assign(optimizer="sgd", sweep=table["sweep"] + "s") for table in one))
    )
    assert found[2].startswith("With AdamW: vit_c_1mf is more robust")
    assert found[3].startswith("With SGD: vit_c_1mf is more robust")


def test_diverged_points_are_counted():
    (lost,) = findings(*analysed(trials(np.full(60, 6.0), diverged=4)))[:1]
    assert lost.startswith("4 of 64 points of vit_c_1mf diverged, from a learning rate of ")
    table = trials(np.full(60, 6.0), diverged=4).assign(lr=np.nan)
    (lost,) = findings(*analysed(table))[:1]
    assert lost == "4 of 64 points of vit_c_1mf diverged; they count as 100 % error."


@pytest.mark.parametrize(
    ("by", "name", "other"),
    [("u_lr", "learning rate", "weight decay"), ("u_wd", "weight decay", "learning rate")],
)
def test_what_decides_about_the_errors_is_named(by, name, other):
    table = trials(NEAR)
    table["top1_err"] = (10 + 30 * table[by]).fillna(5.0)
    (decides,) = findings(*analysed(table))
    assert decides == (
        f"The {name} explains 100 % (vit_c_1mf) of the variance of the errors over the box, the {other} "
        "less than 1 %."
    )


def test_lists_of_names():
    assert listed([]) == ""
    assert listed(["a"]) == "a"
    assert listed(list("abcd")) == "a, b, c and d"
    assert listed(list("abcde")) == "a, b, c and 2 others"
