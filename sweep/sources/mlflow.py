"""Reads MLflow experiments of other tools."""

from typing import Any

from sweep.core.trial import TrialState
from sweep.errors import InputError
from sweep.sources.base import LOST, STOPPED, Source, table_of

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
    from sweep.tracking.runs import read_runs

    runs = read_runs(experiment)
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
        cells |= {f"{kind}.{key}": value for key, value in run[kind].items()}
    return cells
