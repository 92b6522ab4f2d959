"""Ray Tune runs the trials: the only package that imports Ray.

A worker is started once and reused for trial after trial: starting one (torch, timm) takes longer than
a small trial. Workers report each epoch to the driver and write nothing themselves.
"""

import logging
import shutil
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import ray
from ray import tune

from sweep.core.jobs import Executor, ExecutorLost, Job, TrialContext, TrialObserver, TrialSource
from sweep.core.resources import Resources
from sweep.data.images import FileSplits, Splits
from sweep.orchestrate.actors import PACK, Worker, best_pack
from sweep.orchestrate.cluster import cluster
from sweep.orchestrate.failures import RETRIES
from sweep.orchestrate.machine_checks import check_seen, parallel_trials
from sweep.orchestrate.packs import Kind, form_packs, packs_of, report_sizes, to_measure
from sweep.orchestrate.searcher import TuneSearcher
from sweep.orchestrate.shared_cluster import SharedSearch, SharedTrials, Sharing, StartsKept
from sweep.orchestrate.tune_callback import TuneReporter
from sweep.utils.tracebacks import last_line

_log = logging.getLogger(__name__)


@contextmanager
def open_ray(
    resources: Resources,
    data: Sequence[Splits | FileSplits],
    *,
    raw_output: Path | None = None,
    warn: Callable[[str], None] = _log.warning,
) -> Iterator[Executor]:
    """Join or start a Ray cluster, for as long as this context lasts; see `sweep.orchestrate.executor`."""
    with cluster(resources, raw_output, warn):
        parallel, gpus = parallel_trials(resources)
        check_seen(resources, data)
        takes = {"CPU": resources.cpus_per_trial, "GPU": gpus}
        sharing = None if resources.address == "local" else Sharing(takes, warn)
        yield RayExecutor(parallel, takes, sharing, ranks=resources.ranks, pack=resources.pack_size)


class RayExecutor:
    """Lets Ray Tune run the trials, as many at once as the cluster carries.

    Parameters
    ----------
    parallel : int
        How many these are, or packs of them.
    takes : dict of str to float
        The CPUs and GPUs that each takes, as Ray calls them.
    sharing : Sharing, optional
        This driver's part of a cluster that others use, too; None: all of it.
    ranks : int
        Processes that train each together.
    pack : int, optional
        The most trials that are trained together; None: as many as are measured to be fastest.
    """

    in_process = False

    def __init__(
        self,
        parallel: int,
        takes: dict[str, float],
        sharing: Sharing | None = None,
        *,
        ranks: int = 1,
        pack: int | None = 1,
    ) -> None:
        self.parallel, self._sharing, self._pack = parallel, sharing, pack
        self._cpus, self._gpus, self._ranks = takes["CPU"], takes["GPU"], ranks

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
                if not self._fit_packs(worker, reporter, self._packs(jobs, reporter, most)):
                    alone = None

        self._in_spite_of_breakdowns(fit, reporter)

    def _fit_packs(self, worker: Any, reporter: TuneReporter, packs: list[list[int]]) -> bool:
        """Let Tune run packs; False if it is others' turn before all have been asked for."""
        space = {PACK: tune.grid_search(packs)}
        if self._sharing is None:
            _fit(worker, [reporter], space=space)
            return True
        self._sharing.wait(len(packs))
        trials = SharedTrials(self._sharing, len(packs))
        _fit(worker, [reporter, self._sharing], space=space, search_alg=trials, scheduler=StartsKept())
        return not trials.left

    def search(self, source: TrialSource, contexts: Sequence[TrialContext]) -> None:
        """Run the jobs that a trial source asks for, one as soon as a worker is free.

        Failures are handled as by `run`.
        """
        worker = self._worker([], contexts)
        jobs: list[Job] = []
        reporter = TuneReporter(jobs, source)

        def fit() -> None:
            searcher = None
            while searcher is None or not searcher.exhausted:
                searcher = TuneSearcher(source, jobs, reporter)
                self._fit_search(worker, reporter, searcher)

        self._in_spite_of_breakdowns(fit, reporter)

    def _fit_search(self, worker: Any, reporter: TuneReporter, searcher: TuneSearcher) -> None:
        """Let Tune run what a searcher asks for, until it has no more or it is others' turn."""
        options: dict[str, Any] = {"stop": searcher.stops, "num_samples": -1}
        if self._sharing is None:
            parallel: dict[str, Any] = {"max_concurrent_trials": self.parallel}
            _fit(worker, [reporter], search_alg=searcher, **parallel, **options)
        else:
            self._sharing.wait(self.parallel)
            shared = SharedSearch(self._sharing, searcher, self.parallel)
            _fit(worker, [reporter, self._sharing], search_alg=shared, scheduler=StartsKept(), **options)

    def _in_spite_of_breakdowns(self, fit: Callable[[], None], reporter: TuneReporter) -> None:
        """Let Tune run, again if it breaks down, and give up what is left then."""
        try:
            _repeated(fit, reporter)
        finally:
            if self._sharing and ray.is_initialized():
                self._sharing.leave()

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


def _repeated(fit: Callable[[], None], reporter: TuneReporter) -> None:
    """Let Tune run, as often as `RETRIES` allows, until nothing is left."""
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
    callbacks: list[tune.Callback],
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
                callbacks=callbacks,
                stop=stop,
                failure_config=tune.FailureConfig(max_failures=RETRIES),
                checkpoint_config=tune.CheckpointConfig(checkpoint_at_end=False),
            ),
        ).fit()
    finally:
        shutil.rmtree(scratch, ignore_errors=True)
