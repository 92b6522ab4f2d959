"""Runs that are killed and resumed."""

import json
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path

from support.runs import environment

from sweep.orchestrate.worker import EVERY_S_VARIABLE

RECIPE = """
dataset = "digits"
max_px = 16
epochs = 60
batch = 32
warmup_epochs = 1
train_subset = 256
augment = ["shift"]
ema_steps = 3
"""
WORDS = (
    *("run", "-m", "vit_c_1mf", "--recipe", "long.toml"),
    *("--lr", ".005", "--wd", ".05", "--n", "1", "--seeds", "1"),
)


def start(folder: Path, *words: str, command: Sequence[str] = WORDS) -> subprocess.Popen:
    (folder / "long.toml").write_text(RECIPE)
    often = {EVERY_S_VARIABLE: "0"}
    return subprocess.Popen(
        [sys.executable, "-m", "sweep", *command, *words],
        cwd=folder,
        env=environment(**often),
        text=True,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
    )


def finish(driver: subprocess.Popen) -> str:
    out, _ = driver.communicate(timeout=600)
    assert driver.returncode == 0, out
    return out


def wait_for(condition) -> None:
    for _ in range(6000):
        if condition():
            return
        time.sleep(0.05)
    raise AssertionError("it never came true")


def epochs(folder: Path, count: int = 2 * 60) -> dict[tuple[str, int], dict]:
    """Every epoch of the journal, which must be there once, without its time."""
    (journal,) = folder.glob("sweeps/*/journal.jsonl")
    found = [json.loads(line) for line in journal.read_text().splitlines()]
    found = [event for event in found if event.pop("time_ms") and event.pop("event") == "epoch"]
    keyed = {(event["key"], event["epoch"]): event for event in found}
    assert len(keyed) == len(found) == count
    return keyed
