"""Ray Tune runs the trials: the only package that imports Ray.

A worker is started once and reused for trial after trial: starting one (torch, timm) takes longer than
a small trial. Workers report each epoch to the driver and write nothing themselves.
"""

import logging
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
from sweep.orchestrate.actors import PACK, Worker, best_pack
from sweep.orchestrate.cluster import cluster
from sweep.orchestrate.failures import RETRIES
from sweep.orchestrate.nodes import check_seen, parallel_trials
from sweep.orchestrate.packs import Kind, form_packs, packs_of, report_sizes, to_measure
from sweep.orchestrate.reporter import TuneReporter
from sweep.orchestrate.searcher import TuneSearcher
from sweep.utils.tracebacks import last_line

_log = logging.getLogger(__name__)


@contextmanager
def open_ray(resources: Resources, data: Sequence[Splits | FileSplits], **output: Any) -> Iterator[Executor]:
    """Join or start a Ray cluster, for as long as this context lasts; see `sweep.orchestrate.executor`."""
    with cluster(resources, **output):
        parallel, gpus = parallel_trials(resources)
        check_seen(resources, data)
        takes = {"cpus": resources.cpus_per_trial, "gpus": gpus}
        yield RayExecutor(parallel, **takes, ranks=resources.ranks, pack=resources.pack_size)


class RayExecutor:
    """Lets Ray Tune run the trials, as many at once as the cluster carries.

    Parameters
    ----------
    parallel : int
        How many these are, or packs of them.
    cpus, gpus : float
        What each takes.
    ranks : int
        Processes that train each together.
    pack : int, optional
        The most trials that are trained together; None: as many as are measured to be fastest.
    """

    in_process = False

    def __init__(
        self, parallel: int, *, cpus: float, gpus: float, ranks: int = 1, pack: int | None = 1
    ) -> None:
        self.parallel, self._pack = parallel, pack
        self._cpus, self._gpus, self._ranks = cpus, gpus, ranks

    def share(self, splits: Splits | FileSplits) -> Any:
        """Put a data set where all workers can take theirs from."""
        return ray.put(splits)

    def run(self, jobs: Sequence[Job], contexts: Sequence[TrialContext], observer: TrialObserver) -> None:
        """Run all jobs, as many at once as the cluster carries, in their order.

        A trial that fails is retried `RETRIES` times, from its last checkpoint if there is one, and then ends
        as failed, while the others go on. If Tune itself breaks down, it is started again as often.
        The trials of a pack that fails so often are run alone.
        """
        worker, most = self._worker(jobs, contexts), self._sizes(jobs, contexts, observer)
        reporter = TuneReporter(jobs, observer)

        def fit() -> None:
            alone: set[int] | None = None
            while reporter.left and alone != reporter.apart:
                alone = set(reporter.apart)
                _fit(worker, reporter, space={PACK: tune.grid_search(self._packs(jobs, reporter, most))})

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

    def _sizes(
        self, jobs: Sequence[Job], contexts: Sequence[TrialContext], observer: TrialObserver
    ) -> Callable[[Kind], int]:
        """Return the largest pack of each kind; it is measured with the resources of a worker."""
        if self._pack is not None:
            return packs_of({}, self._pack)
        asked = to_measure(jobs, self.parallel)
        task = ray.remote(best_pack).options(num_cpus=self._cpus, num_gpus=self._gpus, max_retries=0)
        pending = {kind: task.remote(list(contexts), *each, self._gpus > 0) for kind, each in asked.items()}
        sizes = {kind: _or_one(reference) for kind, reference in pending.items()}
        report_sizes(sizes, asked, observer)
        return packs_of(sizes)

    def _packs(
        self, jobs: Sequence[Job], reporter: TuneReporter, most: Callable[[Kind], int]
    ) -> list[list[int]]:
        """Return what is left, in packs."""
        left = [job for job in reporter.left if job not in reporter.apart]
        alone = [[job] for job in reporter.left if job in reporter.apart]
        return form_packs(jobs, left, most=most, workers=self.parallel) + alone

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


def _or_one(reference: Any) -> int:
    """Return a measured size; 1 if measuring failed: what was wrong is seen when the trials run."""
    try:
        return int(ray.get(reference))
    except Exception as error:
        _log.warning("no size of packs could be measured: %s", last_line(error))
        return 1


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
