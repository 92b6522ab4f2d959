import dataclasses
import math
import re

import numpy as np
import pandas as pd
import pytest
from support.analysed import by_metric, trials
from support.analysed_pairs import A, B, apart, sweeps

from analysis import Metric, advice, answers, compare, comparison_table, read_sweeps, sentences, summarise
from analysis.compare import ANY
from analysis.findings import findings
from analysis.words import p_value

RNG = np.random.default_rng(0)
ZEROS = [[5.2, 4.8, 5.0, 5.1], [4.9, 5.1, 5.0, 5.1]]


def found(*args, make=sweeps, **kwargs):
    (pair,) = compare(make(*args, **kwargs))
    return pair, {each.question: each for each in answers(pair)}


def test_which_to_take_is_said_with_how_often_it_wins_and_then_the_evidence():
    pair, said = found(A, A + np.linspace(1, 3, 48), zeros=ZEROS)
    take = said["take"]
    assert take.settled
    last = int(pair.budgets.k[-1])
    assert take.sentence.startswith(
        f"Take vit_p_1mf rather than vit_c_1mf, with 1 to {last} random trials of each. One random trial of "
        "vit_p_1mf beats one of vit_c_1mf in "
    )
    assert (
        f"vit_p_1mf leads by {-pair.median_diff.value:.2f} ({-pair.median_diff.high:.2f} to " in take.evidence
    )
    assert f"Wilcoxon p = {p_value(pair.tests['Wilcoxon'])}" in take.evidence
    assert "better at 100 % (94–100) of the shared points" in take.evidence
    assert said["robust"].sentence == "vit_p_1mf is more robust than vit_c_1mf"
    assert said["where"].sentence.startswith("More trials of vit_p_1mf than of vit_c_1mf reach errors from ")
    assert said["enough"].settled


def test_the_winner_is_named_whichever_comes_first():
    _, said = found(A + 2, A, zeros=ZEROS)
    assert said["take"].sentence.startswith("Take vit_c_1mf rather than vit_p_1mf")
    assert "vit_c_1mf leads by 2.00 (2.00 to 2.00)" in said["take"].evidence
    assert said["robust"].sentence == "vit_c_1mf is more robust than vit_p_1mf"


def test_no_difference_is_said_with_what_it_would_take():
    one, other = np.random.default_rng(0).normal(0, 1, (2, 48)).round(2)
    pair, said = found(A + one, A + other, zeros=ZEROS)
    assert not any(each.settled for each in said.values())
    assert (
        "vit_p_1mf and vit_c_1mf are not told apart in their errors at n = 48. One random"
        in said["take"].sentence
    )
    assert f"about {math.ceil(pair.needed):,} shared points" in said["enough"].sentence or (
        "more than 10,000" in said["enough"].sentence
    )
    assert said["robust"].sentence == "Neither vit_p_1mf nor vit_c_1mf is shown to be more robust"
    assert "where" not in said


def crossing(n, seed=0):
    """Errors of a model that is narrow and one that is wide: equal medians, the wide one has the best."""
    rng = np.random.default_rng(seed)
    return rng.normal(30, 2, n).round(2), rng.normal(30, 12, n).clip(1, 99).round(2)


def test_curves_that_cross_are_said_to_and_the_budget_decides():
    narrow, wide = crossing(400)
    pair, said = found(narrow, wide, make=apart)
    assert pair.tests["Mann–Whitney"] > 0.05, "the ranks see nothing"
    assert pair.tests[ANY] <= 1e-4
    assert said["take"].sentence.startswith("Take vit_c_1mf rather than vit_p_1mf, with 2 to ")
    assert said["where"].sentence.startswith(
        "The curves cross: more trials of vit_c_1mf than of vit_p_1mf reach"
    )
    assert "; more trials of vit_p_1mf than of vit_c_1mf reach errors from" in said["where"].sentence


def test_where_the_answer_turns_with_the_budget_both_are_named():
    rng = np.random.default_rng(1)
    steady = rng.normal(30, 2, 300).round(2)
    lucky = np.where(rng.random(300) < 0.25, rng.normal(20, 1, 300), 60 + rng.normal(0, 5, 300)).round(2)
    pair, said = found(steady, lucky, make=apart)
    assert said["take"].sentence.startswith(
        "Take vit_p_1mf with 1 to 2 random trials of each, vit_c_1mf with 4 to "
    )
    assert pair.budgets.turns_at == 3
    assert {model.name for _, model in pair.better_at if model} == {"vit_p_1mf", "vit_c_1mf"}


