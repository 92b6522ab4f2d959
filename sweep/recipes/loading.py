"""Loads recipes: the shipped ones by name, a user's by path, that of a user-defined training function."""

import dataclasses
import re
import tomllib
from importlib import resources
from pathlib import Path
from typing import Any

from sweep.errors import InputError, unknown
from sweep.recipes.metric import MetricSpec
from sweep.recipes.recipe import LARGEST_EXACT, Recipe

DEFAULT = "digits"
"""The default recipe."""


NOT_IN_FILES = ("name", "trainer", "metric")
"""Fields of a recipe that its file does not have."""


def shipped() -> tuple[str, ...]:
    """Return the names of the recipes that come with the package."""
    files = resources.files("sweep.recipes").iterdir()
    return tuple(sorted(f.name.removesuffix(".toml") for f in files if f.name.endswith(".toml")))


def of_trainer(trainer: str, epochs: int, metric: MetricSpec | None = None) -> Recipe:
    """Return the recipe of a user-defined training function; sweeps are named after it."""
    name = trainer.replace(":", ".")
    return Recipe(
        name=name,
        trainer=trainer,
        epochs=epochs,
        metric=metric,
        dataset="own",
        max_px=1,
        batch=1,
        warmup_epochs=0,
    )


def load(name: str | None, *, epochs: int | None = None) -> Recipe:
    """Read a shipped recipe by its name, or a user's by its path (``my.toml``).

    Parameters
    ----------
    name : str, optional
        One of `shipped`, or the path of a TOML file with the same fields. None: `DEFAULT`.
    epochs : int, optional
        Overrides the recipe's training length. The warm-up keeps its length, but is at most the new one.

    Raises
    ------
    InputError
        If there is no such recipe, or its fields are invalid.
    """
    return with_epochs(_parse(*_read(DEFAULT if name is None else name)), epochs)


def with_epochs(recipe: Recipe, epochs: int | None) -> Recipe:
    """Return a recipe that trains for this long instead; None: for as long as it does.

    The warm-up keeps its length unless the schedule is shorter.
    """
    if epochs is None:
        return recipe
    return dataclasses.replace(recipe, epochs=epochs, warmup_epochs=min(recipe.warmup_epochs, max(epochs, 0)))


def _read(name: str) -> tuple[str, str]:
    if name.endswith(".toml"):
        try:
            return _own_name(Path(name)), Path(name).read_text()
        except (OSError, ValueError) as error:  # no such file, not UTF-8, a path with a zero byte
            raise InputError(f"cannot read the recipe {name}: {error}") from error
    if name not in shipped():
        raise unknown("recipe", name, shipped(), "A recipe of your own is a path that ends in .toml.")
    return name, resources.files("sweep.recipes").joinpath(f"{name}.toml").read_text()


def _own_name(path: Path) -> str:
    """Return the name of a user's recipe; sweeps and experiments are named after it."""
    if path.stem in shipped():
        raise InputError(
            f"{path}: a recipe of the name {path.stem!r} is shipped, with optima of its own; rename yours"
        )
    if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9_-]*", path.stem):
        raise InputError(f"{path}: a recipe's name takes letters, digits, _ and -, got {path.stem!r}")
    return path.stem


def _parse(name: str, text: str) -> Recipe:
    try:
        values = tomllib.loads(text)
    except (ValueError, RecursionError) as error:  # not TOML, or more digits or brackets than Python reads
        raise InputError(f"recipe {name!r} is not TOML: {error}") from error
    fields = {field.name: field for field in dataclasses.fields(Recipe) if field.name not in NOT_IN_FILES}
    problems = [f"unknown field {key!r} (known: {', '.join(fields)})" for key in values if key not in fields]
    required = [f.name for f in fields.values() if f.default is dataclasses.MISSING]
    problems += [f"field {key!r} is missing" for key in required if key not in values]
    for key in sorted(values.keys() & fields.keys()):
        problems += _type_problem(key, values[key], str(fields[key].type))
    if problems:
        raise InputError(f"recipe {name!r}: " + "; ".join(problems))
    values["augment"] = tuple(values.get("augment", ()))
    return Recipe(name=name, **values)


def _type_problem(key: str, value: Any, kind: str) -> list[str]:
    """Check one value against its field's annotation."""
    number = isinstance(value, int | float) and not isinstance(value, bool)
    if "tuple" in kind:
        allowed, fits = "a list of names", isinstance(value, list) and all(isinstance(v, str) for v in value)
    elif "str" in kind:
        allowed, fits = "text", isinstance(value, str)
    elif "float" in kind:
        allowed, fits = "a finite number", number and abs(value) < LARGEST_EXACT
    elif "bool" in kind:
        allowed, fits = "true or false", isinstance(value, bool)
    else:
        allowed, fits = "a whole number", number and isinstance(value, int) and abs(value) < LARGEST_EXACT
    return [] if fits else [f"{key} must be {allowed}, got {repr(value)[:40]}"]
