"""Reads MLflow's file store (``mlruns/``) as it lies on the disk. MLflow itself no longer opens it."""

import math
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlparse

import yaml  # type: ignore[import-untyped]

from sweep.errors import InputError, unknown

META = "meta.yaml"
_STATUSES = {1: "RUNNING", 2: "SCHEDULED", 3: "FINISHED", 4: "FAILED", 5: "KILLED"}
"""MLflow's numbers of a run's status."""
_UNKNOWN = "UNKNOWN"
_PARENT = "mlflow.parentRunId"


def folder_of(uri: str) -> Path | None:
    """Return the folder of a tracking URI that names a file store; None for any other URI."""
    if uri.startswith("file:"):
        return Path(unquote(urlparse(uri).path))
    return None if ":" in uri else Path(uri)


def is_store(folder: Path) -> bool:
    """Return whether a folder is a file store, or an experiment of one."""
    return any(folder.glob(f"*/{META}"))


def read_store(folder: Path, experiment: str | None) -> list[dict[str, Any]]:
    """Read the active runs of an experiment, as `sweep.tracking.runs.read_runs` does.

    Parameters
    ----------
    folder : Path
        The store, or one experiment in it.
    experiment : str, optional
        The name or id of the experiment. None: the only one with runs.

    Raises
    ------
    InputError
        If there is no such experiment, several have runs, or a file is damaged.
    """
    if (folder / META).is_file() and "experiment_id" in _meta(folder):
        return _runs(folder)
    experiments, damaged = _experiments(folder)
    named = {str(meta["name"]): path for path, meta in experiments}
    by_id = {path.name: path for path in named.values()}
    if experiment is not None:
        if not (chosen := named.get(experiment) or by_id.get(experiment)):
            unread = f" {', '.join(map(str, damaged))} cannot be read." if damaged else ""
            raise unknown("MLflow experiment", experiment, list(named), f"Looked for at {folder}.{unread}")
        return _runs(chosen)
    filled = {name: path for name, path in named.items() if any(path.glob(f"*/{META}"))}
    if len(filled) != 1:
        names = list(filled or named)
        raise unknown("MLflow experiment", "", names, f"Name it: {folder}::EXPERIMENT.")
    return _runs(next(iter(filled.values())))


def _experiments(folder: Path) -> tuple[list[tuple[Path, dict[str, Any]]], list[Path]]:
    """Return the experiments, and those that are damaged: as in MLflow, these are in nobody's way."""
    experiments, damaged = [], []
    for path in sorted(folder.glob(f"*/{META}")):
        try:
            meta = _meta(path.parent)
        except InputError:
            damaged.append(path)
            continue
        if _is_active(meta) and "name" in meta:
            experiments.append((path.parent, meta))
    return experiments, damaged


def _runs(experiment: Path) -> list[dict[str, Any]]:
    found = [path.parent for path in sorted(experiment.glob(f"*/{META}"))]
    runs = [_run(path, meta) for path in found if _is_active(meta := _meta_of_run(path))]
    return sorted(runs, key=lambda run: run["start"])


def _meta_of_run(folder: Path) -> dict[str, Any]:
    """Read a run's status and times; one that was killed while it wrote them has none, and ended badly."""
    try:
        return _meta(folder)
    except InputError:
        return {"status": _UNKNOWN}


def _is_active(meta: dict[str, Any]) -> bool:
    return meta.get("lifecycle_stage", "active") == "active"


def _run(folder: Path, meta: dict[str, Any]) -> dict[str, Any]:
    tags = _texts(folder / "tags")
    start, end = meta.get("start_time"), meta.get("end_time")
    status = meta.get("status")
    return {
        "id": folder.name,
        "experiment": str(meta.get("experiment_id", folder.parent.name)),
        "status": _STATUSES.get(status, str(status)) if isinstance(status, int) else str(status),
        "parent": tags.get(_PARENT),
        "start": start or 0,
        "wall_s": (end - start) / 1000 if start and end else None,
        "params": _texts(folder / "params"),
        "metrics": {name: _last(folder / "metrics" / name) for name in _names(folder / "metrics")},
        "tags": tags,
    }


def _names(folder: Path) -> list[str]:
    """Return the names of what a run logged: a slash in a name is a folder on the disk."""
    return [path.relative_to(folder).as_posix() for path in sorted(folder.rglob("*")) if path.is_file()]


def _texts(folder: Path) -> dict[str, str]:
    return {name: _text(folder / name).rstrip("\n") for name in _names(folder)}


def _last(path: Path) -> float:
    """Return a metric's last value: of the greatest step, then of the latest time, as MLflow does."""
    try:
        rows = [line.split() for line in _text(path).splitlines() if line.strip()]
        logged = [(int(row[2]) if len(row) > 2 else 0, int(row[0]), float(row[1])) for row in rows]
    except (ValueError, IndexError) as error:
        raise InputError(f"{path} is no metric of MLflow, or damaged: {error}") from error
    return max(logged, key=lambda entry: entry[:2])[2] if logged else math.nan


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8", errors="replace")
    except OSError as error:
        raise InputError(f"{path} cannot be read: {error.strerror or error}") from error


def _meta(folder: Path) -> dict[str, Any]:
    try:
        meta = yaml.safe_load(_text(folder / META))
    except yaml.YAMLError as error:
        raise InputError(f"{folder / META} is damaged: {str(error).splitlines()[0]}") from error
    if not isinstance(meta, dict):
        raise InputError(f"{folder / META} is damaged: it holds no names and values")
    return meta
