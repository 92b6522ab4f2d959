"""Writes `sweep/__init__.pyi`: what type checkers and editors see of the Python API.

They cannot see the keywords that `takes_keywords` gives a function. ``make stub`` writes the file, from the
same option groups.
"""

import inspect
import re
import textwrap
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import is_dataclass
from pathlib import Path
from typing import Any, get_args, get_origin

import sweep
from sweep.utils.option_groups import Option, options_of

FILE = Path(sweep.__file__).with_suffix(".pyi")
FUNCTIONS = (sweep.run_sweep, sweep.find_optimum, sweep.read_trials)
WIDTH = 110
HEAD = '''\
"""The Python API with its keywords, for type checkers and editors.

Made of the option groups by ``make stub``; do not edit.
"""

import os
from collections.abc import Iterable

import pandas as pd

from sweep.driver.api import SearchResult as SearchResult
from sweep.driver.api import SweepResult as SweepResult
from sweep.driver.events import OnEvent

__all__ = {names}
'''


def stub() -> str:
    """Return what the file should contain."""
    names = str(sorted(sweep.__all__)).replace("'", '"')
    return "\n".join([HEAD.format(names=names), *map(_function, FUNCTIONS)])


def _function(function: Callable[..., Any]) -> str:
    signature = inspect.signature(function)
    groups = [each.annotation for each in inspect.signature(function.__wrapped__).parameters.values()]
    details = {
        name: each for group in filter(is_dataclass, groups) for name, each in options_of(group).items()
    }
    returned = _name(signature.return_annotation)
    head = [f"def {function.__name__}(", *_parameters(signature, details), f") -> {returned}:"]
    return "\n".join([*head, *_docstring(function.__doc__ or ""), ""])


def _parameters(signature: inspect.Signature, details: Mapping[str, Option]) -> list[str]:
    """Return a line of each parameter; only the first may be given without its name."""
    first, *others = [_parameter(each, details.get(each.name)) for each in signature.parameters.values()]
    return [first, "    *,", *others]


def _parameter(parameter: inspect.Parameter, details: Option | None) -> str:
    kinds = ["int"] if details and details.number else []
    accepted = " | ".join(kinds + _accepted(parameter.annotation))
    return f"    {parameter.name}: {accepted} = {_default(parameter.default)},"


def _accepted(annotation: Any) -> list[str]:
    """Return the types of what is accepted, which is more than what an option group holds."""
    if get_origin(annotation) is Sequence:
        (one,) = map(_name, get_args(annotation))
        return [one, f"Iterable[{one}]"]
    return [_name(each) for each in get_args(annotation) or [annotation]]


def _name(kind: type | str) -> str:
    if isinstance(kind, str):
        return kind  # written as text, for it is not imported
    return {Path: "str | os.PathLike[str]", type(None): "None"}.get(kind, kind.__name__)


def _default(value: Any) -> str:
    text = repr(str(value) if isinstance(value, Path) else value)
    return re.sub(r"^'(.*)'$", r'"\1"', text)


def _docstring(text: str) -> Iterator[str]:
    lines = text.strip().splitlines()
    yield f'    """{lines[0]}'
    for line in lines[1:]:
        indent = line[: len(line) - len(line.lstrip())]
        yield from textwrap.wrap(line, WIDTH, initial_indent="", subsequent_indent=indent) or [""]
    yield '    """'


if __name__ == "__main__":
    FILE.write_text(stub())
