"""Eight people submit a sweep each to one cluster at once: is anything lost, does each get a share?

    python benchmarks/people.py [--people 8] [--trials 64] [--cpus 2] [--trial-s 0]

A real Ray head with a token, MLflow's server, on PostgreSQL where there is one, and jobs as `sweep submit`
makes them; the training function returns at once, so that nothing but the service is measured, or after
--trial-s seconds, to see who waits for whom. Each request of the drivers that writes to MLflow is timed where
it is sent. Nothing else should run on the machine.
"""

import argparse
import json
import os
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from chaos_servers import MlflowServer, Postgres, closing, lacks
from ray_head import ASKS, Head
from sweep_overhead import machine

from sweep.remote.jobs import JobsApi
from sweep.remote.profile import Profile
from sweep.remote.submit import Submission, submit
from sweep.remote.submit_archive import Package, make_package
from sweep.utils.ray_token import Token

ROOT = Path(__file__).parents[1]
TRAINER = "import time\n\ndef train(config):\n    time.sleep({})\n    yield 50.0 + config.lr\n"
WORDS = "run --trainer own:train --epochs 1 --lr 1e-3 --wd 0.1 --seeds 1"
TIMES = """
import os, time
import requests.sessions
_request = requests.sessions.Session.request
def request(self, method, url, **more):
    started = time.perf_counter()
    try:
        return _request(self, method, url, **more)
    finally:
        took = time.perf_counter() - started
        if method != "GET" and not url.endswith("/search") and "/mlflow" in url:
            with open(os.environ["PEOPLE_LOG"], "a") as log:
                log.write(f"{took} {url.rpartition('/mlflow')[2]}\\n")
requests.sessions.Session.request = request
"""
"""Goes into every Python of the cluster, as ``sitecustomize``."""


@dataclass(frozen=True, kw_only=True)
class Person:
    """Somebody with a folder on the cluster."""

    folder: Path
    api: JobsApi

    def submission(self, trials: int, package: Package) -> Submission:
        """Return what this person submits."""
        words = [*WORDS.split(), "--n", str(trials - 1)]
        return Submission(words=words, folder=str(self.folder), package=package)

    def ends(self) -> list[dict]:
        """Return the ends of trials in the journal; each has its key and its time."""
        lines = [line for path in self.folder.glob("*/journal.jsonl") for line in path.open()]
        found = [json.loads(line) for line in lines if line.endswith("}\n")]
        return [event for event in found if event["event"] == "end"]


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--people", type=int, default=8)
    parser.add_argument("--trials", type=int, default=64)
    parser.add_argument("--cpus", type=int, default=os.cpu_count(), help="that the head says it has")
    parser.add_argument("--trial-s", type=float, default=0.0, help="that a trial takes")
    args = parser.parse_args()
    print(f"{args.people} people, {args.trials} trials each, {args.cpus} CPUs; {machine()}", flush=True)
    with tempfile.TemporaryDirectory(prefix="people-") as name, ExitStack() as stack:
        folder = Path(name)
        folder.chmod(0o755)  # PostgreSQL runs as a user of its own
        uri = stack.enter_context(mlflow_server(folder))
        head = stack.enter_context(cluster(folder, uri, args.cpus))
        people = [person(folder / f"person-{i}", head) for i in range(args.people)]
        started_ms, took = run(people, args.trials, package(folder, args.trial_s))
        report(people, args.trials, started_ms, took)
        report_mlflow(uri, args.people * args.trials, folder / "times")


@contextmanager
def mlflow_server(folder: Path) -> Iterator[str]:
    """Yield the address of a server, on PostgreSQL if there is one."""
    with ExitStack() as stack:
        backend = None
        if not lacks(["postgres"]):
            backend = stack.enter_context(closing(Postgres(folder / "postgres"), "stop_at_once")).uri
        print(f"MLflow on {'PostgreSQL' if backend else 'SQLite'}", flush=True)
        words = ("--workers", "2")
        yield stack.enter_context(closing(MlflowServer(folder, backend, words=words), "kill")).uri


