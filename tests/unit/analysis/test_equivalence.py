import dataclasses

import numpy as np
import pytest
from statsmodels.stats.weightstats import ttost_ind, ttost_paired
from support.analysed_pairs import A, apart, sweeps

from analysis import AnalysisError, answers, compare, comparison_table, read_margin
from analysis.equivalence import Margin, alike_by
from analysis.robustness import Area, area_from, contrast
from analysis.sampling import Sampling

ZEROS = [[5.2, 4.8, 5.0, 5.1], [4.9, 5.1, 5.0, 5.1]]
RNG = np.random.default_rng(9)
POINTS = Sampling("A", "iid", np.arange(48), 0.95)
ONE, OTHER = A + RNG.normal(0, 0.2, 48).round(1), A + RNG.normal(0, 0.2, 48).round(1)


@pytest.mark.parametrize("shared", [True, False])
@pytest.mark.parametrize("by", np.linspace(0, 1.2, 7))
@pytest.mark.parametrize("margin", [0.05, 0.1, 0.2])
def test_the_two_one_sided_tests_are_statsmodels(shared, by, margin):
    """Each of them with one more trial of both models, at that end of the range."""
    a, b = area_from(5.0, ONE), area_from(5.0, OTHER + by)
    found = alike_by(Margin("area", margin), [contrast(a, b, [POINTS] * (1 if shared else 2))], 48, 0.05)
    p = []
    for side, (more_a, more_b) in ((1, (0.0, 1.0)), (2, (1.0, 0.0))):
        scores = np.append(a.influence + a.value, more_a), np.append(b.influence + b.value, more_b)
        if shared:
            tests = ttost_paired(*scores, -margin, margin)
        else:
            tests = ttost_ind(*scores, -margin, margin, usevar="unequal")
        p.append(tests[side][1])
    assert (found.a_not_worse, found.b_not_worse) == (p[0] <= 0.05, p[1] <= 0.05)


def agreeing(shared, n, *, worse, rng):
    """Two models of which one, in a share of its trials, falls off a cliff that the other has not."""
    points = [Sampling("A", "iid", np.arange(n), 0.95)] * (1 if shared else 2)
    a, b = np.full(n, 5.0), np.where(rng.random(n) < worse, 100.0, 5.0)
    return contrast(area_from(5.0, a), area_from(5.0, b), points)


@pytest.mark.parametrize("shared", [True, False])
@pytest.mark.parametrize(("n", "worse"), [(2, 0.3), (8, 0.1), (16, 0.05), (64, 0.02), (64, 0.1)])
def test_trials_that_agree_by_chance_are_not_called_alike(shared, n, worse):
    rng = np.random.default_rng(0)
    margin = Margin("area", worse)
    wrong = [
        alike_by(margin, [agreeing(shared, n, worse=worse, rng=rng)], n, 0.05).equivalent for _ in range(600)
    ]
    assert np.mean(wrong) <= 0.055


@pytest.mark.parametrize("tied", [5.0, 100.0])
@pytest.mark.parametrize("margin", ["0.1", "within4=0.1"])
def test_few_trials_without_any_spread_are_not_called_alike(margin, tied):
    zeros = [[5.0, 5.1, 5.2]] * 2
    lost = 8 if tied == 100 else 0
    errors = [np.full(8 - lost, tied)] * 2
    pair, said = asked(margin, *errors, zeros=zeros, diverged=[lost] * 2)
    assert not pair.alike.a_not_worse
    assert not pair.alike.b_not_worse
    assert not said.settled
    pair, said = asked(
        margin, *[np.full(64 if not lost else 0, tied)] * 2, zeros=zeros, diverged=[8 * lost] * 2
    )
    assert said.settled


def test_few_scrambles_without_any_spread_are_not_called_alike():
    pair, _ = asked("0.02", *[np.full(48, 5.0)] * 2, zeros=[[5.0, 5.0, 5.0]] * 2, design="sobol")
    assert not pair.alike.equivalent


def test_the_number_needed_has_the_power():
    sd, margin, level = 0.3, 0.1, 0.05
    rng = np.random.default_rng(1)
    n = int(alike_by(Margin("area", margin), [contrast_of(sd, 100)], 100, level).needed)
    assert n > (2.927 * sd / margin) ** 2
    points = [Sampling("A", "iid", np.arange(n), 0.95)]
    found = []
    for _ in range(2_000):
        scores = rng.normal(0, sd, n)
        a, b = Area(0.5 + scores.mean(), scores - scores.mean(), 0.0), Area(0.5, np.zeros(n), 0.0)
        found.append(alike_by(Margin("area", margin), [contrast(a, b, points)], n, level).equivalent)
    assert np.mean(found) == pytest.approx(0.8, abs=0.03)


def contrast_of(sd, n):
    area = area_from(5.0, A)
    return contrast(area, area, [POINTS])._replace(variance=sd**2 / n, dof=n - 1.0)


