"""Option groups: dataclasses whose fields are options of commands, and keywords of the Python API.

A group's fields say everything once: type, default, help, flag. `sweep.cli.typer_options` makes Typer's
options of them; `cli_args` writes a request as the words that a command would be given. Messages name a
parameter in backticks; on the command line `with_flags` shows its flag instead.
"""

import dataclasses
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

_KEY = "option"


@dataclass(frozen=True, kw_only=True, slots=True)
class Option:
    """What a command line needs to know of a field, beside its name, type and default."""

    help: str
    flag: str | None = None
    """By default the field's name: ``box_down`` is ``--box-down``. Two of a switch: ``--yes/--no``."""
    short: str | None = None
    """A flag of one letter."""
    metavar: str | None = None
    least: float | None = None
    variable: str | None = None
    """An environment variable that may hold the value."""
    number: bool = False
    """Whether it is a text that Python may give as a number."""
    panel: str | None = None
    """The part of the help that the option is listed in."""


def option(default: Any, help: str, **details: Any) -> Any:
    """Make a dataclass field that is an option; ``details`` are further fields of `Option`."""
    return dataclasses.field(default=default, metadata={_KEY: Option(help=help, **details)})


def option_of(field: "dataclasses.Field[Any]") -> Option:
    """Return what a field is as an option."""
    found = field.metadata[_KEY]
    assert isinstance(found, Option)
    return found


def options_of(group: type) -> dict[str, Option]:
    """Return the options among the fields of a group, by name."""
    return {f.name: option_of(f) for f in dataclasses.fields(group) if _KEY in f.metadata}


def flag_of(name: str, details: Option) -> str:
    """Return the flag of a field; a switch that is on or off has two, with a slash between them."""
    return details.flag or f"--{name.replace('_', '-')}"


def flags_of(groups: Iterable[type]) -> dict[str, str]:
    """Return the flag of each field of several groups, by the field's name."""
    return {name: flag_of(name, each) for group in groups for name, each in options_of(group).items()}


def with_flags(text: str, flags: Mapping[str, str]) -> str:
    """Name options in a message, which names parameters in backticks: `box_down` becomes --box-down."""
    return re.sub(r"`(\w+)`", lambda found: flags.get(found[1], found[0]), text)


def cli_args(request: Any, *groups: type, always: Iterable[str] = ()) -> list[str]:
    """Write a request as the words of a command line.

    Parameters
    ----------
    request : dataclass instance
        A request or an option group.
    *groups : type
        Only the options of these groups. Default: all that the request has.
    always : iterable of str
        Fields to be written even if they have their default.

    Returns
    -------
    list of str
        Flags and values, such as ``["--model", "resnet18", "--skip-corrupt"]``.
    """
    defaults = {field.name: field.default for field in dataclasses.fields(request)}
    words: list[str] = []
    for group in groups or (type(request),):
        for name, details in options_of(group).items():
            value = getattr(request, name)
            if value != defaults[name] or name in always:
                words += _words(flag_of(name, details), value)
    return words


def _words(flag: str, value: Any) -> list[str]:
    yes, _, no = flag.partition("/")
    if value is None or isinstance(value, bool):
        chosen = no if value is False else yes if value else ""
        return [chosen] if chosen else []
    values = [value] if isinstance(value, str) or not isinstance(value, Iterable) else value
    return [word for each in values for word in (yes, str(each))]
