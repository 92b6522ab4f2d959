"""What a worker reports, and how it gets to an observer."""

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass

from sweep.core.jobs import TrialObserver
from sweep.core.trial import EpochRecord, TrialRecord, TrialSpec, TrialState


@dataclass(frozen=True, kw_only=True, slots=True)
class WorkerReport:
    """What a worker has done of a trial since its last report."""

    trial: TrialSpec
    epochs: Sequence[EpochRecord]
    record: TrialRecord
    """The trial's record with these epochs: its last one if it is done."""
    done: bool
    notes: Sequence[str] = ()
    """What a user should know of it."""

    def hand_on(self, observer: TrialObserver, *, pruned: bool = False) -> None:
        """Tell an observer; the trial ends with this if it is done, or ``pruned``."""
        for text in self.notes:
            observer.on_message(self.trial, text)
        for epoch in self.epochs:
            observer.on_epoch(self.trial, epoch)
        if pruned and not self.done:
            observer.on_end(self.trial, dataclasses.replace(self.record, state=TrialState.PRUNED))
        elif self.done:
            observer.on_end(self.trial, self.record)


@dataclass(frozen=True, kw_only=True, slots=True)
class PackReport:
    """What a worker has done of a pack since its last report."""

    trials: Sequence[WorkerReport]
    """Of those for which there is anything to report."""
    done: bool
    """Whether all trials of the pack are done."""
