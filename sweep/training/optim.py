"""Optimizers and the learning-rate schedule."""

import math
from collections.abc import Mapping
from typing import Any

import torch
from torch import nn

from sweep.core.optimizers import OPTIMIZERS, SETTINGS
from sweep.errors import unknown
from sweep.recipes.recipe import Recipe


def make_optimizer(
    name: str, model: nn.Module, lr: float, weight_decay: float, settings: Mapping[str, float] | None = None
) -> torch.optim.Optimizer:
    """Build an optimizer without weight decay on biases and the gains of norm layers.

    Every parameter of more than one dimension is decayed, including class token and position embedding
    (arXiv:2106.14881, §5.4).

    Parameters
    ----------
    name : {"adamw", "sgd"}
        AdamW, or SGD with Nesterov momentum.
    model : torch.nn.Module
        The model to train.
    lr : float
        Peak learning rate.
    weight_decay : float
        Decoupled with AdamW, L2 with SGD.
    settings : mapping, optional
        Hyperparameters that differ from the usual: ``beta1``, ``beta2`` and ``eps`` of AdamW, ``momentum`` of
        SGD. See `sweep.core.optimizers`.

    Raises
    ------
    InputError
        If there is no such optimizer.
    """
    from timm.optim import param_groups_weight_decay

    if name not in OPTIMIZERS:
        raise unknown("optimizer", name, OPTIMIZERS)
    own: dict[str, Any] = {each: setting.usual for each, setting in SETTINGS[name].items()} | dict(
        settings or {}
    )
    if "beta1" in own:
        own["betas"] = (own.pop("beta1"), own.pop("beta2"))
    common: dict[str, Any] = {"lr": lr, "weight_decay": weight_decay, "fused": True}
    groups = param_groups_weight_decay(model, weight_decay)
    if name == "adamw":
        return torch.optim.AdamW(groups, **common, **own)
    return torch.optim.SGD(groups, nesterov=own["momentum"] > 0, **common, **own)


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
