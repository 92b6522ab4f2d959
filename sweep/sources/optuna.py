"""Reads Optuna studies, without writing to their storage."""

import json
from pathlib import Path
from typing import Any

from sweep.core.trial import TrialState
from sweep.errors import InputError, unknown
from sweep.sources.base import LOST, STOPPED, Source, home_expanded, several, table_of
from sweep.utils.database_urls import masked, sqlite_file, sqlite_lacks

SEPARATOR = "::"

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
    storage = _open(where)
    try:
        names = optuna.get_all_study_names(storage)
        if not separator or study_name not in names:
            raise unknown("study", study_name if separator else "", names, f"Name it: {masked(where)}::STUDY")
        study = optuna.load_study(study_name=study_name, storage=storage)
        return _source(study, name)
    except InputError:
        raise
    except Exception as error:
        raise _unreadable(where, error) from error


def _open(where: str) -> Any:
    """Open a storage. Anything else is refused first, because Optuna would turn it into a storage."""
    from optuna.storages import JournalStorage, RDBStorage
    from optuna.storages.journal import JournalFileBackend

    path = sqlite_file(where) if "://" in where else home_expanded(where)
    is_journal = "://" not in where and not _is_sqlite(path)
    if is_journal:
        _check_is_journal(path)
    elif path is not None:
        problem = sqlite_lacks(path, ("studies", "trials", "version_info", "alembic_version"))
        if problem:
            raise InputError(f"{masked(where)} is not an Optuna storage: {problem}")
    try:
        if is_journal:
            return JournalStorage(JournalFileBackend(str(path)))
        return RDBStorage(where if "://" in where else f"sqlite:///{path}", skip_table_creation=True)
    except Exception as error:
        raise _unreadable(where, error) from error


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


def _source(study: Any, name: str) -> Source:
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
        notes=_notes(trials, directions),
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
