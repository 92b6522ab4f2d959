"""Atomic file writes: a file exists in full or not at all, even after a power failure."""

import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

Contents = str | bytes | Callable[[BinaryIO], None]
"""Of a file; a function writes them itself, where they are too large to be held twice."""


def write_atomically(path: Path, contents: Contents) -> None:
    """Write or replace a file atomically."""
    with _written_aside(path, contents) as aside:
        aside.replace(path)
    sync_folder(path.parent)


def write_once(path: Path, contents: Contents) -> None:
    """Write a file unless it exists. If two processes write at once, one file is kept, complete."""
    with _written_aside(path, contents) as aside:
        try:
            os.link(aside, path)
        except FileExistsError:
            return
        except OSError:  # a file system without links
            aside.replace(path)
    sync_folder(path.parent)


@contextmanager
def _written_aside(path: Path, contents: Contents) -> Iterator[Path]:
    aside = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        with aside.open("wb") as file:
            if callable(contents):
                contents(file)
            else:
                file.write(contents.encode() if isinstance(contents, str) else contents)
            file.flush()
            os.fsync(file.fileno())
        yield aside
    finally:
        aside.unlink(missing_ok=True)


def sync_folder(folder: Path) -> None:
    """Flush a folder's entries to the disk: without its entry, a new file is lost."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def keep_aside(path: Path) -> Path:
    """Copy a damaged file to an unused name before it is rewritten; return the copy's path."""
    names = (path.with_name(f"{path.name}.damaged{number or ''}") for number in range(10_000))
    aside = next(name for name in names if not name.exists())
    shutil.copyfile(path, aside)
    return aside
