"""The training loop: trains a pack of trials on the same batches."""

from collections.abc import Callable, Iterator, Sequence
from functools import partial
from itertools import repeat
from typing import Any

import torch

from sweep.core.trial import EpochRecord, TrialSpec
from sweep.recipes.recipe import Recipe
from sweep.training import compiling
from sweep.training.batches import Batches
from sweep.training.batchnorm import renew_batchnorm
from sweep.training.checkpoint import Checkpoint
from sweep.training.evaluation import Evaluation, diverged, evaluate
from sweep.training.memory import explain_out_of_memory
from sweep.training.mixing import mix
from sweep.training.pack_member import Member
from sweep.training.ranks import ALONE, Ranks
from sweep.training.trial_state import TrialTraining


def train(
    trials: Sequence[TrialSpec],
    recipe: Recipe,
    batches: Batches,
    *,
    classes: int,
    px: int,
    device: torch.device,
    checkpoints: Sequence[Checkpoint] = (),
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
    checkpoints : sequence of Checkpoint
        Where the state of each trial is saved and resumed from; without any, nothing is saved. A training
        that is interrupted after any step and resumed, alone or in whatever company, yields the same records
        from the first epoch on; on a CPU its weights agree to the last bit.
    ranks : Ranks
        The processes that train these trials together. Each process makes this call; only the first one has
        the checkpoints. A training can resume with another number of processes. All get the same records.

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
    building = {"classes": classes, "px": px, "device": device, "ranks": ranks}
    with explain_out_of_memory(recipe, px), compiling.explain_compile_errors(compiling=recipe.compile):
        trainings = [
            _open(partial(_build, trial, recipe, batches, checkpoint, **building), checkpoint, ranks)
            for trial, checkpoint in zip(trials, checkpoints or repeat(None, len(trials)), strict=True)
        ]
        yield from _Pack(trainings, recipe, batches, classes=classes, ranks=ranks).run()


def _build(
    trial: TrialSpec, recipe: Recipe, batches: Batches, checkpoint: Checkpoint | None, **building: Any
) -> TrialTraining:
    return TrialTraining(Member(trial, recipe, **building), batches.steps, checkpoint)


def _open(build: Callable[[], TrialTraining], checkpoint: Checkpoint | None, ranks: Ranks) -> TrialTraining:
    """Resume from the checkpoint that the first process finds, or start from scratch."""
    training = checkpoint and checkpoint.restore(lambda state: build().load(state))
    state = ranks.broadcast(training and training.state()) if ranks.count > 1 else None
    return training or (build().load(state) if state else build())


class _Pack:
    """Trials that train in lock-step.

    Those that have come less far, because an interruption saved them earlier, catch up first: the others wait
    until they stand at the same step.

    Parameters
    ----------
    trainings : sequence of TrialTraining
        The trials of one model at one resolution, each where it stands.
    recipe : Recipe
        Epochs, schedule, averaging.
    batches : Batches
        The training and evaluation batches.
    classes : int
        Outputs of the classifier.
    ranks : Ranks
        The processes that train together.
    """

    def __init__(
        self,
        trainings: Sequence[TrialTraining],
        recipe: Recipe,
        batches: Batches,
        *,
        classes: int,
        ranks: Ranks,
    ) -> None:
        self._trainings, self._recipe, self._batches = trainings, recipe, batches
        self._classes, self._ranks = classes, ranks

    def run(self) -> Iterator[list[EpochRecord | None]]:
        """Yield the records of the finished epochs, then train and yield those of each further epoch."""
        for epoch in range(self._recipe.epochs):
            if all(training.ended_before(epoch) for training in self._trainings):
                return
            if standing := [training for training in self._trainings if training.stands_in(epoch)]:
                self._train(epoch, standing)
                self._finish(epoch, standing)
            yield [training.record(epoch) for training in self._trainings]

    def _train(self, epoch: int, trainings: Sequence[TrialTraining]) -> None:
        """Take the remaining steps of an epoch."""
        for training in trainings:
            training.member.begin_epoch()
        going = [training.step for training in trainings if not training.member.diverged]
        first = min(going, default=self._batches.steps)
        steps = self._batches.steps
        for step, batch in enumerate(self._batches.train(epoch, first), first):
            at, after = epoch + step / steps, epoch + (step + 1) / steps
            mixed = mix(batch, self._recipe, self._classes, epoch, step, ranks=self._ranks)
            for training in trainings:
                training.take(step, mixed, at, after)
            if all(training.member.diverged for training in trainings):
                return
            _save_if_due(trainings)

    def _finish(self, epoch: int, trainings: Sequence[TrialTraining]) -> None:
        """Evaluate each member and store its record."""
        for training in trainings:
            training.member.check_weights()
        members = [training.member for training in trainings if not training.member.diverged]
        results = dict(zip(members, self._evaluate(epoch, members), strict=True))
        for training in trainings:
            training.finish_epoch(results.get(training.member, diverged(self._classes)))
        _save_if_due(trainings)

    def _evaluate(self, epoch: int, members: Sequence[Member]) -> list[Evaluation]:
        models, ranks = [member.evaluated for member in members], self._ranks
        if not members:
            return []
        computing = members[0].computing
        if self._recipe.batchnorm_images:
            seeds = [member.seed for member in members]
            minibatches = self._batches.train(epoch)
            renew_batchnorm(models, minibatches, self._recipe, seeds=seeds, ranks=ranks, computing=computing)
        return evaluate(models, self._batches, ranks, computing)


def _save_if_due(trainings: Sequence[TrialTraining]) -> None:
    """Save all as soon as one is to be saved: they can then resume in lock-step."""
    if any(training.due for training in trainings):
        for training in trainings:
            training.save()
