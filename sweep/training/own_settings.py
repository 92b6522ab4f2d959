"""What a trial changes in the recipe, the model and the optimizer, where more than two values are swept."""

import dataclasses
from typing import Any, NamedTuple

from sweep.core.model_spec import join, split
from sweep.core.optimizers import SETTINGS
from sweep.core.trial import TrialSpec
from sweep.recipes.recipe import SWEPT, Recipe


class OwnSettings(NamedTuple):
    """What one trial is trained with."""

    model: str
    """With all its arguments."""
    recipe: Recipe
    optimizer: dict[str, Any]
    """Hyperparameters of the optimizer that differ from the usual."""


def own_settings(trial: TrialSpec, recipe: Recipe) -> OwnSettings:
    """Divide a trial's further hyperparameters among optimizer, recipe and model.

    A name that neither the optimizer nor the recipe has is an argument of the model.
    """
    over = dict(trial.over)
    optimizer = {name: over.pop(name) for name in SETTINGS[trial.optimizer] if name in over}
    schedule: dict[str, Any] = {name: over.pop(name) for name in SWEPT if name in over}
    name, args = split(trial.model)
    model = join(name, args | over) if over else trial.model
    return OwnSettings(model, dataclasses.replace(recipe, **schedule) if schedule else recipe, optimizer)
