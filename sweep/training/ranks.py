"""Several processes that train the same trials together, each its share of every minibatch."""

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
"""How long a process waits for another one: whoever started them sees sooner that one is lost."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Ranks:
    """The processes that train together, as one of them sees them; a process alone by default.

    What they share out are a minibatch's *micro-batches*, which a single process takes one after the other.
    BatchNorm sees the same images together, whoever takes them, and their gradients add up to the
    minibatch's: a result does not depend on the number of processes, but for rounding.
    """

    rank: int = 0
    count: int = 1

    def micro_batches(self, recipe: Recipe) -> range:
        """Return which of a minibatch's micro-batches are this process' own."""
        total = recipe.micro_batches
        return range(total * self.rank // self.count, total * (self.rank + 1) // self.count)

    def neighbours(self, recipe: Recipe) -> int:
        """Return how many images before its own are needed: each is mixed with the one before it."""
        return int(self.count > 1 and recipe.mixes)

    def places(self, recipe: Recipe) -> list[int]:
        """Return the places, within a minibatch, of the images that are needed here, in their order."""
        own, size = self.micro_batches(recipe), recipe.micro_batch or recipe.batch
        first, last = own.start * size, min(own.stop * size, recipe.batch)
        return [place % recipe.batch for place in range(first - self.neighbours(recipe), last)]

    def evaluated(self, count: int) -> range:
        """Return which of ``count`` images are evaluated here."""
        return range(count * self.rank // self.count, count * (self.rank + 1) // self.count)

    def add_up(self, tensors: Sequence[Tensor]) -> None:
        """Replace each tensor, of one type all, by its sum over the processes; the same bits in each."""
        if self.count == 1 or not tensors:
            return
        flat = torch.cat([tensor.flatten() for tensor in tensors])
        distributed.all_reduce(flat)
        for tensor, total in zip(tensors, flat.split([t.numel() for t in tensors]), strict=True):
            tensor.copy_(total.view_as(tensor))

    def all_reduce(self, *values: float) -> list[float]:
        """Return the sums of numbers over the processes; whole numbers up to 2^53 are exact."""
        if self.count == 1:
            return list(values)
        sums = torch.tensor(values, dtype=torch.float64, device=_device())
        distributed.all_reduce(sums)
        return sums.tolist()

    def broadcast(self, value: Any) -> Any:
        """Return what the first process holds: its tensors may lie on its own device."""
        if self.count == 1:
            return value
        values = [value]
        distributed.broadcast_object_list(values, src=0)
        return values[0]

    def parallel(self, model: nn.Module) -> nn.Module:
        """Return the model such that its gradients are the mean over the processes after each backward pass.

        They travel while the rest is still computed (`DistributedDataParallel`). Buffers are not its concern:
        see `sweep.training.batchnorm`.
        """
        if self.count == 1:
            return model
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", FutureWarning)  # torch 2.13 calls broadcast_buffers otherwise
            return nn.parallel.DistributedDataParallel(
                model, broadcast_buffers=False, gradient_as_bucket_view=True
            )

    def no_sync(self, parallel: nn.Module, *, unless: bool) -> AbstractContextManager[Any]:
        """Return the context of a micro-batch whose gradients wait for those of the last one."""
        return nullcontext() if self.count == 1 or unless else parallel.no_sync()  # type: ignore[operator]


ALONE = Ranks()


@contextmanager
def joined(rank: int, count: int, store: distributed.Store, device: torch.device) -> Iterator[Ranks]:
    """Train together with the other processes that meet at a store: over NCCL on GPUs, else over Gloo."""
    backend = "nccl" if device.type == "cuda" else "gloo"
    distributed.init_process_group(backend, store=store, rank=rank, world_size=count, timeout=TIMEOUT)
    try:
        yield Ranks(rank=rank, count=count)
    finally:
        distributed.destroy_process_group()


def _device() -> torch.device:
    return torch.device("cuda" if distributed.get_backend() == "nccl" else "cpu")
