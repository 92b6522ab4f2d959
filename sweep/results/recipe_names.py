"""Names the recipes of sweeps that are compared, where one name stands for several contents."""

import dataclasses
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from sweep.core.plan import Plan

_DIGITS = 8
"""Digits of a fingerprint of data that are shown."""


def recipe_names(plans: "Sequence[Plan]") -> dict[str, str]:
    """Return each sweep's recipe by name, with the fields that differ between recipes of that name.

    Data that differ are named where nothing else does: which images are used follows from the recipe, too.

    Examples
    --------
    >>> recipe_names([ten_epochs, twenty_epochs])
    {'vit-a': 'digits (epochs 10)', 'vit-b': 'digits (epochs 20)'}
    """
    return {plan.name: _name(plan, [p for p in plans if p.recipe.name == plan.recipe.name]) for plan in plans}


def on_other_data(plan: "Plan", plans: "Sequence[Plan]") -> bool:
    """Return whether another of the plans has the same recipe, but other data."""
    return any(p.recipe == plan.recipe and p.data_fingerprint != plan.data_fingerprint for p in plans)


def _name(plan: "Plan", namesakes: "Sequence[Plan]") -> str:
    own, others = dataclasses.asdict(plan.recipe), [dataclasses.asdict(p.recipe) for p in namesakes]
    differ = {name: value for name, value in own.items() if any(other[name] != value for other in others)}
    if on_other_data(plan, namesakes):
        differ["data"] = plan.data_fingerprint[:_DIGITS]
    settings = ", ".join(f"{name} {_text(value)}" for name, value in differ.items())
    return f"{plan.recipe.name} ({settings})" if settings else plan.recipe.name


def _text(value: Any) -> str:
    """Write a recipe's value; None is written as where it is left out."""
    if isinstance(value, tuple):
        return "+".join(map(str, value)) or "none"
    return "not given" if value is None else str(value)
