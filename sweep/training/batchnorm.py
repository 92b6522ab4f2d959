"""BatchNorm's running statistics: computed anew, and the same in all processes that train together."""

import math
from collections.abc import Iterable, Iterator
from itertools import islice
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm

from sweep.recipes.recipe import Recipe
from sweep.training.batches import Batch
from sweep.training.randomness import derive_seed, seeded
from sweep.training.ranks import ALONE, Ranks


@torch.no_grad()
def renew_batchnorm(
    model: nn.Module, batches: Iterable[Batch], recipe: Recipe, *, seed: int = 0, ranks: Ranks = ALONE
) -> None:
    """Compute BatchNorm's statistics anew: the mean over micro-batches of their means and variances.

    So did the study's code, on 8,192 images. A model without BatchNorm is left as it is.

    Parameters
    ----------
    model : torch.nn.Module
        Its statistics are replaced.
    batches : iterable of Batch
        Minibatches, unmixed, of which the first ``recipe.batchnorm_images`` images are taken.
    recipe : Recipe
        Micro-batches, and how many images.
    seed : int
        Of what the model draws meanwhile.
    ranks : Ranks
        Each process takes its own micro-batches.
    """
    if not (norms := _batchnorms(model)):
        return
    device = next(model.parameters()).device
    with seeded(seed, device):
        torch.optim.swa_utils.update_bn(_parts(batches, recipe, seed, ranks), model)
    if ranks.count == 1:
        return
    buffers = _buffers(norms)
    for buffer, norm in zip(buffers, _twice(norms), strict=True):
        buffer.mul_(norm.num_batches_tracked)
    ranks.add_up([norm.num_batches_tracked for norm in norms])
    ranks.add_up(buffers)
    for buffer, norm in zip(buffers, _twice(norms), strict=True):
        buffer.div_(norm.num_batches_tracked)


def _parts(batches: Iterable[Batch], recipe: Recipe, seed: int, ranks: Ranks) -> Iterator[Tensor]:
    """Yield the own ones of as many micro-batches as statistics are computed on."""
    size, skipped = recipe.micro_batch or recipe.batch, ranks.neighbours(recipe)
    wanted, first = recipe.batchnorm_images // size, ranks.micro_batches(recipe).start
    for minibatch, batch in enumerate(islice(batches, math.ceil(wanted / recipe.micro_batches))):
        start = minibatch * recipe.micro_batches + first
        for place, part in enumerate(batch.images[skipped:].split(size), start):
            if place < wanted:
                torch.manual_seed(derive_seed(seed, place))
                yield part


class RunningStatistics:
    """BatchNorm's running averages over a minibatch that several processes share.

    After it, each process has what a single one would have that had taken all micro-batches in their order:
    r ← (1 − m) r + m s for each, with momentum m.
    """

    def __init__(self, model: nn.Module, recipe: Recipe, ranks: Ranks) -> None:
        self._ranks = ranks
        self._norms = _batchnorms(model) if ranks.count > 1 else []
        own = ranks.micro_batches(recipe)
        self._all, self._own, self._later = recipe.micro_batches, len(own), recipe.micro_batches - own.stop
        self._before: list[Tensor] = []

    def begin(self) -> None:
        """Note the averages before the minibatch."""
        self._before = [buffer.clone() for buffer in _buffers(self._norms)]

    @torch.no_grad()
    def share(self) -> None:
        """Bring together what the processes have seen."""
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
    """Return the layers that keep statistics."""
    return [
        module for module in model.modules() if isinstance(module, _BatchNorm) and module.track_running_stats
    ]


def _buffers(norms: list[Any]) -> list[Tensor]:
    return [buffer for norm in norms for buffer in (norm.running_mean, norm.running_var)]


def _twice(norms: list[Any]) -> list[Any]:
    return [norm for norm in norms for _ in range(2)]
