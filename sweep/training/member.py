"""One trial of a pack: its model, its optimizer, a step."""

import math
from functools import cached_property
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from sweep.core.trial import EpochRecord, TrialSpec
from sweep.models import registry
from sweep.recipes.recipe import Recipe
from sweep.training.batches import Batch, Batches
from sweep.training.batchnorm import RunningStatistics, renew_batchnorm
from sweep.training.compiling import compiled
from sweep.training.ema import WeightAverage
from sweep.training.optim import lr_factor, make_optimizer
from sweep.training.precision import Precision
from sweep.training.randomness import derive_seed, seeded
from sweep.training.ranks import ALONE, Ranks


class Member:
    """One trial's model, optimizer and averaged weights, and how far it has come."""

    def __init__(
        self, trial: TrialSpec, recipe: Recipe, *, classes: int, px: int, device: torch.device, ranks: Ranks
    ) -> None:
        self._trial, self._recipe, self._device, self._ranks = trial, recipe, device, ranks
        with seeded(trial.seed, device):
            model = registry.create(trial.model, num_classes=classes, px=px)
        self._model = model.to(device).to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        self._optimizer = make_optimizer(trial.optimizer, self._model, trial.lr, trial.weight_decay)
        self._average = WeightAverage(self._model, recipe) if recipe.ema_steps else None
        self._precision = Precision(device, mixed=recipe.mixed_precision)
        self._statistics = RunningStatistics(self._model, recipe, ranks)
        self._steps_done = 0
        self._losses: list[float] = []
        self._lr = trial.lr
        self._last_finite_loss: float | None = None
        self.diverged_step: int | None = None

    @cached_property
    def _parallel(self) -> nn.Module:
        """The model as all processes train it. They meet here: not before each has its state."""
        return self._ranks.parallel(compiled(self._model) if self._recipe.compile else self._model)

    @property
    def diverged(self) -> bool:
        """Whether a step has made it worthless."""
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
        self._statistics.begin()
        recipe, own, value = self._recipe, self._ranks.micro_batches(self._recipe), 0.0
        size = recipe.micro_batch or recipe.batch
        for place, images, labels in zip(own, *(part.split(size) for part in batch), strict=True):
            with self._ranks.no_sync(self._parallel, unless=place == own[-1]):
                loss = self._loss(images, labels, place)
                if len(images) < recipe.batch:
                    loss = loss * (len(images) / recipe.batch)
                value += loss.item()
                self._precision.scaled(loss * self._ranks.count).backward()
        self._statistics.share()
        (value,) = self._ranks.all_reduce(value)
        return value

    def _set_lr(self, epoch: float) -> None:
        self._lr = self._trial.lr * lr_factor(self._recipe, epoch)
        for group in self._optimizer.param_groups:
            group["lr"] = self._lr

    def _loss(self, images: Tensor, labels: Tensor, place: int) -> Tensor:
        """Run the model on a micro-batch, with random numbers of the step's and its place among the others.

        Labels are classes, or shares of all classes.
        """
        seed = derive_seed(self._trial.seed, self._steps_done, place)
        with seeded(seed, self._device), self._precision.computing():
            logits = self._parallel(images)
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
            "scaler": self._precision.state(),
        } | {name: getattr(self, name) for name in _PLAIN}

    def load(self, state: dict[str, Any]) -> None:
        """Go on from a state. The optimizer's settings are the trial's, not the file's."""
        self._model.load_state_dict(state["model"])
        if self._average:
            self._average.model.load_state_dict(state["average"])
        groups = self._optimizer.state_dict()["param_groups"]
        self._optimizer.load_state_dict({"state": state["optimizer"], "param_groups": groups})
        self._precision.load(state["scaler"])
        for name in _PLAIN:
            setattr(self, name, state[name])

    def _evaluate(self, epoch: int, batches: Batches) -> tuple[float, float]:
        model = self._average.model if self._average else self._model
        with self._precision.computing():
            if self._recipe.batchnorm_images:
                minibatches = batches.train(epoch)
                renew_batchnorm(model, minibatches, self._recipe, seed=self._trial.seed, ranks=self._ranks)
            return evaluate(model, batches, self._ranks)


_PLAIN = ("_steps_done", "_losses", "_lr", "_last_finite_loss", "diverged_step")
"""What a member has besides tensors and changes as it goes."""


@torch.no_grad()
def evaluate(model: nn.Module, batches: Batches, ranks: Ranks = ALONE) -> tuple[float, float]:
    """Return top-1 error in percent and the mean cross-entropy over all that is evaluated, wherever it is."""
    model.eval()
    wrong = count = 0
    loss = 0.0
    for batch in batches.evaluation():
        logits = model(batch.images).float()
        loss += F.cross_entropy(logits, batch.labels, reduction="sum").item()
        wrong += int((logits.argmax(1) != batch.labels).sum())
        count += len(batch.labels)
    all_wrong, all_count, all_loss = ranks.all_reduce(wrong, count, loss)
    return 100 * all_wrong / all_count, all_loss / all_count


@torch.no_grad()
def _all_finite(model: nn.Module) -> bool:
    return all(bool(torch.isfinite(parameter).all()) for parameter in model.parameters())
