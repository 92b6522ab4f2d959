"""What a worker knows of a trial that it trains."""

import os
from typing import TYPE_CHECKING

from sweep.core.jobs import Job
from sweep.core.trial import EpochRecord, TrialRecord, TrialState
from sweep.orchestrate.worker_reports import WorkerReport
from sweep.recipes.metric import MetricSpec

if TYPE_CHECKING:
    from sweep.training.checkpoint import Checkpoint


class TrialProgress:
    """What a worker knows of a trial that it trains, and has not reported yet.

    Parameters
    ----------
    job : Job
        The trial.
    checkpoint : Checkpoint
        Counts the seconds of its training.
    last_epoch : int
        The epoch that ends it.
    notes : list of str
        What a user should know of it; the training may add to it.
    metric : MetricSpec, optional
        What is reported. Default: the top-1 error.
    """

    def __init__(
        self,
        job: Job,
        checkpoint: "Checkpoint",
        last_epoch: int,
        notes: list[str],
        metric: MetricSpec | None = None,
    ) -> None:
        self.job, self.checkpoint, self._last_epoch = job, checkpoint, last_epoch
        self._notes, self._epochs = notes, list[EpochRecord]()
        self._better = metric.better if metric else min
        self._best: float | None = None
        self._reported = False
        self.done = False
        """Whether it has come to its end."""
        self.over = False
        """Whether its end was reported."""

    def add(self, epoch: EpochRecord | None) -> None:
        """Take a further epoch in; None where there is none."""
        if epoch:
            self._epochs.append(epoch)
            if epoch.result is not None:
                self._best = epoch.result if self._best is None else self._better(self._best, epoch.result)
            self.done = epoch.diverged_step is not None or epoch.epoch == self._last_epoch

    def report(self, device: str) -> WorkerReport | None:
        """Return what is to be reported, once; None if there is nothing.

        Parameters
        ----------
        device : str
            The name of what it is trained on.
        """
        if not self._epochs:
            return None
        if not self._reported and (seconds := self.checkpoint.seconds_before):
            self._notes.append(f"resumes from its checkpoint, after {seconds:.0f} s of training")
        epochs, notes, self._epochs, self._reported = self._epochs, list(self._notes), [], True
        self._notes.clear()
        self.over = self.done
        record = self._record(epochs[-1], device)
        return WorkerReport(trial=self.job.trial, epochs=epochs, record=record, done=self.done, notes=notes)

    def _record(self, epoch: EpochRecord, device: str) -> TrialRecord:
        """Return the trial's record if this is its last epoch."""
        diverged = epoch.diverged_step is not None
        return TrialRecord(
            key=self.job.trial.key,
            state=TrialState.DIVERGED if diverged else TrialState.FINISHED,
            top1_err=epoch.top1_err,
            best_top1_err=None if epoch.metric else self._best,
            metric=epoch.metric,
            value=epoch.value,
            best_value=self._best if epoch.metric else None,
            epochs=epoch.epoch,
            wall_s=round(self.checkpoint.seconds, 3),
            diverged_step=epoch.diverged_step,
            device=device,
            host=os.uname().nodename,
        )
