"""Mixup and CutMix: each batch has one of the two, the same for every trial."""

from functools import cache

import torch
from torch import nn

from sweep.models import _torchvision
from sweep.recipes.recipe import Recipe
from sweep.training.batches import Batch
from sweep.training.randomness import derive_seed, seeded
from sweep.training.ranks import ALONE, Ranks


def mix(batch: Batch, recipe: Recipe, classes: int, epoch: int, step: int, *, ranks: Ranks = ALONE) -> Batch:
    """Mix each image of a batch with the one before it, if the recipe says so.

    A process that trains with others has one more image before its own, which it is rid of here.

    Returns
    -------
    Batch
        Its labels are shares of the classes then, (batch, classes). The draw depends on the recipe's data
        seed, the epoch and the step alone.
    """
    if not recipe.mixes:
        return batch
    with seeded(derive_seed(recipe.data_seed, epoch, step), torch.device("cpu")):
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
