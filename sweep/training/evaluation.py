"""Evaluates the models of a pack: each batch is loaded once for all of them."""

import math
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext
from typing import Any, NamedTuple

import torch
from torch import nn
from torch.nn import functional as F

from sweep.training.batches import Batches
from sweep.training.ranks import ALONE, Ranks

TOP = 5
"""The top-5 error counts images whose class is not among so many likeliest ones."""


class Evaluation(NamedTuple):
    """What an evaluation found of a model."""

    top1_err: float
    """Percent."""
    val_loss: float
    """Mean cross-entropy in nats."""
    top5_err: float | None
    """Percent; None with five classes or fewer, where it is 0 whatever the model."""


def diverged(classes: int) -> Evaluation:
    """Return what stands for the evaluation of a model that has diverged."""
    return Evaluation(100.0, math.nan, 100.0 if classes > TOP else None)


@torch.no_grad()
def evaluate(
    models: Sequence[nn.Module],
    batches: Batches,
    ranks: Ranks = ALONE,
    computing: Callable[[], AbstractContextManager[Any]] = nullcontext,
) -> list[Evaluation]:
    """Evaluate models on the images of all processes.

    Parameters
    ----------
    models : sequence of torch.nn.Module
        Classifiers.
    batches : Batches
        The evaluation images of this process.
    ranks : Ranks
        The processes that evaluate together.
    computing : callable
        Returns the context in which to run a model.

    Returns
    -------
    list of Evaluation
        That of each model, all of its numbers of the same pass over the images.
    """
    counts = [_Counts(model) for model in models]
    for batch in batches.evaluation():
        for each in counts:
            with computing():
                each.add(*batch)
    return [each.result(ranks) for each in counts]


class _Counts:
    """What a model got wrong so far."""

    def __init__(self, model: nn.Module) -> None:
        self._model = model.eval()
        self._wrong = self._missed = self._count = self._ranked = 0
        self._loss = 0.0

    def add(self, images: torch.Tensor, labels: torch.Tensor) -> None:
        """Evaluate the model on another batch."""
        logits = self._model(images).float()
        self._loss += F.cross_entropy(logits, labels, reduction="sum").item()
        self._wrong += int((logits.argmax(1) != labels).sum())
        if logits.shape[1] > TOP:
            likeliest = logits.topk(TOP).indices
            self._missed += int((likeliest != labels[:, None]).all(1).sum())
            self._ranked += len(labels)
        self._count += len(labels)

    def result(self, ranks: Ranks) -> Evaluation:
        """Return the errors and the mean loss over the images of all processes."""
        counts = (self._wrong, self._missed, self._ranked, self._count, self._loss)
        wrong, missed, ranked, count, loss = ranks.all_reduce(*counts)
        return Evaluation(100 * wrong / count, loss / count, 100 * missed / ranked if ranked else None)
