"""The training of one trial of a pack: how far it has come, its records and its checkpoint."""

import dataclasses
from typing import Any, Self

from sweep.core.trial import EpochRecord
from sweep.training.batches import Batch
from sweep.training.checkpoint import Checkpoint
from sweep.training.evaluation import Evaluation
from sweep.training.pack_member import Member


class TrialTraining:
    """The training of one member of a pack, which can be saved and resumed after each step.

    Its state is the same in whatever company it trains, so that it can resume in another one, or alone.

    Parameters
    ----------
    member : Member
        The trial's model and optimizer.
    steps : int
        Batches in an epoch.
    checkpoint : Checkpoint, optional
        Where its state is saved.
    """

    def __init__(self, member: Member, steps: int, checkpoint: Checkpoint | None) -> None:
        self.member, self._steps, self._checkpoint = member, steps, checkpoint
        self._epoch = 0  # finished epochs
        self.step = 0
        """Finished steps of the current epoch."""
        self._past: list[EpochRecord] = []  # of all finished epochs

    def ended_before(self, epoch: int) -> bool:
        """Whether the trial diverged before an epoch, counted from 0."""
        return self._epoch <= epoch and bool(self._past) and self._past[-1].diverged_step is not None

    def stands_in(self, epoch: int) -> bool:
        """Whether an epoch is the one to be trained now."""
        return self._epoch == epoch and not self.ended_before(epoch)

    def record(self, epoch: int) -> EpochRecord | None:
        """Return a finished epoch's record; None if the trial diverged before."""
        return self._past[epoch] if epoch < self._epoch else None

    def take(self, step: int, batch: Batch, epoch: float, epoch_after: float) -> None:
        """Take a step of the current epoch, if it is the next one; the rest as for `Member.step`."""
        if step == self.step and not self.member.diverged:
            self.member.step(batch, epoch, epoch_after)
            self.step += 1

    def finish_epoch(self, evaluation: Evaluation) -> None:
        """Store the record of the current epoch; see `Member.finish_epoch`."""
        self._past.append(self.member.finish_epoch(self._epoch, evaluation))
        self._epoch, self.step = self._epoch + 1, 0

    @property
    def due(self) -> bool:
        """Whether it is time to save it."""
        return self._checkpoint is not None and self._checkpoint.due

    def save(self) -> None:
        """Replace its checkpoint."""
        assert self._checkpoint
        self._checkpoint.save(self.state())

    def state(self) -> dict[str, Any]:
        """Return everything needed to resume, as tensors and plain values."""
        return {
            "epoch": self._epoch,
            "step": self.step,
            "past": [[dataclasses.asdict(record)] for record in self._past],
            "members": [self.member.state()],
        }

    def load(self, state: dict[str, Any]) -> Self:
        """Resume from a saved state of the same trial."""
        self._epoch, self.step = state["epoch"], state["step"]
        self._past = [EpochRecord(**record) for (record,) in state["past"]]
        if len(self._past) != self._epoch or not 0 <= self.step <= self._steps:
            raise ValueError(f"it claims step {self.step} of epoch {self._epoch + 1}, which does not exist")
        (saved,) = state["members"]
        self.member.load(saved)
        return self
