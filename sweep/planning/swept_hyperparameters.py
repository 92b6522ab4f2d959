"""What ``--over`` means: each hyperparameter that it names, and who takes it."""

import dataclasses
from collections.abc import Iterator, Mapping
from types import MappingProxyType
from typing import Any

from search_spaces import Hyperparameter, SearchSpaceError, Value, Wanted, grid_side, read_over
from sweep.core.model_spec import RESERVED, join, split
from sweep.core.optimizer_catalog import SETTINGS
from sweep.errors import InputError, unknown
from sweep.models.catalog import MODELS
from sweep.planning.command_options import Request, TuneRequest
from sweep.recipes.recipe import SWEPT, Recipe

MOST = 100
"""Hyperparameters that a sweep may have."""

_LOOKED_AT = 16
"""Integers of a range that a model is built with, to see whether it takes them, from the lowest on."""
_PROBABILITIES = ("drop_rate", "drop_path_rate")
"""How those of timm's arguments end whose values a model checks only once it trains."""
_TAKEN = ("batch", "epochs", "evaluate", "model", "optimizer", "px", "recipe", "seed", "trainer")
"""Parameters that each trial's MLflow run has."""

_NONE: Mapping[str, Value] = MappingProxyType({})


def read_space(request: Request | TuneRequest) -> tuple[list[Wanted], tuple[str, ...]]:
    """Return what is swept beside learning rate and weight decay, and which of these two is not.

    Raises
    ------
    InputError, SearchSpaceError
        If the text cannot be read, or names nothing.
    """
    if request.over is None:
        return [], ()
    wanted, fixed = read_over(request.over)
    if len(wanted) > MOST:
        raise InputError(f"`over` takes up to {MOST} hyperparameters, got {len(wanted)}")
    return wanted, fixed


def hyperparameters(
    request: Request | TuneRequest, recipe: Recipe, model: str, known: Mapping[str, Value] = _NONE
) -> tuple[Hyperparameter, ...]:
    """Return what is swept or searched of a model beside learning rate and weight decay.

    Parameters
    ----------
    request : Request or TuneRequest
        What was asked for.
    recipe : Recipe
        Its recipe.
    model : str
        As it stands in plans.
    known : mapping, optional
        Values that were found to be best.

    Raises
    ------
    InputError
        Naming all that is wrong: who takes no such hyperparameter, or not over this range.
    """
    wanted, _ = read_space(request)
    problems: list[str] = []
    found = []
    for each in wanted:
        try:
            found.append(_found(each, request, recipe, model, known))
        except (InputError, SearchSpaceError) as error:
            problems.append(str(error))
    if problems:
        raise InputError("`over`: " + "; ".join(problems))
    return tuple(found)


def _found(
    wanted: Wanted,
    request: Request | TuneRequest,
    recipe: Recipe,
    model: str,
    known: Mapping[str, Value],
) -> Hyperparameter:
    name, optimizer, arguments = wanted.name, request.optimizer, split(model)[1]

    def given(usual: Value | None) -> Hyperparameter:
        return wanted.searched if isinstance(request, TuneRequest) else wanted.at(known.get(name, usual))

    if recipe.trainer:
        if name in _TAKEN:
            raise InputError(f"{name} is what the sweep itself calls something of a trial: take another name")
        found = given(arguments.get(name))
    elif name in SETTINGS[optimizer]:
        found = given(SETTINGS[optimizer][name].usual)
        _check_setting(found, optimizer)
    elif name in SWEPT:
        found = given(getattr(recipe, name))
        _check_field(found, recipe)
    else:
        _check_name(name, optimizer)
        found = given(arguments.get(name))
        _check_argument(found, optimizer, model)
    if isinstance(request, Request):
        _check_grid(found, request)
    return found


def _ends(given: Hyperparameter) -> Iterator[Value]:
    """Yield the values that show whether others are taken, too: of few, each one."""
    if given.scale == "choice":
        yield from given.choices
        return
    assert given.low is not None
    assert given.high is not None
    if given.scale != "integer":
        yield from (given.low, given.high)
        return
    low, high = int(given.low), int(given.high)
    yield from range(low, min(low + _LOOKED_AT, high))
    yield high


def _check_setting(given: Hyperparameter, optimizer: str) -> None:
    below = SETTINGS[optimizer][given.name].below
    if wrong := [end for end in _ends(given) if isinstance(end, str) or not 0 <= end < below]:
        raise InputError(f"{given.name} of {optimizer} lies in 0 to {below:g}, got {wrong[0]}")


def _check_field(given: Hyperparameter, recipe: Recipe) -> None:
    for end in _ends(given):
        if isinstance(end, str):
            raise InputError(f"{given.name} of a recipe is a number, got {end!r}")
        changes: dict[str, Any] = {given.name: end}
        dataclasses.replace(recipe, **changes)


def _check_name(name: str, optimizer: str) -> None:
    """Refuse what all trials of a sweep share, and what no model takes."""
    if name in {field.name for field in dataclasses.fields(Recipe)}:
        raise InputError(
            f"{name} cannot be swept: the trials of a sweep share it. Of a recipe, {', '.join(SWEPT)} can; "
            "recipes that differ in others make sweeps of their own"
        )
    if name in RESERVED:
        raise InputError(f"{name} cannot be swept: {RESERVED[name]}")
    if others := [other for other, settings in SETTINGS.items() if name in settings]:
        raise InputError(
            f"{optimizer} has no {name}; {' and '.join(others)} {'have' if others[1:] else 'has'}"
        )


def _check_argument(given: Hyperparameter, optimizer: str, model: str) -> None:
    """Build the model at the ends of the range."""
    if given.name.endswith(_PROBABILITIES) and (wrong := [e for e in _ends(given) if not _is_share(e)]):
        raise InputError(f"{given.name} is a probability, from 0 to below 1, got {wrong[0]}")
    from sweep.models import timm_models  # imports torch and timm

    name, args = split(model)
    px = MODELS[name].train_px if name in MODELS else timm_models.resolution(name)[0]
    for end in _ends(given):
        try:
            timm_models.check(join(name, args | {given.name: end}), num_classes=10, px=px)
        except InputError as error:
            if "unexpected keyword argument" not in str(error):
                raise
            known = [*SETTINGS[optimizer], *SWEPT, "drop_rate", "drop_path_rate"]
            raise unknown("hyperparameter", given.name, known, f"{name} does not take it.") from error


def _is_share(value: Value) -> bool:
    return not isinstance(value, str) and 0 <= value < 1


def _check_grid(given: Hyperparameter, request: Request) -> None:
    """Refuse a grid with more cells on a side than there are values."""
    if request.design != "grid" or not request.n:
        return
    wanted, fixed = read_space(request)
    side = grid_side(request.n, len(wanted) + 2 - len(fixed))
    if side and given.count < side:
        raise InputError(f"{given.name} has {given.count:g} values, fewer than the {side} of a grid's side")
