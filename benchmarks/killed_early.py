"""Does the same command complete a run that was killed in its first seconds, whenever that was?

    python benchmarks/killed_early.py [--first 100] [--last 10000] [--step 100] [--address local]

Each round starts a small sweep in a new folder, kills its driver so many milliseconds after the start with
SIGKILL, and gives the same command again. That must end with exit code 0, and the table of trials must be
that of an undisturbed run, but for times. Adds a line a round to results/killed_early.csv, and leaves out the
rounds that are there already; exit code 1 if a round went wrong.
"""

import argparse
import csv
import os
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import pandas as pd

RESULTS = Path(__file__).parent / "results" / "killed_early.csv"
COLUMNS = ("address", "killed_after_ms", "left", "exit", "same_table", "seconds", "last_line")
RECIPE = 'dataset = "digits"\nmax_px = 16\nepochs = 3\nbatch = 32\nwarmup_epochs = 1\ntrain_subset = 320\n'
TRAINING = ["--model", "vit_p_1mf", "--recipe", "tiny.toml", "--lr", ".005", "--wd", ".05"]
WORDS = ["run", *TRAINING, "--n", "2", "--seeds", "1"]


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--first", type=int, default=100)
    parser.add_argument("--last", type=int, default=10_000)
    parser.add_argument("--step", type=int, default=100)
    parser.add_argument("--address", default="local")
    args = parser.parse_args()
    done = rounds_done(args.address)
    wanted = [ms for ms in range(args.first, args.last + 1, args.step) if ms not in done]
    whole = undisturbed(args.address) if wanted else None
    for ms in wanted:
        row = killed_after(ms, args.address, whole)
        add(row)
        print(*row.values(), flush=True)
        if row["exit"] or not row["same_table"]:
            sys.exit(1)


def rounds_done(address: str) -> set[int]:
    if not RESULTS.exists():
        return set()
    known = pd.read_csv(RESULTS)
    return set(known.loc[known["address"] == address, "killed_after_ms"])


def add(row: dict[str, object]) -> None:
    new = not RESULTS.exists()
    with RESULTS.open("a", newline="") as file:
        writer = csv.DictWriter(file, COLUMNS)
        if new:
            writer.writeheader()
        writer.writerow(row)


def undisturbed(address: str) -> pd.DataFrame:
    with tempfile.TemporaryDirectory(prefix="whole-") as folder:
        ran = subprocess.run(command(Path(folder), address), cwd=folder, check=False, capture_output=True)
        assert ran.returncode == 0, ran.stderr
        return table(Path(folder))


def killed_after(ms: int, address: str, whole: pd.DataFrame | None) -> dict[str, object]:
    """Kill a run, complete it, and say how that went."""
    with tempfile.TemporaryDirectory(prefix="killed-", ignore_cleanup_errors=True) as name:
        folder = Path(name)
        words = command(folder, address)
        with (folder / "out").open("w") as out:
            driver = subprocess.Popen(words, cwd=folder, stdout=out, stderr=out, start_new_session=True)
            time.sleep(ms / 1000)
            os.kill(driver.pid, signal.SIGKILL)
            driver.wait()
        left = sorted(path.name for path in folder.iterdir() if path.name not in ("out", "tiny.toml"))
        started = time.monotonic()
        ran = subprocess.run(words, cwd=folder, check=False, capture_output=True, text=True, timeout=300)
        same = ran.returncode == 0 and whole is not None and whole.equals(table(folder))
        lines = (ran.stdout + ran.stderr).strip().splitlines()
        return {
            "address": address,
            "killed_after_ms": ms,
            "left": " ".join(left),
            "exit": ran.returncode,
            "same_table": same,
            "seconds": round(time.monotonic() - started, 1),
            "last_line": "" if same else " | ".join(lines[-3:]),
        }


def command(folder: Path, address: str) -> list[str]:
    (folder / "tiny.toml").write_text(RECIPE)
    return [sys.executable, "-m", "sweep", *WORDS, "--address", address]


def table(folder: Path) -> pd.DataFrame:
    """Return the trials, without how long they took."""
    export = [sys.executable, "-m", "sweep", "export", "--out", "t.csv"]
    subprocess.run(export, cwd=folder, check=True, capture_output=True)
    return pd.read_csv(folder / "t.csv").drop(columns="wall_s")


if __name__ == "__main__":
    main()
