"""Does a sweep survive everything but its disk? Rounds of a small sweep, each with a fault at a random time.

    python benchmarks/chaos.py [--rounds 100] [--seed 0] [--fault NAME …] [--out results.csv]

Each round starts a sweep of 16 trials in an empty folder, strikes at a random time (seeded), mends what only
a person could mend (a full disk, a server that stays away), and gives the same command until all is done.
Then: every trial has a result, MLflow has one run a trial, none of them running, each epoch once, and the
exported table is the undisturbed sweep's to the last bit. One line a round is added to a CSV file; the exit
code is 1 if any was not as it should be. The folder of a round that went wrong is kept and named.
"""

import argparse
import csv
import os
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from chaos_faults import FAULTS, NothingToStrikeError, Stage
from chaos_servers import lacks
from chaos_site import DIGITS, MARK, Site, wait, wait_until

RAYS = ("ray::", "/raylet/raylet", "gcs_server")


class Outcome(NamedTuple):
    """A line of the results."""

    seed: int
    fault: str
    moment: str
    struck: bool
    """Whether the sweep was still running and the fault found what it strikes."""
    exits: str
    """Exit codes of the disturbed run and of those that went on; -9: killed."""
    ok: bool
    problems: str
    traceback: str
    """The last line of the first traceback that a user would have seen."""
    left_over: int
    """Processes of Ray that were still there 10 s after the end."""
    seconds: float


class Moment(NamedTuple):
    """When a fault strikes."""

    events: int | None
    """After so many lines of the journal; None: counted from the start of the command."""
    seconds: float

    def __str__(self) -> str:
        since = "the start" if self.events is None else f"event {self.events}"
        return f"{self.seconds:.2f} s after {since}"


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--rounds", type=int, default=100)
    parser.add_argument("--seed", type=int, default=0, help="of the first round; the next has the next")
    parser.add_argument("--fault", action="append", choices=FAULTS, help="only this; may be repeated")
    parser.add_argument("--out", type=Path, default=Path(__file__).parent / "results" / "chaos.csv")
    parser.add_argument("--reference", type=Path, help="keep the undisturbed table here, and use it again")
    args = parser.parse_args()
    undisturbed = reference(args.reference)
    names = args.fault or [name for name, fault in FAULTS.items() if not lacks(fault.needs)]
    wrong = 0
    for seed in range(args.seed, args.seed + args.rounds):
        outcome = play(names[seed % len(names)], seed, undisturbed)
        append(args.out, outcome)
        print(*outcome, sep=" | ", flush=True)
        wrong += not outcome.ok
    sys.exit(1 if wrong else 0)


def reference(path: Path | None) -> pd.DataFrame:
    """Return the table of an undisturbed sweep; it is read from a file if that is there."""
    if path and path.exists():
        return pd.read_parquet(path)
    with tempfile.TemporaryDirectory(prefix="chaos-") as folder:
        site = Site(Path(folder))
        assert site.until_done() == [0], site.log()
        table = site.export()
    if path:
        table.to_parquet(path)
    return table


def draw_moment(rng: np.random.Generator) -> Moment:
    """Draw when to strike: mostly while trials run, sometimes while a run begins or ends."""
    if rng.random() < 0.15:
        return Moment(None, rng.uniform(0, 12))
    events = int(rng.integers(1, DIGITS.events + 1))
    return Moment(events, rng.uniform(0, 2.5 if events == DIGITS.events else 0.4))


def play(name: str, seed: int, undisturbed: pd.DataFrame) -> Outcome:
    """Play one round in an empty folder."""
    fault, rng, started = FAULTS[name], np.random.default_rng(seed), time.monotonic()
    moment = draw_moment(rng)
    parent = Path(tempfile.mkdtemp(prefix="chaos-"))
    parent.chmod(0o755)
    os.environ[MARK] = str(parent / name.replace(" ", "-"))
    exits: list[int] = []
    struck = False
    with fault.stage(Path(os.environ[MARK])) as stage:
        try:
            driver = stage.site.start()
            await_moment(moment, driver, stage)
            struck = driver.poll() is None
            fault.strike(stage, driver, rng)
            exits.append(wait(driver))
            fault.mend(stage)
            exits += stage.site.until_done() if exits != [0] else []
            problems = stage.site.problems(undisturbed)
        except (subprocess.SubprocessError, OSError, AttributeError, NothingToStrikeError) as error:
            driver.kill()
            problems = [f"{type(error).__name__}: {error}"]
        log, alone = stage.site.log(), not stage.on
        left_over = clean(stage, alone)
    if problems:
        problems.append(f"see {parent}")
    else:
        shutil.rmtree(parent, ignore_errors=True)
    return Outcome(
        seed,
        name,
        str(moment),
        struck,
        " ".join(map(str, exits)),
        not problems,
        "; ".join(problems),
        first_traceback(log),
        left_over,
        round(time.monotonic() - started, 1),
    )


def await_moment(moment: Moment, driver: subprocess.Popen, stage: Stage) -> None:
    """Wait for the moment, or for the driver's end if it ends before."""
    if moment.events is not None:
        events = moment.events
        wait_until(lambda: stage.site.events() >= events or driver.poll() is not None, 120, 0.02)
    time.sleep(moment.seconds)


def clean(stage: Stage, alone: bool) -> int:
    """Count Ray's processes that outlive the sweep, and end them; a cluster's own may stay until it stops."""
    if not alone:
        return 0

    def left() -> list:
        return [process for name in RAYS for process in stage.site.processes(name)]

    wait_until(lambda: not left(), 10, 0.5)
    remaining = left()
    for process in remaining:
        process.kill()
    return len(remaining)


def first_traceback(log: str) -> str:
    """Return what the first traceback of a log says; nothing if there is none."""
    _, found, rest = log.partition("Traceback (most recent call last)")
    lines = [line for line in rest.splitlines()[1:] if not line.startswith(" ")]
    return lines[0][:200] if found and lines else ""


def append(path: Path, outcome: Any) -> None:
    """Add a line, a named tuple, to the results."""
    path.parent.mkdir(parents=True, exist_ok=True)
    new = not path.exists()
    with path.open("a", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        if new:
            writer.writerow(outcome._fields)
        writer.writerow(outcome)


if __name__ == "__main__":
    main()
