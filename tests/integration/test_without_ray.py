"""`--address none` as its users run it: the same results as with Ray, to the last bit, and no Ray."""

import os
import subprocess
import sys
import time
from pathlib import Path

import pandas as pd
import pytest

pytestmark = pytest.mark.slow

RECIPE = """
dataset = "digits"
max_px = 16
epochs = 3
batch = 32
warmup_epochs = 1
train_subset = 64
"""
TRAINER = """
import numpy as np

def train(config):
    rng = np.random.default_rng(config.seed)
    a, b = rng.normal(size=(2, 300, 300))
    for epoch in range(config.epochs):
        a = np.tanh(a @ b * config.lr)  # large enough for several threads, each with a sum of its own
        yield 100 * abs(float(a.mean()))
"""
DIGITS = (
    *("run", "--model", "vit_c_1mf", "--recipe", "tiny.toml"),
    *("--lr", ".005", "--wd", ".05", "--n", "6", "--seeds", "1"),
)
OWN = (
    "run",
    "--trainer",
    "own:train",
    "--epochs",
    "3",
    "--lr",
    ".02",
    "--wd",
    ".05",
    "--n",
    "3",
    "--seeds",
    "1",
)
SEARCH = (
    *("tune", "--model", "vit_c_1mf", "--recipe", "tiny.toml", "--epochs", "3"),
    *("--n-trials", "4", "--finalists", "1", "--seeds", "2"),
)
HERE = ("--address", "none")


def start(folder: Path, *words: str) -> subprocess.Popen:
    (folder / "tiny.toml").write_text(RECIPE)
    (folder / "own.py").write_text(TRAINER)
    lines = "import sys; from sweep.cli.main import main\ntry: main()\nfinally: print('ray' in sys.modules)"
    left_out = ("MLFLOW", "SWEEP", "RAY")
    environment = {name: value for name, value in os.environ.items() if not name.startswith(left_out)}
    return subprocess.Popen(
        [sys.executable, "-c", lines, *words],
        cwd=folder,
        env=environment | {"COLUMNS": "160"},
        text=True,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
    )


def run(folder: Path, *words: str, code: int = 0) -> str:
    driver = start(folder, *words)
    out, _ = driver.communicate(timeout=240)
    assert driver.returncode == code, out
    return out


def table(folder: Path) -> pd.DataFrame:
    """Export the results; how long a trial took is the one thing that no two runs share."""
    run(folder, "export", "--out", "t.parquet")
    return pd.read_parquet(folder / "t.parquet").drop(columns="wall_s")


def ends(folder: Path) -> dict[str, tuple[float, ...]]:
    """Return every error in a search's journal, by its trial's key."""
    (journal,) = folder.glob("sweeps/tune-*/journal.jsonl")
    lines = pd.read_json(journal, lines=True)
    epochs = lines[lines.event == "epoch"].groupby("key").top1_err.apply(tuple)
    return epochs.to_dict()


@pytest.fixture(scope="module")
def with_ray(tmp_path_factory):
    folder = tmp_path_factory.mktemp("with-ray")
    for words in (DIGITS, OWN):
        assert run(folder, *words).endswith("True\n")
    return folder


def test_results_are_those_of_ray_to_the_last_bit_after_a_kill_too(with_ray, tmp_path):
    driver = start(tmp_path, *DIGITS, *HERE)
    while '"event": "end"' not in "".join(path.read_text() for path in tmp_path.glob("sweeps/*/*.jsonl")):
        assert driver.poll() is None
        time.sleep(0.02)
    driver.kill()
    driver.wait()
    for words in (DIGITS, OWN):
        out = run(tmp_path, *words, *HERE)
        assert out.endswith("False\n"), "Ray was imported"
        assert " of " in out
    pd.testing.assert_frame_equal(table(tmp_path), table(with_ray), check_exact=True)


@pytest.mark.system
def test_a_search_finds_what_it_finds_with_ray(tmp_path):
    (tmp_path / "ray").mkdir()
    (tmp_path / "none").mkdir()
    one_at_a_time = ("--cpus-per-trial", str(os.cpu_count()))
    run(tmp_path / "ray", *SEARCH, *one_at_a_time)
    assert run(tmp_path / "none", *SEARCH, *one_at_a_time, *HERE).endswith("False\n")
    assert len(ends(tmp_path / "none")) == 6
    assert ends(tmp_path / "none") == ends(tmp_path / "ray")


def test_a_debugger_stands_in_the_users_function(tmp_path):
    (tmp_path / "own.py").write_text(TRAINER.replace("    a, b", "    breakpoint()\n    a, b"))
    ran = subprocess.run(
        [sys.executable, "-m", "sweep", *OWN, *HERE],
        cwd=tmp_path,
        # A test before this one may have used Ray in this process: Ray then has `breakpoint()` to itself.
        env={name: value for name, value in os.environ.items() if name != "PYTHONBREAKPOINT"},
        input="p config.lr * 0 + 12345\nquit\n",
        capture_output=True,
        text=True,
        timeout=240,
        check=False,
    )
    assert "(Pdb) 12345.0" in ran.stdout, ran.stdout + ran.stderr
    assert ran.returncode == 130
    assert ran.stdout.count("(Pdb)") == 2, "`quit` ends all of it"
