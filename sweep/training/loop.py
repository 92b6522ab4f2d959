"""The training loop: trains a pack of trials on the same batches."""

import dataclasses
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from typing import Any

import torch

from sweep.core.trial import EpochRecord, TrialSpec
from sweep.recipes.recipe import Recipe
from sweep.training import compiling
from sweep.training.batches import Batches
from sweep.training.checkpoint import Checkpoint
from sweep.training.member import Member
from sweep.training.memory import explain_out_of_memory
from sweep.training.mixing import mix
from sweep.training.ranks import ALONE, Ranks


def train(
    trials: Sequence[TrialSpec],
    recipe: Recipe,
    batches: Batches,
    *,
    classes: int,
    px: int,
    device: torch.device,
    checkpoint: Checkpoint | None = None,
    ranks: Ranks = ALONE,
) -> Iterator[list[EpochRecord | None]]:
    """Train a pack of trials in lock-step. Each trains to its last epoch, unless it diverges.

    On a CPU with one thread, a trial's result is reproducible to the last bit, whatever else is in its pack.

    Parameters
    ----------
    trials : sequence of TrialSpec
        Trials of one model at one resolution.
    recipe : Recipe
        Epochs, schedule, averaging.
    batches : Batches
        The training and evaluation batches, opened with the same ``ranks``.
    classes : int
        Outputs of the classifier.
    px : int
        Side of an image, in pixels.
    device : torch.device
        The device of ``batches`` and models.
    checkpoint : Checkpoint, optional
        Where the state is saved and resumed from. A training that is interrupted after any step and resumed
        yields the same records from the first epoch on; on a CPU its weights agree to the last bit.
    ranks : Ranks
        The processes that train these trials together. Each process makes this call; only the first one has
        the checkpoint. A training can resume with another number of processes. All get the same records.

    Yields
    ------
    list of EpochRecord or None
        After each epoch one record per trial, in the order of ``trials``; None for a trial that diverged in
        an earlier epoch. Ends early if all trials have diverged.

    Raises
    ------
    TrainingOutOfMemoryError
        If the device's memory is too small.
    CompilationError
        If the recipe asks for compiled models, and this machine cannot compile them.
    """
    with explain_out_of_memory(recipe, px), compiling.explain_compile_errors(compiling=recipe.compile):
        build = partial(_Pack, trials, recipe, batches, classes=classes, px=px, device=device, ranks=ranks)
        yield from _open(build, checkpoint, ranks).run(checkpoint)


def _open(build: Callable[[], "_Pack"], checkpoint: Checkpoint | None, ranks: Ranks) -> "_Pack":
    """Resume from the checkpoint that the first process finds, or start from scratch."""
    pack = checkpoint and checkpoint.restore(lambda state: build().load(state))
    state = ranks.broadcast(pack and pack.state()) if ranks.count > 1 else None
    return pack or (build().load(state) if state else build())


class _Pack:
    """Trials that train in lock-step, with their progress.

    Parameters
    ----------
    trials : sequence of TrialSpec
        Trials of one model at one resolution.
    recipe : Recipe
        Epochs, schedule, averaging.
    batches : Batches
        The training and evaluation batches.
    classes : int
        Outputs of the classifier.
    ranks : Ranks
        The processes that train together.
    **building
        ``px`` and ``device``, for each `Member`.
    """

    def __init__(
        self,
        trials: Sequence[TrialSpec],
        recipe: Recipe,
        batches: Batches,
        *,
        classes: int,
        ranks: Ranks,
        **building: Any,
    ) -> None:
        self._recipe, self._batches, self._classes, self._ranks = recipe, batches, classes, ranks
        self._members = [Member(trial, recipe, classes=classes, ranks=ranks, **building) for trial in trials]
        self.epoch = 0
        """Finished epochs."""
        self._step = 0  # finished steps of the current epoch
        self.past: list[list[EpochRecord | None]] = []
        """The records of all finished epochs."""

    @property
    def alive(self) -> list[Member]:
        """The members that had not diverged when the last epoch ended."""
        last = self.past[-1] if self.past else None
        return [
            member
            for i, member in enumerate(self._members)
            if last is None or ((record := last[i]) and record.diverged_step is None)
        ]

    def run(self, checkpoint: Checkpoint | None) -> Iterator[list[EpochRecord | None]]:
        """Yield the records of the finished epochs, then train and yield those of each further epoch."""
        yield from self.past
        while self.epoch < self._recipe.epochs and self.alive:
            for _ in self.steps():
                if checkpoint and checkpoint.due:
                    checkpoint.save(self.state())
            self.finish_epoch()
            if checkpoint and checkpoint.due:
                checkpoint.save(self.state())
            yield self.past[-1]

    def steps(self) -> Iterator[None]:
        """Take the remaining steps of the current epoch; yield after each."""
        alive, steps = self.alive, self._batches.steps
        for member in alive:
            member.begin_epoch()
        for batch in self._batches.train(self.epoch, self._step):
            at, after = (self.epoch + step / steps for step in (self._step, self._step + 1))
            mixed = mix(batch, self._recipe, self._classes, self.epoch, self._step, ranks=self._ranks)
            for member in alive:
                member.step(mixed, at, after)
            self._step += 1
            if all(member.diverged for member in alive):
                return
            yield

    def finish_epoch(self) -> None:
        """Evaluate each member and store its record."""
        alive = self.alive
        self.past.append(
            [
                member.finish_epoch(self.epoch, self._batches) if member in alive else None
                for member in self._members
            ]
        )
        self.epoch, self._step = self.epoch + 1, 0

    def state(self) -> dict[str, Any]:
        """Return everything needed to resume, as tensors and plain values."""
        return {
            "epoch": self.epoch,
            "step": self._step,
            "past": [[record and dataclasses.asdict(record) for record in epoch] for epoch in self.past],
            "members": [member.state() for member in self._members],
        }

    def load(self, state: dict[str, Any]) -> "_Pack":
        """Resume from a saved state of the same trials."""
        self.epoch, self._step = state["epoch"], state["step"]
        self.past = [[record and EpochRecord(**record) for record in epoch] for epoch in state["past"]]
        if len(self.past) != self.epoch or not 0 <= self._step <= self._batches.steps:
            raise ValueError(f"it claims step {self._step} of epoch {self.epoch + 1}, which does not exist")
        for member, saved in zip(self._members, state["members"], strict=True):
            member.load(saved)
        return self
