"""MLflow's client: how it is set up, and what goes wrong with it in one message."""

import logging
import os
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from mlflow import MlflowClient
from mlflow.entities import ViewType

from sweep.errors import InputError
from sweep.utils.database_urls import shared_with_optuna, sqlite_file, sqlite_lacks
from sweep.utils.text import masked

# Read when a client is made, not when MLflow is imported.
# A tracking server that is away is noticed soon; what could not be sent is sent again from the journal.
os.environ.setdefault("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "1")
os.environ.setdefault("MLFLOW_HTTP_REQUEST_TIMEOUT", "20")
os.environ.setdefault("MLFLOW_SQLALCHEMYSTORE_POOL_PRE_PING", "true")
os.environ.setdefault(
    "MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT", "true"
)  # two lines a trial, among the driver's


@contextmanager
def usable(uri: str) -> Iterator[None]:
    """Turn any error, from a bad scheme to a refused connection, into one message."""
    try:
        yield
    except InputError:
        raise
    except Exception as error:
        raise InputError(f"MLflow at {masked(uri)} cannot be used: {_reason(uri, error)}") from error


def _reason(uri: str, error: Exception) -> str:
    """Return why MLflow cannot be used, and the remedy."""
    file = sqlite_file(uri)
    if file and (told := shared_with_optuna(file)):
        return f"{told}. MLFLOW_TRACKING_URI says which file is MLflow's."
    if "filesystem tracking backend" in str(error):
        return (
            "it is a folder, and this MLflow writes to databases and servers only. Set MLFLOW_TRACKING_URI "
            "to sqlite:///mlflow.db, or leave it unset; `--from FOLDER` reads a folder's runs"
        )
    reason = str(error).strip().splitlines()[0][:300] if str(error).strip() else type(error).__name__
    return (
        f"{masked(reason)}\n"
        "Start its server, or set MLFLOW_TRACKING_URI to one that runs. Unset, a file here is used."
    )


def quieten() -> None:
    """Let MLflow and its libraries log nothing but errors."""
    for name in ("mlflow", "alembic", "sqlalchemy", "urllib3"):
        logging.getLogger(name).setLevel(logging.ERROR)


def all_runs(client: MlflowClient, experiment_id: str, where: str) -> Iterable[Any]:
    """Yield an experiment's active runs, page after page."""
    token = None
    while True:
        page = client.search_runs([experiment_id], where, ViewType.ACTIVE_ONLY, 5000, page_token=token)
        yield from page
        token = page.token
        if not token:
            return


def check_is_there(uri: str) -> None:
    """Refuse a local store that is missing, or not MLflow's: a client would create one there."""
    file = sqlite_file(uri)
    problem = sqlite_lacks(file, ("experiments", "runs", "alembic_version")) if file else None
    folder = Path(uri.removeprefix("file://"))
    if file is None and (uri.startswith("file:") or "://" not in uri) and not folder.is_dir():
        problem = f"there is no folder {folder}"
    if problem:
        raise InputError(f"MLflow at {masked(uri)}: {problem}. MLFLOW_TRACKING_URI says where it is.")
