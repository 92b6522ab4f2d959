"""The table of optima that were found here."""

import csv
import dataclasses
import io

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.optima import ROW

from search_spaces import SearchSpaceError, choose_found, read_found, to_csv, with_row

positive = st.floats(1e-300, 1e300)
text = st.text(st.characters(exclude_categories=["Cs", "Cc"]), max_size=20)


def change(**values):
    return dataclasses.replace(ROW, **values)


@given(positive, positive, text, text)
def test_what_is_written_reads_back_to_the_last_bit(tmp_path_factory, lr, wd, model, command):
    path = tmp_path_factory.mktemp("found") / "optima.csv"
    rows = [change(lr=lr, weight_decay=wd, model=model, command=command), change(epochs=3, recipe="other")]
    path.write_text(to_csv(rows))
    assert read_found(path) == rows


def test_it_is_a_table_that_anything_reads():
    (row,) = csv.DictReader(io.StringIO(to_csv([ROW])))
    assert row["model"] == "vit_p_1mf"
    assert float(row["lr"]) == 0.005


def test_no_table_is_an_empty_one(tmp_path):
    assert read_found(tmp_path / "optima.csv") == []


def test_a_row_takes_the_place_of_the_one_for_the_same_training():
    others = [change(epochs=50), change(optimizer="sgd"), change(data="f" * 16), change(recipe="x")]
    rows = with_row([ROW, *others], change(lr=0.5))
    assert rows == [*others, change(lr=0.5)]


def test_only_an_optimum_of_the_same_data_is_taken_and_of_the_nearest_length():
    rows = [change(epochs=10, lr=1.0), change(epochs=100, lr=2.0), change(data="f" * 16, lr=3.0)]

    def lr(**wanted):
        found = choose_found(rows, "vit_p_1mf", "adamw", "digits", **wanted)
        return found and found.lr

    assert lr(data=ROW.data, epochs=10) == 1.0
    assert lr(data=ROW.data, epochs=30) == 1.0  # 30 is three times 10, and 100 more than three times 30
    assert lr(data=ROW.data, epochs=33) == 2.0
    assert lr(data="f" * 16, epochs=100) == 3.0
    assert lr(data="e" * 16, epochs=10) is None
    assert lr(data=None, epochs=25) == 3.0
    assert choose_found(rows, "vit_p_1mf", "sgd", "digits", data=None, epochs=10) is None


def test_its_optimum_says_how_sure_it_is_and_where_it_comes_from():
    optimum = ROW.optimum
    assert (optimum.lr, optimum.weight_decay, optimum.batch) == (0.005, 0.05, 64)
    assert "tune-x: 4.50 ± 0.30 % on minival, mean of 3 seeds, 40 trials, 25 epochs" in optimum.source


HEADER, LINE, _ = to_csv([ROW]).split("\n")
DAMAGED = {
    "empty": ("", "its first line must be"),
    "another table": ("a,b\n1,2\n", "its first line must be"),
    "cut off": (f"{HEADER}\n{LINE[:40]}", "line 2 is damaged: it needs 20 cells"),
    "too many cells": (f"{HEADER}\n{LINE},x", "line 2 is damaged: it needs 20 cells"),
    "text for a number": (f"{HEADER}\n{LINE.replace('0.005', 'x')}", "line 2 is damaged: could not convert"),
    "NaN": (f"{HEADER}\n{LINE.replace('0.005', 'nan')}", "lr must be a positive, finite number, got nan"),
    "no learning rate": (f"{HEADER}\n{LINE.replace('0.005', '0')}", "lr must be a positive"),
    "an error beyond 100": (f"{HEADER}\n{LINE.replace(',4.5,', ',400,')}", "top1_err must be from 0 to 100"),
    "no epochs": (f"{HEADER}\n{LINE.replace(',25,', ',0,')}", "epochs must be at least 1"),
    "half an epoch": (f"{HEADER}\n{LINE.replace(',25,', ',2.5,')}", "invalid literal"),
    "ranges the wrong way": (f"{HEADER}\n{LINE.replace(',0.0001,0.1,', ',0.1,0.0001,')}", "below lr_high"),
    "twice": (f"{HEADER}\n{LINE}\n{LINE}", "has two optima of vit_p_1mf, adamw, digits"),
}


@pytest.mark.parametrize(("content", "message"), DAMAGED.values(), ids=DAMAGED)
def test_what_is_damaged_is_named_with_its_line(content, message, tmp_path):
    path = tmp_path / "optima.csv"
    path.write_text(content)
    with pytest.raises(SearchSpaceError) as caught:
        read_found(path)
    assert message in str(caught.value)
    assert "optima.csv" in str(caught.value)


def test_bytes_that_are_no_text_and_folders_are_refused(tmp_path):
    (tmp_path / "a.csv").write_bytes(b"\xff\xfe")
    (tmp_path / "b.csv").mkdir()
    (tmp_path / "c.csv").write_bytes(b"model\0")
    for name in ("a.csv", "b.csv", "c.csv"):
        with pytest.raises(SearchSpaceError, match=name):
            read_found(tmp_path / name)


# ---- through the commands


@pytest.fixture
def found(tmp_path, sweep):
    from sweep.data.datasets import open_dataset
    from sweep.recipes.loading import load

    (tmp_path / "sweeps").mkdir()
    path = tmp_path / "sweeps" / "optima.csv"
    data = open_dataset(load("digits"), None).fingerprint

    def write(*rows):
        path.write_text(to_csv([dataclasses.replace(row, data=data) for row in rows]))
        return path

    return write


