import dataclasses
import math

import numpy as np
import pytest
from scipy import stats
from support.analysed_pairs import A, B, apart, sweeps

from analysis import compare, comparison_table, sentences
from analysis.intervals import Interval
from analysis.words import negated, number, p_value, percent

ZEROS = [[5.2, 4.8, 5.0, 5.1], [4.9, 5.1, 5.0, 5.1]]


def said(*args, make=sweeps, **kwargs):
    (pair,) = compare(make(*args, **kwargs))
    return pair, sentences(pair)[:2]  # of the error, and of Δ


def test_a_difference_is_said_with_its_size_and_evidence():
    pair, (error, delta) = said(A, A + np.linspace(1, 3, 48), zeros=ZEROS)
    assert error.startswith("vit_p_1mf has the lower error at 100 % (")
    assert f"leads vit_c_1mf by {-pair.median_diff.value:.2f} ({-pair.median_diff.high:.2f} to " in error
    assert "Wilcoxon p = " in error
    assert delta.startswith("vit_p_1mf is the more robust, vit_c_1mf the less (")
    assert "of Δ itself, uncorrected: Wilcoxon p = " in delta


def test_the_winner_is_named_whichever_comes_first():
    _, (error, delta) = said(A + 2, A, zeros=ZEROS)
    assert error.startswith("vit_c_1mf has the lower error at 100 % (")
    assert "leads vit_p_1mf by 2.00 (2.00 to 2.00)" in error
    assert delta.startswith("vit_c_1mf is the more robust")


def test_no_difference_is_said_with_what_it_would_take():
    noise = np.random.default_rng(0).normal(0.02, 1, 48).round(2)
    pair, (error, delta) = said(A, A + noise, zeros=ZEROS)
    assert "vit_p_1mf and vit_c_1mf are not distinguishable at n = 48 (" in error
    assert f"about {math.ceil(pair.needed)} shared points" in error or "more than 10,000" in error
    assert delta.startswith("Neither is shown to be the more robust (")


def test_the_winner_is_whom_the_test_favours():
    """A leads by little at most points, far behind at the others; signed ranks favour B, so the words do."""
    d = np.where(np.arange(48) < 26, -0.1, 5.0)
    pair, (error, _) = said(A + d, A)
    assert pair.better.value > 0.5
    assert stats.wilcoxon(d, alternative="greater").pvalue < 0.05
    assert error.startswith("vit_c_1mf has the lower errors once their sizes count (")
    assert "only at 46 % (" in error


def test_robustness_is_a_matter_of_the_area_where_typical_trials_are_alike():
    """A cliff that only one of them falls off: the ranks of Δ hardly see it, the EDF of Δ does."""
    cliff = np.where(np.arange(48) % 4 == 0, 40.0, A)
    pair, (_, delta) = said(cliff, A, zeros=ZEROS)
    assert pair.more_robust is pair.b
    assert delta.startswith("vit_c_1mf is the more robust, vit_p_1mf the less (difference of the areas")
    assert f", p = {p_value(pair.p_area)}, {p_value(pair.q_area)} after correction; of Δ itself" in delta


def test_claims_of_robustness_are_corrected_for_the_number_of_pairs():
    pairs = compare(
        [*sweeps(A, A + 0.4 * (np.median(A) < A), A + np.linspace(1, 3, 48), zeros=[*ZEROS, [5.0] * 4])]
    )
    p = [pair.p_area for pair in pairs]
    np.testing.assert_allclose([pair.q_area for pair in pairs], stats.false_discovery_control(p))


def test_trials_without_a_partner_are_said_to_be_left_out():
    pair, _ = said(A, A + 1)
    error, *_ = sentences(dataclasses.replace(pair, left_out=8))
    assert error.endswith(". 8 trials of either without a partner at the same point left out.")


