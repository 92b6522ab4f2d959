import pandas as pd
import pytest
from test_analysis_table import repeated, trials

from analysis import curves, flattery


def pair(optimum, errors, *, panel="1MF"):
    """A good model beside one with this optimum."""
    good = trials([2.0, 3.0, 4.0, 20.0], family="ViT_C", optimum=2.0)
    return curves(pd.concat([good, trials(errors, family="ViT_P", optimum=optimum, panel=panel)]))


def test_flattery_warns_of_a_model_that_is_equally_bad_everywhere():
    (text,) = flattery(pair(12.0, [12.0, 13.0, 14.0, 15.0]))
    for word in ("vit_p_1mf", "12.0 %", "vit_c_1mf at 2.0 %", "1.00 of", "against 0.75", "--absolute"):
        assert word in text


@pytest.mark.parametrize(
    ("curves_", "why"),
    [
        (pair(6.0, [6.0, 7.0, 8.0, 9.0]), "4 points worse is no more than the gap"),
        (pair(12.0, [12.0, 18.0, 24.0, 35.0]), "it looks less robust, which it is"),
        (pair(12.0, [12.0, 13.0, 14.0, 15.0], panel="4GF"), "another panel"),
        (curves(trials([90.0], optimum=80.0), absolute=True), "absolute"),
    ],
)
def test_flattery_is_silent(curves_, why):
    assert flattery(curves_) == [], why


def test_flattery_warns_of_an_optimum_that_many_points_beat():
    (text,) = flattery(curves(trials([4.0, 4.5, 9.0, 9.5, 20.0], optimum=10.0)))
    assert "0.40 of its trials beat its optimum" in text
    assert flattery(curves(trials([4.0, 9.0, 9.5, 20.0], optimum=10.0))) == []


def test_flattery_does_not_call_several_trials_one_unlucky_one():
    table = trials([4.0, 4.5, 9.0, 9.5, 20.0], optimum=10.0)
    assert "its one trial was unlucky" in flattery(curves(table))[0]
    (text,) = flattery(curves(repeated(table, [9.0, 11.0])))
    assert "0.40 of its trials beat the mean of the 3 trials at its optimum by" in text
    assert "unlucky" not in text
    assert flattery(curves(repeated(table, [2.0, 2.0]))) == [], "the others show that the first one was"


def test_flattery_warns_of_an_undertrained_optimum():
    (text,) = flattery(curves(trials([61.0], optimum=60.0)))
    assert "60.0 %" in text
    assert "--absolute" in text
    assert flattery(curves(trials([31.0], optimum=30.0))) == []
