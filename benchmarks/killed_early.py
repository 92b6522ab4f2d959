"""Does the same command complete a run that was killed in its first seconds, whenever that was?

    python benchmarks/killed_early.py [--first 100] [--last 10000] [--step 100] [--address local]

Each round starts a small sweep in an empty folder, kills its driver so many milliseconds after the start with
SIGKILL, and gives the same command again at once. That must end with exit code 0; the table must be that of
an undisturbed run, but for times, and MLflow must have each trial once, with the table's numbers. The sweep
has 8 trials of a training function that waits 0.9 s: all else of a run is as ever. Adds a line a round to
results/killed_early.csv, and leaves out the rounds that are there already, so that it may be stopped and
started; exit code 1 if a round went wrong.
"""

import argparse
import csv
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import NamedTuple

import pandas as pd
from chaos_site import TOY, Site, wait, wait_until
from sweep_overhead import machine

RESULTS = Path(__file__).parent / "results" / "killed_early.csv"
PATIENCE_S = 30
"""How long the processes of a run may outlive its driver."""


class Round(NamedTuple):
    """A line of the results."""

    address: str
    killed_after_ms: int
    running: bool
    """Whether the run had not ended before it was killed."""
    left: str
    """What the kill left in the folder."""
    events: int
    """Lines in the journal by then; an undisturbed one has 40."""
    exit: int
    """The exit code of the command when it was given again."""
    problems: str
    """What was not as after an undisturbed run."""
    left_over: int
    """Processes of the round that were still there 30 s after its end."""
    seconds: float
    """How long the command that completed the run took."""
    machine: str


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--first", type=int, default=100)
    parser.add_argument("--last", type=int, default=10_000)
    parser.add_argument("--step", type=int, default=100)
    parser.add_argument("--address", default="local")
    parser.add_argument("--reference", type=Path, help="keep the undisturbed table here, and use it again")
    args = parser.parse_args()
    done = rounds_done(args.address)
    wanted = [ms for ms in range(args.first, args.last + 1, args.step) if ms not in done]
    whole = undisturbed(args.address, args.reference)
    for ms in wanted:
        played = killed_after(ms, args.address, whole)
        add(played)
        print(*played, flush=True)
        if played.exit or played.problems:
            sys.exit(1)


def rounds_done(address: str) -> set[int]:
    if not RESULTS.exists():
        return set()
    known = pd.read_csv(RESULTS)
    return set(known.loc[known["address"] == address, "killed_after_ms"])


def add(played: Round) -> None:
    new = not RESULTS.exists()
    with RESULTS.open("a", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        if new:
            writer.writerow(Round._fields)
        writer.writerow(played)


def undisturbed(address: str, kept: Path | None) -> pd.DataFrame:
    """Return the table of an undisturbed run; it is read from a file if that is there."""
    if kept and kept.exists():
        return pd.read_parquet(kept)
    with tempfile.TemporaryDirectory(prefix="whole-", ignore_cleanup_errors=True) as folder:
        site = Site(Path(folder), address=address, work=TOY)
        assert wait(site.start()) == 0, site.log()
        table = site.export()
    if kept:
        table.to_parquet(kept)
    return table


def killed_after(ms: int, address: str, whole: pd.DataFrame) -> Round:
    """Kill a run, complete it, and say how that went."""
    with tempfile.TemporaryDirectory(prefix="killed-", ignore_cleanup_errors=True) as folder:
        site = Site(Path(folder), address=address, work=TOY)
        before = {path.name for path in site.folder.iterdir()}
        driver = site.start()
        time.sleep(ms / 1000)
        running = driver.poll() is None
        driver.kill()
        driver.wait()
        made = {path.name for path in site.folder.iterdir()} - before
        left = " ".join(sorted(name for name in made if not name.startswith("run-")))
        events, started = site.events(), time.monotonic()
        code = exit_of(site)
        seconds = round(time.monotonic() - started, 1)
        problems = site.problems(whole) if code == 0 else site.log().strip().splitlines()[-3:]
        told = " | ".join(problems)
        return Round(address, ms, running, left, events, code, told, end(site), seconds, machine())


def exit_of(site: Site) -> int:
    """Give the command again; 124: it hung."""
    try:
        return wait(site.start())
    except subprocess.TimeoutExpired:
        return 124


def end(site: Site) -> int:
    """Count the processes of a site that do not end by themselves, and end them."""
    wait_until(lambda: not site.processes(), PATIENCE_S, 0.5)
    remaining = site.processes()
    for process in remaining:
        process.kill()
    return len(remaining)


if __name__ == "__main__":
    main()
