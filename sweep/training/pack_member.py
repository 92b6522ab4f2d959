"""One trial of a pack: its model, its optimizer and its steps."""

import math
from contextlib import AbstractContextManager
from functools import cached_property
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from sweep.core.trial import EpochRecord, TrialSpec
from sweep.models import timm_models
from sweep.recipes.recipe import Recipe
from sweep.training.batches import Batch
from sweep.training.batchnorm import RunningStatistics
from sweep.training.compiling import compiled
from sweep.training.ema import WeightAverage
from sweep.training.evaluation import Evaluation, diverged
from sweep.training.lr_schedule import lr_factor
from sweep.training.optim import make_optimizer
from sweep.training.precision import Precision
from sweep.training.randomness import derive_seed, fork_rng
from sweep.training.ranks import Ranks
from sweep.training.split_hyperparameters import trial_settings


class Member:
    """One trial's model, optimizer, averaged weights and progress.

    Parameters
    ----------
    trial : TrialSpec
        Model, optimizer, learning rate, weight decay and seed.
    recipe : Recipe
        Everything else about the training.
    classes : int
        Outputs of the classifier.
    px : int
        Side of an image, in pixels.
    device : torch.device
        Where the model trains.
    ranks : Ranks
        The processes that train the trial together.
    """

    def __init__(
        self, trial: TrialSpec, recipe: Recipe, *, classes: int, px: int, device: torch.device, ranks: Ranks
    ) -> None:
        own = trial_settings(trial, recipe)
        self._trial, self._recipe, self._device, self._ranks = trial, own.recipe, device, ranks
        self._classes = classes
        with fork_rng(trial.seed, device):
            model = timm_models.create(own.model, num_classes=classes, px=px)
        self._model = model.to(device).to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        self._optimizer = make_optimizer(
            trial.optimizer, self._model, trial.lr, trial.weight_decay, own.optimizer
        )
        self._average = WeightAverage(self._model, own.recipe) if recipe.ema_steps else None
        self._precision = Precision(device, mixed=recipe.mixed_precision)
        self._statistics = RunningStatistics(self._model, recipe, ranks)
        self._steps_done = 0
        self._losses: list[float] = []
        self._lr = trial.lr
        self._last_finite_loss: float | None = None
        self.diverged_step: int | None = None

    @cached_property
    def _parallel(self) -> nn.Module:
        """The model as all processes train it. Built at the first step, once each has loaded its state."""
        return self._ranks.parallel(compiled(self._model) if self._recipe.compile else self._model)

    @property
    def diverged(self) -> bool:
        """Whether a step has made the loss, a gradient or the weights infinite or NaN."""
        return self.diverged_step is not None

    def begin_epoch(self) -> None:
        """Switch the model to training mode; an evaluation has switched it off."""
        self._model.train()

    def step(self, batch: Batch, epoch: float, epoch_after: float) -> None:
        """Take one step; a member that has diverged does nothing.

        Parameters
        ----------
        batch : Batch
            This process's part of a minibatch.
        epoch, epoch_after : float
            The fractional epoch before the step, which sets the learning rate, and after it.
        """
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
        """Accumulate the gradient of the mean loss over a minibatch, in micro-batches; return that loss."""
        self._optimizer.zero_grad()
        self._statistics.begin()
        recipe, own, value = self._recipe, self._ranks.micro_batches(self._recipe), 0.0
        size = recipe.micro_batch or recipe.batch
        for index, images, labels in zip(own, *(part.split(size) for part in batch), strict=True):
            with self._ranks.no_sync(self._parallel, unless=index == own[-1]):
                loss = self._loss(images, labels, index)
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

    def _loss(self, images: Tensor, labels: Tensor, index: int) -> Tensor:
        """Return the loss of a micro-batch; the step and the micro-batch's index seed its random numbers.

        Labels are class indices (batch,), or class probabilities (batch, classes) of mixed images.
        """
        seed = derive_seed(self._trial.seed, self._steps_done, index)
        with fork_rng(seed, self._device), self._precision.computing():
            logits = self._parallel(images)
        return F.cross_entropy(logits.float(), labels, label_smoothing=self._recipe.label_smoothing)

    @property
    def evaluated(self) -> nn.Module:
        """The model to evaluate: the averaged weights where the recipe averages."""
        return self._average.model if self._average else self._model

    @property
    def seed(self) -> int:
        """The trial's seed."""
        return self._trial.seed

    def computing(self) -> AbstractContextManager[Any]:
        """Return the context in which to run the model."""
        return self._precision.computing()

    def check_weights(self) -> None:
        """Notice, before an evaluation, if the last step's update broke the weights."""
        if not self.diverged and not _all_finite(self._model):
            self.diverged_step = self._steps_done

    def finish_epoch(self, epoch: int, found: Evaluation) -> EpochRecord:
        """Return the record of an epoch, counted from 0; with a loss that is not finite, it has diverged."""
        losses, self._losses = self._losses, []
        if not math.isfinite(found.val_loss):
            self.diverged_step = self.diverged_step or self._steps_done
            found = diverged(self._classes)
        return EpochRecord(
            epoch=epoch + 1,
            top1_err=found.top1_err,
            top5_err=found.top5_err,
            val_loss=found.val_loss if math.isfinite(found.val_loss) else None,
            train_loss=math.fsum(losses) / len(losses) if losses else None,
            lr=self._lr,
            diverged_step=self.diverged_step,
            last_finite_loss=self._last_finite_loss if self.diverged else None,
        )

    def state(self) -> dict[str, Any]:
        """Return everything that the next step depends on, as tensors and plain values."""
        return {
            "model": self._model.state_dict(),
            "average": self._average and self._average.model.state_dict(),
            "optimizer": self._optimizer.state_dict()["state"],
            "scaler": self._precision.state(),
        } | {name: getattr(self, name) for name in _PLAIN}

    def load(self, state: dict[str, Any]) -> None:
        """Resume from a saved state. The optimizer's settings come from the trial, not from the state."""
        self._model.load_state_dict(state["model"])
        if self._average:
            self._average.model.load_state_dict(state["average"])
        groups = self._optimizer.state_dict()["param_groups"]
        self._optimizer.load_state_dict({"state": state["optimizer"], "param_groups": groups})
        self._precision.load(state["scaler"])
        for name in _PLAIN:
            setattr(self, name, state[name])


_PLAIN = ("_steps_done", "_losses", "_lr", "_last_finite_loss", "diverged_step")
"""The attributes of a member that change during training and are not tensors."""


@torch.no_grad()
def _all_finite(model: nn.Module) -> bool:
    return all(bool(torch.isfinite(parameter).all()) for parameter in model.parameters())
