"""The process that writes to MLflow is killed under a real run: it completes, or says what to do."""

import os
import random
import shlex
import subprocess
import sys
import time

import psutil
import pytest
from mlflow import MlflowClient

pytestmark = pytest.mark.slow

TRAINER = """
import time

def train(config):
    for epoch in range(config.epochs):
        time.sleep(0.3)
        yield {"error": 50.0 / (1 + epoch)}
"""
COMMAND = "sweep run --trainer toy:train --epochs 4 --n 4 --seeds 1 --lr 1e-3 --wd 0.1 --address none"


@pytest.fixture
def start(tmp_path):
    (tmp_path / "toy.py").write_text(TRAINER)
    clean = {n: v for n, v in os.environ.items() if not n.startswith(("MLFLOW", "SWEEP", "RAY"))}
    return lambda: subprocess.Popen(
        [sys.executable, "-m", *shlex.split(COMMAND)],
        cwd=tmp_path,
        env=clean | {"COLUMNS": "160"},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


def trackers(run: subprocess.Popen) -> list[psutil.Process]:
    """Return the processes of a run that write to MLflow."""
    try:
        children = psutil.Process(run.pid).children()
        return [child for child in children if any("sweep.tracking" in word for word in child.cmdline())]
    except psutil.Error:
        return []


def kill_after(run: subprocess.Popen, *delays: float) -> int:
    """Kill each process that writes to MLflow so many seconds after it was first seen; return how many."""
    killed = 0
    for delay in delays:
        while run.poll() is None and not trackers(run):
            time.sleep(0.005)
        time.sleep(delay)
        for process in trackers(run):
            process.kill()
            killed += 1
    return killed


@pytest.mark.parametrize("seed", [0, pytest.param(1, marks=pytest.mark.system)])
def test_a_run_completes_whenever_the_process_is_killed(start, tmp_path, seed):
    run, rng = start(), random.Random(seed)
    killed = kill_after(run, 0.0, rng.uniform(0, 2), rng.uniform(2, 5), rng.uniform(5, 9))
    out, _ = run.communicate(timeout=240)
    assert killed >= 2
    assert (run.returncode, "Traceback" in out) == (0, False), out
    client = MlflowClient(f"sqlite:///{tmp_path}/mlflow.db")
    runs = client.search_runs([client.get_experiment_by_name("sweep-toy.train").experiment_id])
    assert [run.info.status for run in runs] == ["FINISHED"] * 6
    assert sorted(run.data.metrics.get("top1_err", 0) for run in runs) == [0, *[12.5] * 5]


def test_killed_whenever_it_starts_the_run_says_so_and_ends(start, tmp_path):
    run = start()
    while run.poll() is None:
        kill_after(run, 0.0)
    out = run.stdout.read()
    assert (run.returncode, "Traceback" in out) == (2, False), out
    assert "the process that writes to MLflow has ended 5 times, by SIGKILL" in " ".join(out.split())
    assert not list(tmp_path.glob("sweeps/*/plan.json"))
