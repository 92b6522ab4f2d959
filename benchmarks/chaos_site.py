"""A folder in which one small sweep runs by its command line, and what must be true of it in the end."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd
import psutil


@dataclass(frozen=True, kw_only=True)
class Work:
    """What a site's command trains."""

    files: Mapping[str, str]
    """Name → contents of what lies in its folder."""
    words: tuple[str, ...]
    """The command, but for where it runs."""
    trials: int
    epochs: int

    @property
    def events(self) -> int:
        """The lines of an undisturbed journal: a start, the epochs and an end a trial."""
        return self.trials * (2 + self.epochs)


_BOX = ("--lr", ".005", "--wd", ".05", "--seeds", "1", "--n")
DIGITS = Work(
    files={
        "tiny.toml": """
dataset = "digits"
max_px = 16
epochs = 3
batch = 32
warmup_epochs = 1
train_subset = 192
"""
    },
    words=("run", "--model", "vit_p_1mf", "--recipe", "tiny.toml", *_BOX, "15"),
    trials=16,
    epochs=3,
)
"""A small network on small images: 16 trials."""
TOY = Work(
    files={
        "toy.py": """
import time

def train(config):
    for epoch in range(config.epochs):
        time.sleep(0.3)
        yield {"error": (config.lr * 1e6 + config.weight_decay * 1e4 + config.seed) % 90 / (1 + epoch)}
"""
    },
    words=("run", "--trainer", "toy:train", "--epochs", "3", *_BOX, "7"),
    trials=8,
    epochs=3,
)
"""A training function that waits instead of training, so that rounds are cheap: 8 trials of 0.9 s."""
PROGRAM = (sys.executable, "-m", "sweep")
MARK = "SWEEP_CHAOS"
"""Environment variable by which the processes of a round are known."""
RUN_TIMEOUT_S = 400
ATTEMPTS = 6


class Site:
    """One sweep, its folder and its MLflow.

    Parameters
    ----------
    folder : Path
        Holds the recipe, `sweeps` and, without a ``uri``, MLflow's database.
    address : str
        Ray's, as for ``--address``.
    prefix : sequence of str
        What stands before each command: ``ip netns exec NAME``, say.
    work : Work
        What it trains.
    variables : mapping of str to str, optional
        What its processes have in their environment, too.
    """

    def __init__(
        self,
        folder: Path,
        *,
        uri: str | None = None,
        address: str = "local",
        prefix: Sequence[str] = (),
        work: Work = DIGITS,
        variables: Mapping[str, str] | None = None,
    ) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        for name, contents in work.files.items():
            (folder / name).write_text(contents)
        self.folder, self.work = folder, work
        self.uri = uri or f"sqlite:///{folder}/mlflow.db"
        self._variables = dict(variables or {})
        self.words = (*prefix, *PROGRAM, *work.words, "--address", address)
        self._logs = 0

    @property
    def environment(self) -> dict[str, str]:
        """The environment of all commands: this process's, less what would send them elsewhere."""
        clean = {k: v for k, v in os.environ.items() if not k.startswith(("MLFLOW", "SWEEP", "RAY_ADDRESS"))}
        own = {MARK: str(self.folder), "MLFLOW_TRACKING_URI": self.uri, "COLUMNS": "160"}
        return clean | own | self._variables

    def start(self) -> subprocess.Popen:
        """Start the sweep as a shell would: in a process group of its own."""
        self._logs += 1
        with (self.folder / f"run-{self._logs}.log").open("w") as log:
            return subprocess.Popen(
                self.words,
                cwd=self.folder,
                env=self.environment,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )

    def until_done(self) -> list[int]:
        """Give the same command until it says that all is done, or too often; return its exit codes."""
        codes: list[int] = []
        while (not codes or codes[-1] != 0) and len(codes) < ATTEMPTS:
            codes.append(wait(self.start()))
        return codes

    def log(self) -> str:
        """What all commands of this site have printed."""
        return "".join(path.read_text() for path in sorted(self.folder.glob("run-*.log")))

    def events(self) -> int:
        """Count the lines of the journal."""
        journals = self.folder.glob("sweeps/*/journal.jsonl")
        return sum(path.read_bytes().count(b"\n") for path in journals)

    def processes(self, name: str = "") -> list[psutil.Process]:
        """Find the living processes of this site whose command line holds a name."""
        return [process for process in psutil.process_iter() if self._is_ours(process, name)]

    def _is_ours(self, process: psutil.Process, name: str) -> bool:
        try:
            return (
                process.status() != psutil.STATUS_ZOMBIE
                and process.environ().get(MARK) == str(self.folder)
                and name in " ".join(process.cmdline())
            )
        except psutil.Error:
            return False

    def export(self) -> pd.DataFrame:
        """Export the table; how long a trial took is the one thing that no two runs share."""
        words = [*PROGRAM, "export", "--out", "t.parquet"]
        subprocess.run(words, cwd=self.folder, env=self.environment, check=True, stdout=subprocess.DEVNULL)
        return pd.read_parquet(self.folder / "t.parquet").drop(columns="wall_s")

    def problems(self, undisturbed: pd.DataFrame) -> list[str]:
        """Say what is not as if nothing had happened; an empty list if all is."""
        table = self.export()
        found = []
        if len(table) != self.work.trials or not set(table.state) <= {"finished", "diverged"}:
            found.append(f"{len(table)} trials, {table.state.value_counts().to_dict()}")
        if not table.equals(undisturbed):
            found.append("the table is not the undisturbed one's")
        return found + mlflow_problems(self.uri, table)


