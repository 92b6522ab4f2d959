"""Mixup and CutMix: each batch has one of the two, the same for every trial."""

from functools import cache

import torch
from torch import nn

from sweep.models import _torchvision
from sweep.recipe import Recipe
from sweep.training.batches import Batch
from sweep.training.randomness import Randomness, seed_of


def mix(batch: Batch, recipe: Recipe, classes: int, epoch: int, step: int) -> Batch:
    """Mix each image of a batch with its neighbour, if the recipe says so.

    Returns
    -------
    Batch
        Its labels are shares of the classes then, (batch, classes). The draw depends on the recipe's data
        seed, the epoch and the step alone.
    """
    if not (recipe.mixup_alpha or recipe.cutmix_alpha):
        return batch
    draws = Randomness(seed_of(recipe.data_seed, epoch, step), torch.device("cpu"))
    with draws.drawn():
        return Batch(*_mixer(recipe.mixup_alpha, recipe.cutmix_alpha, classes)(*batch))


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
