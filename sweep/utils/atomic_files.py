"""Files that are there whole or not at all, also after the power fails."""

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


def write_atomically(path: Path, contents: str) -> None:
    """Write a text file so that it is there whole or not at all."""
    with _written_aside(path, contents) as aside:
        aside.replace(path)
    sync_folder(path.parent)


def write_once(path: Path, contents: str) -> None:
    """Write a text file unless it is there; of two that do so at once, one is kept, whole."""
    with _written_aside(path, contents) as aside:
        try:
            os.link(aside, path)
        except FileExistsError:
            return
        except OSError:  # a file system without links
            aside.replace(path)
    sync_folder(path.parent)


@contextmanager
def _written_aside(path: Path, contents: str) -> Iterator[Path]:
    aside = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        with aside.open("w") as file:
            file.write(contents)
            file.flush()
            os.fsync(file.fileno())
        yield aside
    finally:
        aside.unlink(missing_ok=True)


def sync_folder(folder: Path) -> None:
    """Bring a folder's entries through to the disk: a new file is lost with its entry."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def keep_aside(path: Path) -> Path:
    """Copy a damaged file, before it is written anew, to a name that is free; return that."""
    names = (path.with_name(f"{path.name}.damaged{number or ''}") for number in range(10_000))
    aside = next(name for name in names if not name.exists())
    shutil.copyfile(path, aside)
    return aside
