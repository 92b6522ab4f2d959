"""A simulated cluster: its workers die, hang, and report late or twice."""

import zlib
from contextlib import contextmanager

from support.simulation.world import Violation, World

from sweep.core.jobs import AttemptFailure, ExecutorLost, Job
from sweep.core.trial import EpochRecord, TrialRecord, TrialState
from sweep.orchestrate.failures import Attempts

EPOCHS = 2


def error_of(key: str, epoch: int = EPOCHS) -> float:
    """Return a trial's error after an epoch: it depends on the key alone, as in a real training."""
    return zlib.crc32(f"{key}{epoch}".encode()) % 9_000 / 100


def epoch_of(key: str, epoch: int) -> EpochRecord:
    return EpochRecord(epoch=epoch, top1_err=error_of(key, epoch), val_loss=1.0, train_loss=1.5, lr=0.1)


def result_of(key: str) -> TrialRecord:
    best = min(error_of(key, epoch) for epoch in range(1, EPOCHS + 1))
    return TrialRecord(
        key=key,
        state=TrialState.FINISHED,
        top1_err=error_of(key),
        best_top1_err=best,
        epochs=EPOCHS,
        wall_s=1.0,
    )


class Cluster:
    """As a `sweep.core.jobs.Executor`."""

    in_process = False
    parallel = 2

    def __init__(self, world: World, between) -> None:
        self._world, self._between = world, between

    def share(self, splits):
        return splits

    def run(self, jobs, contexts, observer) -> None:
        world, waiting = self._world, list(jobs)
        running: dict[Job, int] = {}
        attempts = {job: Attempts() for job in jobs}
        while waiting or running:
            self._between()
            world.may_die()
            if waiting and len(running) < self.parallel:
                job = waiting.pop(0)
                self._start(job, observer)
                running[job] = 0
                continue
            job = world.dice.choice(list(running))
            if world.happens("worker"):
                if world.dice.random() < 0.1:
                    raise ExecutorLost("the cluster is gone")
                world.now_s += world.dice.choice((0, 3_600))  # it hangs for an hour before it is given up
                self._fail(job, attempts[job], running, observer)
                continue
            running[job] += 1
            self._report(job, running, observer)

    def _start(self, job: Job, observer) -> None:
        if job.trial.key in self._world.promised:
            raise Violation(f"{job.trial.key} is trained again, though its end was reported")
        observer.on_start(job.trial)

    def _fail(self, job: Job, attempts: Attempts, running: dict[Job, int], observer) -> None:
        failure = AttemptFailure(message="gone", traceback="", origin=None, host="h", time="t")
        observer.on_failure(job.trial, attempts.add(failure))
        if attempts.exhausted:
            del running[job]
            observer.on_end(job.trial, TrialRecord(key=job.trial.key, state=TrialState.FAILED, error="gone"))
            return
        running[job] = self._world.dice.randint(0, running[job])  # as far as its checkpoint
        self._start(job, observer)

    def _report(self, job: Job, running: dict[Job, int], observer) -> None:
        world, (trial, epoch) = self._world, (job.trial, running[job])
        for _ in range(2 if world.happens("twice") else 1):
            observer.on_epoch(trial, epoch_of(trial.key, epoch))
        if epoch < EPOCHS:
            return
        del running[job]
        for _ in range(2 if world.happens("twice") else 1):
            observer.on_end(trial, result_of(trial.key))
        if world.happens("stray"):  # of a worker that was given up
            observer.on_epoch(trial, epoch_of(trial.key, 1))


@contextmanager
def opened(world: World, between):
    yield Cluster(world, between)
