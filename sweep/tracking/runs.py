"""Reading the runs of an MLflow experiment, whoever wrote them."""

import re
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from typing import Any

from mlflow import MlflowClient, get_tracking_uri
from mlflow.store.db.utils import _get_latest_schema_revision, _get_schema_version, _upgrade_db
from sqlalchemy import create_engine

from sweep.errors import InputError, unknown
from sweep.tracking import tags
from sweep.tracking.client import all_runs, check_is_there, quieten, usable
from sweep.utils.database_copies import private_copy
from sweep.utils.database_urls import sqlite_file
from sweep.utils.text import masked

LOCAL_UI = "http://127.0.0.1:5000"
"""Where `sweep ui` listens by default."""


def tracking_uri() -> str:
    """Return where MLflow's runs are: MLFLOW_TRACKING_URI, or MLflow's default."""
    return str(get_tracking_uri())


def read_runs(experiment: str, *, copied: bool = False) -> list[dict[str, Any]]:
    """Read the active runs of an experiment, whoever wrote it. Nothing is written.

    Parameters
    ----------
    experiment : str
        Its name.
    copied : bool
        Whether to read a copy of a SQLite file, upgraded if an older MLflow wrote it.

    Returns
    -------
    list of dict
        Of each run its id, its experiment's, its parent's (None without one), status, wall_s, and params,
        metrics (the last value of each) and tags.

    Raises
    ------
    InputError
        If MLflow cannot be read, or has no such experiment.
    """
    uri = get_tracking_uri()
    quieten()
    check_is_there(uri)
    with usable(uri), _copied(uri) if copied else nullcontext(uri) as opened:
        client = MlflowClient(opened)
        found = client.get_experiment_by_name(experiment)
        if found is None:
            names = [known.name for known in client.search_experiments(max_results=1000)]
            raise unknown("MLflow experiment", experiment, names, f"Looked for at {masked(uri)}.")
        return [_run(run) for run in all_runs(client, found.experiment_id, "")]


@contextmanager
def _copied(uri: str) -> Iterator[str]:
    """Copy the SQLite file of an address, and upgrade the copy; other addresses stay as they are."""
    file = sqlite_file(uri)
    if file is None:
        yield uri
        return
    with private_copy(file) as copy:
        address = f"sqlite:///{copy}"
        engine = create_engine(address)
        try:
            if _get_schema_version(engine) != _get_latest_schema_revision():
                _upgrade_db(engine)
        finally:
            engine.dispose()
        yield address


def run_links(recipe: str) -> dict[str, str]:
    """Return the address of each trial's run in MLflow's UI, by the trial's key.

    Runs in a file or database have the address at which `sweep ui` shows them.

    Raises
    ------
    InputError
        If MLflow cannot be read, or has nothing of the recipe.
    """
    runs = read_runs(f"sweep-{recipe}")
    uri = get_tracking_uri()
    return {
        run["tags"]["sweep.key"]: _address(uri, run["experiment"], run["id"])
        for run in runs
        if run["parent"] and "sweep.key" in run["tags"]
    }


def run_link(recipe: str, key: str) -> str:
    """Return the address of one trial's run in MLflow's UI; see `run_links`.

    Raises
    ------
    InputError
        If MLflow cannot be read, or has no run of the trial.
    """
    uri = get_tracking_uri()
    quieten()
    check_is_there(uri)
    with usable(uri):
        client = MlflowClient(uri)
        found = client.get_experiment_by_name(f"sweep-{recipe}")
        runs = client.search_runs([found.experiment_id], f"tags.`sweep.key` = '{key}'") if found else []
        for run in runs:
            if tags.PARENT in run.data.tags:
                return _address(uri, run.info.experiment_id, run.info.run_id)
    raise InputError(f"MLflow at {masked(uri)} has no run of trial {key} yet.")


def _address(uri: str, experiment: str, run: str) -> str:
    host = re.sub(r"(?<=://)[^@/]*@", "", uri).rstrip("/") if uri.startswith("http") else LOCAL_UI
    return f"{host}/#/experiments/{experiment}/runs/{run}"


def _run(run: Any) -> dict[str, Any]:
    spent = (run.info.end_time - run.info.start_time) / 1000 if run.info.end_time else None
    return {
        "id": run.info.run_id,
        "experiment": run.info.experiment_id,
        "status": run.info.status,
        "parent": run.data.tags.get(tags.PARENT),
        "wall_s": spent,
        "params": run.data.params,
        "metrics": run.data.metrics,
        "tags": run.data.tags,
    }
