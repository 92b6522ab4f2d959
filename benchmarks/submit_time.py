"""From `sweep submit` to the first trial that trains: how long, and where the seconds go.

    python benchmarks/submit_time.py [--runs 3]

A real Ray head with a token and MLflow's server; a new folder of its user each time. The times are those that
the driver's log, the journal and the operating system note; nothing is added to what runs. Nothing else
should run on the machine.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path

import numpy as np
import psutil
from chaos_servers import MlflowServer, closing
from ray_head import ASKS, Head
from sweep_overhead import machine

ROOT = Path(__file__).parents[1]
WORDS = ["submit", "run", "--model", "vit_p_1mf", "--n", "8", "--seeds", "1", "--epochs", "2"]
POLL_S = 0.1


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--runs", type=int, default=3)
    args = parser.parse_args()
    print(machine(), flush=True)
    with tempfile.TemporaryDirectory() as name, closing(MlflowServer(Path(name)), "kill") as server:
        path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
        variables = {"PYTHONPATH": str(ROOT), "PATH": path, "MLFLOW_TRACKING_URI": server.uri}
        head = Head(ASKS | variables, dashboard=True, cpus=os.cpu_count() or 1)
        try:
            report([submitted(head, Path(name) / f"user-{i}") for i in range(args.runs)])
        finally:
            head.stop()


def submitted(head: Head, folder: Path) -> dict[str, float]:
    """Submit a sweep into a folder; return after how many seconds each stage was reached."""
    token = {"RAY_AUTH_TOKEN": ASKS["RAY_AUTH_TOKEN"]}
    profile = {
        "SWEEP_CLUSTER_ADDRESS": head.jobs,
        "SWEEP_CLUSTER_FOLDER": str(folder),
        "PYTHONPATH": str(ROOT),
    }
    started, before = time.time(), {process.pid for process in psutil.process_iter()}
    laptop = subprocess.Popen(
        [sys.executable, "-m", "sweep", *WORDS], env=os.environ | token | profile, stdout=subprocess.DEVNULL
    )
    reached: dict[str, float] = {}
    while "the first epoch ends" not in reached:
        time.sleep(POLL_S)
        reached |= {name: at for name, at in processes(before, laptop.pid) if name not in reached}
        reached |= {name: at for name, at in written(folder) if name not in reached}
    while not [line for line in log_lines(folder) if line.endswith("driver ends")]:
        time.sleep(POLL_S)
    laptop.wait()
    return {name: at - started for name, at in sorted(reached.items(), key=lambda item: item[1])}


def processes(before: set[int], laptop: int) -> Iterator[tuple[str, float]]:
    """Yield when processes began that were not there before."""
    for process in psutil.process_iter(["cmdline", "create_time"]):
        words = " ".join(process.info["cmdline"] or [])
        if process.pid in before or process.pid == laptop:
            continue
        if "sweep.remote.start" in words or "-m sweep run" in words:
            yield "the driver's process begins", process.info["create_time"]
        elif "Worker.__init__" in words or "ray::Worker" in words or "ray::ResourceTrainable" in words:
            yield "the worker's process begins", process.info["create_time"]


def written(folder: Path) -> Iterator[tuple[str, float]]:
    """Yield when the driver noted what in its log and in the journal."""
    for line in log_lines(folder):
        at = line[:23].replace(",", ".")
        if "driver starts" in line:
            yield "imports done, data read, plan made", datetime.fromisoformat(at).timestamp()
        if " at " in line and ": Ray " in line:
            yield "Ray is joined", datetime.fromisoformat(at).timestamp()
    for path in folder.glob("*/journal.jsonl"):
        for text in path.read_text().splitlines():
            event = json.loads(text) if text.endswith("}") else {}
            if event.get("event") == "start":
                yield "the first trial trains", event["time_ms"] / 1000
            if event.get("event") == "epoch":
                yield "the first epoch ends", event["time_ms"] / 1000


def log_lines(folder: Path) -> list[str]:
    """Return the lines of the driver's log."""
    return [line for path in folder.glob("*/driver.log") for line in path.read_text().splitlines()]


def report(runs: list[dict[str, float]]) -> None:
    """Print after how many seconds each stage was reached: the median and the range of the runs."""
    print("\n| until | seconds | least to most |\n|---|---|---|")
    for name in runs[0]:
        seconds = [run[name] for run in runs if name in run]
        print(f"| {name} | {np.median(seconds):.1f} | {min(seconds):.1f} to {max(seconds):.1f} |")


if __name__ == "__main__":
    main()
