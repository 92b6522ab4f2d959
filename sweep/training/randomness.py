"""Seeds derived from what they are used for, and generators that are restored afterwards."""

from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
import torch


def derive_seed(*parts: int) -> int:
    """Hash whole numbers, such as (data seed, epoch, image), to a seed of 63 bits."""
    return int(np.random.SeedSequence(parts).generate_state(1, np.uint64)[0] >> 1)


@contextmanager
def fork_rng(seed: int, device: torch.device) -> Iterator[None]:
    """Seed torch's global generators for this context, and restore them afterwards."""
    with torch.random.fork_rng(devices=[device] if device.type == "cuda" else []):
        torch.manual_seed(seed)
        yield
