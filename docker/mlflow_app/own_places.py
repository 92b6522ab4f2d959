"""MLflow's server with accounts, where all artifacts lie in its own store: the ``--app-name`` own-places.

MLflow lets whoever may create an experiment choose where its artifacts lie, and reads and writes them there
with the server's rights: in a folder of the server's disk, say. Here they lie where the server puts them.
"""

import os
from typing import Any

from flask import Flask, request
from mlflow.exceptions import MlflowException
from mlflow.protos.databricks_pb2 import PERMISSION_DENIED
from mlflow.protos.service_pb2 import CreateExperiment
from mlflow.server import ARTIFACTS_DESTINATION_ENV_VAR, auth
from mlflow.server import app as mlflow_app
from mlflow.server.handlers import _get_request_message, catch_mlflow_exception
from mlflow.store.artifact.artifact_repository_registry import _artifact_repository_registry
from mlflow.store.artifact.local_artifact_repo import LocalArtifactRepository

LOCAL_SCHEMES = ("", "file")


def create_app(app: Flask = mlflow_app) -> Any:
    """Return MLflow's server with accounts, without places that a client chose."""
    served = auth.create_app(app)
    app.before_request(refuse_chosen_places)
    for scheme in LOCAL_SCHEMES:
        _artifact_repository_registry.register(scheme, own_place)
    return served


@catch_mlflow_exception
def refuse_chosen_places() -> None:
    """Refuse an experiment whose artifacts are to lie where the client says."""
    creates = request.path.endswith("/mlflow/experiments/create")
    if creates and (place := _get_request_message(CreateExperiment()).artifact_location):
        raise _refusal(place)


def own_place(place: str, *words: Any, **more: Any) -> LocalArtifactRepository:
    """Return the server's own artifacts if they lie on its disk; refuse all else that lies there."""
    if place != os.environ.get(ARTIFACTS_DESTINATION_ENV_VAR):
        raise _refusal(place)
    return LocalArtifactRepository(place, *words, **more)


def _refusal(place: str) -> MlflowException:
    text = f"artifacts lie where this server puts them, not at {place}: leave artifact_location out"
    return MlflowException(text, error_code=PERMISSION_DENIED)
