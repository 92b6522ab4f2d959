"""Checks database URLs before a library opens them: opening may create or alter the database."""

import sqlite3
from collections.abc import Iterable
from contextlib import ExitStack, closing, suppress
from pathlib import Path

from sweep.utils.database_copies import private_copy


def sqlite_file(url: str) -> Path | None:
    """Return the file of a SQLite URL; None for any other URL."""
    from sqlalchemy.engine import make_url
    from sqlalchemy.exc import ArgumentError

    try:
        parsed = make_url(url)
    except (ArgumentError, ValueError):
        return None
    return Path(parsed.database) if parsed.get_backend_name() == "sqlite" and parsed.database else None


def sqlite_lacks(path: Path, tables: Iterable[str]) -> str | None:
    """Return why a file is not a SQLite database with these tables; None if it is. Opens it read-only."""
    if not path.is_file():
        return f"there is no file {path}"
    try:
        lacking = sorted(set(tables) - sqlite_tables(path))
    except sqlite3.Error as error:
        return f"{path}: {error}"
    return f"{path} has no table {', '.join(lacking)}" if lacking else None


def sqlite_tables(path: Path) -> set[str]:
    """Return the names of a SQLite file's tables. Writes nothing, not even beside it."""
    has_log = Path(f"{path}-wal").exists()  # opening it, a reader would write an index beside it
    with ExitStack() as stack:
        file = stack.enter_context(private_copy(path)) if has_log else path
        uri = f"{file.resolve().as_uri()}?mode=ro"
        database = stack.enter_context(closing(sqlite3.connect(uri, uri=True)))
        return {name for (name,) in database.execute("select name from sqlite_master where type = 'table'")}


def shared_with_optuna(path: Path) -> str | None:
    """Return why a SQLite file cannot be MLflow's too, if Optuna has its tables there; None if it has not.

    Both keep the version of their tables in ``alembic_version``, so that each takes it for its own.
    """
    with suppress(sqlite3.Error):
        if path.is_file() and {"studies", "trials", "version_info"} <= sqlite_tables(path):
            return (
                f"{path} is a storage of Optuna. Optuna and MLflow keep the version of their tables in one "
                "place, so one file cannot hold both: give each a file of its own"
            )
    return None
