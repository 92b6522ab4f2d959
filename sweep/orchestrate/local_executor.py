"""Trains one pack after the other in this process, without Ray: for a debugger, and for small sweeps.

The results are those of a Ray worker to the last bit: it is the same code, with as many threads.
"""

import os
from bdb import BdbQuit
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

from sweep.checkpoints.probe import probe
from sweep.core.jobs import AttemptFailure, Executor, Job, TrialContext, TrialObserver, TrialSource
from sweep.core.resources import Resources
from sweep.core.trial import EpochRecord, TrialRecord, TrialSpec, TrialState
from sweep.data.images import FileSplits, Splits
from sweep.orchestrate.failures import APART, Attempts, failure_of
from sweep.orchestrate.packs import Kind, form_packs, packs_of, report_sizes, to_measure
from sweep.orchestrate.preflight import check_carried
from sweep.orchestrate.worker import TrialRunner
from sweep.orchestrate.worker_reports import WorkerReport

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
        yield LocalExecutor(on_gpu=on_gpu, pack=resources.pack_size)


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
    """Trains one pack of trials after the other in this process.

    Parameters
    ----------
    on_gpu : bool
        Whether there is a GPU to train on.
    pack : int, optional
        The most trials that are trained together; None: as many as are measured to be fastest.
    """

    parallel = 1
    in_process = True

    def __init__(self, *, on_gpu: bool, pack: int | None = 1) -> None:
        self._on_gpu, self._pack = on_gpu, pack

    def share(self, splits: Splits | FileSplits) -> Splits | FileSplits:
        """Return the data set: it is here already."""
        return splits

    def run(self, jobs: Sequence[Job], contexts: Sequence[TrialContext], observer: TrialObserver) -> None:
        """Run all jobs, one pack after the other, in their order."""
        trainer = _Trainer(contexts, self._on_gpu, observer, lambda trial, epochs: False)
        most = self._sizes(jobs, contexts, observer)
        for pack in form_packs(jobs, range(len(jobs)), most=most, workers=1):
            trainer.train([jobs[index] for index in pack])

    def _sizes(
        self, jobs: Sequence[Job], contexts: Sequence[TrialContext], observer: TrialObserver
    ) -> Callable[[Kind], int]:
        """Return the largest pack of each kind."""
        if self._pack is not None:
            return packs_of({}, self._pack)
        asked, runner = to_measure(jobs, 1), TrialRunner(contexts, lambda data: data, on_gpu=self._on_gpu)
        sizes = {kind: runner.best_pack(*each) for kind, each in asked.items()}
        report_sizes(sizes, asked, observer)
        return packs_of(sizes)

    def search(self, source: TrialSource, contexts: Sequence[TrialContext]) -> None:
        """Run the jobs that a trial source asks for, one after the other."""
        trainer = _Trainer(contexts, self._on_gpu, source, source.prunes)
        while job := source.next_job():
            trainer.train([job])


class _Trainer:
    """Trains trials, as often as needed, and tells an observer."""

    def __init__(
        self, contexts: Sequence[TrialContext], on_gpu: bool, observer: TrialObserver, prunes: Prunes
    ) -> None:
        self._contexts, self._on_gpu = contexts, on_gpu
        self._observer, self._prunes = observer, prunes
        self._runner: TrialRunner | None = None

    def train(self, jobs: Sequence[Job]) -> None:
        """Train a pack to its end, or until it has failed too often; its trials are then trained alone."""
        attempts, left = Attempts(), {job.trial.key: job for job in jobs}
        while (error := self._attempt(left)) is not None:
            self._runner = None  # who knows in what state it is: the next attempt has a new one
            failure = attempts.add(failure_of(error))
            for job in left.values():
                self._observer.on_failure(job.trial, failure)
            if attempts.exhausted:
                return self._give_up(list(left.values()), failure)
            del error  # its traceback holds the tensors of the failed attempt

    def _give_up(self, jobs: Sequence[Job], failure: AttemptFailure) -> None:
        if len(jobs) > 1:
            for job in jobs:
                self._observer.on_message(job.trial, APART)
                self.train([job])
            return
        trial = jobs[0].trial
        failed = TrialRecord(key=trial.key, state=TrialState.FAILED, error=failure.message)
        self._observer.on_end(trial, failed)

    def _attempt(self, left: dict[str, Job]) -> Exception | None:
        """Train trials, from their checkpoints if they have any; return what made them fail.

        Those that come to their end are taken out of ``left``.
        """
        for job in left.values():
            self._observer.on_start(job.trial)
        reports = self._reports(list(left.values()))
        while left:
            try:
                report = next(reports)
            except BdbQuit:  # `quit` in the debugger is meant for all of it
                raise KeyboardInterrupt from None
            except Exception as error:
                return error
            for each in report:
                if self._hand_on(each):
                    del left[each.trial.key]
        return None

    def _reports(self, jobs: Sequence[Job]) -> Iterator[Sequence[WorkerReport]]:
        if self._runner is None:
            self._runner = TrialRunner(self._contexts, lambda splits: splits, on_gpu=self._on_gpu)
        self._runner.turn_to(jobs)
        while True:
            yield self._runner.report().trials

    def _hand_on(self, report: WorkerReport) -> bool:
        """Tell the observer; say whether the trial ends with this."""
        pruned = self._prunes(report.trial, report.epochs) and not report.done
        report.hand_on(self._observer, pruned=pruned)
        return pruned or report.done
