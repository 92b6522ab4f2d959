import pandas as pd
import pytest
from support.analysed import repeated, trials

from analysis import curves, flattery, read_sweeps, too_short, verdicts


def pair(optimum, errors, *, panel="1MF"):
    """A good model beside one with this optimum."""
    good = trials([2.0, 3.0, 4.0, 20.0], family="ViT_C", optimum=2.0)
    return curves(pd.concat([good, trials(errors, family="ViT_P", optimum=optimum, panel=panel)]))


def test_flattery_warns_of_a_model_that_is_equally_bad_everywhere():
    (text,) = flattery(pair(12.0, [12.0, 13.0, 14.0, 15.0]))
    for word in ("vit_p_1mf", "12.0 %", "vit_c_1mf at 2.0 %", "1.00 of", "against 0.75", "`absolute`"):
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
    assert "`absolute`" in text
    assert flattery(curves(trials([31.0], optimum=30.0))) == []


def learning(table, *curves_):
    """The learning curves of a table's trials at the optimum."""
    keys = table.loc[table["role"] == "optimum", "key"]
    rows = [
        (key, epoch, error)
        for key, errors in zip(keys, curves_, strict=True)
        for epoch, error in enumerate(errors, 1)
    ]
    return pd.DataFrame(rows, columns=["key", "epoch", "top1_err"])


# what ViT_P really did on digits at its optimum, in schedules of 10 and 60 epochs
TEN = [85.4, 78.8, 75.8, 58.0, 50.2, 41.2, 35.6, 30.2, 27.2, 27.2]
SIXTY = [85.0, 83.8, 56.2, 30.4, 12.4, 9.0, 5.4, 4.2, *[3.8] * 52]


@pytest.mark.parametrize(("curve", "fall"), [(TEN, "8.4 points over the last 3"), (SIXTY, None)])
def test_a_schedule_is_too_short_while_the_optimum_still_learns(curve, fall):
    table = trials([30.0])
    texts = too_short(read_sweeps(table), learning(table, curve))
    if fall is None:
        assert texts == []
    else:
        assert f"its schedule of {len(curve)} epochs is short" in texts[0]
        assert fall in texts[0]


def test_a_fall_is_that_of_the_mean_of_the_optimums_trials():
    table = repeated(trials([5.0]), [5.0])
    flat, falling = [9.0] * 8, [9.0] * 6 + [8.0, 7.5]
    assert too_short(read_sweeps(table), learning(table, flat, falling)) == [], "0.75 of a point"
    assert len(too_short(read_sweeps(table), learning(table, falling, falling))) == 1, "1.5 points"


def test_a_fall_that_seeds_alone_could_make_is_not_warned_of():
    table = repeated(trials([5.0]), [5.0])
    a_little, a_lot = [9.0] * 6 + [8.5, 8.5], [9.0] * 6 + [7.0, 7.0]
    assert too_short(read_sweeps(table), learning(table, a_little, a_lot)) == [], "1.25 ± 0.75 points"
    assert len(too_short(read_sweeps(table), learning(table, a_lot, [9.0] * 6 + [7.5, 7.5]))) == 1, (
        "1.75 ± 0.25"
    )


def test_sweeps_without_learning_curves_are_passed_over():
    table = trials([5.0])
    assert too_short(read_sweeps(table), learning(table, [])) == []
    assert too_short(read_sweeps(table), learning(table, [50.0])) == []


def test_verdicts_are_of_all_kinds_and_leave_out_what_has_no_zero():
    table = trials([4.0, 4.5, 9.0, 9.5, 20.0], optimum=10.0)
    texts = verdicts(read_sweeps(table), learning(table, TEN))
    assert ["beat its optimum" in texts[0], "10 epochs is short" in texts[1]] == [True, True]
    assert verdicts(read_sweeps(table[table["role"] == "point"])) == []
