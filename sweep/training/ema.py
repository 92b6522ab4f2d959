"""An exponential moving average of a model's weights."""

import copy

import torch
from torch import nn

from sweep.recipes.recipe import Recipe


class WeightAverage:
    """A second model whose weights and buffers follow the trained one's.

    Every ``ema_steps`` steps it moves towards it by α = ema_rate · batch · ema_steps / epochs; during
    warm-up it is a copy (arXiv:2106.14881, §5.4). BatchNorm's running statistics are averaged alike, unless
    the recipe has them computed anew.
    """

    def __init__(self, model: nn.Module, recipe: Recipe) -> None:
        self.model = copy.deepcopy(model).requires_grad_(False)
        self._steps = recipe.ema_steps
        self._warmup_epochs = recipe.warmup_epochs
        self.alpha = min(1.0, recipe.ema_rate * recipe.batch * recipe.ema_steps / recipe.epochs)

    @torch.no_grad()
    def update(self, model: nn.Module, step: int, epoch: float) -> None:
        """Follow ``model`` after its ``step``-th step (from 1), which ended at a fractional ``epoch``."""
        if step % self._steps:
            return
        alpha = 1.0 if epoch <= self._warmup_epochs else self.alpha
        state = model.state_dict()
        for name, average in self.model.state_dict().items():
            if alpha < 1 and average.is_floating_point():
                average.lerp_(state[name], alpha)
            else:
                average.copy_(state[name])
