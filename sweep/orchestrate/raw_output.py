"""Keeps what Ray prints by itself off the terminal: it goes to the driver's log.

Ray's libraries in C++ write straight to file descriptor 2, past Python; its driver prints what is wrong with
the cluster to ``sys.stdout``; its Python part has a logger with a handler of its own.
"""

import io
import logging
import os
import re
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TextIO

_log = logging.getLogger(__name__)


@contextmanager
def raw_stderr_to(path: Path | None) -> Iterator[None]:
    """Append to a file what is written to file descriptor 2, but for what Python writes to ``sys.stderr``.

    Processes that are started meanwhile inherit the file. With None nothing is changed.
    """
    if path is None:
        yield
        return
    before, terminal = sys.stderr, os.dup(2)
    before.flush()
    ours = None
    try:
        if _is_standard_error(before):
            ours = sys.stderr = _opened(terminal, before)
        _point_to(path)
        yield
    finally:
        sys.stderr.flush()
        sys.stderr = before
        os.dup2(terminal, 2)
        if ours:
            ours.close()  # who kept it gets an error, and does not write into another file of that number
        os.close(terminal)


def _opened(handle: int, like: TextIO) -> TextIO:
    return open(handle, "w", buffering=1, encoding=like.encoding, errors=like.errors, closefd=False)


def _is_standard_error(stream: TextIO) -> bool:
    """Say whether a stream is the real one: that of a notebook or a test is not."""
    try:
        return stream.fileno() == 2
    except (OSError, ValueError, AttributeError, io.UnsupportedOperation):
        return False


def _point_to(path: Path) -> None:
    file = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o644)
    os.dup2(file, 2)
    os.close(file)


@contextmanager
def ray_logged(warn: Callable[[str], None]) -> Iterator[None]:
    """Log what Ray's Python part would print: to be called once Ray has started.

    ``warn`` is called with the first sentence, once: Ray ends this process by itself some time after it has
    lost the daemon (raylet) of this machine.
    """
    from ray._private import worker

    told: set[str] = set()

    def log_lines(data: dict[str, Any], *_: Any, **__: Any) -> None:
        text = "\n".join(map(str, data.get("lines", [])))
        _log.warning("%s", text)
        sentence = re.split(r"(?<=\.)\s|\n", text.strip(), maxsplit=1)[0][:300]
        if sentence not in told:
            told.add(sentence)
            warn(sentence)

    logger, printing = logging.getLogger("ray"), getattr(worker, "print_to_stdstream", None)
    handlers = logger.handlers[:]
    logger.handlers[:] = [_PassOn()]
    if printing:
        worker.print_to_stdstream = log_lines
    try:
        yield
    finally:
        logger.handlers[:] = handlers
        if printing:
            worker.print_to_stdstream = printing


class _PassOn(logging.Handler):
    """Passes Ray's records on to our own logger."""

    def emit(self, record: logging.LogRecord) -> None:
        _log.handle(record)
