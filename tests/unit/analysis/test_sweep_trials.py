import numpy as np
import pandas as pd
import pytest
from support.analysed import repeated, trials

from analysis import AnalysisError, read_sweeps
from analysis.sweep_trials import panel_order


def changed(column, value, at=0, **kwargs):
    table = trials([5.0, 6.0, 7.0], **kwargs)
    table.loc[at, column] = value
    return table


def test_parts_a_sweep_by_what_became_of_its_trials():
    (sweep,) = read_sweeps(trials([5.0, 6.0], diverged=3, missing=4))
    assert (sweep.n, len(sweep.finished), len(sweep.diverged), sweep.missing) == (5, 2, 3, 4)
    assert (sweep.optimum_err, sweep.optimum_state) == (5.0, "finished")


def test_optimum_without_result_or_row_has_no_error():
    table = trials([5.0])
    table.loc[table["role"] == "optimum", ["state", "top1_err"]] = ["running", np.nan]
    assert read_sweeps(table)[0].optimum_err is None
    (bare,) = read_sweeps(table[table["role"] == "point"])
    assert (bare.optimum_err, bare.optimum_state) == (None, None)


@pytest.mark.parametrize(
    ("errors", "zeros", "mean", "state", "missing"),
    [
        ([], [5.0], 5.0, "finished", 0),
        ([6.0, 8.5], [5.0, 6.0, 8.5], 6.5, "finished", 0),
        ([6.0, np.nan, np.nan], [5.0, 6.0], 5.5, "finished", 2),
        ([100.0, np.nan], [5.0, 100.0], 52.5, "diverged", 1),
    ],
)
def test_the_optimum_is_the_mean_of_its_trials(errors, zeros, mean, state, missing):
    (sweep,) = read_sweeps(repeated(trials([5.0, 6.0]), errors).sample(frac=1, random_state=0))
    np.testing.assert_array_equal(sweep.optimum_errs, zeros)
    assert (sweep.optimum_err, sweep.optimum_state, sweep.optimum_missing) == (mean, state, missing)
    assert (sweep.n, sweep.missing) == (2, 0), "they are no points"


def test_optima_without_any_result_are_as_the_first_one_is():
    table = repeated(trials([5.0]), [np.nan])
    table.loc[(table["role"] == "optimum") & (table["repeat"] == 0), "state"] = "running"
    (sweep,) = read_sweeps(table.iloc[::-1])
    assert (sweep.optimum_err, sweep.optimum_state, sweep.optimum_missing) == (None, "running", 2)
    assert sweep.optimum_errs.shape == (0,)


def test_sorts_by_size_then_optimizer_then_family():
    cells = [("RegNetY", "18GF", "sgd"), ("ViT_P", "1GF", "sgd"), ("Other", "1GF", "adamw")]
    cells += [("ViT_C", "1GF", "adamw"), ("ViT_P", "1GF", "adamw"), ("ViT_P", "400MF", "sgd")]
    table = pd.concat([trials([1.0], family=f, panel=p, optimizer=o) for f, p, o in cells])
    shown = [(s.family, s.panel, s.optimizer) for s in read_sweeps(table)]
    assert shown == [
        ("ViT_P", "400MF", "sgd"),
        ("ViT_P", "1GF", "adamw"),
        ("ViT_C", "1GF", "adamw"),
        ("Other", "1GF", "adamw"),
        ("ViT_P", "1GF", "sgd"),
        ("RegNetY", "18GF", "sgd"),
    ]


def test_panels_sort_by_size_and_names_come_last():
    panels = ["tiny", "18GF", "4GF", "400MF", "1.5gf", "1MF", "base"]
    assert sorted(panels, key=panel_order) == ["1MF", "400MF", "1.5gf", "4GF", "18GF", "base", "tiny"]


@pytest.mark.parametrize(
    ("table", "words"),
    [
        (trials([5.0]).drop(columns=["state", "panel"]), ["panel, state missing", "sweep export"]),
        (trials([5.0]).iloc[:0], ["at least one trial", "sweep run"]),
        (changed("state", "lost"), ["planned, running, failed", "got lost"]),
        (changed("role", "centre"), ["point, optimum", "got centre"]),
        (changed("model", None), ["needs a model", "1 of 4 rows"]),
        (changed("top1_err", 100.5), ["0 to 100", "100.5", "point 0 of sweep vit_c_1mf-adamw-0"]),
        (changed("top1_err", -0.1), ["0 to 100", "-0.1"]),
        (changed("top1_err", np.nan), ["0 to 100", "nan"]),
        (changed("top1_err", np.inf), ["0 to 100", "inf"]),
        (changed("state", "diverged"), ["diverged trial has top1_err 100", "5 at"]),
        (changed("recipe", "imagenet"), ["one recipe", "digits, imagenet", "own sweep id"]),
        (changed("model", "vit_p_1mf"), ["one model", "vit_c_1mf, vit_p_1mf"]),
        (changed("index", 1), ["counts once", "point 1"]),
        (repeated(trials([5.0]), [6.0]).assign(repeat=0), ["counts once", "optimum -1:"]),
        (repeated(trials([5.0]), [6.0, 7.0], repeat=1), ["counts once", "optimum -1 repeat 1:"]),
        (repeated(trials([5.0]), [6.0], lr=0.5), ["one optimum", "2 values of lr", "0.002, 0.5"]),
        (repeated(trials([5.0]), [6.0], weight_decay=0.1), ["one optimum", "weight_decay", "0.2, 0.1"]),
        (repeated(trials([5.0]), [6.0], repeat=-1), ["repeat must be 0", "got -1 at optimum -1"]),
        (repeated(trials([5.0]), [6.0], repeat=0.5), ["repeat must be 0", "got 0.5"]),
        (repeated(trials([5.0]), [6.0], repeat=None), ["repeat must be 0", "got None"]),
        (changed("repeat", 1).fillna({"repeat": 0}), ["repeat must be 0", "got 1.0 at point 0", "1 rows"]),
        (trials([], missing=4), ["no finished or diverged point", "4 without", "sweep run"]),
    ],
)
def test_wrong_table_is_one_clear_message(table, words):
    with pytest.raises(AnalysisError) as caught:
        read_sweeps(table)
    assert all(word in str(caught.value) for word in words), str(caught.value)


def test_no_two_sweeps_have_one_name():
    table = pd.concat([trials([5.0]), trials([6.0]).assign(sweep="second"), trials([6.0], optimizer="sgd")])
    names = [sweep.name for sweep in read_sweeps(table)]
    assert names == [
        "vit_c_1mf with AdamW (vit_c_1mf-adamw-0)",
        "vit_c_1mf with AdamW (second)",
        "vit_c_1mf with SGD",
    ]
    assert [sweep.setting for sweep in read_sweeps(table)] == [" (vit_c_1mf-adamw-0)", " (second)", ""]


def test_where_lr_is_not_told_optima_cannot_differ_in_it():
    table = repeated(trials([5.0]), [6.0]).drop(columns=["lr", "weight_decay"])
    assert read_sweeps(table)[0].optimum_err == 5.5


def test_an_error_without_a_result_is_not_read():
    (sweep,) = read_sweeps(
        changed("top1_err", 250.0, at=2).assign(state=["finished"] * 2 + ["failed", "finished"])
    )
    assert (sweep.n, sweep.missing) == (2, 1)


def test_object_columns_as_a_store_gives_them_are_read():
    table = trials([5.0], missing=1)
    table["top1_err"] = table["top1_err"].astype(object).where(table["top1_err"].notna(), None)
    assert read_sweeps(table)[0].finished["top1_err"].tolist() == [5.0]
