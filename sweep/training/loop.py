"""The training loop: a pack of trials that see the same batches, one epoch after the other."""

import dataclasses
import math
from collections.abc import Iterator, Sequence
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from sweep import models
from sweep.recipe import Recipe
from sweep.training.batches import Batch, Batches
from sweep.training.checkpoint import Checkpoint
from sweep.training.ema import WeightAverage, renew_batchnorm
from sweep.training.memory import explained
from sweep.training.mixing import mix
from sweep.training.optim import lr_factor, make_optimizer
from sweep.training.precision import Precision
from sweep.training.randomness import Randomness
from sweep.trial import EpochRecord, TrialSpec


def train(
    trials: Sequence[TrialSpec],
    recipe: Recipe,
    batches: Batches,
    *,
    classes: int,
    px: int,
    device: torch.device,
    checkpoint: Checkpoint | None = None,
) -> Iterator[list[EpochRecord | None]]:
    """Train a pack of trials in lock-step.

    On a CPU with one thread a trial's result is the same to the last bit every time, whatever its company.
    Nothing stops a trial before its last epoch but divergence.

    Parameters
    ----------
    trials : sequence of TrialSpec
        Trials of one model at one resolution.
    recipe : Recipe
        Epochs, schedule, averaging.
    batches : Batches
        What is trained on and evaluated.
    classes : int
        Outputs of the classifier.
    px : int
        Side of an image, in pixels.
    device : torch.device
        Where ``batches`` lie and the models train.
    checkpoint : Checkpoint, optional
        Where the training is kept, and goes on from: the same training, interrupted after any step, yields
        the same records from the first epoch on, and on a CPU has the same weights, to the last bit.

    Raises
    ------
    TrainingOutOfMemoryError
        If the device's memory is too small.

    Yields
    ------
    list of EpochRecord or None
        After each epoch one record a trial, in the order of ``trials``; None for a trial that diverged
        in an earlier epoch. Ends early if all have diverged.
    """
    with explained(recipe, px):
        build = partial(_Pack, trials, recipe, batches, classes=classes, px=px, device=device)
        pack = (checkpoint and checkpoint.restore(lambda state: build().load(state))) or build()
        yield from pack.past
        while pack.epoch < recipe.epochs and pack.alive:
            for _ in pack.steps():
                if checkpoint and checkpoint.due:
                    checkpoint.save(pack.state())
            pack.finish_epoch()
            if checkpoint and checkpoint.due:
                checkpoint.save(pack.state())
            yield pack.past[-1]


class _Pack:
    """Trials that are trained in lock-step, and how far they have come."""

    def __init__(
        self, trials: Sequence[TrialSpec], recipe: Recipe, batches: Batches, *, classes: int, **building: Any
    ) -> None:
        self._recipe, self._batches, self._classes = recipe, batches, classes
        self._members = [_Member(trial, recipe, classes=classes, **building) for trial in trials]
        self.epoch = 0
        """Epochs that are done."""
        self._step = 0  # steps of the next that are
        self.past: list[list[EpochRecord | None]] = []
        """The records of all epochs that are done."""

    @property
    def alive(self) -> list["_Member"]:
        """The members that had not diverged when the last epoch ended."""
        last = self.past[-1] if self.past else None
        return [
            member
            for i, member in enumerate(self._members)
            if last is None or ((record := last[i]) and record.diverged_step is None)
        ]

    def steps(self) -> Iterator[None]:
        """Take what is left of an epoch's steps; yield after each."""
        alive, steps = self.alive, self._batches.steps
        for member in alive:
            member.begin_epoch()
        for batch in self._batches.train(self.epoch, self._step):
            at, after = (self.epoch + step / steps for step in (self._step, self._step + 1))
            mixed = mix(batch, self._recipe, self._classes, self.epoch, self._step)
            for member in alive:
                member.step(mixed, at, after)
            self._step += 1
            if all(member.diverged for member in alive):
                return
            yield

    def finish_epoch(self) -> None:
        """Evaluate, and note each member's record."""
        alive = self.alive
        self.past.append(
            [
                member.finish_epoch(self.epoch, self._batches) if member in alive else None
                for member in self._members
            ]
        )
        self.epoch, self._step = self.epoch + 1, 0

    def state(self) -> dict[str, Any]:
        """Return all that the training goes on from, as tensors and plain values."""
        return {
            "epoch": self.epoch,
            "step": self._step,
            "past": [[record and dataclasses.asdict(record) for record in epoch] for epoch in self.past],
            "members": [member.state() for member in self._members],
        }

    def load(self, state: dict[str, Any]) -> "_Pack":
        """Go on from a state of the same trials."""
        self.epoch, self._step = state["epoch"], state["step"]
        self.past = [[record and EpochRecord(**record) for record in epoch] for epoch in state["past"]]
        if len(self.past) != self.epoch or not 0 <= self._step <= self._batches.steps:
            raise ValueError(f"it is at step {self._step} of epoch {self.epoch + 1}, which cannot be")
        for member, saved in zip(self._members, state["members"], strict=True):
            member.load(saved)
        return self


