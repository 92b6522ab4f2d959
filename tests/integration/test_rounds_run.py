"""`sweep run --until settled`: stops once it is settled, and goes on where it was killed."""

import json
import subprocess
from pathlib import Path

import pandas as pd
import pytest
from support.runs import TIMEOUT_S, start, sweep, table, wait_for_events

pytestmark = pytest.mark.slow

TRAINER = """
import time
import numpy as np

STEEP = {"flat": 4.0, "steep": 40.0}

def train(config):
    rng = np.random.default_rng(config.seed + len(config.model))
    far = np.log(config.lr / 0.01) ** 2 + 0.1 * np.log(config.weight_decay / 0.1) ** 2
    time.sleep(0.01)
    yield float(np.clip(10 + STEEP[config.model] * far / 10 + rng.normal(0, 0.3), 0, 100))
"""
WORDS = (
    *("run", "--trainer", "own:train", "--epochs", "1", "--lr", ".01", "--wd", ".1", "--address", "none"),
    *("--n", "8", "--until", "settled"),
)
CLEAR = (*WORDS, "--model", "flat", "--model", "steep", "--max-n", "64")


def ran(folder: Path, words: tuple[str, ...]) -> subprocess.CompletedProcess:
    (folder / "own.py").write_text(TRAINER)
    return sweep(folder, *words)


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory):
    folder = tmp_path_factory.mktemp("undisturbed")
    done = ran(folder, CLEAR)
    assert done.returncode == 0, done.stdout + done.stderr
    return folder, done.stdout


def points(trials: pd.DataFrame) -> set[int]:
    counts = trials[trials["role"] == "point"].groupby("sweep").size()
    assert (trials["state"] == "finished").all()
    return set(counts)


def test_it_stops_once_the_comparison_is_settled_and_compare_tells_how(undisturbed):
    folder, out = undisturbed
    (n,) = points(table(folder))
    assert n < 64
    assert f"Settled with {n} of at most 64 points." in out
    said = sweep(folder, "compare", "--json")
    answer = json.loads(said.stdout)
    assert "flat is more robust than steep." in answer["answer"]
    assert f"rounds of 8, 16, 32 and 64 points until they are settled. At {n} points" in answer["rounds"][0]
    (plain,) = {path.read_text() for path in folder.glob("sweeps/*/rounds.json")}
    assert json.loads(plain) == {"first_n": 8, "max_n": 64}


def test_killed_in_its_second_round_it_ends_with_the_same_table(undisturbed, tmp_path):
    (tmp_path / "own.py").write_text(TRAINER)
    driver = start(tmp_path, *CLEAR)
    wait_for_events(tmp_path, "end", 2 * (8 + 5) + 3)
    driver.kill()
    driver.communicate(timeout=TIMEOUT_S)
    done = ran(tmp_path, CLEAR)
    assert done.returncode == 0, done.stdout + done.stderr
    assert table(tmp_path).equals(table(undisturbed[0]))
