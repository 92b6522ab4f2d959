"""Out-of-memory errors: the training fails with a remedy. It does not count as diverged."""

import gc
from collections.abc import Iterator
from contextlib import contextmanager

import torch

from sweep.recipes.recipe import Recipe


class TrainingOutOfMemoryError(RuntimeError):
    """The device has too little memory. The message names the batch and a remedy."""


@contextmanager
def explain_out_of_memory(recipe: Recipe, px: int) -> Iterator[None]:
    """Turn every kind of out-of-memory error into one that names a remedy.

    Raises
    ------
    TrainingOutOfMemoryError
        If the code in this context runs out of memory.
    """
    try:
        yield
    except (MemoryError, RuntimeError) as error:
        # torch raises a RuntimeError; its CPU allocator has no class of its own for it
        if not isinstance(error, MemoryError | torch.OutOfMemoryError) and "t allocate memory" not in str(
            error
        ):
            raise
        at_once = recipe.micro_batch or recipe.batch
        raise TrainingOutOfMemoryError(
            f"out of memory with a minibatch of {recipe.batch} images of {px} px, {at_once} at once: take a "
            f"recipe with a micro_batch below {at_once}, or fewer trials at once (--gpus-per-trial, "
            "--cpus-per-trial)"
        ) from error


def release_memory() -> None:
    """Give back what a training that was dropped has taken, as far as the device's allocator keeps it."""
    gc.collect()
    if torch.cuda.is_available():
        torch.cuda.empty_cache()
