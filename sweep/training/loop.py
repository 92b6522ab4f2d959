"""The training loop: a pack of trials that see the same batches, one epoch after the other."""

import math
from collections.abc import Iterator, Sequence

import torch
from torch import nn
from torch.nn import functional as F

from sweep import models
from sweep.recipe import Recipe
from sweep.training.batches import Batch, BatchSource
from sweep.training.ema import WeightAverage
from sweep.training.optim import lr_factor, make_optimizer
from sweep.trial import EpochRecord, TrialSpec


def train(
    trials: Sequence[TrialSpec],
    recipe: Recipe,
    batches: BatchSource,
    *,
    classes: int,
    px: int,
    device: torch.device,
) -> Iterator[list[EpochRecord | None]]:
    """Train a pack of trials in lock-step.

    On a CPU with one thread a trial's result is the same to the last bit every time, whatever its company.
    (On a GPU, a model with dropout draws from the device's generator, which its company shares.)
    Nothing stops a trial before its last epoch but divergence.

    Parameters
    ----------
    trials : sequence of TrialSpec
        Trials of one model at one resolution.
    recipe : Recipe
        Epochs, schedule, averaging.
    batches : BatchSource
        What is trained on and evaluated.
    classes : int
        Outputs of the classifier.
    px : int
        Side of an image, in pixels.
    device : torch.device
        Where ``batches`` lie and the models train.

    Yields
    ------
    list of EpochRecord or None
        After each epoch one record a trial, in the order of ``trials``; None for a trial that diverged
        in an earlier epoch. Ends early if all have diverged.
    """
    members = [_Member(trial, recipe, classes=classes, px=px, device=device) for trial in trials]
    for epoch in range(recipe.epochs):
        alive = [member for member in members if not member.diverged]
        if not alive:
            return
        for member in alive:
            member.begin_epoch()
        for step, batch in enumerate(batches.train(epoch)):
            for member in alive:
                member.step(batch, epoch + step / batches.steps, epoch + (step + 1) / batches.steps)
        yield [member.finish_epoch(epoch, batches) if member in alive else None for member in members]


class _Member:
    """One trial's model, optimizer and averaged weights, and how far it has come."""

    def __init__(
        self, trial: TrialSpec, recipe: Recipe, *, classes: int, px: int, device: torch.device
    ) -> None:
        self._trial, self._recipe = trial, recipe
        with torch.random.fork_rng(devices=[device] if device.type == "cuda" else []):
            torch.manual_seed(trial.seed)
            model = models.create(trial.model, num_classes=classes, px=px)
            self._rng_state = torch.get_rng_state()  # a model that draws while it trains goes on from here
        self._model = model.to(device).to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        self._optimizer = make_optimizer(trial.optimizer, self._model, trial.lr, trial.weight_decay)
        self._average = WeightAverage(self._model, recipe) if recipe.ema_steps else None
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
        loss = self._loss(batch)
        value = loss.item()
        self._steps_done += 1
        if not math.isfinite(value):
            self.diverged_step = self._steps_done
            return
        self._optimizer.zero_grad()
        loss.backward()
        self._optimizer.step()
        self._losses.append(value)
        self._last_finite_loss = value
        if self._average:
            self._average.update(self._model, self._steps_done, epoch_after)

    def _set_lr(self, epoch: float) -> None:
        self._lr = self._trial.lr * lr_factor(self._recipe, epoch)
        for group in self._optimizer.param_groups:
            group["lr"] = self._lr

    def _loss(self, batch: Batch) -> torch.Tensor:
        """Run the model on a batch, with random numbers of its own."""
        with torch.random.fork_rng(devices=[]):
            torch.set_rng_state(self._rng_state)
            logits = self._model(batch.images)
            self._rng_state = torch.get_rng_state()
        return F.cross_entropy(logits, batch.labels, label_smoothing=self._recipe.label_smoothing)

    def finish_epoch(self, epoch: int, batches: BatchSource) -> EpochRecord:
        """Evaluate, and say how the epoch went."""
        losses, self._losses = self._losses, []
        train_loss = math.fsum(losses) / len(losses) if losses else None
        if not self.diverged and not _all_finite(self._model):
            self.diverged_step = self._steps_done  # the last step's update broke the weights
        error, val_loss = (100.0, math.nan) if self.diverged else evaluate(self._evaluated, batches)
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

    @property
    def _evaluated(self) -> nn.Module:
        return self._average.model if self._average else self._model


@torch.no_grad()
def evaluate(model: nn.Module, batches: BatchSource) -> tuple[float, float]:
    """Return top-1 error in percent and the mean cross-entropy over the evaluated images."""
    model.eval()
    wrong = count = 0
    loss = 0.0
    for batch in batches.evaluation():
        logits = model(batch.images)
        loss += F.cross_entropy(logits, batch.labels, reduction="sum").item()
        wrong += int((logits.argmax(1) != batch.labels).sum())
        count += len(batch.labels)
    return 100 * wrong / count, loss / count


@torch.no_grad()
def _all_finite(model: nn.Module) -> bool:
    return all(bool(torch.isfinite(parameter).all()) for parameter in model.parameters())
