"""How the learning rate rises and falls during a training."""

import math

from sweep.recipes.recipe import Recipe


def lr_factor(recipe: Recipe, epoch: float) -> float:
    """Return the learning rate at a fractional epoch, as a share of its peak.

    The schedule is half a cosine over all epochs, from 1 to ``min_lr_factor``. During warm-up it is
    multiplied by a factor that rises linearly from ``warmup_factor`` to 1. Source: pycls, ``get_epoch_lr``.
    """
    cosine = 0.5 * (1 + math.cos(math.pi * epoch / recipe.epochs))
    factor = (1 - recipe.min_lr_factor) * cosine + recipe.min_lr_factor
    if epoch < recipe.warmup_epochs:
        share = epoch / recipe.warmup_epochs
        factor *= recipe.warmup_factor * (1 - share) + share
    return factor
