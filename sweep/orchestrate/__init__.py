"""Ray Tune runs the trials: the only package that imports Ray.

A worker is started once and reused for trial after trial: starting one (torch, timm) takes longer than
a small trial. Workers report each epoch to the driver and write nothing themselves.
"""

import dataclasses
import logging
import os
import shutil
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
os.environ.setdefault("RAY_AIR_NEW_OUTPUT", "0")
os.environ.setdefault("RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO", "0")
os.environ["TUNE_DISABLE_AUTO_CALLBACK_LOGGERS"] = "1"  # the journal is the log
os.environ["TUNE_DISABLE_SIGINT_HANDLER"] = "1"  # Ctrl-C is the driver's to handle
os.environ["TUNE_GLOBAL_CHECKPOINT_S"] = "86400"  # Tune's own state is not used: plan and journal are ours
os.environ["TUNE_WARN_SLOW_EXPERIMENT_CHECKPOINT_SYNC_THRESHOLD_S"] = "3600"

import ray
from ray import tune
from ray.tune.search import Searcher

from sweep.data.images import FileSplits, Splits
from sweep.errors import InputError
from sweep.jobs import Job, Listener, Questioner, Setting
from sweep.orchestrate.nodes import check_seen as check_seen
from sweep.orchestrate.nodes import parallel_trials as parallel_trials
from sweep.orchestrate.workers import Worker
from sweep.ray_help import check_reachable, last_line, reason
from sweep.trial import EpochRecord, Resources, TrialRecord, TrialSpec, TrialState

RETRIES = 3
"""How often a trial is tried again after the infrastructure has failed it."""


class RayLost(Exception):
    """The cluster, or Tune, is of no use any more. What has ended is kept."""


class _Reporter(tune.Callback):
    """Hands what Tune says to the listener.

    A late report of a worker that Ray has given up, on a node that was cut off, say, never comes here: Tune
    waits for one report of each worker, and no longer once the worker is lost.
    """

    def __init__(self, jobs: Sequence[Job], listener: Listener) -> None:
        self._jobs, self._listener = jobs, listener
        self.left: dict[int, str | None] = dict.fromkeys(range(len(jobs)))
        """The jobs that have not ended → why the last attempt failed."""
        self.pruned: set[int] = set()
        """The jobs that are given up early, by a search."""
        self.problem: InputError | None = None
        """What the listener could not do; Tune hides it in an error of its own."""

    def __getstate__(self) -> dict[str, Any]:
        return {}  # Tune pickles its callbacks to be able to restore a run; ours goes on from the journal

    def _spec(self, trial: Any) -> TrialSpec:
        return self._jobs[trial.config["job"]].trial

    @contextmanager
    def noting_problems(self) -> Iterator[None]:
        try:
            yield
        except InputError as error:
            self.problem = error
            raise

    def on_trial_start(self, iteration: int, trials: list[Any], trial: Any, **info: Any) -> None:
        with self.noting_problems():
            self._listener.started(self._spec(trial))

    def on_trial_result(
        self, iteration: int, trials: list[Any], trial: Any, result: dict, **info: Any
    ) -> None:
        spec = self._spec(trial)
        with self.noting_problems():
            for text in result["notes"]:
                self._listener.noted(spec, text)
            for epoch in result["epoch_records"]:
                self._listener.reported(spec, EpochRecord(**epoch))
            if result["done"]:
                job, end = trial.config["job"], result["end_record"]
                state = TrialState.PRUNED if job in self.pruned else TrialState(end["state"])
                self._end(job, TrialRecord(key=spec.key, **(end | {"state": state})))

    def on_trial_complete(self, iteration: int, trials: list[Any], trial: Any, **info: Any) -> None:
        # Tune keeps statistics of some fifteen numbers a trial until the very end: 20 kB, and nobody asks.
        trial.metric_analysis.clear()
        trial.metric_n_steps.clear()

    def on_trial_error(self, iteration: int, trials: list[Any], trial: Any, **info: Any) -> None:
        job = trial.config["job"]
        self.left[job] = reason(trial)
        if trial.num_failures > RETRIES:  # Tune gives up sooner if a worker is lost between two trials
            self.give_up(job)

    def give_up(self, job: int) -> None:
        """Let a trial end as failed."""
        reason = self.left[job] or "Ray Tune did not run it, without saying why"
        key = self._jobs[job].trial.key
        self._end(job, TrialRecord(key=key, state=TrialState.FAILED, error=reason))

    def _end(self, job: int, record: TrialRecord) -> None:
        with self.noting_problems():
            self._listener.ended(self._jobs[job].trial, record)
        self.left.pop(job, None)


