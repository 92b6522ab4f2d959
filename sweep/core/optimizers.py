"""The optimizers, and the hyperparameters that each has beside learning rate and weight decay."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import NamedTuple


class Setting(NamedTuple):
    """A hyperparameter of an optimizer."""

    usual: float
    """What it is where it is not swept."""
    below: float
    """It lies in [0, below)."""


_BETAS = {"beta1": Setting(0.9, 1.0), "beta2": Setting(0.999, 1.0)}

SETTINGS: Mapping[str, Mapping[str, Setting]] = MappingProxyType(
    {
        "adamw": {**_BETAS, "eps": Setting(1e-8, 1.0)},
        "sgd": {"momentum": Setting(0.9, 1.0)},
    }
)
"""Optimizer → the name of each of its hyperparameters, and its setting."""
OPTIMIZERS = tuple(SETTINGS)