def test_who_diverges_more_often_is_said_where_that_is_claimed():
    pair, said = found(A, A[:16] + 0.01, diverged=[0, 32], make=apart)
    assert (
        "vit_c_1mf diverges more often, in 67 against 0 % of its trials, by 67 % (" in said["where"].sentence
    )
    assert pair.diverged_diff.value == pytest.approx(-2 / 3)


def test_who_diverges_more_often_is_said_of_the_points_that_were_compared():
    """A diverges at all points that both share and at none of its others, B the other way round."""
    own, far = RNG.normal(10, 1, 20).round(1), np.full(20, 100.0)
    a, b = (table.reset_index(drop=True) for table in tables_of(np.append(own, far), np.append(own, far)))
    b["index"] = np.where(b["role"] == "point", b["index"] + 20, -1)
    both = pd.concat([a, b], ignore_index=True)
    u = np.random.default_rng(5).random((60, 2))
    points = both["role"] == "point"
    both.loc[points, ["u_lr", "u_wd"]] = u[both.loc[points, "index"].astype(int)]
    (pair,) = compare(read_sweeps(both))
    assert (pair.n_a, pair.diverged) == (20, (1.0, 0.0))
    where = next(each for each in answers(pair) if each.question == "where")
    assert (
        "vit_p_1mf diverges more often, in 100 against 0 % of its trials at the shared points, by 100 % ("
        in where.sentence
    )


def test_who_diverges_more_often_is_not_said_where_others_finished_as_badly():
    """More of A's trials end at the worst F1, though it is B of which more diverge."""
    f1 = np.linspace(0.5, 0.9, 40).round(3)
    a, b = np.append(f1[:10], np.zeros(26)), np.append(f1[:28], np.zeros(2))
    both = pd.concat(tables_of(1 - a, 1 - b, diverged=(4, 10)))
    metric = Metric(name="F1", higher_better=True, low=0.0, high=1.0)
    (pair,) = compare(read_sweeps(by_metric(both, metric, lambda errors: 1 - errors), any_metric=True))
    assert any(stretch.to_the_last and not stretch.a_leads for stretch in pair.where)
    assert pair.diverged == (0.1, 0.25)
    assert pair.diverged_diff.value == pytest.approx(-0.15)
    assert "diverges more often" not in " ".join(map(str, answers(pair)))


def tables_of(*errors, diverged=(0, 0)):
    """A table of trials for each list of errors; one of 100 has diverged."""
    found = []
    for family, some, lost in zip(("ViT_P", "ViT_C"), errors, diverged, strict=True):
        table = trials(some, family=family, diverged=lost, optimum=0.1)
        found.append(table.assign(state=np.where(table["top1_err"] == 100.0, "diverged", table["state"])))
    return found


def test_robustness_is_a_matter_of_the_area_where_typical_trials_are_alike():
    """A cliff that only one of them falls off: the ranks of Δ hardly see it, the EDF of Δ does."""
    cliff = np.where(np.arange(48) % 4 == 0, 40.0, A)
    pair, said = found(cliff, A, zeros=ZEROS)
    assert pair.more_robust is pair.b
    assert said["robust"].sentence == "vit_c_1mf is more robust than vit_p_1mf"
    assert said["robust"].evidence.startswith(f"p = {p_value(pair.q_robust)} after correction; area up to 8")


def test_zeros_that_disagree_are_no_claim():
    cliff = np.where(np.arange(48) % 4 == 0, 40.0, A)
    pair, _ = found(cliff, A, zeros=ZEROS)
    torn = dataclasses.replace(pair, area=pair.area._replace(value=-pair.area.value))
    assert torn.q_robust <= 0.05
    assert torn.more_robust is None


def test_trials_without_a_partner_are_said_to_be_left_out():
    pair, _ = found(A, A + 1)
    take, *_ = answers(dataclasses.replace(pair, left_out=8))
    assert take.evidence.endswith("; 8 trials without a partner at the same point left out")


def test_what_cannot_be_tested_is_said_with_why():
    _, said = found(A, B, make=apart, design="grid", zeros=ZEROS)
    assert said["take"].sentence.startswith("Which of vit_p_1mf and vit_c_1mf to take cannot be said: ")
    assert "is a grid" in said["robust"].sentence
    pair, said = found(A[:8], A[:8] + 2)
    assert math.isnan(pair.q_robust)
    assert "takes 3 trials at its optimum" in said["robust"].sentence
    assert re.search(r"from the optimum 0\.\d\d; from at and around it 0\.\d\d$", said["robust"].evidence)


def test_without_a_zero_robustness_is_not_compared():
    _, said = found(A, A + 2, zeros=[[100.0], [5.0]])
    assert said["robust"].sentence.startswith(
        "Robustness cannot be compared: vit_p_1mf has no finished trial"
    )


