"""Estimates the time of an epoch from a few steps."""

import dataclasses
import time
from typing import Any

import torch

from sweep.core.trial import TrialSpec
from sweep.data.images import FileSplits, Splits
from sweep.recipes.recipe import Recipe
from sweep.training.loop import train
from sweep.training.streams import open_batches

ENOUGH_S = 0.2
"""A step of this length is timed precisely enough; a shorter one is timed again with more images."""
_FIRST_BATCH = 4


def timing_device() -> torch.device:
    """Return where steps are timed: a GPU if there is one, else the CPU with one thread, as in a trial."""
    torch.set_num_threads(1)
    return torch.device("cuda" if torch.cuda.is_available() else "cpu")


def epoch_seconds(
    trial: TrialSpec,
    recipe: Recipe,
    splits: Splits | FileSplits,
    *,
    classes: int,
    px: int,
    device: torch.device,
) -> float:
    """Estimate the seconds of an epoch, including its evaluation, by taking a few steps.

    A slow minibatch is timed with fewer images: the time is roughly proportional to their number.

    Parameters
    ----------
    trial : TrialSpec
        Gives the model and the optimizer.
    recipe : Recipe
        Gives the minibatch, the augmentation and the averaging.
    splits : Splits or FileSplits
        The data set.
    classes : int
        Outputs of the classifier.
    px : int
        Side of an image, in pixels.
    device : torch.device
        The device to time.
    """
    batch = min(_FIRST_BATCH, recipe.batch)
    while True:
        short, long = (
            _second_epoch(trial, recipe, splits, batch, steps, classes=classes, px=px, device=device)
            for steps in (1, 3)
        )
        step_s = (long - short) / 2 if long > short else long / 3  # noise, where evaluation takes longest
        if batch == recipe.batch or step_s > ENOUGH_S:
            break
        batch = min(4 * batch, recipe.batch)
    images, evaluated = len(splits.train.labels) // recipe.batch * recipe.batch, len(splits.val.labels)
    return step_s * images / batch + max(short - step_s, 0.0) * evaluated / min(2 * batch, evaluated)


def _second_epoch(
    trial: TrialSpec, recipe: Recipe, splits: Splits | FileSplits, batch: int, steps: int, **building: Any
) -> float:
    """Return the seconds of a second epoch of ``steps`` steps and an evaluation of two minibatches."""
    few: Any = splits._replace(train=_first(splits.train, steps * batch), val=_first(splits.val, 2 * batch))
    short = dataclasses.replace(
        recipe,
        batch=batch,
        epochs=2,
        warmup_epochs=0,
        train_subset=None,
        batchnorm_images=0,
        micro_batch=recipe.micro_batch and min(recipe.micro_batch, batch),
    )
    batches = open_batches(few, short, building["device"], px=building["px"], resize=building["px"])
    epochs = train([trial], short, batches, **building)
    next(epochs)
    started = time.perf_counter()
    next(epochs, None)  # there is none if the trial diverged in the first
    return time.perf_counter() - started


def _first(images: Any, count: int) -> Any:
    return images._make(part[:count] for part in images)
