"""MLflow's record of the sweeps: one experiment a recipe, a parent run a sweep, its trials as children.

The only module that imports MLflow, and only the driver uses it. It holds nothing that the journal does
not: a run is found again by its trial's key and brought up to date as often as one likes.
"""

import logging
import os
import re
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

# A tracking server that is away is noticed soon; what could not be sent is sent again from the journal.
os.environ.setdefault("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "1")
os.environ.setdefault("MLFLOW_HTTP_REQUEST_TIMEOUT", "20")
os.environ.setdefault("MLFLOW_SQLALCHEMYSTORE_POOL_PRE_PING", "true")

from mlflow import MlflowClient, get_tracking_uri
from mlflow.entities import Metric, Param, RunTag, ViewType
from mlflow.utils.mlflow_tags import MLFLOW_PARENT_RUN_ID

from sweep.databases import masked, sqlite_file, sqlite_lacks
from sweep.errors import InputError, unknown
from sweep.journal import TrialHistory
from sweep.plan import Plan
from sweep.trial import EpochRecord, TrialSpec, TrialState

LOCAL_UI = "http://127.0.0.1:5000"
"""Where `sweep ui` listens by default."""
METRICS_PER_REQUEST = 1000
"""MLflow's limit for one ``log_batch``."""

_STATUS = {TrialState.FINISHED: "FINISHED", TrialState.DIVERGED: "FINISHED", TrialState.FAILED: "FAILED"}


class Store:
    """The runs of one experiment.

    Raises
    ------
    InputError
        If MLflow cannot be reached or refuses the experiment.
    """

    def __init__(self, recipe: str) -> None:
        self.uri = get_tracking_uri()
        self.experiment = f"sweep-{recipe}"
        _quieten()
        with _usable(self.uri):
            self._client = MlflowClient(self.uri)
            self._experiment_id = self._get_or_create_experiment()
        self._runs: dict[str, str] = {}
        self._sent: dict[str, int] = {}
        self._unfinished: dict[str, str] = {}  # run → its sweep

    def _get_or_create_experiment(self) -> str:
        experiment = self._client.get_experiment_by_name(self.experiment)
        if experiment is None:
            return str(self._client.create_experiment(self.experiment))
        if experiment.lifecycle_stage != "active":
            raise InputError(
                f"the experiment {self.experiment} was deleted: `mlflow experiments restore` brings it back"
            )
        return str(experiment.experiment_id)

    def open_sweep(self, plan: Plan, plan_file: Path) -> dict[str, TrialState | None]:
        """Find or create a sweep's parent run, mark it as running, and look its trials up.

        Returns
        -------
        dict
            The key of each trial that has a run → the final state that MLflow knows of, or None.

        Raises
        ------
        InputError
            If MLflow refuses, for want of rights to its artifacts, say.
        """
        with _usable(self.uri):
            return self._open_sweep(plan, plan_file)

    def _open_sweep(self, plan: Plan, plan_file: Path) -> dict[str, TrialState | None]:
        found = {run.data.tags["sweep.key"]: run for run in self._search(plan.sweep)}
        self._runs |= {key: run.info.run_id for key, run in found.items()}
        parent = self._runs.get(plan.sweep)
        if parent is None:
            parent = self._create(plan.sweep, plan.sweep, {"sweep.sweep": plan.sweep}, start_ms=None)
        self._client.update_run(parent, status="RUNNING")
        self._client.log_batch(parent, params=_params(_plan_params(plan)), tags=_tags(_plan_tags(plan)))
        self._client.log_artifact(parent, str(plan_file))
        found.pop(plan.sweep, None)
        return {key: _final_state(run) for key, run in found.items()}

    def _search(self, sweep: str) -> Iterable[Any]:
        return _all_runs(self._client, self._experiment_id, f"tags.`sweep.sweep` = '{sweep}'")

    def _create(self, key: str, name: str, tags: dict[str, str], start_ms: int | None) -> str:
        run = self._client.create_run(
            self._experiment_id, start_time=start_ms, run_name=name, tags={"sweep.key": key} | tags
        )
        self._runs[key] = run.info.run_id
        return str(run.info.run_id)

    def send_trial(self, plan: Plan, trial: TrialSpec, history: TrialHistory) -> None:
        """Bring a trial's run up to date with the journal, creating it if there is none."""
        run = self._runs.get(trial.key)
        if run is None:
            tags = _trial_tags(plan, trial) | {MLFLOW_PARENT_RUN_ID: self._runs[plan.sweep]}
            run = self._create(trial.key, _trial_name(trial), tags, history.started_ms)
        if run not in self._sent and not history.record:
            self._client.update_run(run, status="RUNNING")  # an earlier driver may have left it as killed
        record, ended_ms = history.record, history.ended_ms
        epochs = list(history.epochs.values())
        metrics = [metric for at, epoch in epochs[self._sent.get(run, 0) :] for metric in _metrics(epoch, at)]
        tags = {"sweep.state": history.state.value}
        if (
            record
            and record.top1_err is not None
            and (not epochs or epochs[-1][1].top1_err != record.top1_err)
        ):
            # tried again where sums are not bit-reproducible: the result is the last attempt's
            metrics.append(Metric("top1_err", record.top1_err, ended_ms, record.epochs))
        if record and record.best_top1_err is not None:
            metrics.append(Metric("best_top1_err", record.best_top1_err, ended_ms, record.epochs))
        if record and record.error:
            tags["sweep.error"] = record.error[:5000]
        if record and record.diverged_step is not None:
            tags["sweep.diverged_step"] = str(record.diverged_step)
        first, *rest = [
            metrics[i : i + METRICS_PER_REQUEST] for i in range(0, len(metrics), METRICS_PER_REQUEST)
        ] or [[]]
        self._client.log_batch(
            run, metrics=first, params=_params(_trial_params(plan, trial)), tags=_tags(tags)
        )
        for chunk in rest:
            self._client.log_batch(run, metrics=chunk)
        self._sent[run] = len(epochs)
        self._unfinished[run] = plan.sweep
        if record:
            self._client.set_terminated(run, _STATUS[record.state], ended_ms)
            del self._unfinished[run]

    def close_sweep(self, plan: Plan, counts: dict[TrialState, int], figures: Iterable[Path]) -> None:
        """Note on a sweep's run how it stands, add its figures, and end it and what was left running."""
        for unfinished in [run for run, sweep in self._unfinished.items() if sweep == plan.sweep]:
            self._client.set_terminated(unfinished, "KILLED")
            del self._unfinished[unfinished]
        run = self._runs[plan.sweep]
        for figure in figures:
            self._client.log_artifact(run, str(figure), "figures")
        self._client.log_batch(
            run, tags=_tags({f"sweep.{state}": str(count) for state, count in counts.items()})
        )
        complete = sum(counts[state] for state in TrialState if state.has_result) == len(plan.trials)
        self._client.set_terminated(run, "FINISHED" if complete else "KILLED")


def read_runs(experiment: str) -> list[dict[str, Any]]:
    """Read the active runs of an experiment, whoever wrote it. Nothing is written.

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
    _quieten()
    _check_is_there(uri)
    with _usable(uri):
        client = MlflowClient(uri)
        found = client.get_experiment_by_name(experiment)
        if found is None:
            names = [known.name for known in client.search_experiments(max_results=1000)]
            raise unknown("MLflow experiment", experiment, names, f"Looked for at {masked(uri)}.")
        return [_run(run) for run in _all_runs(client, found.experiment_id, "")]


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
    host = re.sub(r"(?<=://)[^@/]*@", "", uri).rstrip("/") if uri.startswith("http") else LOCAL_UI
    return {
        run["tags"]["sweep.key"]: f"{host}/#/experiments/{run['experiment']}/runs/{run['id']}"
        for run in runs
        if run["parent"] and "sweep.key" in run["tags"]
    }


def _check_is_there(uri: str) -> None:
    """Refuse a local store that is not there, or not MLflow's: a client would make one of it."""
    file = sqlite_file(uri)
    problem = sqlite_lacks(file, ("experiments", "runs", "alembic_version")) if file else None
    folder = Path(uri.removeprefix("file://"))
    if file is None and (uri.startswith("file:") or "://" not in uri) and not folder.is_dir():
        problem = f"there is no folder {folder}"
    if problem:
        raise InputError(f"MLflow at {masked(uri)}: {problem}. MLFLOW_TRACKING_URI says where it is.")


def _run(run: Any) -> dict[str, Any]:
    spent = (run.info.end_time - run.info.start_time) / 1000 if run.info.end_time else None
    return {
        "id": run.info.run_id, "experiment": run.info.experiment_id, "status": run.info.status,
        "parent": run.data.tags.get(MLFLOW_PARENT_RUN_ID),
        "wall_s": spent, "params": run.data.params, "metrics": run.data.metrics, "tags": run.data.tags,
    }  # fmt: skip


def _all_runs(client: MlflowClient, experiment_id: str, where: str) -> Iterable[Any]:
    token = None
    while True:
        page = client.search_runs([experiment_id], where, ViewType.ACTIVE_ONLY, 5000, page_token=token)
        yield from page
        token = page.token
        if not token:
            return


@contextmanager
def _usable(uri: str) -> Iterator[None]:
    """Turn whatever goes wrong, from a bad scheme to a refused connection, into one message."""
    try:
        yield
    except InputError:
        raise
    except Exception as error:
        reason = str(error).strip().splitlines()[0][:300] if str(error).strip() else type(error).__name__
        raise InputError(
            f"MLflow at {masked(uri)} cannot be used: {masked(reason)}\n"
            "Start its server, or set MLFLOW_TRACKING_URI to one that runs. Unset, a file here is used."
        ) from error


def _quieten() -> None:
    for name in ("mlflow", "alembic", "sqlalchemy", "urllib3"):
        logging.getLogger(name).setLevel(logging.ERROR)


def _final_state(run: Any) -> TrialState | None:
    """Return what MLflow takes a trial's end to be; None while it has not been told of one."""
    state = run.data.tags.get("sweep.state")
    ended = run.info.status in _STATUS.values()
    return TrialState(state) if ended and state in set(_STATUS) else None


def _metrics(epoch: EpochRecord, time_ms: int) -> list[Metric]:
    values = {
        "top1_err": epoch.top1_err,
        "val_loss": epoch.val_loss,
        "train_loss": epoch.train_loss,
        "epoch_lr": epoch.lr,
    }
    return [Metric(name, value, time_ms, epoch.epoch) for name, value in values.items() if value is not None]


def _trial_name(trial: TrialSpec) -> str:
    if trial.role == "optimum":
        return f"optimum-seed-{trial.repeat}" if trial.repeat else "optimum"
    return f"point-{trial.index:03d}"


def _trial_params(plan: Plan, trial: TrialSpec) -> dict[str, object]:
    return {
        "model": trial.model, "optimizer": trial.optimizer, "recipe": plan.recipe.name, "lr": trial.lr,
        "weight_decay": trial.weight_decay, "seed": trial.seed, "epochs": plan.recipe.epochs,
        "batch": plan.recipe.batch, "px": plan.px,
    }  # fmt: skip


def _trial_tags(plan: Plan, trial: TrialSpec) -> dict[str, str]:
    place = {"sweep.role": trial.role, "sweep.index": str(trial.index), "sweep.repeat": str(trial.repeat)}
    tags = _plan_tags(plan) | place
    if trial.u_lr is not None:
        tags |= {"sweep.u_lr": repr(trial.u_lr), "sweep.u_wd": repr(trial.u_wd)}
    return tags


def _plan_params(plan: Plan) -> dict[str, object]:
    return {
        "model": plan.model, "optimizer": plan.optimizer, "recipe": plan.recipe.name, "design": plan.design,
        "seed": plan.seed, "lr": plan.optimum_lr, "weight_decay": plan.optimum_wd, "lr_low": plan.box.lr_low,
        "lr_high": plan.box.lr_high, "wd_low": plan.box.wd_low, "wd_high": plan.box.wd_high,
        "epochs": plan.recipe.epochs, "batch": plan.recipe.batch, "px": plan.px,
    }  # fmt: skip


def _plan_tags(plan: Plan) -> dict[str, str]:
    return {
        "sweep.sweep": plan.sweep, "sweep.role": "sweep", "sweep.model": plan.model,
        "sweep.optimizer": plan.optimizer, "sweep.recipe": plan.recipe.name, "sweep.design": plan.design,
        "sweep.data": plan.data_fingerprint,
    }  # fmt: skip


def _params(values: dict[str, object]) -> list[Param]:
    # repr of a float reads back as the same float, to the last bit
    return [
        Param(name, repr(value) if isinstance(value, float) else str(value)) for name, value in values.items()
    ]


def _tags(values: dict[str, str]) -> list[RunTag]:
    return [RunTag(name, value) for name, value in values.items()]
