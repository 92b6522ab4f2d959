"""Mixup and CutMix: each batch uses one of the two, the same for every trial."""

from functools import cache

import torch
from torch import nn

from sweep.models import _torchvision
from sweep.recipes.recipe import Recipe
from sweep.training.batches import Batch
from sweep.training.randomness import derive_seed, fork_rng
from sweep.training.ranks import ALONE, Ranks


def mix(batch: Batch, recipe: Recipe, classes: int, epoch: int, step: int, *, ranks: Ranks = ALONE) -> Batch:
    """Mix each image of a batch with the one before it, if the recipe asks for mixing.

    The random draw depends only on the recipe's data seed, the epoch and the step.

    Parameters
    ----------
    batch : Batch
        If several processes train together, it starts with one extra image, which is dropped here: the
        first image of this process is mixed with it.
    recipe : Recipe
        Gives α of mixup (arXiv:1710.09412) and CutMix (arXiv:1905.04899).
    classes : int
        Number of classes.
    epoch, step : int
        Both from 0.
    ranks : Ranks
        The processes that train together.

    Returns
    -------
    Batch
        With mixing, its labels are class probabilities (batch, classes).
    """
    if not recipe.mixes:
        return batch
    with fork_rng(derive_seed(recipe.data_seed, epoch, step), torch.device("cpu")):
        mixed = _mixer(recipe.mixup_alpha, recipe.cutmix_alpha, classes)(*batch)
    return Batch(*(part[ranks.neighbours(recipe) :] for part in mixed))


@cache
def _mixer(mixup_alpha: float, cutmix_alpha: float, classes: int) -> nn.Module:
    _torchvision.make_importable()
    from torchvision.transforms import v2

    either = []
    if mixup_alpha:
        either.append(v2.MixUp(alpha=mixup_alpha, num_classes=classes))
    if cutmix_alpha:
        either.append(v2.CutMix(alpha=cutmix_alpha, num_classes=classes))
    return v2.RandomChoice(either)
