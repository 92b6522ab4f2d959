"""A folder that an earlier version left behind opens, resumes and exports to the last bit.

What it holds and how it was made: tests/data/earlier_version/README.md.
"""

import os
import shlex
import sqlite3
import subprocess
import sys
import tarfile
from contextlib import closing
from pathlib import Path

import pandas as pd
import pytest

from sweep.utils.cpu_isa import cpu_name

pytestmark = pytest.mark.slow

DATA = Path(__file__).parents[1] / "data" / "earlier_version"
COMMANDS = (
    "run --trainer toy:train --epochs 4 --n 8 --seeds 2 --lr 1e-3 --wd 0.1 --address none",
    "run --model vit_p_1mf --recipe tiny.toml --n 4 --seeds 2 --repeat 1 --lr .005 --wd .05",
    "tune --trainer toy:train --epochs 4 --n-trials 6 --finalists 2 --seeds 2 "
    "--lr-range 1e-4:1e-2 --wd-range 0.01:1 --address none",
)
EXPORTED = pd.read_csv(DATA / "table.csv", nrows=0).columns.drop("key").tolist()
TRAINED_ON = "cpu (AMD, AVX2)"
"""Bits of a network's training are the same on processors of one maker."""
WRITTEN_IN = "/tmp/legacy/cut"


def sweep(folder: Path, command: str, code: int = 0) -> str:
    clean = {n: v for n, v in os.environ.items() if not n.startswith(("MLFLOW", "SWEEP", "RAY"))}
    ran = subprocess.run(
        [sys.executable, "-m", "sweep", *shlex.split(command)],
        cwd=folder,
        env=clean | {"COLUMNS": "160"},
        capture_output=True,
        text=True,
        timeout=240,
        check=False,
    )
    assert ran.returncode == code, ran.stdout + ran.stderr
    return ran.stdout or ran.stderr


def unpack(folder: Path) -> None:
    with tarfile.open(DATA / "folder.tar.xz") as archive:
        archive.extractall(folder, filter="data")
    with closing(sqlite3.connect(folder / "mlflow.db")) as database, database:
        for table, column in (("runs", "artifact_uri"), ("experiments", "artifact_location")):
            database.execute(
                f"update {table} set {column} = replace({column}, ?, ?)", (WRITTEN_IN, str(folder))
            )


def exported(folder: Path) -> pd.DataFrame:
    """Export what that version exported; columns of later ones stand behind."""
    sweep(folder, "export --out table.csv")
    table = pd.read_csv(folder / "table.csv").set_index("key")
    assert list(table) in (EXPORTED + further for further in ([], ["val_loss"], ["top5_err", "val_loss"]))
    return table[EXPORTED]


@pytest.fixture(scope="module")
def expected() -> pd.DataFrame:
    return pd.read_csv(DATA / "table.csv").set_index("key")


@pytest.fixture(scope="module")
def before(tmp_path_factory):
    """The folder as it was left, and its table."""
    folder = tmp_path_factory.mktemp("earlier")
    unpack(folder)
    return folder, exported(folder)


@pytest.fixture(scope="module")
def after(before):
    """The folder once the same commands have run, what they printed, and the table."""
    folder, _ = before
    printed = [sweep(folder, command) for command in COMMANDS]
    return folder, printed, exported(folder)


def test_what_was_finished_is_exported_as_it_was(before, expected):
    _, table = before
    done = table[table.state.isin(["finished", "diverged"])]
    assert done.groupby("model").size().to_dict() == {"train": 5, "vit_p_1mf": 4}
    pd.testing.assert_frame_equal(
        done.drop(columns="wall_s"),
        expected.loc[done.index].drop(columns="wall_s"),
        check_exact=True,
        check_dtype=False,
    )
    assert set(table.index) == set(expected.index)


def test_the_same_commands_train_what_is_missing_and_nothing_else(after):
    _, printed, _ = after
    assert "5 of 10 trials to train" in printed[0]
    assert "3 of 7 trials to train" in printed[1]


def test_in_the_end_the_table_is_the_undisturbed_one(after, expected):
    _, _, table = after
    exact = table.index if cpu_name() == TRAINED_ON else table.index[table.model == "train"]
    assert (table.state == expected.state).all()
    pd.testing.assert_frame_equal(
        table.loc[exact].drop(columns="wall_s"), expected.loc[exact].drop(columns="wall_s"), check_exact=True
    )


def test_the_losses_that_it_recorded_are_compared_and_what_it_did_not_is_refused(after):
    folder, _, table = after
    sweep(folder, "export --metric val_loss --model vit_p_1mf --out losses.csv")
    losses = pd.read_csv(folder / "losses.csv").set_index("key")["value"]
    assert losses.notna().tolist() == (table.state[losses.index] == "finished").tolist()
    refused = sweep(folder, "cdf --metric top5_err --model vit_p_1mf --out f.svg", code=2)
    assert "top5_err is not reported in 4 of 7 finished trials of vit_p_1mf" in " ".join(refused.split())


def test_the_search_finds_the_same_optimum(after):
    folder, _, _ = after
    names = ["model", "optimizer", "recipe", "lr", "weight_decay", "epochs", "data", "top1_err", "search"]
    read = [pd.read_csv(place / "optima.csv") for place in (folder / "sweeps", DATA)]
    pd.testing.assert_frame_equal(read[0][names], read[1][names], check_exact=True)


def test_mlflow_has_each_trial_once_under_the_tags_it_had(after, expected):
    folder, _, _ = after
    with closing(sqlite3.connect(folder / "mlflow.db")) as database:
        keys = [key for (key,) in database.execute("select value from tags where key = 'sweep.key'")]
        left = database.execute("select count(*) from runs where status = 'RUNNING'").fetchone()
    assert len(keys) == len(set(keys)) == len(expected) + 10 + 3  # the search's ten trials, three parents
    assert set(expected.index) < set(keys)
    assert left == (0,)
