"""What Weights & Biases, Excel and others export as tables."""

import csv
import json

import numpy as np
import pytest

from sweep.errors import InputError
from sweep.sources.formats import read, with_settings
from sweep.sources.mapping import Mapping


def write(path, header, rows, **options):
    with path.open("w", newline="", encoding=options.pop("encoding", "utf-8")) as file:
        writer = csv.writer(file, **options)
        writer.writerow(header)
        writer.writerows(rows)
    return str(path)


def test_an_empty_column_is_none(tmp_path):
    header = ["Name", "State", "Sweep", "Runtime", "model", "lr", "val_acc"]
    rows = [[f"run-{i}", "finished", "", 60, "m", 0.1 * i, 90 + i] for i in range(3)]
    source = write(tmp_path / "ui.csv", header, rows)
    assert read([source], Mapping()).table["top1_err"].tolist() == [10.0, 9.0, 8.0]
    rows[1][2] = "a1b2"
    table = read([write(tmp_path / "ui.csv", header, rows)], Mapping()).table
    assert table["sweep"].tolist() == ["m", "a1b2", "m"]


@pytest.mark.parametrize("dump", [str, json.dumps])
def test_dictionaries_in_cells_become_columns(tmp_path, dump):
    rows = []
    for i in range(4):
        config = {"lr": 0.001 * (i + 1), "optim": {"wd": 0.1}, "model": "m", "note": "it's nan"}
        summary = {"val_acc": 0.5 + i / 10, "_runtime": 60.0, "loss": float("nan"), "lr": 0.0}
        rows.append([i, dump(summary), dump(config), f"run-{i}"])
    source = write(tmp_path / "api.csv", ["", "summary", "config", "name"], rows)
    got = read([source], Mapping(fraction=True))
    assert got.table["lr"].tolist() == [0.001, 0.002, 0.003, 0.004]
    assert got.table["weight_decay"].tolist() == [0.1] * 4
    assert got.table["top1_err"].tolist() == pytest.approx([50, 40, 30, 20])
    assert got.table["wall_s"].tolist() == [60.0] * 4
    assert "summary holds dictionaries" in "\n".join(got.preview)


def test_a_charts_export_is_named(tmp_path):
    header = ["Step", "run-0 - val_acc", "run-0 - val_acc__MIN", "run-0 - val_acc__MAX"]
    source = write(tmp_path / "chart.csv", header, [[0, 0.1, 0.1, 0.1]])
    with pytest.raises(InputError, match=r"export of a W&B chart: 'val_acc' of 'run-0'.*table of runs"):
        read([source], Mapping())


ROWS = [["net", "0,001", "0,1", "91,5"], ["net", "0,002", "0,1", "92,5"], ["net", "3e-3", "0,2", "90,1"]]


@pytest.mark.parametrize(
    ("encoding", "delimiter"),
    [("utf-8", ";"), ("utf-8-sig", ";"), ("utf-16", ";"), ("utf-16", "\t"), ("cp1252", ";")],
)
def test_european_tables_and_those_of_excel_are_read(tmp_path, encoding, delimiter):
    header = ["model", "lr", "weight_decay", "val_acc"]
    source = write(tmp_path / "t.csv", header, ROWS, encoding=encoding, delimiter=delimiter)
    got = read([source], Mapping())
    assert got.table["lr"].tolist() == [0.001, 0.002, 0.003]
    assert got.table["top1_err"].tolist() == pytest.approx([8.5, 7.5, 9.9])
    assert "a comma is the decimal point" in "\n".join(got.preview)


def test_utf_16_with_commas_is_read(tmp_path):
    source = write(tmp_path / "t.csv", ["model", "err"], [["net", 5], ["netz", 6]], encoding="utf-16")
    assert read([source], Mapping()).table["model"].tolist() == ["net", "netz"]


def test_of_one_row_an_epoch_the_last_counts(tmp_path):
    rows = [[run, epoch, "m", 0.1 * run, 50 - epoch] for epoch in range(3) for run in range(1, 5)]
    source = write(tmp_path / "t.csv", ["run_id", "epoch", "model", "lr", "err"], rows)
    got = read([source], Mapping())
    assert got.table["top1_err"].tolist() == [48.0] * 4
    assert got.table["epochs"].tolist() == [2] * 4
    assert "one row an epoch (12 rows): the last epoch of each run_id counts, 4 trials" in "\n".join(
        got.preview
    )
    once = write(
        tmp_path / "once.csv", ["run_id", "epoch", "model", "err"], [[i, 2, "m", 5] for i in range(4)]
    )
    assert len(read([once], Mapping()).table) == 4


def seeds(path, seeds=3):
    rng = np.random.default_rng(0)
    rows = [["m", lr, 0.1, s, 10 + rng.random()] for lr in (0.1, 0.2, 0.3) for s in range(seeds)]
    return write(path, ["model", "lr", "wd", "seed", "err"], rows)


def test_seeds_of_one_point_are_repeats_of_it(tmp_path):
    got = read([seeds(tmp_path / "t.csv")], Mapping())
    assert got.table["role"].tolist() == ["point", "repeat", "repeat"] * 3
    assert got.table["index"].tolist() == [0, 0, 0, 1, 1, 1, 2, 2, 2]
    assert got.table["repeat"].tolist() == [0, 1, 2] * 3
    assert "3 points with up to 3 seeds each" in "\n".join(got.preview)


def test_one_result_of_all_trials_is_warned_of(tmp_path):
    source = write(tmp_path / "t.csv", ["model", "lr", "err"], [["m", 0.1 * i, 3.25] for i in range(1, 7)])
    assert "all 6 finished trials have one and the same result" in read([source], Mapping()).warnings[0]


def test_each_source_may_have_settings_of_its_own_and_merging_is_said(tmp_path):
    one, two = (
        write(tmp_path / n, ["model", "lr", "err"], [["m", x, 5 + x]])
        for n, x in (("1.csv", 1), ("2.csv", 2))
    )
    merged = read([one, two], Mapping())
    assert set(merged.table["sweep"]) == {"m"}
    assert "are put together as one sweep, m" in "\n".join(merged.preview)
    apart = read(
        [f"{one},model=a", f"{two}, model=b,optimizer=sgd"], Mapping(constants={"optimizer": "adam"})
    )
    assert apart.table["sweep"].tolist() == ["a-adam", "b-sgd"]
    assert "put together" not in "\n".join(apart.preview)


def test_settings_are_no_part_of_a_name_that_exists(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "train,lr=0.1").mkdir()
    assert with_settings("train,lr=0.1") == ("train,lr=0.1", {})
    assert with_settings("train,lr=0.1,model=a") == ("train,lr=0.1", {"model": "a"})
    assert with_settings("t.csv,wd=0.5") == ("t.csv", {"weight_decay": "0.5"})
    assert with_settings("t,u.csv") == ("t,u.csv", {})