def asked(margin, *args, make=sweeps, **kwargs):
    (pair,) = compare(make(*args, **kwargs), margin=read_margin(margin))
    return pair, next(answer for answer in answers(pair) if answer.question == "alike")


@pytest.mark.parametrize("make", [sweeps, apart])
def test_alike_not_worse_and_not_shown(make):
    pair, said = asked("0.3", ONE, OTHER, zeros=ZEROS, make=make)
    assert pair.alike.equivalent
    assert said.settled
    assert said.sentence == "vit_p_1mf and vit_c_1mf differ by less than 0.3 in the area under the EDF of Δ"
    pair, said = asked("0.1", ONE, OTHER + 3, zeros=ZEROS, make=make)
    assert (pair.alike.a_not_worse, pair.alike.b_not_worse) == (True, False)
    assert said.sentence == ("vit_p_1mf is at most 0.1 worse than vit_c_1mf in the area under the EDF of Δ")
    pair, said = asked("0.001", ONE, OTHER, zeros=ZEROS, make=make)
    assert not said.settled
    assert "is not shown. If they do not differ, about " in said.sentence
    row = comparison_table([pair]).loc[0]
    assert (row["margin"], row["equivalent"]) == (0.001, False)


@pytest.mark.parametrize("make", [sweeps, apart])
@pytest.mark.parametrize("margin", ["error=2", "within8=0.4"])
def test_errors_and_shares_may_be_asked_for(make, margin):
    pair, said = asked(margin, ONE, OTHER, zeros=ZEROS, make=make)
    assert said.settled, said
    assert pair.alike.difference.low <= pair.alike.difference.value <= pair.alike.difference.high
    if margin.startswith("error") and make is sweeps:
        assert pair.alike.difference.value == pytest.approx(np.median(np.round(OTHER - ONE, 9)))
    worse, _ = asked(margin, ONE, OTHER + 5, zeros=ZEROS, make=make)
    assert not worse.alike.equivalent


@pytest.mark.parametrize("make", [sweeps, apart])
def test_a_median_of_differences_is_not_called_a_difference_of_medians(make):
    """At most points they agree, but the median of one is 5 %, of the other 45 %."""
    a = np.repeat([5.0, 50.0], [60, 40])
    b = np.where(np.arange(100) < 30, 45.0, a)
    pair, said = asked("error=1", a, b, zeros=ZEROS, make=make)
    take = next(answer for answer in answers(pair) if answer.question == "take")
    if make is sweeps:
        assert (
            said.sentence == "vit_p_1mf and vit_c_1mf differ by less than 1 point at the median shared point"
        )
        assert take.evidence.startswith("no difference at the median shared point; ")
    else:
        assert said.sentence == "vit_p_1mf is at most 1 point worse than vit_c_1mf in the median error"
        assert take.evidence.startswith("vit_p_1mf leads by 40.00 ")


@pytest.mark.parametrize("make", [sweeps, apart])
def test_a_handful_of_trials_does_not_show_how_many_it_takes(make):
    _, said = asked("error=0.5", A[:2], A[:2], zeros=ZEROS, make=make)
    assert said.sentence.endswith(" is not shown")


def test_the_area_must_be_alike_from_both_zeros():
    (pair,) = compare(sweeps(ONE, OTHER, zeros=ZEROS))
    apart_in_one = pair.area_around._replace(value=0.25)
    found = alike_by(Margin("area", 0.2), [pair.area, apart_in_one], 48, 0.05)
    assert not found.b_not_worse
    assert found.difference.low == pair.area.cautious(0.05).low


def test_the_level_is_divided_by_the_number_of_pairs():
    pairs = compare(sweeps(ONE, OTHER, A, zeros=[*ZEROS, ZEROS[0]]), margin=read_margin("0.1"))
    assert {pair.alike.confidence for pair in pairs} == {1 - 2 * 0.05 / 3}


def test_without_a_zero_or_sampling_error_nothing_is_said():
    _, said = asked("0.1", A, A + 1)
    assert "cannot be said: estimating the uncertainty of the zero" in said.sentence
    _, said = asked("error=1", A, A + 1, design="grid")
    assert "the design has no sampling error" in said.sentence
    (pair,) = compare(sweeps(A, A + 1))
    assert "alike" not in {answer.question for answer in answers(dataclasses.replace(pair, alike=None))}


@pytest.mark.parametrize(
    ("text", "margin"),
    [
        ("0.1", Margin("area", 0.1)),
        ("area=5e-2", Margin("area", 0.05)),
        ("error=0.5", Margin("error", 0.5)),
    ],
)
def test_margins_are_read(text, margin):
    assert read_margin(text)[:2] == margin[:2]
    assert read_margin("within4=0.1") == Margin("within", 0.1, 4.0)


@pytest.mark.parametrize(
    "text", ["0", "-0.1", "1", "area=1.5", "error=0", "error=100", "within=0.1", "lr=1", "", "nan", "0.1 0.2"]
)
def test_a_margin_that_is_none_is_refused(text):
    with pytest.raises(AnalysisError, match="a margin is a difference that would not matter, above 0"):
        read_margin(text)
