"""MLflow's SQLite database: created whole or not at all, and replaced where its creation was cut off.

MLflow itself creates it in some fifty steps, which take seconds. If it is killed in between, it can neither
continue nor start again.
"""

import sqlite3
import tempfile
import time
from contextlib import closing
from pathlib import Path

from filelock import FileLock
from mlflow import MlflowClient

from sweep.errors import InputError
from sweep.utils.atomic_files import keep_aside, write_atomically, write_once
from sweep.utils.database_urls import shared_with_optuna, sqlite_file

_DEFAULT_EXPERIMENT = 0
_OWN_TABLES = ("alembic_version", "workspaces")
"""The tables that have rows in a new database, apart from the default experiment."""
_SETTLED_S, _PATIENCE_S = 3.0, 10
"""A database that was written to so recently may be one that another program is creating."""


def holds_nothing(uri: str) -> bool:
    """Say whether an address is that of a SQLite file that is missing, or has no runs or experiments yet."""
    file = _file(uri)
    return file is not None and _is_empty(file)


def prepare(uri: str) -> str | None:
    """Create the database of an address, if it is a SQLite file that is missing or half-made.

    Returns
    -------
    str or None
        What was wrong with a file that was replaced.

    Raises
    ------
    InputError
        If the file is another program's, or is being created by one.
    """
    file = _file(uri)
    if file and (problem := shared_with_optuna(file)):
        raise InputError(f"MLflow at {uri}: {problem}. MLFLOW_TRACKING_URI says which file is MLflow's.")
    if file is None or not _is_empty(file):
        return None
    file.parent.mkdir(parents=True, exist_ok=True)
    with FileLock(file.with_name(f".{file.name}.lock")):
        return _create(file) if _is_empty(file) else None


def _file(uri: str) -> Path | None:
    file = sqlite_file(uri)
    return None if file is None or str(file).startswith((":memory:", "file:")) else file


def _create(file: Path) -> str | None:
    new = _new_database()
    if not file.exists():
        write_once(file, new)
        return None
    if not file.stat().st_size:
        write_atomically(file, new)
        return None
    if not _is_settled(file):
        raise InputError(f"{file} is being created by another program. Try again once it is done.")
    if not _is_empty(file) or _schema(file) == _schema_of(new):
        return None
    aside = keep_aside(file)
    for suffix in ("-journal", "-wal", "-shm"):  # of the file that goes: they would be applied to the new one
        file.with_name(file.name + suffix).unlink(missing_ok=True)
    write_atomically(file, new)
    return (
        f"{file} held no runs, and its creation had been cut off. It is created anew; as it was, it is "
        f"{aside.name}."
    )


def _new_database() -> bytes:
    """Return the contents of a new database, which MLflow creates in a folder for temporary files."""
    with tempfile.TemporaryDirectory(prefix="sweep-mlflow-", ignore_cleanup_errors=True) as folder:
        file = Path(folder) / "mlflow.db"
        MlflowClient(f"sqlite:///{file}").search_experiments(max_results=1)
        with closing(sqlite3.connect(file)) as database:
            return database.serialize()


def _is_settled(file: Path) -> bool:
    """Wait until nobody creates the database, such as an `mlflow server` that was just started."""
    for _ in range(_PATIENCE_S * 10):
        if not _is_empty(file) or time.time() - file.stat().st_mtime > _SETTLED_S:
            return True
        time.sleep(0.1)
    return False


def _is_empty(file: Path) -> bool:
    """Say whether a file is missing, or a database without anything that a user put there."""
    if not file.exists():
        return True
    try:
        with closing(sqlite3.connect(file)) as database:
            return not any(_holds_rows(database, table) for (table,) in database.execute(_TABLES).fetchall())
    except sqlite3.Error:  # not a database, or locked: MLflow says so
        return False


_TABLES = "select name from sqlite_master where type = 'table' and name not like 'sqlite_%'"


def _holds_rows(database: sqlite3.Connection, table: str) -> bool:
    if table in _OWN_TABLES:
        return False
    where = f"where experiment_id != {_DEFAULT_EXPERIMENT}" if table == "experiments" else ""
    return database.execute(f'select exists (select 1 from "{table}" {where})').fetchone() == (1,)


def _schema(file: Path) -> set[tuple[str, str]]:
    with closing(sqlite3.connect(file)) as database:
        return _schema_in(database)


def _schema_of(contents: bytes) -> set[tuple[str, str]]:
    with closing(sqlite3.connect(":memory:")) as database:
        database.deserialize(contents)
        return _schema_in(database)


def _schema_in(database: sqlite3.Connection) -> set[tuple[str, str]]:
    """Return the columns of all tables, and the revision of the schema."""
    columns = database.execute(
        "select m.name, c.name from sqlite_master m join pragma_table_info(m.name) c where m.type = 'table'"
    )
    found = {(table, column) for table, column in columns}
    if ("alembic_version", "version_num") in found:
        found |= {("", row[0]) for row in database.execute("select version_num from alembic_version")}
    return found
