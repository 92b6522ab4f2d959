"""Reads MLflow experiments of other tools."""

import math
import sys
from pathlib import Path
from typing import Any

from sweep.core.trial import TrialState
from sweep.errors import InputError
from sweep.sources import mlruns
from sweep.sources.base import LOST, STOPPED, Source, table_of

_ALMOST = 1 - 1e-9
"""Some databases round what MLflow writes for an infinite value."""
_STATES = {
    "FINISHED": TrialState.FINISHED,
    "FAILED": TrialState.FAILED,
    "KILLED": TrialState.FAILED,
    "RUNNING": TrialState.RUNNING,
    "SCHEDULED": TrialState.PLANNED,
}


def read(experiment: str, name: str) -> Source:
    """Read the active runs of an experiment on the server or in the folder of MLFLOW_TRACKING_URI.

    Raises
    ------
    InputError
        If the server, the folder or the experiment does not exist, or the experiment has no runs.
    """
    return _source(_runs_of(experiment), name)


def read_folder(folder: Path, experiment: str | None, name: str) -> Source:
    """Read the active runs of an experiment in a folder that MLflow's file store wrote.

    Raises
    ------
    InputError
        If there is no such experiment, several could be meant, or it has no runs.
    """
    return _source(mlruns.read_store(folder, experiment), name)


def _runs_of(experiment: str) -> list[dict[str, Any]]:
    from sweep.tracking.runs import read_runs, tracking_uri

    folder = mlruns.folder_of(tracking_uri())
    if folder is not None and mlruns.is_store(folder):
        return mlruns.read_store(folder, experiment)
    return read_runs(experiment, copied=True)


def _source(runs: list[dict[str, Any]], name: str) -> Source:
    parents = {run["parent"] for run in runs}
    trials = [run for run in runs if run["id"] not in parents]
    if not trials:
        raise InputError(f"{name}: the experiment has no runs")
    rows = table_of(_cells(run) for run in trials)
    parent_runs = len(runs) - len(trials)
    return Source(
        name=name,
        kind="MLflow experiment",
        rows=rows,
        ids=[run["id"] for run in trials],
        settings=[column for column in rows.columns if not column.startswith("metrics.")],
        measures=[column for column in rows.columns if column.startswith("metrics.")] + ["wall_s"],
        states=[_state(run) for run in trials],
        notes=(f"{parent_runs} parent runs are no trials: their child runs are",) if parent_runs else (),
    )


def _state(run: dict[str, Any]) -> str:
    """Return a run's state. Runs of `sweep run` store it in a tag, because MLflow has no diverged state."""
    ours = run["tags"].get("sweep.state")
    if ours == TrialState.PRUNED:
        return STOPPED
    return ours if ours in set(TrialState) else str(_STATES.get(run["status"], LOST))


def _cells(run: dict[str, Any]) -> dict[str, Any]:
    """Return a run's cells, named as in ``mlflow.search_runs``."""
    cells = {"wall_s": run["wall_s"]}
    for kind in ("params", "metrics", "tags"):
        cells |= {f"{kind}.{key}": _value(value) for key, value in run[kind].items()}
    return cells


def _value(value: Any) -> Any:
    """Return a value as it was logged: MLflow's databases keep an infinite one as the greatest float."""
    if isinstance(value, float) and abs(value) >= sys.float_info.max * _ALMOST:
        return math.copysign(math.inf, value)
    return value
