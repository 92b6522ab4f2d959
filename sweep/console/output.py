"""Consoles, warnings and JSON."""

from rich.console import Console

_WIDE = 160
"""Letters in a line of a file or pipe: a table there is not squeezed into 80."""


def print_warnings(warnings: list[str]) -> None:
    """Print what a reader of the result must know."""
    for warning in warnings:
        plain_console(stderr=True).print("Warning:", warning, style="yellow", markup=False)


def plain_console(*, stderr: bool = False) -> Console:
    """Return a console that breaks lines between words on a terminal, and elsewhere not at all."""
    console = Console(stderr=stderr, highlight=False)
    if not console.is_terminal:
        console.soft_wrap, console.width = True, max(console.width, _WIDE)
    return console


def print_json(value: object) -> None:
    """Print a value as JSON; NaN and infinity are an error, as they are not JSON."""
    import json

    print(json.dumps(value, indent=1, allow_nan=False))