def test_run_takes_what_was_found_before_what_is_shipped(found, sweep):
    _, before, _ = sweep("run", "-m", "vit_p_1mf", "--dry-run")
    path = found(ROW)
    _, after, _ = sweep("run", "-m", "vit_p_1mf", "--dry-run")
    path.unlink()
    _, again, _ = sweep("run", "-m", "vit_p_1mf", "--dry-run")
    assert "optimum lr 0.00543, wd 0.0427" in before
    assert "optimum lr 0.005, wd 0.05" in after
    assert "tune-x: 4.50 ± 0.30 %" in after
    assert again == before


def test_the_box_may_be_made_smaller_and_that_is_another_sweep(sweep, tmp_path):
    _, usual, _ = sweep("run", "-m", "vit_p_1mf", "--dry-run")
    _, same, _ = sweep("run", "-m", "vit_p_1mf", "--box-down", "8", "--box-up", "4", "--dry-run")
    _, small, _ = sweep("run", "-m", "vit_p_1mf", "--box-down", "2", "--box-up", "2", "--dry-run")
    assert same == usual
    assert "box lr 0.00271 to 0.0109, wd 0.0214 to 0.0854" in small
    assert small.split(":")[0] != usual.split(":")[0]


def test_run_says_for_how_many_epochs_an_optimum_was_found(found, sweep):
    found(ROW, change(epochs=5, lr=0.02))
    _, out, _ = sweep("run", "-m", "vit_p_1mf", "--epochs", "6", "--dry-run")
    assert "optimum lr 0.02," in out
    assert "found for 5 epochs, used for 6" in out


def test_an_optimum_of_other_data_is_not_taken(found, sweep):
    path = found(change(model="resnet18"))
    assert sweep("run", "-m", "resnet18", "--dry-run")[0] == 0
    path.write_text(to_csv([change(model="resnet18")]))
    code, _, err = sweep("run", "-m", "resnet18", "--dry-run")
    assert code == 2
    assert "sweep tune --model resnet18 --optimizer adamw --recipe digits" in err
    assert "found on other data" in err


def test_what_to_do_after_a_search_names_its_folder(sweep, monkeypatch):
    from sweep.driver import tune

    monkeypatch.setattr(tune, "run", lambda *_: (ROW, True))
    code, out, _ = sweep("tune", "-m", "vit_p_1mf", "--dir", "other")
    assert code == 0
    assert "Next: sweep run --model vit_p_1mf --optimizer adamw --dir other --n 64" in out
    assert "Next: sweep run --model vit_p_1mf --optimizer adamw --n 64" in sweep("tune", "-m", "vit_p_1mf")[1]


def test_models_shows_what_was_found(found, sweep):
    import json

    found(ROW, change(model="resnet18"))
    _, out, _ = sweep("models")
    assert "Found here by `sweep tune` (sweeps/optima.csv)" in out
    assert "4.50 ± 0.30" in out
    assert "regnety_4gf" in out
    rows = {row["model"]: row for row in json.loads(sweep("models", "--json")[1])}
    assert rows["vit_p_1mf"]["optima"]["adamw/digits"]["lr"] == 0.005
    assert rows["vit_p_1mf"]["optima"]["sgd/digits"]["lr"] == 0.0245
    assert rows["resnet18"]["optima"]["adamw/digits"]["weight_decay"] == 0.05


@pytest.mark.parametrize("words", [("run", "-m", "vit_p_1mf"), ("models",), ("tune", "-m", "vit_p_1mf")])
def test_a_damaged_table_is_refused_by_one_message(found, words, refused):
    found(ROW).write_text(f"{HEADER}\n{LINE[:40]}")
    assert "sweeps/optima.csv, line 2 is damaged" in refused(*words)


def test_an_optimum_over_more_stands_beside_the_usual_one_and_is_taken_for_just_that():
    wider = change(lr=7.0, over='{"beta2": 0.98, "act": "gelu"}')
    rows = with_row([ROW], wider)
    assert rows == [ROW, wider]
    assert with_row(rows, change(lr=8.0, over='{"act": "relu", "beta2": 0.9}'))[1].lr == 8.0

    def found(*over):
        row = choose_found(rows, "vit_p_1mf", "adamw", "digits", data=None, epochs=10, over=over)
        return row and (row.lr, row.values)

    assert found("beta2", "act") == (7.0, {"beta2": 0.98, "act": "gelu"})
    assert found() == (ROW.lr, {})
    assert found("beta2") == (ROW.lr, {}), "the usual optimum, the rest as it is trained without"


def test_a_table_without_further_hyperparameters_is_as_earlier_versions_wrote_it(tmp_path):
    assert "over" not in to_csv([ROW]).splitlines()[0].split(",")
    path = tmp_path / "optima.csv"
    rows = [ROW, change(epochs=3, over='{"beta2": 0.98}')]
    path.write_text(to_csv(rows))
    assert read_found(path) == rows
    path.write_text(to_csv(rows).replace('"{""beta2"": 0.98}"', "[1]"))
    with pytest.raises(SearchSpaceError, match="line 3 is damaged: over must be a JSON object"):
        read_found(path)