@contextmanager
def cluster(resources: Resources) -> Iterator[None]:
    """Join a Ray cluster, or start one on this machine (``local``), and leave or stop it at the end.

    Raises
    ------
    InputError
        If there is no cluster at the address, or Ray does not start: the machine is too busy, say.
    """
    address = resources.address
    if address not in ("local", "auto"):
        check_reachable(address)
    arguments: dict[str, Any] = {"address": address}
    if address == "local":
        arguments["include_dashboard"] = False
        # Or Ray starts workers beforehand, and the first driver waits for ever if one of them is lost.
        arguments["_system_config"] = {"prestart_worker_first_driver": False}
    for name in ("ray.tune", "ray.air"):
        logging.getLogger(name).setLevel(logging.CRITICAL)  # a failed trial is reported by its record
    try:
        ray.init(logging_level=logging.ERROR, log_to_driver=False, **arguments)
    except Exception as error:  # a plain one where it has not come up after 30 s
        reason = str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
        what = "Ray does not start here" if address == "local" else f"no Ray cluster at --address {address}"
        raise InputError(f"{what}: {reason}") from error
    try:
        yield
    finally:
        ray.shutdown()


def share(splits: Splits | FileSplits) -> Any:
    """Put a data set where all workers can take theirs from."""
    return ray.put(splits)


def run(
    jobs: Sequence[Job], settings: Sequence[Setting], listener: Listener, *, cpus: float, gpus: float,
    ranks: int = 1,
) -> None:  # fmt: skip
    """Run all jobs, as many at once as the cluster carries, in their order; ``ranks`` processes train each.

    A trial that fails is tried again `RETRIES` times, from its last checkpoint if there is one, and then
    given up, while the others go on. If Tune itself breaks down, so often is it started again.

    Raises
    ------
    InputError
        If the listener raised it.
    RayLost
        If the cluster is lost, or Tune does not work in spite of all retries.
    """
    worker = _worker(jobs, settings, cpus, gpus, ranks)
    reporter = _Reporter(jobs, listener)

    def fit() -> None:
        if reporter.left:
            _fit(worker, reporter, space={"job": tune.grid_search(list(reporter.left))})

    _in_spite_of_breakdowns(fit, reporter)


def search(
    questioner: Questioner, settings: Sequence[Setting], *, parallel: int, cpus: float, gpus: float,
    ranks: int = 1,
) -> None:  # fmt: skip
    """Run the jobs that a questioner asks for, one as soon as a worker is free, until it has no more.

    Failures are handled as by `run`.

    Raises
    ------
    InputError, RayLost
        As `run` does.
    """
    worker = _worker([], settings, cpus, gpus, ranks)
    jobs: list[Job] = []
    reporter = _Reporter(jobs, questioner)

    def fit() -> None:
        searcher = _Searcher(questioner, jobs, reporter)
        limits: dict[str, Any] = {"num_samples": -1, "max_concurrent_trials": parallel}
        _fit(worker, reporter, stop=searcher.stops, search_alg=searcher, **limits)

    _in_spite_of_breakdowns(fit, reporter)


