"""Hands a trial's further hyperparameters to the recipe, the model or the optimizer that they belong to."""

import dataclasses
from typing import Any, NamedTuple

from sweep.core.model_spec import join, split
from sweep.core.optimizer_catalog import SETTINGS
from sweep.core.trial import TrialSpec
from sweep.recipes.recipe import SWEPT, Recipe


class TrialSettings(NamedTuple):
    """What one trial is trained with."""

    model: str
    """With all its arguments."""
    recipe: Recipe
    optimizer: dict[str, Any]
    """Hyperparameters of the optimizer that differ from the usual."""


def trial_settings(trial: TrialSpec, recipe: Recipe) -> TrialSettings:
    """Divide a trial's further hyperparameters among optimizer, recipe and model.

    A name that neither the optimizer nor the recipe has is an argument of the model.
    """
    over = dict(trial.over)
    optimizer = {name: over.pop(name) for name in SETTINGS[trial.optimizer] if name in over}
    schedule: dict[str, Any] = {name: over.pop(name) for name in SWEPT if name in over}
    name, args = split(trial.model)
    model = join(name, args | over) if over else trial.model
    return TrialSettings(model, dataclasses.replace(recipe, **schedule) if schedule else recipe, optimizer)
