"""An exponential moving average of a model's weights."""

import copy

import torch
from torch import nn

from sweep.recipes.recipe import Recipe


class WeightAverage:
    """A second model that holds a moving average of the trained model's weights and buffers.

    Every ``ema_steps`` steps the average moves towards the trained model by the share
    α = ema_rate · batch · ema_steps / epochs; during warm-up it is a copy (arXiv:2106.14881, §5.4).
    BatchNorm's running statistics are averaged in the same way, unless the recipe recomputes them.
    """

    def __init__(self, model: nn.Module, recipe: Recipe) -> None:
        self.model = copy.deepcopy(model).requires_grad_(False)
        self._steps = recipe.ema_steps
        self._warmup_epochs = recipe.warmup_epochs
        self.alpha = min(1.0, recipe.ema_rate * recipe.batch * recipe.ema_steps / recipe.epochs)

    @torch.no_grad()
    def update(self, model: nn.Module, step: int, epoch: float) -> None:
        """Update the average after a step.

        Parameters
        ----------
        model : torch.nn.Module
            The trained model.
        step : int
            The number of steps taken so far, from 1.
        epoch : float
            The fractional epoch at which the step ended.
        """
        if step % self._steps:
            return
        alpha = 1.0 if epoch <= self._warmup_epochs else self.alpha
        state = model.state_dict()
        for name, average in self.model.state_dict().items():
            if alpha < 1 and average.is_floating_point():
                average.lerp_(state[name], alpha)
            else:
                average.copy_(state[name])
