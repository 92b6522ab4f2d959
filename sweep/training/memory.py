"""Running out of memory is no divergence: the training fails, and says what would help."""

from collections.abc import Iterator
from contextlib import contextmanager

import torch

from sweep.recipes.recipe import Recipe


class TrainingOutOfMemoryError(RuntimeError):
    """The device has not enough memory. The text names the batch and the remedy."""


@contextmanager
def explain_out_of_memory(recipe: Recipe, px: int) -> Iterator[None]:
    """Turn the many ways in which torch runs out of memory into one error that helps.

    Raises
    ------
    TrainingOutOfMemoryError
        If what happens in this context runs out of memory.
    """
    try:
        yield
    except (MemoryError, RuntimeError) as error:
        # torch's own is a RuntimeError; its allocator on a CPU has no class for it
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
