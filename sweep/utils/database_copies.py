"""Copies of SQLite files to read: even a reader may write to a database, and upgrading one changes it."""

import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from sweep.errors import InputError

_SUFFIXES = ("", "-wal", "-journal")
"""Of a database's files: itself, and what has not been written into it yet."""
_TRIES = 5


@contextmanager
def private_copy(file: Path) -> Iterator[Path]:
    """Copy a SQLite file, with what has not been written into it yet, for as long as this context lasts.

    Raises
    ------
    InputError
        If it cannot be copied, or other programs write to it all the time.
    """
    with tempfile.TemporaryDirectory(prefix="sweep-copy-", ignore_cleanup_errors=True) as folder:
        copy = Path(folder) / "copy.db"
        try:
            for _ in range(_TRIES):
                before = _stamps(file)
                for suffix in before:
                    shutil.copyfile(f"{file}{suffix}", f"{copy}{suffix}")
                if _stamps(file) == before:
                    break
            else:
                raise InputError(f"{file} is being written to: try again once its study or runs have ended")
        except OSError as error:
            raise InputError(f"{file} cannot be read: {error.strerror or error}") from error
        yield copy


def _stamps(file: Path) -> dict[str, tuple[int, int]]:
    """Return which of a database's files exist, with their size and time of change."""
    found = {suffix: Path(f"{file}{suffix}") for suffix in _SUFFIXES}
    stats = {suffix: path.stat() for suffix, path in found.items() if path.exists()}
    return {suffix: (stat.st_size, stat.st_mtime_ns) for suffix, stat in stats.items()}
