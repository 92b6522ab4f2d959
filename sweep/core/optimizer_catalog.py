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


def _betas(beta1: float, beta2: float) -> dict[str, Setting]:
    return {"beta1": Setting(beta1, 1.0), "beta2": Setting(beta2, 1.0)}


_EPS = Setting(1e-8, 1.0)

SETTINGS: Mapping[str, Mapping[str, Setting]] = MappingProxyType(
    {
        "adamw": {**_betas(0.9, 0.999), "eps": _EPS},
        "sgd": {"momentum": Setting(0.9, 1.0)},
        "nadamw": {**_betas(0.9, 0.999), "eps": _EPS},
        "lion": _betas(0.9, 0.99),
        "muon": {"momentum": Setting(0.95, 1.0), **_betas(0.9, 0.95)},
        "adafactor": _betas(0.9, 0.999),
    }
)
"""Optimizer → the name of each of its hyperparameters, and its setting."""
OPTIMIZERS = tuple(SETTINGS)
OF_THE_PAPER = ("adamw", "sgd")
"""Those that arXiv:2106.14881 compares."""
LISTED = f"{', '.join(OPTIMIZERS[:-1])} or {OPTIMIZERS[-1]}"
