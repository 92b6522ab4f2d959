"""Random numbers of a trial's own."""

from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
import torch
from torch import Tensor


def seed_of(*place: int) -> int:
    """Return a seed for a place, such as (data seed, epoch, image), that no other place shares."""
    return int(np.random.SeedSequence(place).generate_state(1, np.uint64)[0] >> 1)


class Randomness:
    """torch's global generators as one trial finds them: nobody else's draws matter to it, nor its to others.

    Parameters
    ----------
    seed : int
        Where they begin.
    device : torch.device
        On a GPU, its generator is the trial's too.
    """

    def __init__(self, seed: int, device: torch.device) -> None:
        self._gpus = [device] if device.type == "cuda" else []
        places = [torch.device("cpu"), *self._gpus]
        generators = [torch.Generator(place).manual_seed(seed) for place in places]
        self.states: list[Tensor] = [generator.get_state() for generator in generators]
        """Of the CPU's generator, and of the GPU's if the trial has one."""

    @contextmanager
    def drawn(self) -> Iterator[None]:
        """Let what happens in this context draw from them."""
        with torch.random.fork_rng(devices=self._gpus):
            torch.set_rng_state(self.states[0])
            for gpu, state in zip(self._gpus, self.states[1:], strict=True):
                torch.cuda.set_rng_state(state, gpu)
            yield
            self.states = [torch.get_rng_state(), *(torch.cuda.get_rng_state(gpu) for gpu in self._gpus)]