def test_samples_speak_of_pairs_of_trials():
    _, (error, _) = said(A, A + 4, make=apart)
    assert " in 9" in error
    assert " of all pairs of trials: it leads vit_c_1mf by 4.00 (" in error
    assert "Mann–Whitney p = " in error
    _, (error, _) = said(A, A[:30] + 0.01, make=apart)
    assert "not distinguishable at n = 48 and 30 (" in error
    assert "trials of each" in error


def test_what_cannot_be_tested_is_said_with_why():
    _, (error, delta) = said(A, B, make=apart, design="grid")
    assert "no test holds for the error" in error
    assert "is a grid" in error
    assert "there is no test of it" in delta
    _, (_, delta) = said(A, A + 2)
    assert delta.startswith("In Δ vit_p_1mf looks the more robust (")
    assert "takes 3 trials at its optimum" in delta


def test_without_a_zero_delta_is_not_compared():
    _, (_, delta) = said(A, B, zeros=[[100.0], [5.0]])
    assert delta.startswith("Robustness (Δ) cannot be compared: vit_p_1mf has no finished trial")


@pytest.mark.parametrize("make", [sweeps, apart])
@pytest.mark.parametrize("design", ["iid", "sobol", "grid"])
@pytest.mark.parametrize("diverged", [[0, 0], [48, 0], [48, 48]])
def test_nothing_is_said_of_what_is_not_known(make, design, diverged):
    some = [A[d:] for d in diverged]
    pair, _ = said(*some, make=make, design=design, diverged=diverged)
    text = " ".join(sentences(pair))
    assert not any(odd in text for odd in ("nan", "inf ", "(inf", "None", "  "))
    assert text == comparison_table([pair]).loc[0, "verdict"]


def test_a_row_a_pair_with_a_column_a_number():
    pairs = compare([*sweeps(A, B, A + 1, zeros=[*ZEROS, [5.0] * 4])])
    table = comparison_table(pairs)
    assert len(table) == 3
    for place, pair in enumerate(pairs):
        row = table.loc[place]
        assert (row["a"], row["b"], row["sweep_a"]) == (pair.a.model, pair.b.model, pair.a.sweep)
        assert (row["p"], row["q"], row["test"]) == (pair.tests["Wilcoxon"], pair.q, "Wilcoxon")
        assert row["p Wilcoxon, Δ"] == pair.tests_delta["Wilcoxon"]
        assert (row["p_area"], row["q_area"]) == (pair.p_area, pair.q_area)
        assert tuple(row[["better", "better_low", "better_high"]]) == pair.better
        assert tuple(row[["area_diff", "area_diff_low", "area_diff_high"]]) == pair.area_diff
    assert table["n_a"].tolist() == [48, 48, 48]


def test_numbers_are_written_with_their_limits():
    nothing = math.nan
    assert percent(Interval(0.876, 0.78, 0.94)) == "88 % (78–94)"
    assert percent(Interval(0.5, nothing, nothing)) == "50 %"
    assert number(Interval(3.84, 3.02, 5.2)) == "3.84 (3.02 to 5.20)"
    assert number(Interval(3.84, nothing, nothing)) == "3.84"
    assert negated(Interval(1.0, -2.0, 3.0)) == (-1.0, -3.0, 2.0)
    assert (p_value(0.0321), p_value(0.5), p_value(1.0), p_value(4.4e-7)) == ("0.032", "0.5", "1", "4e-07")


def test_a_lead_that_would_be_rounded_to_none_is_said_to_be_small():
    from analysis.words import _points

    nothing = float("nan")
    assert _points(Interval(0.004, 0.0, 0.02)) == "less than 0.01 points (0.00 to 0.02)"
    assert _points(Interval(0.004, nothing, nothing)) == "less than 0.01 points"
    assert _points(Interval(-0.001, -0.1, 0.02)) == "less than 0.01 points (-0.10 to 0.02)"
    assert _points(Interval(0.0, 0.0, 0.0)) == "0.00 (0.00 to 0.00) points"
    assert _points(Interval(0.005, nothing, nothing)) == "0.01 points"
