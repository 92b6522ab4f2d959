import numpy as np
import pandas as pd
import pytest
from support.analysed import trials

from analysis import curves, read_sweeps
from analysis.figure_layout import (
    LOOKS,
    finite_errors,
    fold,
    grid,
    is_shared,
    looks_of,
    sweep_title,
    x_limits,
    y_axes,
)

WIDE = 9.0


def entries(table, right=10.0, width=WIDE, **kwargs):
    return grid(curves(table, **kwargs), right, width)[0][0].entries


def test_legend_says_what_is_drawn_and_what_is_not():
    full = trials([5.0, 6.0, 15.0, 15.5, 40.0], diverged=16, missing=3)
    assert entries(full) == ["ViT_C, n = 21, 16 diverged, 2 beyond x = 10, incomplete: 3 of 24 missing"]
    assert entries(trials([5.0])) == ["ViT_C, n = 1"]


def test_diverged_trials_are_not_beyond_the_edge_of_an_absolute_curve():
    assert entries(trials([5.0, 95.0], diverged=2), right=50, absolute=True) == [
        "ViT_C, n = 4, 2 diverged, 1 beyond x = 50"
    ]


def test_one_row_an_optimizer_one_column_a_size():
    keys = [("ViT_C", "1GF", "sgd"), ("ViT_P", "1GF", "sgd"), ("ViT_P", "400MF", "adamw")]
    table = pd.concat([trials([5.0], family=f, panel=p, optimizer=o) for f, p, o in keys])
    cells = grid(curves(table), 10.0, WIDE)
    assert [[cell.title for cell in row] for row in cells] == [
        ["400MF, AdamW", "1GF, AdamW"],
        ["400MF, SGD", "1GF, SGD"],
    ]
    assert [[len(cell.curves) for cell in row] for row in cells] == [[1, 0], [0, 2]]
    assert [curve.family for curve in cells[1][1].curves] == ["ViT_P", "ViT_C"]


def test_two_models_of_a_family_in_a_cell_go_by_their_names():
    table = trials([5.0], family="ViT_S")
    both = pd.concat([table, table.assign(model="other", sweep="other")])
    assert entries(both) == ["other, n = 1", "vit_s_1mf, n = 1"]
    assert len(set(grid(curves(both), 10.0, WIDE)[0][0].looks)) == 2


def test_families_keep_their_looks_in_any_company():
    assert looks_of(["ViT_C", "Alpha"])["ViT_C"] == looks_of(["RegNetY", "ViT_P", "ViT_C"])["ViT_C"]
    many = looks_of([*LOOKS, *"abcdefghijkl"])
    assert len(set(many.values())) == 15
    assert len({look.color for look in LOOKS.values()}) == 3


def test_one_legend_where_all_cells_are_alike():
    alike = pd.concat([trials([5.0], panel=p) for p in ("1GF", "4GF")])
    assert is_shared(grid(curves(alike), 10.0, WIDE)[0])
    other = pd.concat([trials([5.0]), trials([5.0], panel="4GF", diverged=1)])
    assert not is_shared(grid(curves(other), 10.0, WIDE)[0])


@pytest.mark.parametrize("room", [12, 20, 40, 200])
def test_folding_keeps_every_word(room):
    parts = ["ViT_P, n = 64", "16 diverged", "incomplete: 12 of 76 missing"]
    folded = fold(parts, room)
    assert folded.replace("\n", " ") == ", ".join(parts)
    assert max(map(len, folded.split("\n"))) <= room + 1


def test_x_axis_shows_every_negative_delta_and_no_outlier():
    left, right = x_limits(curves(trials([*np.linspace(3, 12, 63), 90.0], optimum=5.0)))
    assert left < -2.0
    assert 6 < right < 10


def test_x_axis_is_not_squeezed_by_models_that_never_converge():
    steady, lost = trials(np.linspace(5, 9, 64)), trials(np.linspace(85, 95, 64), family="ViT_P")
    assert x_limits(curves(pd.concat([steady, lost])))[1] == 25
    assert x_limits(curves(lost))[1] >= 85, "where all are far off, the axis reaches them"


def test_x_axis_of_errors_stays_within_0_and_100():
    left, right = x_limits(curves(trials([0.0, 99.9, 99.9]), absolute=True))
    assert (left, right) == (0.0, 100.0)
    assert x_limits(curves(trials([], diverged=3), absolute=True)) == (0.0, 100.0)
    assert x_limits(curves(trials([], diverged=3)))[0] < 0


def test_finite_errors_are_the_finished_trials():
    table = trials([7.0, 5.0, 7.0, 6.5], diverged=3)
    np.testing.assert_array_equal(finite_errors(curves(table)[0]), [0.0, 1.5, 2.0, 2.0])
    np.testing.assert_array_equal(finite_errors(curves(table, absolute=True)[0]), [5.0, 6.5, 7.0, 7.0])


def test_y_axis_holds_all_errors_and_a_place_for_the_diverged():
    table = pd.concat([trials([20.0, 70.0], diverged=1), trials([30.0], panel="4GF", optimum=29.0)])
    axes = y_axes(read_sweeps(table))
    assert axes["1MF"].bottom < 5.0 < 70.0 < axes["1MF"].divide < axes["1MF"].diverged < axes["1MF"].top
    assert axes["4GF"].divide == axes["4GF"].top < 40
    assert not axes["1MF"].log


def test_y_axis_is_logarithmic_where_errors_differ_much():
    axis = y_axes(read_sweeps(trials([2.0, 90.0], diverged=1, optimum=2.5)))["1MF"]
    assert axis.log
    assert 0 < axis.bottom < 2.0 < 90.0 < axis.divide < axis.diverged < axis.top
    assert not y_axes(read_sweeps(trials([0.0, 90.0])))["1MF"].log, "0 has no logarithm"


def test_scatter_title_says_what_is_missing():
    table = trials([5.0], diverged=2, missing=3)
    assert sweep_title(read_sweeps(table)[0]) == (
        "ViT_C, 1MF, AdamW: n = 3, 2 diverged, incomplete: 3 of 6 missing"
    )
    (bare,) = read_sweeps(table[table["role"] == "point"])
    assert sweep_title(bare).endswith("no result at the optimum")


def test_y_axis_of_hardly_any_spread_still_has_ticks():
    axis = y_axes(read_sweeps(trials([], diverged=5, optimum=4.0)))["1MF"]
    assert axis.top - axis.bottom > 5


def test_one_outlier_of_few_trials_does_not_flatten_the_rest():
    assert x_limits(curves(trials([5.0, 6.0, 7.0, 8.0, 9.0, 11.0, 90.0], optimum=5.0)))[1] == 7
