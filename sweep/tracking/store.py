"""Sweeps in MLflow: one experiment for each recipe, a parent run for each sweep, its trials as child runs.

MLflow holds nothing that the journal does not: a run is found again by its trial's key, and brought up to
date as often as one likes.
"""

import time
from collections.abc import Collection, Iterable, Mapping
from pathlib import Path
from typing import Any

from mlflow import MlflowClient, get_tracking_uri
from mlflow.entities import Metric, Param, RunTag
from mlflow.exceptions import MlflowException

from sweep.core.base_plan import BasePlan
from sweep.core.trial import EpochRecord, TrialRecord, TrialSpec, TrialState
from sweep.errors import InputError
from sweep.tracking import database
from sweep.tracking import tags as labels
from sweep.tracking.base import Tracker
from sweep.tracking.client import all_runs, quieten, usable
from sweep.tracking.views import view_tags
from sweep.utils.text import counted
from sweep.workspace.journal import TrialHistory

WORKSPACE_TAG = "sweep.workspace"
"""Tells the runs of one workspace from those that others keep of the very same trials."""

METRICS_PER_REQUEST = 1000
"""MLflow's limit for one ``log_batch``."""


class MlflowTracker(Tracker):
    """Records sweeps as runs of one MLflow experiment.

    Only runs that carry the workspace's own tag are read, changed or counted: a run of somebody else's
    sweep of the same trials is not touched.

    Parameters
    ----------
    recipe, kind : str
        Name the experiment: ``KIND-RECIPE``. Searches (``tune``) have another than sweeps: their errors are
        on minival, and not to be compared with those of sweeps.
    create : bool
        Whether to create the experiment, and a local database, if there is none. If false, nothing is
        written: for `look`, `differences`, `results` and `unexpected`.

    Raises
    ------
    InputError
        If MLflow cannot be reached or refuses the experiment.
    """

    def __init__(self, recipe: str, kind: str = "sweep", *, create: bool = True) -> None:
        self.uri = get_tracking_uri()
        self.experiment = f"{kind}-{recipe}"
        quieten()
        self.notes: list[str] = []
        """What a user should know of how MLflow was opened."""
        self._experiment_id: str | None = None
        with usable(self.uri):
            if create and (note := database.prepare(self.uri)):
                self.notes.append(note)
            if create or not database.holds_nothing(self.uri):
                self._client = MlflowClient(self.uri)
                self._experiment_id = self._find_experiment(create)
        self._plans: dict[str, BasePlan] = {}
        self._found: dict[str, list[Any]] = {}  # key → its runs, the oldest first
        self._runs: dict[str, str] = {}  # key → the run that is written to
        self._plan_files: dict[str, Path] = {}
        self._unheard: set[str] = set()  # keys of runs whose creation was not answered
        self._sent: dict[str, int] = {}
        self._unfinished: dict[str, str] = {}  # run → its sweep
        self._workspace = ""

    def _find_experiment(self, create: bool) -> str | None:
        experiment = self._client.get_experiment_by_name(self.experiment)
        if experiment is None:
            return self._create_experiment() if create else None
        if experiment.lifecycle_stage != "active":
            raise InputError(
                f"the experiment {self.experiment} was deleted. This brings it back, with its runs: "
                f"mlflow experiments restore --experiment-id {experiment.experiment_id}"
            )
        if create:
            self._add_views(experiment)
        return str(experiment.experiment_id)

    def _add_views(self, experiment: Any) -> None:
        """Give an experiment of an earlier version the views that the website opens."""
        for name, value in view_tags().items():
            if experiment.tags.get(name) != value:
                self._client.set_experiment_tag(experiment.experiment_id, name, value)

    def _create_experiment(self) -> str:
        try:
            return str(self._client.create_experiment(self.experiment, tags=view_tags()))
        except MlflowException as error:
            if error.error_code != "RESOURCE_ALREADY_EXISTS":
                raise
            return str(self._client.get_experiment_by_name(self.experiment).experiment_id)  # another driver's

    def look(self, plan: BasePlan, workspace: str) -> None:
        """Look a sweep's runs up; nothing is written.

        Parameters
        ----------
        plan : BasePlan
            The sweep's.
        workspace : str
            The tag that tells this workspace's runs from others'.

        Raises
        ------
        InputError
            If MLflow cannot be used.
        """
        self._workspace = workspace
        self._plans[plan.name] = plan
        with usable(self.uri):
            for run in sorted(
                self._search(plan.name), key=lambda run: (run.info.start_time, run.info.run_id)
            ):
                self._found.setdefault(run.data.tags["sweep.key"], []).append(run)
        self._runs |= {key: runs[0].info.run_id for key, runs in self._found.items()}

    def open_sweep(self, plan: BasePlan, plan_file: Path, workspace: str) -> None:
        """Look a sweep's runs up, find or create its parent run, and mark that as running.

        Raises
        ------
        InputError
            If MLflow refuses: without write access to its artifacts, for example.
        """
        self.look(plan, workspace)
        self._plan_files[plan.name] = plan_file
        with usable(self.uri):
            self._client.update_run(self._parent(plan), status="RUNNING")

    def _parent(self, plan: BasePlan) -> str:
        """Return a sweep's parent run, brought up to date; another one if it was deleted."""
        run = self._runs.get(plan.name) or self._unheard_run(plan.name, plan.name)
        if run is None or self._is_gone(run):
            run = self._create(plan.name, plan.name, {"sweep.sweep": plan.name}, start_ms=None)
        self._client.log_batch(
            run, params=_params(labels.plan_params(plan)), tags=_tags(labels.plan_tags(plan))
        )
        self._client.log_artifact(run, str(self._plan_files[plan.name]))
        return run

    def _is_gone(self, run: str) -> bool:
        """Say whether a run was deleted, for a while or for good."""
        try:
            return bool(self._client.get_run(run).info.lifecycle_stage != "active")
        except MlflowException as error:
            if error.error_code != "RESOURCE_DOES_NOT_EXIST":
                raise
            return True

    def _search(self, sweep: str) -> Iterable[Any]:
        if self._experiment_id is None:
            return []
        where = f"tags.`sweep.sweep` = '{sweep}' AND tags.`{WORKSPACE_TAG}` = '{self._workspace}'"
        return all_runs(self._client, self._experiment_id, where)

    def _create(self, key: str, name: str, tags: dict[str, str], start_ms: int | None) -> str:
        tags = {"sweep.key": key, WORKSPACE_TAG: self._workspace} | tags
        self._unheard.add(key)
        run = self._client.create_run(self._experiment_id, start_time=start_ms, run_name=name, tags=tags)
        self._unheard.discard(key)
        self._runs[key] = run.info.run_id
        return str(run.info.run_id)

    def _unheard_run(self, sweep: str, key: str) -> str | None:
        """Return a run that MLflow created, although its answer was lost; None if there is none."""
        if key not in self._unheard:
            return None
        found = [run.info.run_id for run in self._search(sweep) if run.data.tags["sweep.key"] == key]
        self._unheard.discard(key)
        if found:
            self._runs[key] = found[0]
        return self._runs.get(key)

    def differences(self, sweep: str, records: Mapping[str, TrialRecord | None]) -> dict[str, str]:
        """Say for which trials MLflow and the journal disagree, and how, as far as `look` has seen.

        See `Tracker.differences`.
        """
        parent = self._runs.get(sweep)
        found = {key: runs[0] for key, runs in self._found.items()}
        texts = {key: labels.difference(record, found.get(key), parent) for key, record in records.items()}
        return {key: text for key, text in texts.items() if text}

    def unexpected(self, sweep: str) -> list[str]:
        """Say what else is wrong with a sweep's runs, as far as `look` has seen."""
        keys = {sweep} | {trial.key for trial in self._plans[sweep].trials}
        runs = {key: runs for key, runs in self._found.items() if runs[0].data.tags["sweep.sweep"] == sweep}
        problems = [
            f"MLflow has {len(runs[key])} runs of {key}, so that it counts twice in the UI; delete one there"
            for key in runs
            if len(runs[key]) > 1
        ]
        if strange := len(runs.keys() - keys):
            problems.append(f"MLflow has runs of {counted(strange, 'trial')} that the plan does not have")
        if sweep not in runs:
            problems.append("MLflow has no parent run of the sweep")
        elif runs[sweep][0].info.status == "RUNNING":
            problems.append("MLflow says that the sweep is running, but no driver is at work")
        return problems

    def results(self, keys: Iterable[str]) -> dict[str, TrialHistory]:
        """Return what MLflow knows of those of the given trials that have a result there, by key.

        Every number is what was sent, to the last bit, so that a lost journal can be written again.

        Raises
        ------
        InputError
            If MLflow cannot be used.
        """
        runs = {key: self._found[key][0] for key in keys if key in self._found}
        histories = {key: self._history(key, run) for key, run in runs.items()}
        return {key: history for key, history in histories.items() if history}

    def _history(self, key: str, run: Any) -> TrialHistory | None:
        state = labels.final_state(run)
        if state is None or not state.has_result:
            return None
        with usable(self.uri):
            plan = self._plans.get(run.data.tags["sweep.sweep"])
            metric = plan.recipe.metric.name if plan and plan.recipe.metric else None
            curves = self._curves(run.info.run_id, [*_CURVES, *([metric] if metric else [])])
        try:
            return labels.read_history(key, run, state, curves, metric)
        except (KeyError, ValueError):  # somebody has changed it: the trial is trained again
            return None

    def _curves(self, run: str, names: Iterable[str]) -> dict[int, tuple[int, dict[str, float]]]:
        """Read a trial's curves back: epoch → (time in ms, metric → value)."""
        curves: dict[int, tuple[int, dict[str, float]]] = {}
        for name in dict.fromkeys(names):
            for metric in self._client.get_metric_history(run, name):
                curves.setdefault(metric.step, (metric.timestamp, {}))[1].setdefault(name, metric.value)
        return curves

    def send_trial(self, sweep: str, trial: TrialSpec, history: TrialHistory) -> None:
        """Bring a trial's run up to date with the journal, creating it if there is none (any more)."""
        plan = self._plans[sweep]
        try:
            self._send_trial(plan, trial, history)
        except MlflowException:
            run = self._runs.get(trial.key)
            if run is None or not self._is_gone(run):
                raise
            del self._runs[trial.key]  # somebody deleted it: it is written again
            self._send_trial(plan, trial, history)

    def _send_trial(self, plan: BasePlan, trial: TrialSpec, history: TrialHistory) -> None:
        sweep, record, ended_ms = plan.name, history.record, history.ended_ms
        epochs = list(history.epochs.values())
        last = epochs[-1][1] if epochs else None
        tags = {"sweep.state": history.state.value, labels.PARENT: self._runs[sweep]}
        tags |= labels.end_tags(record, last) if record else {}
        run = self._runs.get(trial.key) or self._unheard_run(sweep, trial.key)
        if run is None:  # all tags at once: `log_batch` looks for each one first
            tags |= labels.trial_tags(plan, trial)
            run, tags = self._create(trial.key, labels.trial_name(trial), tags, history.started_ms), {}
        elif run not in self._sent and not record:
            self._client.update_run(run, status="RUNNING")  # an earlier driver may have left it as killed
        metrics = [metric for at, epoch in epochs[self._sent.get(run, 0) :] for metric in _metrics(epoch, at)]
        metrics += _end_metrics(record, last, ended_ms) if record else []
        metrics += _point_metrics(trial, history.started_ms or ended_ms) if run not in self._sent else []
        first, *rest = [
            metrics[i : i + METRICS_PER_REQUEST] for i in range(0, len(metrics), METRICS_PER_REQUEST)
        ] or [[]]
        params = _params(labels.trial_params(plan, trial))
        self._client.log_batch(run, metrics=first, params=params, tags=_tags(tags))
        for chunk in rest:
            self._client.log_batch(run, metrics=chunk)
        self._sent[run] = len(epochs)
        self._unfinished[run] = sweep
        if record:
            self._client.set_terminated(run, labels.STATUS[record.state], ended_ms)
            del self._unfinished[run]

    def attach(self, key: str, file: Path) -> None:
        """Add a file to a trial's run; a file of the same name is replaced."""
        self._client.log_artifact(self._runs[key], str(file), "errors")

    def close_sweep(
        self,
        sweep: str,
        keys: Collection[str],
        counts: Mapping[TrialState, int],
        figures: Iterable[Path],
    ) -> None:
        """Record where a sweep stands, add its figures, and end it and its trials that were left running.

        See `Tracker.close_sweep`.
        """
        self._end_unfinished_runs(sweep, keys)
        run = self._runs[sweep]
        if self._is_gone(run):  # somebody deleted it: it is written again, as the parent of its trials
            run = self._parent(self._plans[sweep])
            for key in set(keys) & self._runs.keys():
                if not self._is_gone(self._runs[key]):
                    self._client.set_tag(self._runs[key], labels.PARENT, run)
        for figure in figures:
            self._client.log_artifact(run, str(figure), "figures")
        self._client.log_batch(
            run, tags=_tags({f"sweep.{state}": str(count) for state, count in counts.items()})
        )
        ended = [state for state in TrialState if state.is_over]
        complete = sum(counts.get(state, 0) for state in ended) == len(keys)
        self._client.set_terminated(run, "FINISHED" if complete else "KILLED")

    def describe_sweep(self, sweep: str, metrics: Mapping[str, float], note: str) -> None:
        """Record results of a sweep as metrics of its run, those that are new, and a note.

        See `Tracker.describe_sweep`.
        """
        run, now = self._runs[sweep], int(1000 * time.time())
        known = self._client.get_run(run).data.metrics
        new = [Metric(name, value, now, 0) for name, value in metrics.items() if known.get(name) != value]
        text = {labels.NOTE: note.replace("{run}", run)}
        self._client.log_batch(run, metrics=new, tags=_tags(text))

    def tag_sweep(self, sweep: str, tags: Mapping[str, str]) -> None:
        """Record tags of a sweep's run."""
        self._client.log_batch(self._runs[sweep], tags=_tags(dict(tags)))

    def _end_unfinished_runs(self, sweep: str, keys: Collection[str]) -> None:
        """End runs that this driver started or, before it was killed, an earlier one."""
        stale = [
            runs[0].info.run_id
            for key, runs in self._found.items()
            if key in keys and runs[0].info.status == "RUNNING" and runs[0].info.run_id not in self._sent
        ]
        for run in [run for run, of in self._unfinished.items() if of == sweep] + stale:
            if not self._is_gone(run):
                self._client.set_terminated(run, "KILLED")
            self._unfinished.pop(run, None)


