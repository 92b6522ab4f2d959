"""What keeping the books costs: a sweep of 10,000 trials whose training returns at once.

    python benchmarks/books.py [--n 10000] [--runs 1000]

Three things in one run, one after the other, each in an empty folder: plain Ray Tune with reused workers and
as many trials that do nothing; the real `sweep run` (plan, Tune, journal, outbox, MLflow on SQLite), in which
only the worker's training is replaced; and MLflow's own client writing runs of the same contents, one writer.
What a trial costs is the slope over windows of a tenth, not the mean: starting is not in it. The driver's
memory (resident less shared), the journal and MLflow's database are watched from outside. Nothing else should
run on the machine.
"""

import argparse
import os
import sqlite3
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any, NamedTuple

import psutil
from sweep_overhead import machine, own_memory

from sweep.orchestrate import ray_executor

RECIPE = 'dataset = "digits"\nmax_px = 16\nepochs = 1\nbatch = 32\nwarmup_epochs = 0\ntrain_subset = 64\n'
MODEL = "vit_p_1mf"
WORDS = [
    *("run", "--model", MODEL, "--recipe", "books.toml"),
    *("--lr", ".005", "--wd", ".05", "--seeds", "1"),
]
POLL_S = 0.5


class Sample(NamedTuple):
    """How far a child is."""

    seconds: float
    ended: int
    delivered: int
    memory: int
    """Resident less shared, in bytes."""


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--n", type=int, default=10_000)
    parser.add_argument("--runs", type=int, default=1000, help="runs that MLflow's own client writes")
    parser.add_argument("--part", choices=PARTS, help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.part:
        PARTS[args.part](args.n)
        return
    print(f"{args.n} trials; {machine()}\n", flush=True)
    for name, n in (("tune", args.n), ("service", args.n), ("client", args.runs)):
        with tempfile.TemporaryDirectory(prefix="books-") as folder:
            samples = list(watch(Path(folder), name, n))
            report(name, n, samples)
            if name == "service":
                read_back(Path(folder))


def plain_tune(n: int) -> None:
    """Run n Tune trials that do nothing, in reused workers; note each end as the journal does."""
    os.environ |= {"RAY_USAGE_STATS_ENABLED": "0", "TUNE_DISABLE_AUTO_CALLBACK_LOGGERS": "1"}
    os.environ["TUNE_GLOBAL_CHECKPOINT_S"] = "86400"  # its own books are not what is measured
    import ray
    from ray import tune

    class Nothing(tune.Trainable):
        def reset_config(self, new_config: dict[str, Any]) -> bool:
            return True

        def step(self) -> dict[str, Any]:
            return {"done": True}

    class Count(tune.Callback):
        def __getstate__(self) -> dict[str, Any]:
            return {}

        def on_trial_complete(self, iteration: int, trials: list, trial: Any, **info: Any) -> None:
            with Path(ends).open("a") as file:
                file.write('"event": "end"\n')

    ends = str(Path("ends").resolve())
    with tempfile.TemporaryDirectory() as scratch:
        ray.init("local", include_dashboard=False, log_to_driver=False)
        tune.Tuner(
            tune.with_resources(Nothing, {"cpu": 1}),
            param_space={"job": tune.grid_search(list(range(n)))},
            tune_config=tune.TuneConfig(reuse_actors=True),
            run_config=tune.RunConfig(
                storage_path=scratch,
                verbose=0,
                callbacks=[Count()],
                checkpoint_config=tune.CheckpointConfig(checkpoint_at_end=False),
            ),
        ).fit()


def service(n: int) -> None:
    """Run a whole sweep; only the worker's training returns at once."""
    from types import SimpleNamespace

    from sweep.cli import main as cli_main
    from sweep.core.trial import EpochRecord
    from sweep.orchestrate import actors
    from sweep.orchestrate.trial_progress import TrialProgress
    from sweep.orchestrate.worker import TrialRunner

    class ReturnsAtOnce(TrialRunner):
        def __init__(self) -> None:
            self._device: Any = SimpleNamespace(type="cpu")
            self._ranks: Any = SimpleNamespace(count=1)

        def _begin(self) -> Iterator[list[EpochRecord | None]]:
            (job,), self._waiting = self._waiting, []
            clock: Any = SimpleNamespace(seconds=0.0, seconds_before=0.0)
            self._trials = [TrialProgress(job, clock, 1, [])]
            error = 1.0 + job.trial.index % 990 / 10
            return iter([[EpochRecord(epoch=1, top1_err=error, val_loss=1.0, train_loss=1.0, lr=0.001)]])

    class Worker(actors.Worker):
        def setup(self, config: dict, jobs: list, settings: list, on_gpu: bool, ranks: int = 1) -> None:
            self._jobs, self._trains = jobs, ReturnsAtOnce()
            self.reset_config(config)

    setattr(ray_executor, "Worker", Worker)  # noqa: B010 - the product has no such option
    Path("books.toml").write_text(RECIPE)
    sys.argv = ["sweep", *WORDS, "--n", str(n - 1)]
    cli_main.main()


def client(n: int) -> None:
    """Write runs with what a trial's run holds, by MLflow's client alone."""
    from mlflow import MlflowClient
    from mlflow.entities import Metric, Param

    mlflow = MlflowClient("sqlite:///mlflow.db")
    experiment = mlflow.create_experiment("client")
    now = 1_700_000_000_000
    for i in range(n):
        tags = {f"sweep.{k}": f"value {i}" for k in range(18)}
        run = mlflow.create_run(experiment, now, tags, f"point-{i}").info.run_id
        metrics = [Metric(f"metric_{k}", 0.5, now, 1) for k in range(6)]
        params = [Param(f"param_{k}", "0.005") for k in range(9)]
        mlflow.log_batch(run, metrics, params)
        mlflow.set_terminated(run, "FINISHED", now)


PARTS = {"tune": plain_tune, "service": service, "client": client}


def watch(folder: Path, part: str, n: int) -> Iterator[Sample]:
    """Start a part in a process of its own and sample it until it ends."""
    log = (folder / "log").open("w")
    command = [sys.executable, str(Path(__file__).resolve()), "--part", part, "--n", str(n)]
    environment = {name: value for name, value in os.environ.items() if not name.startswith("MLFLOW")}
    started = time.monotonic()
    child = subprocess.Popen(command, cwd=folder, env=environment, stdout=log, stderr=subprocess.STDOUT)
    process, ends = psutil.Process(child.pid), Ends(folder)
    while child.poll() is None:
        delivered = runs_ended(folder / "mlflow.db")
        yield Sample(time.monotonic() - started, ends.count(), delivered, own_memory(process))
        time.sleep(POLL_S)
    yield Sample(time.monotonic() - started, ends.count(), runs_ended(folder / "mlflow.db"), 0)
    if child.returncode:
        sys.exit(f"{part} ended with {child.returncode}:\n{(folder / 'log').read_text()[-3000:]}")


class Ends:
    """Counts the ends of trials that a growing file holds."""

    def __init__(self, folder: Path) -> None:
        self._folder, self._place, self._count = folder, 0, 0

    def count(self) -> int:
        """Count them, reading only what is new."""
        for path in (*self._folder.glob("ends"), *self._folder.glob("sweeps/*/journal.jsonl")):
            with path.open("rb") as file:
                file.seek(self._place)
                new = file.read()
            whole = new[: new.rfind(b"\n") + 1]
            self._place += len(whole)
            self._count += whole.count(b'"event": "end"')
        return self._count


def runs_ended(database: Path) -> int:
    """Count the runs that MLflow's database holds as ended; the sweep's own is not one."""
    if not database.exists():
        return 0
    try:
        with sqlite3.connect(f"file:{database}?mode=ro", uri=True, timeout=0.05) as connection:
            return int(
                connection.execute("select count(*) from runs where end_time is not null").fetchone()[0]
            )
    except sqlite3.OperationalError:  # being created, or written to
        return 0


def report(name: str, n: int, samples: list[Sample]) -> None:
    """Print what a window of a tenth cost, and the driver's memory at its end."""
    print(f"{name}: {samples[-1].seconds:.1f} s\n")
    print("| trials | ms a trial | driver MB | MLflow runs/s |\n|---|---|---|---|")
    field = "delivered" if name == "client" else "ended"
    marks = [at(samples, field, max(1, n * k // 10)) for k in range(11)]
    for before, after in pairwise(marks):
        seconds = max(POLL_S, after.seconds - before.seconds)
        until, count = getattr(after, field), getattr(after, field) - getattr(before, field)
        cost, rate = 1000 * seconds / max(1, count), (after.delivered - before.delivered) / seconds
        print(f"| {until} | {cost:.1f} | {after.memory / 1e6:.0f} | {rate:.1f} |")
    first, last = marks[1], marks[-1]
    slope = (last.seconds - first.seconds) / max(1, getattr(last, field) - getattr(first, field))
    print(f"\nafter the first tenth: {1000 * slope:.1f} ms a trial")
    if name == "service":
        delivery(n, samples)
    print(flush=True)


def at(samples: list[Sample], field: str, count: int) -> Sample:
    """Return the first sample with so many."""
    return next((sample for sample in samples if getattr(sample, field) >= count), samples[-1])


def delivery(n: int, samples: list[Sample]) -> None:
    """Print how fast MLflow got the trials, while they ran and over all."""
    first, last_trial = at(samples, "delivered", 1), at(samples, "ended", n)
    whole = at(samples, "delivered", n)
    rate = (whole.delivered - first.delivered) / max(POLL_S, whole.seconds - first.seconds)
    print(
        f"MLflow: {rate:.1f} runs/s over all; {last_trial.delivered} of {n} delivered when the last trial "
        f"ended, the rest {whole.seconds - last_trial.seconds:.1f} s later"
    )


def read_back(folder: Path) -> None:
    """Time what reads the books: the journal's replay, `status`, `export`, `cdf`."""
    journal = next(folder.glob("sweeps/*/journal.jsonl"))
    times = {f"replay of the journal ({journal.stat().st_size / 1e6:.1f} MB)": replay(journal)}
    for words in (["status"], ["export", "--out", "t.csv"], ["cdf", "--out", "edf.pdf"]):
        started = time.monotonic()
        command = [sys.executable, "-m", "sweep", *words]
        subprocess.run(command, cwd=folder, check=True, stdout=subprocess.DEVNULL)
        times[f"`sweep {words[0]}`"] = time.monotonic() - started
    print("| | seconds |\n|---|---|")
    for what, seconds in times.items():
        print(f"| {what} | {seconds:.2f} |")
    print(flush=True)


def replay(journal: Path) -> float:
    """Return the seconds in which a journal is read, in this process."""
    from sweep.workspace.journal import Journal

    started = time.monotonic()
    Journal(journal)
    return time.monotonic() - started


if __name__ == "__main__":
    main()