def wait(driver: subprocess.Popen) -> int:
    """Wait for a driver to end; return its exit code.

    Raises
    ------
    subprocess.TimeoutExpired
        If it hangs. It is killed then.
    """
    try:
        return driver.wait(RUN_TIMEOUT_S)
    except subprocess.TimeoutExpired:
        os.killpg(driver.pid, signal.SIGKILL)
        driver.wait()
        raise


def wait_until(condition: Callable[[], Any], seconds: float, step: float = 0.05) -> bool:
    """Wait for a condition; say whether it came true in time."""
    end = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > end:
            return False
        time.sleep(step)
    return True


def mlflow_problems(uri: str, table: pd.DataFrame) -> list[str]:
    """Say what MLflow's runs lack: one a trial, each ended, with its trial's numbers once."""
    from mlflow import MlflowClient

    client = MlflowClient(uri)
    experiment = client.get_experiment_by_name(f"sweep-{table.recipe.iloc[0]}")
    runs = list(client.search_runs([experiment.experiment_id], max_results=5000))
    children = [run for run in runs if "mlflow.parentRunId" in run.data.tags]
    keys = sorted(run.data.tags["sweep.key"] for run in children)
    found = []
    if keys != sorted(table.key) or len(runs) != len(children) + 1:
        found.append(f"MLflow has {len(runs)} runs of {len(set(keys))} trials")
    if unfinished := sorted({run.info.status for run in runs} - {"FINISHED"}):
        found.append(f"MLflow has runs {unfinished}")
    rows = table.set_index("key")
    for run in children:
        found += _run_problems(client, run, rows.loc[run.data.tags["sweep.key"]])
    return found


def _run_problems(client: Any, run: Any, row: Any) -> list[str]:
    history = client.get_metric_history(run.info.run_id, "top1_err")
    steps = sorted(metric.step for metric in history)  # MLflow lists them by the time of day, which may jump
    there = (
        run.data.tags.get("sweep.state"),
        run.data.metrics.get("top1_err"),
        float(run.data.params.get("lr", "nan")),
        float(run.data.params.get("weight_decay", "nan")),
    )
    expected = (row.state, row.top1_err, row.lr, row.weight_decay)
    found = [] if there == expected else [f"MLflow has {there} for {expected}"]
    if steps != list(range(1, int(row.epochs) + 1)):
        found.append(f"MLflow has the epochs {steps} of point {row['index']}")
    return found
