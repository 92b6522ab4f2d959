"""The command line: its entry point, and what becomes of errors."""

import io
import sys

from sweep.cli import results, run, status, submit, tune, watch  # noqa: F401 - each registers its commands
from sweep.cli.app import app
from sweep.cli.study import study
from sweep.cli.typer_options import with_flags
from sweep.console.output import plain_console
from sweep.errors import InputError

app.add_typer(study, name="study", epilog="Example: [bold]sweep study lengths --size 1mf[/bold]")


def main() -> None:
    """Run the command line. Wrong usage or input: one message, exit code 2. Ctrl-C: exit code 130."""
    _print_what_can_be_printed()
    try:
        _run()
    except KeyboardInterrupt:  # where no command takes it, such as while an error is told
        sys.exit(130)


def _run() -> None:
    try:
        app()
    except ValueError as error:
        if not _is_users(error):
            raise
        _fail(with_flags(str(error)))
    except OSError as error:  # a path that is too long, a folder that is another's, a full disk
        _fail(with_flags(str(error)))


def _print_what_can_be_printed() -> None:
    """Let a terminal or pipe without Unicode show ``?`` for a letter that it has not."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="replace")


def _fail(message: str) -> None:
    from rich.markup import escape

    plain_console(stderr=True).print("[red]Error:[/red]", escape(message))
    sys.exit(2)


def _is_users(error: ValueError) -> bool:
    if isinstance(error, InputError):
        return True
    from analysis.errors import AnalysisError
    from search_spaces.errors import SearchSpaceError

    return isinstance(error, SearchSpaceError | AnalysisError)
