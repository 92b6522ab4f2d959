"""Trains one trial after the other in this process, without Ray: for a debugger, and for small sweeps.

The results are those of a Ray worker to the last bit: it is the same code, with as many threads.
"""

import os
from bdb import BdbQuit
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

from sweep.checkpoints.probe import probe
from sweep.core.jobs import Executor, Job, TrialContext, TrialObserver, TrialSource
from sweep.core.resources import Resources
from sweep.core.trial import EpochRecord, TrialRecord, TrialSpec, TrialState
from sweep.data.images import FileSplits, Splits
from sweep.orchestrate.failures import Attempts, failure_of
from sweep.orchestrate.preflight import check_carried
from sweep.orchestrate.reports import WorkerReport
from sweep.orchestrate.worker import TrialRunner

Prunes = Callable[[TrialSpec, Sequence[EpochRecord]], bool]


@contextmanager
def open_here(resources: Resources) -> Iterator[Executor]:
    """Train in this process with a worker's number of threads, for as long as this context lasts.

    Raises
    ------
    InputError
        If this machine does not have what a trial asks for, or nothing can be written to the storage.
    """
    check_carried("CPU", resources.cpus_per_trial, [os.cpu_count() or 1], where="this machine")
    on_gpu = _takes_gpu(resources)
    with probe(resources.storage), _threads_of_a_worker(resources):
        yield LocalExecutor(on_gpu=on_gpu)


def _takes_gpu(resources: Resources) -> bool:
    import torch

    gpus = torch.cuda.device_count()
    if resources.gpus_per_trial is None:
        return gpus > 0
    check_carried("GPU", resources.gpus_per_trial, [gpus], where="this machine")
    return resources.gpus_per_trial > 0


@contextmanager
def _threads_of_a_worker(resources: Resources) -> Iterator[None]:
    """Give numerical libraries as many threads as in a Ray worker: with another number they round otherwise.

    torch has one in any case, see `TrialRunner`. In the end all have the number that they had.
    """
    import torch
    from threadpoolctl import threadpool_limits

    before = torch.get_num_threads()
    threads = int(os.environ.get("OMP_NUM_THREADS", max(1, int(resources.cpus_per_trial))))
    try:
        with threadpool_limits(threads):
            yield
    finally:
        torch.set_num_threads(before)


class LocalExecutor:
    """Trains one trial after the other in this process."""

    parallel = 1
    in_process = True

    def __init__(self, *, on_gpu: bool) -> None:
        self._on_gpu = on_gpu

    def share(self, splits: Splits | FileSplits) -> Splits | FileSplits:
        """Return the data set: it is here already."""
        return splits

    def run(self, jobs: Sequence[Job], contexts: Sequence[TrialContext], observer: TrialObserver) -> None:
        """Run all jobs, one after the other, in their order."""
        trainer = _Trainer(contexts, self._on_gpu, observer, lambda trial, epochs: False)
        for job in jobs:
            trainer.train(job)

    def search(self, source: TrialSource, contexts: Sequence[TrialContext]) -> None:
        """Run the jobs that a trial source asks for, one after the other."""
        trainer = _Trainer(contexts, self._on_gpu, source, source.prunes)
        while job := source.next_job():
            trainer.train(job)


class _Trainer:
    """Trains trials, as often as needed, and tells an observer."""

    def __init__(
        self, contexts: Sequence[TrialContext], on_gpu: bool, observer: TrialObserver, prunes: Prunes
    ) -> None:
        self._contexts, self._on_gpu = contexts, on_gpu
        self._observer, self._prunes = observer, prunes
        self._runner: TrialRunner | None = None

    def train(self, job: Job) -> None:
        """Train a trial to its end, or until it has failed too often."""
        attempts = Attempts()
        while (error := self._attempt(job)) is not None:
            self._runner = None  # who knows in what state it is: the next attempt has a new one
            failure = attempts.add(failure_of(error))
            self._observer.on_failure(job.trial, failure)
            if attempts.exhausted:
                failed = TrialRecord(key=job.trial.key, state=TrialState.FAILED, error=failure.message)
                return self._observer.on_end(job.trial, failed)
            del error  # its traceback holds the tensors of the failed attempt

    def _attempt(self, job: Job) -> Exception | None:
        """Train a trial, from its checkpoint if it has one; return what made it fail."""
        self._observer.on_start(job.trial)
        reports = self._reports(job)
        while True:
            try:
                report = next(reports, None)
            except BdbQuit:  # `quit` in the debugger is meant for all of it
                raise KeyboardInterrupt from None
            except Exception as error:
                return error
            if report is None or self._hand_on(job.trial, report):
                return None

    def _reports(self, job: Job) -> Iterator[WorkerReport]:
        if self._runner is None:
            self._runner = TrialRunner(self._contexts, lambda splits: splits, on_gpu=self._on_gpu)
        self._runner.turn_to(job)
        done = False
        while not done:
            report = self._runner.report()
            done = report.done
            yield report

    def _hand_on(self, trial: TrialSpec, report: WorkerReport) -> bool:
        """Tell the observer; say whether it prunes the trial."""
        pruned = self._prunes(trial, report.epochs) and not report.done
        report.hand_on(trial, self._observer, pruned=pruned)
        return pruned