@pytest.mark.parametrize("make", [sweeps, apart])
@pytest.mark.parametrize("design", ["iid", "sobol", "grid"])
@pytest.mark.parametrize("diverged", [[0, 0], [48, 0], [48, 48]])
def test_nothing_is_said_of_what_is_not_known(make, design, diverged):
    some = [A[d:] for d in diverged]
    pair, _ = found(*some, make=make, design=design, diverged=diverged)
    text = " ".join(sentences(pair))
    assert not any(odd in text for odd in ("nan", "inf ", "(inf", "None", "  ", ".."))
    assert text == comparison_table([pair]).loc[0, "verdict"]
    assert all(line.endswith(".") for line in advice([pair]))


def test_of_several_models_the_unbeaten_are_named():
    pairs = compare([*sweeps(A + 6, A + 3, A, zeros=[*ZEROS, [5.0] * 4])])
    take, robust = advice(pairs)
    assert take.startswith("Take regnety_1mf with 1 to ")
    assert "random trials of each (one of it beats one of vit_p_1mf in " in take
    assert ", one of vit_c_1mf in " in take
    assert robust == "The most robust: regnety_1mf."
    noise = np.random.default_rng(0).normal(0, 0.2, 48)
    take, robust = advice(compare([*sweeps(A + 6, A, A + noise, zeros=[*ZEROS, [5.0] * 4])]))
    assert "vit_c_1mf or regnety_1mf" in take
    same = [A, A + noise, A - noise]
    assert advice(compare([*sweeps(*same, zeros=[*ZEROS, [5.0] * 4])])) == [
        "None of the 3 models is shown to be the one to take.",
        "None is shown to be more robust than another.",
    ]


def test_of_several_models_none_is_beaten_at_more_trials_than_were_compared():
    """Of 16 trials of a steady model, a claim of one trial each is all there is."""
    steady, bad = RNG.normal(10, 0.4, 16).round(1), RNG.normal(12, 0.4, 200).round(1)
    wide = np.append(RNG.normal(8, 1, 40), RNG.normal(14, 1, 160)).round(1)
    pairs = compare(apart(steady, bad, wide))
    assert {k for k, model in pairs[1].better_at if model is not None} == {1}
    take = advice(pairs)[0]
    assert take.startswith("Take vit_p_1mf with one random trial of each (")
    assert "regnety_1mf with " in take
    assert "vit_p_1mf with 1 to" not in take


def test_a_model_that_is_not_tested_is_not_among_the_most_robust():
    some = sweeps(A, A + np.where(np.arange(48) % 2, 12.0, 4.0), A + 0.1, zeros=[*ZEROS, [5.0, 100.0]])
    pairs = compare(some)
    assert [pair.no_delta is None for pair in pairs] == [True, False, False]
    assert advice(pairs)[1] == "The most robust: vit_p_1mf. Not tested: regnety_1mf."
    told = findings([summarise(each) for each in some], {"adamw": pairs})
    assert "vit_p_1mf is more robust than vit_c_1mf. 2 pairs cannot be tested." in told


def test_models_that_beat_each_other_in_a_circle_have_no_best():
    """Efron's dice: each beats the next with probability 5/9, and with many throws that is claimed."""
    dice = [[2, 2, 4, 4, 9, 9], [1, 1, 6, 6, 8, 8], [3, 3, 5, 5, 7, 7]]
    throws = [np.tile(np.array(faces, dtype=float), 100) for faces in dice]
    pairs = compare(apart(*throws), test="unpaired")
    first = [pair.better_at[0][1] for pair in pairs]
    assert all(winner is not None for winner in first)
    take, _ = advice(pairs)
    assert not take.startswith("Take") or "with 1 " not in take


def test_a_row_a_pair_with_a_column_a_number():
    pairs = compare([*sweeps(A, B, A + 1, zeros=[*ZEROS, [5.0] * 4])])
    table = comparison_table(pairs)
    assert len(table) == 3
    for place, pair in enumerate(pairs):
        row = table.loc[place]
        assert (row["a"], row["b"], row["sweep_a"]) == (pair.a.model, pair.b.model, pair.a.sweep)
        assert (row["p"], row["q"], row["test"]) == (pair.tests[ANY], pair.q, ANY)
        assert (row["p_area_around"], row["q_robust"]) == (pair.p_area_around, pair.q_robust)
        assert tuple(row[["better", "better_low", "better_high"]]) == pair.better
        for name in ("area_diff", "area_around_diff", "diverged_diff"):
            assert tuple(row[[name, f"{name}_low", f"{name}_high"]]) == getattr(pair, name)
