"""Ray Tune runs the trials: the only package that imports Ray.

A worker is started once and reused for trial after trial: starting one (torch, timm) takes longer than
a small trial. Workers report each epoch to the driver and write nothing themselves.
"""

import shutil
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import ray
from ray import tune

from sweep.core.jobs import Executor, ExecutorLost, Job, TrialContext, TrialObserver, TrialSource
from sweep.core.resources import Resources
from sweep.data.images import FileSplits, Splits
from sweep.orchestrate.actors import Worker
from sweep.orchestrate.cluster import cluster
from sweep.orchestrate.failures import RETRIES
from sweep.orchestrate.nodes import check_seen, parallel_trials
from sweep.orchestrate.reporter import TuneReporter
from sweep.orchestrate.searcher import TuneSearcher
from sweep.utils.tracebacks import last_line


@contextmanager
def open_ray(resources: Resources, data: Sequence[Splits | FileSplits], **output: Any) -> Iterator[Executor]:
    """Join or start a Ray cluster, for as long as this context lasts; see `sweep.orchestrate.executor`."""
    with cluster(resources, **output):
        parallel, gpus = parallel_trials(resources)
        check_seen(resources, data)
        yield RayExecutor(parallel, cpus=resources.cpus_per_trial, gpus=gpus, ranks=resources.ranks)


class RayExecutor:
    """Lets Ray Tune run the trials, as many at once as the cluster carries.

    Parameters
    ----------
    parallel : int
        How many these are.
    cpus, gpus : float
        What each takes.
    ranks : int
        Processes that train each together.
    """

    in_process = False

    def __init__(self, parallel: int, *, cpus: float, gpus: float, ranks: int = 1) -> None:
        self.parallel = parallel
        self._cpus, self._gpus, self._ranks = cpus, gpus, ranks

    def share(self, splits: Splits | FileSplits) -> Any:
        """Put a data set where all workers can take theirs from."""
        return ray.put(splits)

    def run(self, jobs: Sequence[Job], contexts: Sequence[TrialContext], observer: TrialObserver) -> None:
        """Run all jobs, as many at once as the cluster carries, in their order.

        A trial that fails is retried `RETRIES` times, from its last checkpoint if there is one, and then ends
        as failed, while the others go on. If Tune itself breaks down, it is started again as often.
        """
        worker = self._worker(jobs, contexts)
        reporter = TuneReporter(jobs, observer)

        def fit() -> None:
            if reporter.left:
                _fit(worker, reporter, space={"job": tune.grid_search(list(reporter.left))})

        _in_spite_of_breakdowns(fit, reporter)

    def search(self, source: TrialSource, contexts: Sequence[TrialContext]) -> None:
        """Run the jobs that a trial source asks for, one as soon as a worker is free.

        Failures are handled as by `run`.
        """
        worker = self._worker([], contexts)
        jobs: list[Job] = []
        reporter = TuneReporter(jobs, source)

        def fit() -> None:
            searcher = TuneSearcher(source, jobs, reporter)
            limits: dict[str, Any] = {"num_samples": -1, "max_concurrent_trials": self.parallel}
            _fit(worker, reporter, stop=searcher.stops, search_alg=searcher, **limits)

        _in_spite_of_breakdowns(fit, reporter)

    def _worker(self, jobs: Sequence[Job], contexts: Sequence[TrialContext]) -> Any:
        """Return the worker as Tune starts it, with what it takes."""
        cpus, gpus, ranks = self._cpus, self._gpus, self._ranks
        takes: Any = {"cpu": cpus, "gpu": gpus}
        if any(context.recipe.trainer for context in contexts):
            ranks = 1  # a user-defined training function has all GPUs of its trial
        if ranks > 1:
            bundle = {"CPU": cpus / ranks, "GPU": gpus / ranks}
            takes = tune.PlacementGroupFactory([{}, *[bundle] * ranks], strategy="STRICT_PACK")
        worker = tune.with_parameters(
            Worker, jobs=list(jobs), settings=list(contexts), on_gpu=gpus > 0, ranks=ranks
        )
        return tune.with_resources(worker, takes)


def _in_spite_of_breakdowns(fit: Callable[[], None], reporter: TuneReporter) -> None:
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
                raise ExecutorLost(f"Ray Tune broke down: {last_line(error)}") from error
    for job in list(reporter.left):
        reporter.give_up(job)


def _fit(
    worker: Any,
    reporter: TuneReporter,
    *,
    space: dict[str, Any] | None = None,
    stop: Any = None,
    **search: Any,
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
