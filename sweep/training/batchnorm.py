"""BatchNorm's statistics: recomputed before an evaluation, and equal in all processes of a training."""

import math
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager, nullcontext
from itertools import islice
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm

from sweep.recipes.recipe import Recipe
from sweep.training.batches import Batch
from sweep.training.randomness import derive_seed, fork_rng
from sweep.training.ranks import ALONE, Ranks


@torch.no_grad()
def renew_batchnorm(
    models: Sequence[nn.Module],
    batches: Iterable[Batch],
    recipe: Recipe,
    *,
    seeds: Sequence[int],
    ranks: Ranks = ALONE,
    computing: Callable[[], AbstractContextManager[Any]] = nullcontext,
) -> None:
    """Recompute BatchNorm's statistics: the mean over micro-batches of their means and variances.

    The study's code (pycls) does the same, on 8,192 images. A model without BatchNorm stays as it is.

    Parameters
    ----------
    models : sequence of torch.nn.Module
        The models, whose statistics are replaced. The images are loaded once for all of them.
    batches : iterable of Batch
        Minibatches without mixing. Their first ``recipe.batchnorm_images`` images are used.
    recipe : Recipe
        Gives the size of a micro-batch and the number of images.
    seeds : sequence of int
        Of each model; seeds what it draws at random, such as dropout.
    ranks : Ranks
        The processes that train together; each takes its own micro-batches.
    computing : callable
        Returns the context in which to run a model.
    """
    seeded = [(model, seed) for model, seed in zip(models, seeds, strict=True) if _batchnorms(model)]
    if not seeded:
        return
    with ExitStack() as stack:
        for model, _ in seeded:
            stack.enter_context(_averaging(model))
        for index, images in _parts(batches, recipe, ranks):
            for model, seed in seeded:
                with fork_rng(derive_seed(seed, index), images.device), computing():
                    model(images)
    if ranks.count > 1:
        for model, _ in seeded:
            _average_over_ranks(_batchnorms(model), ranks)


@contextmanager
def _averaging(model: nn.Module) -> Iterator[None]:
    """Let BatchNorm average the statistics of all that a model is run on, as torch's `update_bn` does."""
    norms, was_training = _batchnorms(model), model.training
    momenta = [norm.momentum for norm in norms]
    for norm in norms:
        norm.reset_running_stats()
        norm.momentum = None
    model.train()
    yield
    for norm, momentum in zip(norms, momenta, strict=True):
        norm.momentum = momentum
    model.train(was_training)


def _average_over_ranks(norms: list[Any], ranks: Ranks) -> None:
    """Average the statistics over all processes, weighted by how many micro-batches each has seen."""
    buffers = _buffers(norms)
    for buffer, norm in zip(buffers, _twice(norms), strict=True):
        buffer.mul_(norm.num_batches_tracked)
    ranks.add_up([norm.num_batches_tracked for norm in norms])
    ranks.add_up(buffers)
    for buffer, norm in zip(buffers, _twice(norms), strict=True):
        buffer.div_(norm.num_batches_tracked)


def _parts(batches: Iterable[Batch], recipe: Recipe, ranks: Ranks) -> Iterator[tuple[int, Tensor]]:
    """Yield this process's share of the micro-batches that the statistics are computed on, numbered."""
    size, skipped = recipe.micro_batch or recipe.batch, ranks.neighbours(recipe)
    wanted, first = recipe.batchnorm_images // size, ranks.micro_batches(recipe).start
    for minibatch, batch in enumerate(islice(batches, math.ceil(wanted / recipe.micro_batches))):
        start = minibatch * recipe.micro_batches + first
        for index, part in enumerate(batch.images[skipped:].split(size), start):
            if index < wanted:
                yield index, part


class RunningStatistics:
    """BatchNorm's running averages over a minibatch that several processes share.

    After `share`, each process holds what one process alone would hold after all micro-batches in their
    order, each of which updates a running average r with its own statistic s and momentum m:
    r ← (1 − m) r + m s.

    Parameters
    ----------
    model : torch.nn.Module
        The model, whose BatchNorm layers are updated in place.
    recipe : Recipe
        Gives the number of micro-batches.
    ranks : Ranks
        The processes that train together.
    """

    def __init__(self, model: nn.Module, recipe: Recipe, ranks: Ranks) -> None:
        self._ranks = ranks
        self._norms = _batchnorms(model) if ranks.count > 1 else []
        own = ranks.micro_batches(recipe)
        self._all, self._own, self._later = recipe.micro_batches, len(own), recipe.micro_batches - own.stop
        self._before: list[Tensor] = []

    def begin(self) -> None:
        """Store the averages before a minibatch."""
        self._before = [buffer.clone() for buffer in _buffers(self._norms)]

    @torch.no_grad()
    def share(self) -> None:
        """Combine the averages of all processes after a minibatch."""
        buffers = _buffers(self._norms)
        keeps = [1 - norm.momentum for norm in _twice(self._norms)]
        for buffer, before, keep in zip(buffers, self._before, keeps, strict=True):
            buffer.sub_(before, alpha=keep**self._own).mul_(keep**self._later)
        self._ranks.add_up(buffers)
        for buffer, before, keep in zip(buffers, self._before, keeps, strict=True):
            buffer.add_(before, alpha=keep**self._all)
        for norm in self._norms:
            norm.num_batches_tracked += self._all - self._own


def _batchnorms(model: nn.Module) -> list[Any]:
    """Return the BatchNorm layers that track running statistics."""
    return [
        module for module in model.modules() if isinstance(module, _BatchNorm) and module.track_running_stats
    ]


def _buffers(norms: list[Any]) -> list[Tensor]:
    return [buffer for norm in norms for buffer in (norm.running_mean, norm.running_var)]


def _twice(norms: list[Any]) -> list[Any]:
    return [norm for norm in norms for _ in range(2)]
