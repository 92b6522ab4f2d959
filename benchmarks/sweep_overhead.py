"""What the service costs: `sweep run` beside the bare training loop and what people use instead.

    python benchmarks/sweep_overhead.py [--n 64] [--epochs 3] [--rounds 5] [--out results/sweep_overhead.csv]

All train the same number of trials of one model with the same training code, one after the other, and that
several times over, each in an empty folder; nothing else should be running. Peak memory is sampled every half
second from the processes that each starts (resident, less what they share). Prints a table in Markdown, and
adds a line a command to a CSV file.
"""

import argparse
import os
import platform
import subprocess
import sys
import tempfile
import threading
import time
from importlib.metadata import version
from pathlib import Path

import pandas as pd
import psutil

HERE = Path(__file__).parent
SWEEP = Path(sys.executable).with_name("sweep")
BARE = "bare training loop"
PARTS = ("driver", "ray", "worker")
"""Of each command, whose memory is measured."""


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--n", type=int, default=64)
    parser.add_argument("--epochs", type=int, default=3)
    parser.add_argument("--model", default="vit_p_1mf")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--out", type=Path, default=HERE / "results" / "sweep_overhead.csv")
    args = parser.parse_args()
    print(f"{args.n + 1} trials of {args.model}, {args.epochs} epochs each; {machine()}\n", flush=True)
    rows = []
    for number in range(args.rounds):
        for name, command in commands(args.model, args.n, args.epochs).items():
            seconds, memory = measure(command)
            parts = {f"{part}_mb": round(memory.get(part, 0) / 1e6) for part in PARTS}
            rows.append({"round": number, "command": name, "seconds": round(seconds, 1), **parts})
            print(*rows[-1].values(), sep=" | ", file=sys.stderr, flush=True)
    keep(pd.DataFrame(rows), args)
    print(table(pd.DataFrame(rows)))


def commands(model: str, n: int, epochs: int) -> dict[str, list[str]]:
    """Return what is measured; the bare loop comes first."""
    words = ["--model", model, "--n", str(n), "--epochs", str(epochs)]
    more = ["--model", model, "--n", str(n + 1), "--epochs", str(epochs)]  # a sweep trains the optimum too
    python = sys.executable
    return {
        BARE: [python, str(HERE / "bare_loop.py"), *words],
        "sweep run": [str(SWEEP), "run", *words, "--seeds", "1"],
        "sweep run --address none": [str(SWEEP), "run", *words, "--seeds", "1", "--address", "none"],
        "Optuna, a process a core": [python, str(HERE / "plain_optuna.py"), *more],
        "Ray Tune, workers reused": [python, str(HERE / "plain_ray_tune.py"), *more, "--reuse"],
        "Ray Tune": [python, str(HERE / "plain_ray_tune.py"), *more],
    }


def keep(rows: pd.DataFrame, args: argparse.Namespace) -> None:
    """Add the measurements to the file of all of them."""
    rows = rows.assign(model=args.model, trials=args.n + 1, epochs=args.epochs, machine=machine())
    rows.to_csv(args.out, mode="a", header=not args.out.exists(), index=False)


def table(rows: pd.DataFrame) -> str:
    """Return medians, ranges and ratios in Markdown."""
    bare = rows.seconds[rows.command == BARE].median()
    lines = [
        "| | seconds, median (range) | × bare loop | driver MB | Ray MB | largest worker MB |",
        "|---|---|---|---|---|---|",
    ]
    for name, group in rows.groupby("command", sort=False):
        took = f"{group.seconds.median():.1f} ({group.seconds.min():.1f}–{group.seconds.max():.1f})"
        sizes = " | ".join(f"{group[f'{part}_mb'].median():.0f}" for part in PARTS)
        lines.append(f"| {name} | {took} | {group.seconds.median() / bare:.2f} | {sizes} |")
    return "\n".join(lines)


def machine() -> str:
    names = ("ray", "mlflow", "torch", "timm")
    versions = ", ".join(f"{name} {version(name)}" for name in names)
    return f"{os.cpu_count()} cores ({cpu()}), Python {platform.python_version()}, {versions}"


def cpu() -> str:
    lines = Path("/proc/cpuinfo").read_text().splitlines() if Path("/proc/cpuinfo").exists() else []
    return next(
        (line.split(":")[1].strip() for line in lines if line.startswith("model name")), platform.machine()
    )


def measure(command: list[str]) -> tuple[float, dict[str, int]]:
    """Run a command in an empty folder; return its seconds and the peak memory of its parts."""
    peaks: dict[str, int] = {}
    with tempfile.TemporaryDirectory() as folder:
        started = time.monotonic()
        process = subprocess.Popen(
            command,
            cwd=folder,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.STDOUT,
            env=os.environ | {"MLFLOW_TRACKING_URI": "sqlite:///mlflow.db"},
        )
        watcher = threading.Thread(target=watch, args=(psutil.Process(process.pid), peaks), daemon=True)
        watcher.start()
        if process.wait():
            raise SystemExit(f"{' '.join(command)} failed with exit code {process.returncode}")
        return time.monotonic() - started, peaks


def watch(root: psutil.Process, peaks: dict[str, int]) -> None:
    """Note the peak memory of the driver, of Ray's own processes together and of the largest worker."""
    while root.is_running():
        now = {"driver": 0, "ray": 0, "worker": 0}
        try:
            now["driver"] = own_memory(root)
            for child in root.children(recursive=True):
                size, name = own_memory(child), " ".join(child.cmdline())
                if name.startswith("ray::") or "--share" in name:
                    now["worker"] = max(now["worker"], size)
                else:
                    now["ray"] += size
        except (psutil.NoSuchProcess, psutil.ZombieProcess):
            pass
        for part, size in now.items():
            peaks[part] = max(peaks.get(part, 0), size)
        time.sleep(0.5)


def own_memory(process: psutil.Process) -> int:
    """Return a process's resident memory less what it shares, in bytes."""
    try:
        info = process.memory_info()
        return int(info.rss - info.shared)
    except psutil.NoSuchProcess:
        return 0


if __name__ == "__main__":
    main()
