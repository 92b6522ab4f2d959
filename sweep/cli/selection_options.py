"""The options of all commands that read trials, and what is printed of the trials before the results."""

import functools
import inspect
from collections.abc import Callable
from typing import Any

from sweep.cli.typer_options import takes_options, with_flags
from sweep.console.output import plain_console
from sweep.results.selection import TrialOptions, Trials, choose


def takes_trials(command: Callable[..., None], *, optima: bool = False) -> Callable[..., None]:
    """Give a command the options that choose trials; it is called with the `Trials` as its first argument.

    It calls `print_notes` before it prints anything, once nothing is left that could be refused. Sweeps
    without points are left out, unless ``optima`` is set.
    """
    first, *own = inspect.signature(command).parameters.values()

    @functools.wraps(command)
    def with_trials(**given: Any) -> None:
        trials = choose(given.pop(first.name))
        command(trials if optima else trials.with_points(), **given)

    listed = [*own, first.replace(annotation=TrialOptions)]
    by_name = [p.replace(kind=inspect.Parameter.KEYWORD_ONLY) for p in listed]
    with_trials.__signature__ = inspect.Signature(by_name)  # type: ignore[attr-defined]
    return takes_options(with_trials)


takes_all_trials = functools.partial(takes_trials, optima=True)


def print_notes(trials: Trials) -> None:
    """Print what a reader must know before anything is shown that depends on it."""
    for line in trials.notes:
        _print_note(with_flags(line))


def _print_note(line: str) -> None:
    plain_console(stderr=True).print(line, style="dim", markup=False)
