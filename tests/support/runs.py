"""The command line as a process of its own, and what it leaves behind."""

import os
import subprocess
import sys
import time
from pathlib import Path

import pandas as pd

RECIPE = """
dataset = "digits"
max_px = 16
epochs = 3
batch = 32
warmup_epochs = 1
train_subset = 64
"""
MODELS = ("vit_p_1mf", "vit_c_1mf")
WORDS = (
    "run",
    "--model",
    MODELS[0],
    "--model",
    MODELS[1],
    "--recipe",
    "tiny.toml",
    "--lr",
    ".005",
    "--wd",
    ".05",
    "--seeds",
    "1",
)
TIMEOUT_S = 240


def environment(**changes: str) -> dict[str, str]:
    clean = {
        name: value for name, value in os.environ.items() if not name.startswith(("MLFLOW", "SWEEP", "RAY"))
    }
    return clean | {"COLUMNS": "160"} | changes


def sweep(folder: Path, *words: str, **env: str) -> subprocess.CompletedProcess:
    (folder / "tiny.toml").write_text(RECIPE)
    return subprocess.run(
        [sys.executable, "-m", "sweep", *words],
        cwd=folder,
        env=environment(**env),
        capture_output=True,
        text=True,
        timeout=TIMEOUT_S,
        check=False,
    )


def start(folder: Path, *words: str) -> subprocess.Popen:
    (folder / "tiny.toml").write_text(RECIPE)
    return subprocess.Popen(
        [sys.executable, "-m", "sweep", *words],
        cwd=folder,
        env=environment(),
        text=True,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
    )


def table(folder: Path) -> pd.DataFrame:
    """Export the results; how long a trial took is the one thing that no two runs share."""
    assert sweep(folder, "export", "--out", "t.parquet").returncode == 0
    return pd.read_parquet(folder / "t.parquet").drop(columns="wall_s")


def events(folder: Path, kind: str) -> int:
    return sum(path.read_text().count(f'"event": "{kind}"') for path in folder.glob("sweeps/*/journal.jsonl"))


def wait_for_events(folder: Path, kind: str, count: int) -> None:
    for _ in range(TIMEOUT_S * 20):
        if events(folder, kind) >= count:
            return
        time.sleep(0.05)
    raise AssertionError(f"no {count} {kind} events")
