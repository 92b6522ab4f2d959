"""Evaluates the models of a pack: each batch is loaded once for all of them."""

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext
from typing import Any

import torch
from torch import nn
from torch.nn import functional as F

from sweep.training.batches import Batches
from sweep.training.ranks import ALONE, Ranks


@torch.no_grad()
def evaluate(
    models: Sequence[nn.Module],
    batches: Batches,
    ranks: Ranks = ALONE,
    computing: Callable[[], AbstractContextManager[Any]] = nullcontext,
) -> list[tuple[float, float]]:
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
    list of tuple of float
        Of each model the top-1 error in percent, and the mean cross-entropy in nats.
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
        self._wrong = self._count = 0
        self._loss = 0.0

    def add(self, images: torch.Tensor, labels: torch.Tensor) -> None:
        """Evaluate the model on another batch."""
        logits = self._model(images).float()
        self._loss += F.cross_entropy(logits, labels, reduction="sum").item()
        self._wrong += int((logits.argmax(1) != labels).sum())
        self._count += len(labels)

    def result(self, ranks: Ranks) -> tuple[float, float]:
        """Return the error and the mean loss over the images of all processes."""
        wrong, count, loss = ranks.all_reduce(self._wrong, self._count, self._loss)
        return 100 * wrong / count, loss / count
