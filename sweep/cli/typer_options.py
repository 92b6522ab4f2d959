"""From option groups to Typer's options, and back from parameters in messages to flags."""

import dataclasses
import functools
import inspect
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any, get_args, get_origin

import typer
from typer.models import OptionInfo

from sweep.utils import option_groups
from sweep.utils.logs import print_log
from sweep.utils.option_groups import Option, flag_of, flags_of, options_of

Out = Annotated[Path, typer.Option("--out", "-o", help="File to write; its suffix decides the format.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON.")]
Verbose = Annotated[
    bool, typer.Option("--verbose", help="Print on stderr what is done, and with it each epoch's result.")
]
Confidence = Annotated[float, typer.Option(help="Of every interval and band, between 0 and 1.")]

_VERBOSE = inspect.Parameter("verbose", inspect.Parameter.KEYWORD_ONLY, default=False, annotation=Verbose)

_FLAGS: dict[str, str] = {}
"""The flag of each parameter of all commands, which register here."""


def takes_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Give a command the options of the groups that its parameters are annotated with.

    A parameter whose annotation is a dataclass with options becomes these options; the command is called with
    an instance. All others stay Typer's own. One that trains, which takes resources, has ``--verbose``, too.
    """
    parameters = inspect.signature(command).parameters
    groups = {name: p.annotation for name, p in parameters.items() if _is_group(p.annotation)}

    @functools.wraps(command)
    def with_options(**given: Any) -> Any:
        if given.pop("verbose", False):
            print_log()
        made = {name: _instance(group, given) for name, group in groups.items()}
        return command(**made, **given)

    listed = [each for p in parameters.values() for each in _expanded(p)]
    if "resources" in groups:
        listed.append(_VERBOSE)
    with_options.__signature__ = inspect.Signature(listed)  # type: ignore[attr-defined]
    _FLAGS.update(flags_of(groups.values()))
    _FLAGS.update({p.name: flag for p in listed if (flag := _own_flag(p)) and p.name not in _FLAGS})
    return with_options


def check_options(command: Callable[..., Any], given: Mapping[str, Any]) -> None:
    """Check the values of a command's options, without calling it.

    Raises
    ------
    InputError
        If a group of options refuses one.
    """
    for parameter in inspect.signature(inspect.unwrap(command)).parameters.values():
        if _is_group(group := parameter.annotation):
            _instance(group, {name: given.get(name) for name in options_of(group)})


def with_flags(text: str) -> str:
    """Name the flags of options in a message that names parameters."""
    return option_groups.with_flags(text, _FLAGS)


def _own_flag(parameter: inspect.Parameter) -> str | None:
    """Return the flag of a parameter that is Typer's own option."""
    for details in get_args(parameter.annotation)[1:]:
        if isinstance(details, OptionInfo):
            return (details.param_decls or [f"--{parameter.name.replace('_', '-')}"])[0]
    return None


def _is_group(annotation: Any) -> bool:
    return dataclasses.is_dataclass(annotation) and bool(options_of(annotation))  # type: ignore[arg-type]


def _instance(group: type, given: dict[str, Any]) -> Any:
    """Make a group of the values of its options, which are taken out of ``given``."""
    values = {name: given.pop(name) for name in options_of(group)}
    fixed = {name: tuple(value) if isinstance(value, list) else value for name, value in values.items()}
    return group(**{name: value for name, value in fixed.items() if value is not None})


def _expanded(parameter: inspect.Parameter) -> Sequence[inspect.Parameter]:
    if _is_group(parameter.annotation):
        return _parameters(parameter.annotation)
    return [parameter.replace(kind=inspect.Parameter.KEYWORD_ONLY)]


@functools.cache  # several commands have the same group, and each start of `sweep` makes all commands
def _parameters(group: type) -> Sequence[inspect.Parameter]:
    details = options_of(group)
    fields = dataclasses.fields(group)
    return [_parameter(field, details[field.name]) for field in fields if field.name in details]


def _parameter(field: dataclasses.Field[Any], details: Option) -> inspect.Parameter:
    """Return a field as a parameter that Typer understands."""
    several = get_origin(field.type) is Sequence
    kind = list[get_args(field.type)[0]] | None if several else field.type  # type: ignore[misc]
    flags = filter(None, [flag_of(field.name, details), details.short])
    made = typer.Option(
        *flags,
        help=details.help,
        metavar=details.metavar,
        min=details.least,
        envvar=details.variable,
        rich_help_panel=details.panel,
    )
    return inspect.Parameter(
        field.name,
        inspect.Parameter.KEYWORD_ONLY,
        annotation=Annotated[kind, made],
        default=None if several else field.default,
    )
