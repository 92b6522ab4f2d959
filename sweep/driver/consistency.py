"""Finds where the plan, the journal and MLflow disagree; changes nothing."""

from collections.abc import Sequence
from typing import Any

from sweep.errors import InputError
from sweep.tracking import tags
from sweep.tracking.store import MlflowTracker
from sweep.utils.text import counted
from sweep.workspace.trial_folder import TrialFolder
from sweep.workspace.workspace import Workspace

_WHY_UNKNOWN = {"sweep": ": was it run with a larger --n or --seeds, or with --repeat?"}
"""Kind of plan → how its journal may have come to hold trials that it does not list."""


def check(workspace: Workspace, names: Sequence[str]) -> dict[str, list[str]]:
    """Compare what is written down of each sweep or search.

    Returns
    -------
    dict
        Sweep or search → what disagrees, in words; empty where all is in order.
    """
    return {name: _check(workspace, name) for name in names}


def _check(workspace: Workspace, name: str) -> list[str]:
    try:
        sweep = workspace.open_any(name)
    except InputError as error:  # plan or journal is damaged
        return [str(error)]
    known = {trial.key for trial in sweep.trials}
    found = []
    if strange := sum(key not in known for key in sweep.journal.trials):
        unknown = f"the journal has {counted(strange, 'trial')} that the plan does not have"
        found.append(unknown + _WHY_UNKNOWN.get(sweep.plan.KIND, ""))
    if sweep.is_running:
        return found  # MLflow lags behind its driver
    try:
        return found + _check_mlflow(sweep, workspace.identity(create=False))
    except InputError as error:
        return [*found, str(error)]


def _check_mlflow(sweep: TrialFolder[Any], identity: str) -> list[str]:
    store = MlflowTracker(sweep.plan.recipe.name, sweep.EXPERIMENT, create=False)
    store.look(sweep.plan, identity)
    trials = {trial.key: trial for trial in sweep.trials}
    differences = store.differences(sweep.name, sweep.records())
    found = [f"{tags.trial_name(trials[key])} ({key}): {text}" for key, text in differences.items()]
    return store.unexpected(sweep.name) + found