def _worker(jobs: Sequence[Job], settings: Sequence[Setting], cpus: float, gpus: float, ranks: int) -> Any:
    """Return the worker as Tune starts it, with what it takes."""
    takes: Any = {"cpu": cpus, "gpu": gpus}
    if any(setting.recipe.trainer for setting in settings):
        ranks = 1  # a user's own function has all GPUs of its trial
    if ranks > 1:
        bundle = {"CPU": cpus / ranks, "GPU": gpus / ranks}
        takes = tune.PlacementGroupFactory([{}, *[bundle] * ranks], strategy="STRICT_PACK")
    worker = tune.with_parameters(
        Worker, jobs=list(jobs), settings=list(settings), on_gpu=gpus > 0, ranks=ranks
    )
    return tune.with_resources(worker, takes)


class _Searcher(Searcher):
    """Lets a questioner choose the trials that Tune runs, and prune them."""

    def __init__(self, questioner: Questioner, jobs: list[Job], reporter: _Reporter) -> None:
        super().__init__()
        self._questioner, self._jobs, self._reporter = questioner, jobs, reporter
        self._live: dict[str, int] = {}  # Tune's name of a trial → its job
        self._again = list(reporter.left)  # under way when Tune broke down

    def __getstate__(self) -> dict[str, Any]:
        return {}  # as for `_Reporter`

    def suggest(self, trial_id: str) -> Any:
        """Return the next job as Tune's config."""
        with self._reporter.noting_problems():
            job = self._again.pop(0) if self._again else self._ask()
        if job is None:
            return None if self._live else Searcher.FINISHED
        self._live[trial_id] = job
        trial, setting = self._jobs[job]
        return {"job": job, "trial": dataclasses.asdict(trial), "setting": setting}

    def _ask(self) -> int | None:
        asked = self._questioner.next_job()
        if asked is None:
            return None
        self._jobs.append(asked)
        job = len(self._jobs) - 1
        self._reporter.left[job] = None
        return job

    def stops(self, trial_id: str, result: dict[str, Any]) -> bool:
        """Say whether a trial is to be pruned after a report of its worker."""
        job, epochs = self._live[trial_id], [EpochRecord(**epoch) for epoch in result["epoch_records"]]
        with self._reporter.noting_problems():
            if self._questioner.prunes(self._jobs[job].trial, epochs) and not result["done"]:
                self._reporter.pruned.add(job)
        return job in self._reporter.pruned

    def on_trial_complete(self, trial_id: str, result: dict | None = None, error: bool = False) -> None:
        """Note that there is room for another one."""
        self._live.pop(trial_id, None)

    def save(self, checkpoint_path: str) -> None:
        """Save nothing: the journal is what a search goes on from."""


def _in_spite_of_breakdowns(fit: Callable[[], None], reporter: _Reporter) -> None:
    """Let Tune run, again if it breaks down, and give up what is left then."""
    for retries_left in reversed(range(RETRIES + 1)):
        try:
            fit()
            if not reporter.left:
                return
        except Exception as error:
            if reporter.problem:
                raise reporter.problem from error
            if not (retries_left and ray.is_initialized()):
                raise RayLost(f"Ray Tune broke down: {last_line(error)}") from error
    for job in list(reporter.left):
        reporter.give_up(job)


def _fit(
    worker: Any, reporter: _Reporter, *, space: dict[str, Any] | None = None, stop: Any = None, **search: Any
) -> None:
    """Let Tune run the jobs of a space, or those that a search asks for."""
    scratch = tempfile.mkdtemp(prefix="sweep-tune-")
    try:
        tune.Tuner(
            worker,
            param_space=space or {},
            tune_config=tune.TuneConfig(reuse_actors=True, **search),
            run_config=tune.RunConfig(
                name="sweep", storage_path=scratch, verbose=0, callbacks=[reporter], stop=stop,
                failure_config=tune.FailureConfig(max_failures=RETRIES),
                checkpoint_config=tune.CheckpointConfig(checkpoint_at_end=False),
            ),
        ).fit()  # fmt: skip
    finally:
        shutil.rmtree(scratch, ignore_errors=True)