@contextmanager
def cluster(folder: Path, uri: str, cpus: int) -> Iterator[Head]:
    """Start a head whose Python times what it sends to MLflow."""
    (folder / "site").mkdir()
    (folder / "site" / "sitecustomize.py").write_text(TIMES)
    variables = {
        "PYTHONPATH": f"{folder}/site:{ROOT}",
        "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
        "MLFLOW_TRACKING_URI": uri,
        "PEOPLE_LOG": f"{folder}/times",
    }
    head = Head(ASKS | variables, dashboard=True, cpus=cpus)
    try:
        yield head
    finally:
        head.stop()


def person(folder: Path, head: Head) -> Person:
    """Return somebody with a folder and the cluster's token."""
    token = Token(value=ASKS["RAY_AUTH_TOKEN"], source="this benchmark")
    return Person(folder=folder, api=JobsApi(Profile(address=head.jobs, folder=str(folder), token=token)))


def package(folder: Path, trial_s: float) -> Package:
    """Return the training function as it travels."""
    (folder / "work").mkdir()
    os.chdir(folder / "work")
    Path("own.py").write_text(TRAINER.format(trial_s))
    made = make_package("own:train", None)
    assert made is not None
    return made


def run(people: list[Person], trials: int, package: Package) -> tuple[float, float]:
    """Submit all at once, and wait; return when that was, in milliseconds, and how many seconds it took."""
    jobs = [each.submission(trials, package) for each in people]
    started = time.time()
    with ThreadPoolExecutor(len(people)) as pool:
        begun = pool.map(lambda each: submit(each[0].api, each[1]), zip(people, jobs, strict=True))
        names = [each.job_id for each in begun]
    print(f"all submitted after {time.time() - started:.1f} s", flush=True)
    for who, job_id in zip(people, names, strict=True):
        while not (now := who.api.get(job_id)).ended:
            time.sleep(2)
        if now.status != "SUCCEEDED":
            print(f"{job_id}: {now.status}\n{who.api.log(job_id)[-2000:]}")
    return started * 1000, time.time() - started


def report(people: list[Person], trials: int, started_ms: float, took: float) -> None:
    """Print what became of the trials, and when each person had the first and the last result."""
    ends = [each.ends() for each in people]
    counts = [Counter(event["key"] for event in each) for each in ends]
    lost = sum(trials - len(each) for each in counts)
    twice = sum(count - 1 for each in counts for count in each.values())
    print(f"{took:.0f} s; lost {lost}, twice {twice} of {trials * len(people)}\n")
    print("| | first to last person, s | median |\n|---|---|---|")
    for what, index in (("first result", 0), ("last result", -1)):
        at = sorted((each[index]["time_ms"] - started_ms) / 1000 for each in ends if each)
        print(f"| {what} | {at[0]:.0f} to {at[-1]:.0f} | {np.median(at):.0f} |")
    spans = sorted((each[-1]["time_ms"] - each[0]["time_ms"]) / 1000 for each in ends if each)
    print(f"| between the two | {spans[0]:.1f} to {spans[-1]:.1f} | {np.median(spans):.1f} |\n")


def report_mlflow(uri: str, trials: int, times: Path) -> None:
    """Print what MLflow holds, and how long its writes took."""
    from mlflow import MlflowClient

    client = MlflowClient(uri)
    experiments = [each.experiment_id for each in client.search_experiments()]
    runs = client.search_runs(experiments, max_results=50_000)
    children = Counter(
        (run.data.tags["mlflow.parentRunId"], run.data.tags["sweep.key"])
        for run in runs
        if "mlflow.parentRunId" in run.data.tags and run.info.status == "FINISHED"
    )
    print(
        f"MLflow: {trials - len(children)} of {trials} lost, {sum(children.values()) - len(children)} twice\n"
    )
    seconds: dict[str, list[float]] = {}
    for line in times.read_text().splitlines():
        took, path = line.split()
        what = "artifacts" if path.startswith("-artifacts") else path.removeprefix("/")
        seconds.setdefault(what, []).append(float(took))
    print("| request | how many | median ms | p95 ms | most ms |\n|---|---|---|---|---|")
    for path, each in [
        *sorted(seconds.items()),
        ("all", [took for all_ in seconds.values() for took in all_]),
    ]:
        row = [1000 * value for value in (np.median(each), np.quantile(each, 0.95), max(each))]
        print(f"| {path} | {len(each)} | {row[0]:.0f} | {row[1]:.0f} | {row[2]:.0f} |")


if __name__ == "__main__":
    main()
