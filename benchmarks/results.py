"""Run the studies of one recipe and keep all that comes of them: what docs/results/ holds.

    python benchmarks/results.py [--recipe digits] [--data PATH] [--out docs/results/digits] [--n 64]

Hyperparameters (both optimizers, the trio of a size, n points, the optimum with several seeds), then lengths
and optimizers (the optimum, with several seeds). Writes for each command what it printed and its figures, and
for all of them every trial (trials.csv), each sweep's settings (sweeps.csv), the comparisons of models
(pairs-*.csv), and versions, machine, commands, commits and wall times (record.json). The same command goes on
where it was stopped; each start is one more entry in record.json. Nothing else should run.
"""

import argparse
import json
import os
import platform
import subprocess
import sys
import time
from functools import partial
from importlib import metadata
from pathlib import Path

import pandas as pd
from sweep_overhead import machine

from sweep.results.report import PACKAGES
from sweep.utils.cpu_isa import cpu_name
from sweep.workspace.workspace import Workspace

STUDIES = ("hyperparameters", "lengths", "optimizers")
PROGRESS = "trials "


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--recipe", default="digits")
    parser.add_argument("--data")
    parser.add_argument("--size", default="1mf")
    parser.add_argument("--n", type=int, default=64)
    parser.add_argument("--seeds", type=int, default=5, help="trials at an optimum of the 64 points")
    parser.add_argument("--length-seeds", type=int, default=3, help="trials of each length")
    parser.add_argument(
        "--epochs", action="append", default=[], help="lengths; the recipe's multiples by default"
    )
    parser.add_argument("--point-epochs", help="of the points around the optima; the recipe's by default")
    parser.add_argument("--studies", nargs="+", choices=STUDIES, default=STUDIES)
    parser.add_argument("--out", type=Path, help="docs/results/RECIPE by default")
    parser.add_argument(
        "--work", type=Path, help="where sweeps and MLflow's database are; RECIPE-results by default"
    )
    args = parser.parse_args()
    out = (args.out or Path("docs/results") / args.recipe).resolve()
    work = (args.work or Path(f"{args.recipe}-results")).resolve()
    for folder in (out, work):
        folder.mkdir(parents=True, exist_ok=True)
    recorded, place = Record(out / "record.json"), os.path.relpath(out, work)
    for kind in args.studies:
        recorded.run(
            f"{kind}.txt", out, work, ["study", kind, *words(args, kind), "--out", f"{place}/{kind}.png"]
        )
    keep_tables(recorded, out, work)


def words(args: argparse.Namespace, kind: str) -> list[str]:
    """Return a study's options."""
    data = ["--data", str(Path(args.data).resolve())] if args.data else []
    shared = ["--recipe", args.recipe, *data, "--size", args.size]
    if kind == "hyperparameters":
        epochs = ["--epochs", args.point_epochs] if args.point_epochs else []
        return [*shared, *epochs, "--n", str(args.n), "--seeds", str(args.seeds)]
    lengths = [word for epochs in args.epochs for word in ("--epochs", epochs)]
    return [*shared, *lengths, "--seeds", str(args.length_seeds)]


class Record:
    """What was run on what, and how long it took; kept after each command."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._known = json.loads(path.read_text()) if path.exists() else {"commands": []}
        self._known |= {"machine": machine(), "processor": cpu_name(), "versions": versions()}

    def run(self, name: str, out: Path, work: Path, command: list[str]) -> None:
        """Run `sweep` in the working folder; keep what it printed beside the figures."""
        started, at = time.monotonic(), time.strftime("%Y-%m-%d %H:%M:%S UTC", time.gmtime())
        print("$ sweep", *command, flush=True)
        with (out / name).open("w") as file:
            ran = subprocess.Popen(
                [sys.executable, "-m", "sweep", *command],
                cwd=work,
                text=True,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                env=os.environ | {"COLUMNS": "160"},
            )
            assert ran.stdout is not None
            for line in ran.stdout:
                print(line, end="", flush=True)
                if not line.startswith(PROGRESS):
                    file.write(line)
        entry = {
            "command": " ".join(["sweep", *command]),
            "commit": commit(),
            "started": at,
            "exit_code": ran.wait(),
        }
        self._known["commands"].append(entry | {"wall_s": round(time.monotonic() - started, 1)})
        self._path.write_text(json.dumps(self._known, indent=1) + "\n")
        if entry["exit_code"]:
            sys.exit(f"exit code {entry['exit_code']}: the same command goes on")


def commit() -> str:
    """Name the commit that this is, and say whether any of the code was changed since."""
    git = partial(subprocess.run, cwd=Path(__file__).parents[1], capture_output=True, text=True, check=True)
    code = ("sweep", "analysis", "search_spaces", "benchmarks/*.py", "pyproject.toml", "constraints.txt")
    try:
        found = git(["git", "rev-parse", "HEAD"]).stdout.strip()
        changed = git(["git", "status", "--porcelain", "--", *code]).stdout
    except (OSError, subprocess.CalledProcessError):
        return "unknown: no git repository"
    return f"{found}, changed since" if changed else found


def versions() -> dict[str, str]:
    """Return the versions of what the numbers depend on."""
    return {"Python": platform.python_version()} | {name: metadata.version(name) for name in PACKAGES}


def keep_tables(recorded: Record, out: Path, work: Path) -> None:
    """Write every trial, each sweep's settings and the comparisons of models."""
    place = os.path.relpath(out, work)  # what is recorded tells nothing of where this machine keeps it
    recorded.run("export.txt", out, work, ["export", "--out", f"{place}/trials.csv"])
    recorded.run("absolute.txt", out, work, ["cdf", "--absolute", "--out", f"{place}/absolute.png"])
    plans = [sweep.plan for sweep in Workspace(work / "sweeps").sweeps()]
    rows = [
        {
            "sweep": plan.name,
            "model": plan.model,
            "optimizer": plan.optimizer,
            "recipe": plan.recipe.name,
            "schedule": plan.recipe.epochs,
            "n": plan.n,
            "seeds": plan.seeds,
            "optimum_lr": plan.optimum_lr,
            "optimum_wd": plan.optimum_wd,
            "optimum_source": plan.optimum_source,
            "data": plan.data_fingerprint,
        }
        for plan in plans
    ]
    pd.DataFrame(rows).to_csv(out / "sweeps.csv", index=False)
    for optimizer in sorted({plan.optimizer for plan in plans if plan.n}):
        chosen = ["--optimizer", optimizer, "--out", f"{place}/pairs-{optimizer}.csv"]
        recorded.run(f"compare-{optimizer}.txt", out, work, ["compare", *chosen])


if __name__ == "__main__":
    main()
