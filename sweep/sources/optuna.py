"""Reads Optuna studies, without writing to their storage."""

import json
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from sweep.core.trial import TrialState
from sweep.errors import InputError, unknown
from sweep.sources.base import LOST, STOPPED, Source, home_expanded, several, table_of
from sweep.utils.database_copies import private_copy
from sweep.utils.database_urls import shared_with_optuna, sqlite_file, sqlite_lacks
from sweep.utils.text import masked

SEPARATOR = "::"
_UPGRADE = """
import sys
from optuna.storages import RDBStorage
RDBStorage(sys.argv[1], skip_compatibility_check=True, skip_table_creation=True).upgrade()
"""

_STATES = {
    "COMPLETE": str(TrialState.FINISHED),
    "FAIL": LOST,  # also where the objective returned NaN
    "PRUNED": STOPPED,
    "RUNNING": str(TrialState.RUNNING),
    "WAITING": str(TrialState.PLANNED),
}


def read(address: str, name: str) -> Source:
    """Read a study.

    Parameters
    ----------
    address : str
        ``STORAGE::STUDY``; the storage is a database URL, or the path of a SQLite or journal file.
    name : str
        The source as the user named it.

    Raises
    ------
    InputError
        If storage or study does not exist, or the storage cannot be read.
    """
    import optuna

    optuna.logging.set_verbosity(optuna.logging.ERROR)
    where, separator, study_name = address.rpartition(SEPARATOR)
    where = where if separator else address
    with _opened(where) as (storage, notes):
        try:
            names = optuna.get_all_study_names(storage)
            if not separator or study_name not in names:
                named = f"Name it: {masked(where)}::STUDY"
                raise unknown("study", study_name if separator else "", names, named)
            study = optuna.load_study(study_name=study_name, storage=storage)
            return _source(study, name, notes)
        except InputError:
            raise
        except Exception as error:
            raise _unreadable(where, error) from error


@contextmanager
def _opened(where: str) -> Iterator[tuple[Any, tuple[str, ...]]]:
    """Open a storage to read, with notes on it. Of a SQLite file, a copy is opened.

    Anything else is refused first, because Optuna would turn it into a storage.
    """
    path = sqlite_file(where) if "://" in where else home_expanded(where)
    is_sqlite = "://" in where or _is_sqlite(path)
    if not is_sqlite:
        _check_is_journal(path)
        yield _open_journal(path, where), ()
    elif path is None:
        yield _open_server(where), ()
    else:
        _check_is_storage(path, where)
        with private_copy(path) as copy:
            yield _open_copy(copy, path, where)


def _check_is_storage(path: Path, where: str) -> None:
    problem = sqlite_lacks(path, ("studies", "trials", "version_info", "alembic_version"))
    if not problem:
        return
    if not sqlite_lacks(path, ("studies", "trials")):
        problem = (
            "it was written by Optuna 0.9 or earlier, which later versions cannot upgrade. Read it with that "
            "version, and export its trials_dataframe() as CSV"
        )
    raise InputError(f"{masked(where)} is not an Optuna storage that can be read: {problem}")


def _open_journal(path: Path | None, where: str) -> Any:
    from optuna.storages import JournalStorage
    from optuna.storages.journal import JournalFileBackend

    try:
        return JournalStorage(JournalFileBackend(str(path)))
    except Exception as error:
        raise _damaged(path, where) or _unreadable(where, error) from error


def _damaged(path: Path | None, where: str) -> InputError | None:
    """Name the first line of a journal that is none. Others after it may depend on what it said."""
    lines = path.read_bytes().splitlines() if path else []
    for number, line in enumerate(lines, start=1):
        try:
            json.loads(line)
        except (ValueError, RecursionError):
            return InputError(
                f"{masked(where)}, line {number} of {len(lines)} is no JSON: it was cut off, by a full disk "
                f"or a killed process. Optuna cannot read on there. To read what stands before it: "
                f"`head -n {number - 1} {masked(where)} > before.log`"
            )
    return None


def _open_server(where: str) -> Any:
    from optuna.storages import RDBStorage

    try:
        return RDBStorage(where, skip_table_creation=True)
    except Exception as error:
        if "storage upgrade" in str(error):
            raise InputError(
                f"{masked(where)} was written by an older Optuna. Upgrade it with `optuna storage upgrade "
                "--storage URL`, after a backup: older versions cannot read it then"
            ) from error
        raise _unreadable(where, error) from error


