"""Where log records go: into files while a driver works, and to the terminal if a user asks for it.

All loggers are named ``sweep.PACKAGE.MODULE``. URLs are written without user and password.
"""

import logging
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from sweep.utils.text import masked

_ROOT = logging.getLogger("sweep")
_ROOT.addHandler(logging.NullHandler())  # or Python prints warnings that nobody asked for
_FORMAT = "%(asctime)s %(levelname)s %(name)s: %(message)s"


class _Formatter(logging.Formatter):
    """Hides users and passwords, in tracebacks too."""

    def format(self, record: logging.LogRecord) -> str:
        return masked(super().format(record))


class _ToTerminal(logging.Handler):
    """Prints to what ``sys.stderr`` is just then: it changes while Ray runs, and while a bar is drawn."""

    def emit(self, record: logging.LogRecord) -> None:
        try:
            print(self.format(record), file=sys.stderr)
        except Exception:  # stderr is closed: no reason to end a run
            self.handleError(record)


def print_log() -> None:
    """Print all log records on stderr from now on, each epoch's among them."""
    handler = _ToTerminal()
    handler.setFormatter(_Formatter(_FORMAT))
    _ROOT.addHandler(handler)
    _ROOT.setLevel(logging.DEBUG)


@contextmanager
def logged_to(files: Mapping[str, Path]) -> Iterator[None]:
    """Append log records to files while this context lasts.

    Parameters
    ----------
    files : mapping of str to Path
        Name of a sweep or search → its file. A record with an ``extra`` attribute ``sweep`` goes only to the
        file of that name, all others go to each.
    """
    handlers = [_file_handler(name, path) for name, path in files.items()]
    before = _ROOT.level
    _ROOT.setLevel(min(before or logging.INFO, logging.INFO))
    for handler in handlers:
        _ROOT.addHandler(handler)
    try:
        yield
    finally:
        _ROOT.setLevel(before)
        for handler in handlers:
            _ROOT.removeHandler(handler)
            handler.close()


def _file_handler(name: str, path: Path) -> logging.Handler:
    handler = logging.FileHandler(path, encoding="utf-8", errors="backslashreplace")
    handler.setFormatter(_Formatter(_FORMAT))
    handler.setLevel(logging.INFO)
    handler.addFilter(lambda record: getattr(record, "sweep", name) == name)
    return handler
