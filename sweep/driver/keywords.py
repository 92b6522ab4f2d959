"""From option groups to keyword arguments of Python functions."""

import dataclasses
import functools
import inspect
import os
import re
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from numbers import Integral, Real
from pathlib import Path
from typing import Any, TypeVar, get_args, get_origin

from sweep.errors import InputError
from sweep.utils.option_groups import flags_of, option_of, options_of

Result = TypeVar("Result")
Field = dataclasses.Field[Any]

_TYPES: dict[type, tuple[type | tuple[type, ...], str]] = {
    bool: (bool, "True or False"),
    int: (Integral, "a whole number"),
    float: (Real, "a number"),
    str: (str, "text"),
    Path: ((str, os.PathLike), "a path"),
}
"""What is accepted for a field's type, and how that is called."""


def takes_keywords(
    *, first: str, without: Collection[str] = ()
) -> Callable[[Callable[..., Result]], Callable[..., Result]]:
    """Give a function the fields of option groups as arguments, with the defaults of the command line.

    Parameters
    ----------
    first : str
        The option that may be given without its name.
    without : collection of str
        Options of the command line that the function does not have.

    Returns
    -------
    callable
        A decorator. A parameter of the function whose annotation is a dataclass with options becomes these
        options, and the function is called with an instance. ``{options}`` in its docstring becomes a
        description of them.
    """

    def decorate(function: Callable[..., Result]) -> Callable[..., Result]:
        signature = inspect.signature(function)
        groups = {p.name: p.annotation for p in signature.parameters.values() if _is_group(p.annotation)}
        fields = {f.name: f for group in groups.values() for f in _fields(group, without)}
        own = [p for p in signature.parameters.values() if p.name not in groups]
        listed = [_parameter(f, first) for f in sorted(fields.values(), key=lambda f: f.name != first)]
        shown = signature.replace(parameters=[*listed, *own])

        @functools.wraps(function)
        def with_keywords(*args: Any, **kwargs: Any) -> Result:
            values = shown.bind(*args, **kwargs).arguments
            made = {name: _instance(group, values, without) for name, group in groups.items()}
            return function(**made, **values)

        with_keywords.__signature__ = shown  # type: ignore[attr-defined]
        described = [fields[p.name] for p in listed]
        with_keywords.__doc__ = _documented(function.__doc__, described, flags_of(groups.values()))
        return with_keywords

    return decorate


def _is_group(annotation: Any) -> bool:
    return dataclasses.is_dataclass(annotation) and bool(options_of(annotation))  # type: ignore[arg-type]


def _fields(group: type, without: Collection[str]) -> Iterator[Field]:
    """Yield the options of a group."""
    names = options_of(group).keys() - without
    yield from (field for field in dataclasses.fields(group) if field.name in names)


def _parameter(field: Field, first: str) -> inspect.Parameter:
    kinds = inspect.Parameter.POSITIONAL_OR_KEYWORD, inspect.Parameter.KEYWORD_ONLY
    kind = kinds[field.name != first]
    return inspect.Parameter(field.name, kind, default=field.default, annotation=field.type)


def _instance(group: type, values: dict[str, Any], without: Collection[str]) -> Any:
    """Make a group of the values of its options, which are taken out of ``values``."""
    given = {f.name: _value(f, values.pop(f.name)) for f in _fields(group, without) if f.name in values}
    return group(**given)


def _value(field: Field, value: Any) -> Any:
    """Return a value as the command line would have given it: a tuple of several, a path of a text."""
    if value is None:
        return field.default
    if option_of(field).number and isinstance(value, Integral):
        value = str(value)
    if get_origin(field.type) is not Sequence:
        return _single(field.name, _kind(field.type), value)
    several = [value] if isinstance(value, str) or not hasattr(value, "__iter__") else value
    return tuple(_single(field.name, get_args(field.type)[0], each) for each in several)


def _kind(annotation: Any) -> type:
    """Return the type of an option that may be None."""
    return next((each for each in get_args(annotation) if each is not type(None)), annotation)


def _single(name: str, kind: type, value: Any) -> Any:
    accepted, words = _TYPES[kind]
    if not isinstance(value, accepted) or (isinstance(value, bool) and kind is not bool):
        raise InputError(f"`{name}` takes {words}, got {repr(value)[:80]}")
    return kind(value)


def _documented(text: str | None, fields: Sequence[Field], flags: Mapping[str, str]) -> str:
    """Describe the options in a docstring: what the command line says of them, without its flags."""
    return (text or "").replace("{options}", "\n    ".join(_description(field, flags) for field in fields))


def _description(field: Field, flags: Mapping[str, str]) -> str:
    text = option_of(field).help.removesuffix(" May be repeated.")
    for name, flag in flags.items():
        text = re.sub(rf"(?<!\w){re.escape(flag)}(?![\w-])", f"``{name}``", text)
    kind, several = _kind(field.type), get_origin(field.type) is Sequence
    if several:
        kind = get_args(field.type)[0]
    default = ", optional" if several or field.default is None else f", default {field.default!s}"
    return f"{field.name} : {'sequence of ' if several else ''}{kind.__name__}{default}\n        {text}"
