"""The views of an experiment that MLflow's website opens: which runs, which columns, in which order.

MLflow keeps a view that somebody shares as a tag of its experiment, and opens it by its key. These are
written as such tags. Another version of MLflow may not know them: it then shows its own columns.
"""

import json

from mlflow import MlflowClient, get_tracking_uri

from sweep.tracking import database
from sweep.tracking.client import quieten, usable

KIND = {"mlflow.experimentKind": "custom_model_development"}
"""Makes the website open an experiment with its training runs, and not ask what it is for."""
_PREFIX = "mlflow.sharedViewState."
SWEEPS, TRIALS, CHART = "sweeps", "trials", "parallel"
"""Keys of the views: parent runs with their results; trials by their error; their parallel coordinates."""

_SWEEP_COLUMNS = (
    "metrics.`optimum_err`",
    "metrics.`optimum_se`",
    "metrics.`median`",
    "metrics.`within_1`",
    "metrics.`within_4`",
    "metrics.`area_8`",
    "metrics.`divergence_rate`",
    "metrics.`best`",
    "params.`optimizer`",
)
_TRIAL_COLUMNS = (
    "metrics.`top1_err`",
    "metrics.`lr`",
    "metrics.`weight_decay`",
    "params.`model`",
    "params.`optimizer`",
    "tags.`sweep.state`",
)


def view_tags() -> dict[str, str]:
    """Return the tags of an experiment that hold its views."""
    return KIND | {_PREFIX + key: json.dumps(view) for key, view in _views().items()}


def view_address(host: str, experiment: str, key: str) -> str:
    """Return where the website of a host shows a view of an experiment, given by its id."""
    mode = "&compareRunsMode=CHART" if key == CHART else ""
    # without a workflow the website opens on its pages for language models
    return (
        f"{host}/#/experiments/{experiment}/runs?workflowType=machine_learning&viewStateShareKey={key}{mode}"
    )


def ui_lines(host: str) -> list[str]:
    """Return a line for each experiment of sweeps or searches that MLflow has, with its address there.

    Raises
    ------
    InputError
        If MLflow cannot be read.
    """
    quieten()
    uri = get_tracking_uri()
    with usable(uri):
        if database.holds_nothing(uri):
            return []
        found = MlflowClient(uri).search_experiments(max_results=1000)
    ours = [each for each in found if _PREFIX + SWEEPS in each.tags]
    return [f"{each.name}: {view_address(host, each.experiment_id, SWEEPS)}" for each in ours]


def _views() -> dict[str, dict[str, object]]:
    trials, parents = "tags.`sweep.index` LIKE '%'", "tags.`sweep.role` LIKE 's%'"  # sweep, search
    by_error = {"orderByKey": "metrics.`top1_err`", "orderByAsc": True}
    return {
        SWEEPS: _view(parents, _SWEEP_COLUMNS, orderByKey="attributes.start_time", orderByAsc=True),
        TRIALS: _view(trials, _TRIAL_COLUMNS, **by_error),
        CHART: _view(trials, _TRIAL_COLUMNS, **by_error, **_parallel()),
    }


def _view(where: str, columns: tuple[str, ...], **changes: object) -> dict[str, object]:
    return {
        "searchFilter": where,
        "startTime": "ALL",
        "lifecycleFilter": "Active",
        "datasetsFilter": [],
        "modelVersionFilter": "All Runs",
        "selectedColumns": list(columns),
    } | changes


def _parallel() -> dict[str, object]:
    section = "parallel"
    chart = {
        "type": "PARALLEL",
        "uuid": "sweep-parallel",
        "metricSectionId": section,
        "deleted": False,
        "isGenerated": False,
        "runsCountToCompare": 100,
        "selectedParams": ["model"],
        "selectedMetrics": ["lr", "weight_decay", "top1_err"],
    }
    head = {"uuid": section, "name": "Trials", "display": True, "isReordered": False}
    head |= {"columns": 1, "cardHeight": 480}
    return {
        "compareRunCharts": [chart],
        "compareRunSections": [head],
        "runsHiddenMode": "SHOWALL",
        "runListHidden": True,
    }