_CURVES = ("top1_err", "val_loss", "train_loss", "epoch_lr", "top5_err")


def _metrics(epoch: EpochRecord, time_ms: int) -> list[Metric]:
    known = (epoch.top1_err, epoch.val_loss, epoch.train_loss, epoch.lr, epoch.top5_err)
    values = dict(zip(_CURVES, known, strict=True)) | ({epoch.metric: epoch.value} if epoch.metric else {})
    return [Metric(name, value, time_ms, epoch.epoch) for name, value in values.items() if value is not None]


def _end_metrics(record: TrialRecord, last: EpochRecord | None, ended_ms: int | None) -> list[Metric]:
    result, best = record.metric or "top1_err", record.best_value if record.metric else record.best_top1_err
    values = {f"best_{result}": best, "wall_s": record.wall_s}
    if last is None or last.result != record.result:
        # tried again where sums are not bit-reproducible: the result is the last attempt's
        values[result] = record.result
    return [
        Metric(name, value, ended_ms, record.epochs) for name, value in values.items() if value is not None
    ]


def _point_metrics(trial: TrialSpec, time_ms: int | None) -> list[Metric]:
    """Return the point as metrics, too: MLflow sorts and filters parameters as text."""
    return [
        Metric(name, value, time_ms or 0, 0)  # a journal of an earlier version does not say when
        for name, value in (("lr", trial.lr), ("weight_decay", trial.weight_decay))
    ]


def _params(values: dict[str, object]) -> list[Param]:
    # repr of a float reads back as the same float, to the last bit
    return [
        Param(name, repr(value) if isinstance(value, float) else str(value)) for name, value in values.items()
    ]


def _tags(values: dict[str, str]) -> list[RunTag]:
    return [RunTag(name, value) for name, value in values.items()]