def _open_copy(copy: Path, path: Path, where: str) -> tuple[Any, tuple[str, ...]]:
    """Open a copy of a SQLite storage, upgraded to this Optuna's tables if it is older."""
    from optuna.storages import RDBStorage

    try:
        storage = RDBStorage(f"sqlite:///{copy}", skip_compatibility_check=True, skip_table_creation=True)
        found, wanted = storage.get_current_version(), storage.get_head_version()
        if found == wanted:
            return storage, ()
        _upgrade(copy)
        return storage, (f"{path} has the tables of an older Optuna ({found}): a copy was upgraded and read",)
    except Exception as error:
        if not sqlite_lacks(path, ("experiments", "runs")) and (told := shared_with_optuna(path)):
            raise InputError(f"{masked(where)} cannot be read as an Optuna storage: {told}") from error
        raise _unreadable(where, error) from error


def _upgrade(copy: Path) -> None:
    """Let Optuna upgrade a copy, in a process of its own, because that changes how a process logs."""
    command = [sys.executable, "-c", _UPGRADE, f"sqlite:///{copy}"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise RuntimeError(done.stderr.strip().rpartition("\n")[2] or "its tables cannot be upgraded")


def _is_sqlite(path: Path | None) -> bool:
    if path is None or not path.is_file():
        return False
    with path.open("rb") as file:
        return file.read(16) == b"SQLite format 3\0"


def _check_is_journal(path: Path | None) -> None:
    """Refuse anything but a journal file: Optuna would create one, or read another file as an empty one."""
    if path is None or not path.is_file():
        raise InputError(f"Optuna storage {path}: no such file")
    with path.open("rb") as file:
        first = file.readline(10_000)
    try:
        is_journal = "op_code" in json.loads(first)
    except (ValueError, TypeError, RecursionError):
        is_journal = False
    if not is_journal:
        raise InputError(f"{path} is neither a SQLite nor a journal file of Optuna")


def _unreadable(where: str, error: Exception) -> InputError:
    reason = (str(error).strip() or type(error).__name__).splitlines()[0][:300]
    return InputError(f"{masked(where)} cannot be read as an Optuna storage: {masked(reason)}")


def _source(study: Any, name: str, notes: tuple[str, ...]) -> Source:
    directions = [direction.name for direction in study.directions]
    trials = study.get_trials(deepcopy=False)
    if not trials:
        raise InputError(f"{name}: the study has no trials")
    cells = [_cells(trial, len(directions)) for trial in trials]
    rows = table_of(cells)
    measures = [c for c in rows.columns if not c.startswith("params_")]
    settings = [c for c in rows.columns if c.startswith(("params_", "user_attrs_", "study_"))]
    return Source(
        name=name,
        kind="Optuna study",
        rows=rows,
        ids=[str(trial.number) for trial in trials],
        settings=settings,
        measures=measures,
        states=[_STATES[trial.state.name] for trial in trials],
        maximize=directions[0] == "MAXIMIZE" if len(directions) == 1 else None,
        notes=(*notes, *_notes(trials, directions)),
    )


def _cells(trial: Any, objectives: int) -> dict[str, Any]:
    """Return a trial's cells, named as in Optuna's ``trials_dataframe``."""
    values = trial.values or [None] * objectives
    names = ["value"] if objectives == 1 else [f"values_{i}" for i in range(objectives)]
    return {
        **dict(zip(names, values, strict=True)),
        "wall_s": trial.duration.total_seconds() if trial.duration else None,
        **{f"params_{key}": value for key, value in trial.params.items()},
        **{f"user_attrs_{key}": value for key, value in trial.user_attrs.items()},
    }


def _notes(trials: list[Any], directions: list[str]) -> tuple[str, ...]:
    counts = {state: [t.state.name for t in trials].count(state) for state in _STATES}
    states = ", ".join(f"{count} {state}" for state, count in counts.items() if count)
    if counts["FAIL"]:
        states += "; Optuna's FAIL covers objectives that returned NaN and those that raised an error"
    return (f"Optuna's states: {states}; directions: {several(directions).lower()}",)
