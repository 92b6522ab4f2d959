"""Random numbers that depend on a place alone."""

from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
import torch


def derive_seed(*place: int) -> int:
    """Return a seed for a place, such as (data seed, epoch, image), that no other place shares."""
    return int(np.random.SeedSequence(place).generate_state(1, np.uint64)[0] >> 1)


@contextmanager
def seeded(seed: int, device: torch.device) -> Iterator[None]:
    """Let what happens in this context draw from torch's global generators, which begin at ``seed``.

    They are left as they were: nobody else's draws matter here, nor these to others.
    """
    with torch.random.fork_rng(devices=[device] if device.type == "cuda" else []):
        torch.manual_seed(seed)
        yield
