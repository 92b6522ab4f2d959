"""Processes that train the same trials together; each takes a share of every minibatch."""

import datetime
import warnings
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, distributed, nn

from sweep.recipes.recipe import Recipe

TIMEOUT = datetime.timedelta(hours=1)
"""How long a process waits for another. The process that started them notices a loss sooner."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Ranks:
    """The processes that train together, from the view of one of them; by default a single process.

    They divide the *micro-batches* of each minibatch, which a single process takes one after the other. A
    micro-batch holds the same images for BatchNorm whichever process takes it, and the gradients of all add
    up to the minibatch's. A result therefore depends on the number of processes only by rounding.
    """

    rank: int = 0
    """Index of this process."""
    count: int = 1
    """Number of processes."""

    def micro_batches(self, recipe: Recipe) -> range:
        """Return the indices of this process's micro-batches within a minibatch."""
        total = recipe.micro_batches
        return range(total * self.rank // self.count, total * (self.rank + 1) // self.count)

    def neighbours(self, recipe: Recipe) -> int:
        """Return how many extra images this process needs: each image is mixed with the one before it."""
        return int(self.count > 1 and recipe.mixes)

    def indices(self, recipe: Recipe) -> list[int]:
        """Return the indices, within a minibatch, of the images that this process needs, in their order."""
        own, size = self.micro_batches(recipe), recipe.micro_batch or recipe.batch
        first, last = own.start * size, min(own.stop * size, recipe.batch)
        return [index % recipe.batch for index in range(first - self.neighbours(recipe), last)]

    def evaluated(self, count: int) -> range:
        """Return the indices, among ``count`` images, that this process evaluates."""
        return range(count * self.rank // self.count, count * (self.rank + 1) // self.count)

    def add_up(self, tensors: Sequence[Tensor]) -> None:
        """Replace each tensor by its sum over the processes, with the same bits in each; all of one dtype."""
        if self.count == 1 or not tensors:
            return
        flat = torch.cat([tensor.flatten() for tensor in tensors])
        distributed.all_reduce(flat)
        for tensor, total in zip(tensors, flat.split([t.numel() for t in tensors]), strict=True):
            tensor.copy_(total.view_as(tensor))

    def all_reduce(self, *values: float) -> list[float]:
        """Return the sum of each number over the processes; exact for whole numbers up to 2^53."""
        if self.count == 1:
            return list(values)
        sums = torch.tensor(values, dtype=torch.float64, device=_device())
        distributed.all_reduce(sums)
        return sums.tolist()

    def broadcast(self, value: Any) -> Any:
        """Return the first process's value; its tensors may stay on that process's device."""
        if self.count == 1:
            return value
        values = [value]
        distributed.broadcast_object_list(values, src=0)
        return values[0]

    def parallel(self, model: nn.Module) -> nn.Module:
        """Wrap a model so that each backward pass averages its gradients over the processes.

        `DistributedDataParallel` exchanges gradients while it computes others. It leaves the buffers alone:
        `sweep.training.batchnorm` handles them.
        """
        if self.count == 1:
            return model
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", FutureWarning)  # torch 2.13 renames broadcast_buffers
            return nn.parallel.DistributedDataParallel(
                model, broadcast_buffers=False, gradient_as_bucket_view=True
            )

    def no_sync(self, parallel: nn.Module, *, unless: bool) -> AbstractContextManager[Any]:
        """Return a context in which gradients are not exchanged, unless it is the last micro-batch."""
        return nullcontext() if self.count == 1 or unless else parallel.no_sync()  # type: ignore[operator]


ALONE = Ranks()

# Python must be the last to let a process group go. `DistributedDataParallel` ends a group's thread while it
# holds Python's lock. After a failed exchange that thread still waits for the lock: both wait for ever.
_groups: list[Any] = []


@contextmanager
def joined(rank: int, count: int, store: distributed.Store, device: torch.device) -> Iterator[Ranks]:
    """Join the processes that train together, over NCCL on GPUs, else over Gloo.

    Parameters
    ----------
    rank : int
        Index of this process.
    count : int
        Number of processes.
    store : torch.distributed.Store
        Where the processes find each other.
    device : torch.device
        The device of this process.

    Yields
    ------
    Ranks
        This process's view of all.
    """
    backend = "nccl" if device.type == "cuda" else "gloo"
    distributed.init_process_group(backend, store=store, rank=rank, world_size=count, timeout=TIMEOUT)
    _groups.append(distributed.group.WORLD)
    try:
        yield Ranks(rank=rank, count=count)
    finally:
        distributed.destroy_process_group()


def _device() -> torch.device:
    return torch.device("cuda" if distributed.get_backend() == "nccl" else "cpu")
