"""Ray Tune runs the trials: the only package that imports Ray.

A worker is started once and reused for trial after trial: starting one (torch, timm) takes longer than
a small trial. Workers report each epoch to the driver and write nothing themselves.
"""

import shutil
import tempfile
from collections.abc import Callable, Sequence
from typing import Any

import ray
from ray import tune

from sweep.core.jobs import Job, TrialContext, TrialObserver, TrialSource
from sweep.orchestrate.actors import Worker
from sweep.orchestrate.cluster import RayLost
from sweep.orchestrate.nodes import check_seen as check_seen
from sweep.orchestrate.nodes import parallel_trials as parallel_trials
from sweep.orchestrate.preflight import last_line
from sweep.orchestrate.reporter import RETRIES, _Reporter
from sweep.orchestrate.searcher import _Searcher


def run(
    jobs: Sequence[Job],
    settings: Sequence[TrialContext],
    observer: TrialObserver,
    *,
    cpus: float,
    gpus: float,
    ranks: int = 1,
) -> None:
    """Run all jobs, as many at once as the cluster carries, in their order; ``ranks`` processes train each.

    A trial that fails is tried again `RETRIES` times, from its last checkpoint if there is one, and then
    given up, while the others go on. If Tune itself breaks down, so often is it started again.

    Raises
    ------
    InputError
        If the observer raised it.
    RayLost
        If the cluster is lost, or Tune does not work in spite of all retries.
    """
    worker = _worker(jobs, settings, cpus, gpus, ranks)
    reporter = _Reporter(jobs, observer)

    def fit() -> None:
        if reporter.left:
            _fit(worker, reporter, space={"job": tune.grid_search(list(reporter.left))})

    _in_spite_of_breakdowns(fit, reporter)


def search(
    source: TrialSource,
    settings: Sequence[TrialContext],
    *,
    parallel: int,
    cpus: float,
    gpus: float,
    ranks: int = 1,
) -> None:
    """Run the jobs that a trial source asks for, one as soon as a worker is free, until it has no more.

    Failures are handled as by `run`.

    Raises
    ------
    InputError, RayLost
        As `run` does.
    """
    worker = _worker([], settings, cpus, gpus, ranks)
    jobs: list[Job] = []
    reporter = _Reporter(jobs, source)

    def fit() -> None:
        searcher = _Searcher(source, jobs, reporter)
        limits: dict[str, Any] = {"num_samples": -1, "max_concurrent_trials": parallel}
        _fit(worker, reporter, stop=searcher.stops, search_alg=searcher, **limits)

    _in_spite_of_breakdowns(fit, reporter)


def _worker(
    jobs: Sequence[Job], settings: Sequence[TrialContext], cpus: float, gpus: float, ranks: int
) -> Any:
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
                name="sweep",
                storage_path=scratch,
                verbose=0,
                callbacks=[reporter],
                stop=stop,
                failure_config=tune.FailureConfig(max_failures=RETRIES),
                checkpoint_config=tune.CheckpointConfig(checkpoint_at_end=False),
            ),
        ).fit()
    finally:
        shutil.rmtree(scratch, ignore_errors=True)