class _Member:
    """One trial's model, optimizer and averaged weights, and how far it has come."""

    def __init__(
        self, trial: TrialSpec, recipe: Recipe, *, classes: int, px: int, device: torch.device
    ) -> None:
        self._trial, self._recipe, self._device = trial, recipe, device
        self._random = Randomness(trial.seed, device)
        with self._random.drawn():
            model = models.create(trial.model, num_classes=classes, px=px)
        self._model = model.to(device).to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        self._optimizer = make_optimizer(trial.optimizer, self._model, trial.lr, trial.weight_decay)
        self._average = WeightAverage(self._model, recipe) if recipe.ema_steps else None
        self._precision = Precision(device, mixed=recipe.mixed_precision)
        self._steps_done = 0
        self._losses: list[float] = []
        self._lr = trial.lr
        self._last_finite_loss: float | None = None
        self.diverged_step: int | None = None

    @property
    def diverged(self) -> bool:
        return self.diverged_step is not None

    def begin_epoch(self) -> None:
        """Turn to training; evaluation has turned the model away from it."""
        self._model.train()

    def step(self, batch: Batch, epoch: float, epoch_after: float) -> None:
        """Take one step at a fractional epoch; a member that has diverged stands still."""
        if self.diverged:
            return
        self._set_lr(epoch)
        value = self._gradient(batch)
        self._steps_done += 1
        if not (math.isfinite(value) and self._precision.step(self._optimizer)):
            self.diverged_step = self._steps_done
            return
        self._losses.append(value)
        self._last_finite_loss = value
        if self._average:
            self._average.update(self._model, self._steps_done, epoch_after)

    def _gradient(self, batch: Batch) -> float:
        """Sum up the gradient of the mean loss over a minibatch, in micro-batches; return that loss."""
        self._optimizer.zero_grad()
        size, count = self._recipe.micro_batch or len(batch.images), len(batch.images)
        value = 0.0
        for images, labels in zip(batch.images.split(size), batch.labels.split(size), strict=True):
            loss = self._loss(images, labels)
            if len(images) < count:
                loss = loss * (len(images) / count)
            value += loss.item()
            if not math.isfinite(value):
                break  # it has diverged: no step is taken
            self._precision.scaled(loss).backward()
        return value

    def _set_lr(self, epoch: float) -> None:
        self._lr = self._trial.lr * lr_factor(self._recipe, epoch)
        for group in self._optimizer.param_groups:
            group["lr"] = self._lr

    def _loss(self, images: Tensor, labels: Tensor) -> Tensor:
        """Run the model, with random numbers of its own. Labels are classes, or shares of all classes."""
        with self._random.drawn(), self._precision.computing():
            logits = self._model(images)
        return F.cross_entropy(logits.float(), labels, label_smoothing=self._recipe.label_smoothing)

    def finish_epoch(self, epoch: int, batches: Batches) -> EpochRecord:
        """Evaluate, and say how the epoch went."""
        losses, self._losses = self._losses, []
        train_loss = math.fsum(losses) / len(losses) if losses else None
        if not self.diverged and not _all_finite(self._model):
            self.diverged_step = self._steps_done  # the last step's update broke the weights
        error, val_loss = (100.0, math.nan) if self.diverged else self._evaluate(epoch, batches)
        if not math.isfinite(val_loss):
            self.diverged_step = self.diverged_step or self._steps_done
            error = 100.0
        return EpochRecord(
            epoch=epoch + 1,
            top1_err=error,
            val_loss=val_loss if math.isfinite(val_loss) else None,
            train_loss=train_loss,
            lr=self._lr,
            diverged_step=self.diverged_step,
            last_finite_loss=self._last_finite_loss if self.diverged else None,
        )

    def state(self) -> dict[str, Any]:
        """Return all that a step depends on, as tensors and plain values."""
        return {
            "model": self._model.state_dict(),
            "average": self._average and self._average.model.state_dict(),
            "optimizer": self._optimizer.state_dict()["state"],
            "random": self._random.states,
            "scaler": self._precision.state(),
        } | {name: getattr(self, name) for name in _PLAIN}

    def load(self, state: dict[str, Any]) -> None:
        """Go on from a state. The optimizer's settings are the trial's, not the file's."""
        self._model.load_state_dict(state["model"])
        if self._average:
            self._average.model.load_state_dict(state["average"])
        groups = self._optimizer.state_dict()["param_groups"]
        self._optimizer.load_state_dict({"state": state["optimizer"], "param_groups": groups})
        self._random.states = state["random"]
        self._precision.load(state["scaler"])
        for name in _PLAIN:
            setattr(self, name, state[name])

    def _evaluate(self, epoch: int, batches: Batches) -> tuple[float, float]:
        model = self._average.model if self._average else self._model
        with self._precision.computing():
            if self._recipe.batchnorm_images:
                with Randomness(self._trial.seed, self._device).drawn():
                    renew_batchnorm(model, batches.train(epoch), self._recipe)
            return evaluate(model, batches)


_PLAIN = ("_steps_done", "_losses", "_lr", "_last_finite_loss", "diverged_step")
"""What a member has besides tensors and changes as it goes."""


@torch.no_grad()
def evaluate(model: nn.Module, batches: Batches) -> tuple[float, float]:
    """Return top-1 error in percent and the mean cross-entropy over the evaluated images."""
    model.eval()
    wrong = count = 0
    loss = 0.0
    for batch in batches.evaluation():
        logits = model(batch.images).float()
        loss += F.cross_entropy(logits, batch.labels, reduction="sum").item()
        wrong += int((logits.argmax(1) != batch.labels).sum())
        count += len(batch.labels)
    return 100 * wrong / count, loss / count


@torch.no_grad()
def _all_finite(model: nn.Module) -> bool:
    return all(bool(torch.isfinite(parameter).all()) for parameter in model.parameters())
