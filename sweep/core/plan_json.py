"""Reading plans from JSON: what the files of sweeps and of searches have in common."""

import json
from collections.abc import Callable
from typing import Any, TypeVar

from search_spaces import Box, Hyperparameter
from sweep.core.base_plan import VERSION
from sweep.errors import DamagedError, InputError
from sweep.recipes.metric import read_metric
from sweep.recipes.recipe import Recipe

Parsed = TypeVar("Parsed")

_DAMAGE = (ValueError, LookupError, TypeError, AttributeError, ArithmeticError, RecursionError)
"""What is raised where the contents of a file are not what they should be."""


def parse(text: str | bytes, origin: str, noun: str, make: Callable[[dict[str, Any]], Parsed]) -> Parsed:
    """Read a plan.

    Parameters
    ----------
    text : str or bytes
        The contents of its file.
    origin : str
        The file, which error messages name.
    noun : str
        What such a file holds: ``plan`` or ``search``.
    make : callable
        Makes the plan of the file's values.

    Raises
    ------
    DamagedError
        If the text is damaged.
    InputError
        If it is of another version.
    """
    try:
        values = json.loads(text)
        if values["version"] != VERSION:
            raise InputError(
                f"{origin} is a {noun} of version {values['version']!r}; this program reads {VERSION}"
            )
        return make(values)
    except InputError as error:
        raise error if origin in str(error) else InputError(f"{origin}: {error}") from error
    except _DAMAGE as error:
        raise DamagedError(
            f"{origin} is not a {noun}, or damaged: {type(error).__name__}: {error}"
        ) from error


def plan_fields(values: dict[str, Any]) -> dict[str, Any]:
    """Return the fields of a plan from the values of its file, all but the trials with their own types."""
    fields = {name: value for name, value in values.items() if name not in ("version", "left_out")}
    own: dict[str, Any] = {"augment": tuple(values["recipe"]["augment"])}
    if "metric" in values["recipe"]:
        own["metric"] = read_metric(values["recipe"]["metric"])
    fields["recipe"] = Recipe(**(values["recipe"] | own))
    fields["box"] = Box(**values["box"])
    if "over" in values:
        fields["over"] = tuple(_hyperparameter(each) for each in values["over"])
    if "fixed" in values:
        fields["fixed"] = tuple(values["fixed"])
    fields["skipped_images"] = _names(values.get("left_out", []))
    return fields


def _hyperparameter(values: dict[str, Any]) -> Hyperparameter:
    return Hyperparameter(**(values | {"choices": tuple(values["choices"])}))


def _names(value: Any) -> tuple[str, ...]:
    if not isinstance(value, list) or not all(isinstance(name, str) for name in value):
        raise ValueError(f"left_out must be a list of file names, got {repr(value)[:40]}")
    return tuple(value)
