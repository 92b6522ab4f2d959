"""What the service costs: `sweep run` beside the bare training loop and a plain Ray Tune script.

    python benchmarks/sweep_overhead.py [--n 64] [--epochs 3]

All three train the same number of trials of one model with the same training code, one after the other in one
run, each in an empty folder; nothing else should be running. Peak memory is sampled every half second
from the processes that each starts (resident, less what they share). Prints a table in Markdown.
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

import psutil

HERE = Path(__file__).parent
SWEEP = Path(sys.executable).with_name("sweep")


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--n", type=int, default=64)
    parser.add_argument("--epochs", type=int, default=3)
    parser.add_argument("--model", default="vit_p_1mf")
    args = parser.parse_args()
    words = ["--model", args.model, "--n", str(args.n), "--epochs", str(args.epochs)]
    plain = ["--model", args.model, "--n", str(args.n + 1), "--epochs", str(args.epochs)]
    commands = {
        "bare loop": [sys.executable, str(HERE / "bare_loop.py"), *words],
        "sweep run": [str(SWEEP), "run", *words, "--seeds", "1"],
        "plain Ray Tune + MLflowLoggerCallback": [sys.executable, str(HERE / "plain_ray_tune.py"), *plain],
    }
    print(f"{args.n + 1} trials of {args.model}, {args.epochs} epochs each; {machine()}\n")
    print("| | seconds | × bare loop | driver MB | Ray MB | largest worker MB |\n|---|---|---|---|---|---|")
    bare = None
    for name, command in commands.items():
        seconds, memory = measure(command)
        bare = bare or seconds
        sizes = " | ".join(f"{memory.get(part, 0) / 1e6:.0f}" for part in ("driver", "ray", "worker"))
        print(f"| {name} | {seconds:.1f} | {seconds / bare:.2f} | {sizes} |", flush=True)


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
                if name.startswith("ray::") or "bare_loop" in name:
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
