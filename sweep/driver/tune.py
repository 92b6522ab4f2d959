"""A search for an optimum, from its plan to the table of optima: what `sweep tune` does."""

import datetime
import importlib.metadata
import json
import math
import shlex
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from filelock import FileLock

import search_spaces
from search_spaces import Found
from sweep.core.costs import own_value, worst_cost
from sweep.core.jobs import AttemptFailure, Job
from sweep.core.resources import Resources
from sweep.core.trial import EpochRecord, TrialRecord, TrialSpec
from sweep.driver.events import OnEvent, OptimumSaved, SearchStarted
from sweep.driver.log import logged
from sweep.driver.recorder import Recorder
from sweep.driver.session import DriverJob, DriverSession, open_session
from sweep.recipes.metric import MetricSpec
from sweep.tuning.finalists import is_complete, outcomes, remaining, standard_error
from sweep.tuning.tuner import Tuner
from sweep.utils.atomic_files import write_atomically
from sweep.workspace.search import FOUND
from sweep.workspace.search_run import SearchRun
from sweep.workspace.workspace import Workspace

_PACKAGES = ("robustness-sweep", "torch", "timm", "optuna", "ray")


def run(
    task: SearchRun, workspace: Workspace, resources: Resources, on_event: OnEvent
) -> tuple[Found | None, bool]:
    """Search, repeat the best points, and save the optimum.

    Parameters
    ----------
    task : SearchRun
        What is searched, and how much is tried.
    workspace : Workspace
        The folder that the search lies in; the table of optima is written there.
    resources : Resources
        Where trials run, and what each takes.
    on_event : callable
        Is called with each event (`sweep.driver.events`).

    Returns
    -------
    tuple of Found or None, and bool
        The optimum, if there is one; whether MLflow has all of it, the figures too.

    Raises
    ------
    InputError
        If MLflow or the cluster cannot be used, or another driver is running; nothing is written then.
    KeyboardInterrupt
        After Ctrl-C or SIGTERM; every finished trial is kept.
    """
    on_event = logged(on_event, [task.search])
    job = DriverJob(
        folders=[task.search],
        data=[task.splits],
        workspace=workspace,
        resources=resources,
        on_event=on_event,
        remedy="the same command",
    )
    with open_session(job, lambda: _started(task)) as session:
        task.search.want(task.budget)
        session.tracking.put_differences()
        _train(task, session)
        found = _found(task)
        if found:
            save(workspace.folder / FOUND, found)
            on_event(OptimumSaved(found=found))
    return found, session.tracking.complete


def _started(task: SearchRun) -> SearchStarted:
    to_train = remaining(task.search, task.budget)
    return SearchStarted(plan=task.search.plan, budget=task.budget, to_train=to_train)


def _train(task: SearchRun, session: DriverSession) -> None:
    to_train = remaining(task.search, task.budget)  # MLflow may have had results that were lost
    if not to_train:
        return
    plan = task.search.plan
    with session.training([(plan.model, plan.recipe.epochs)] * to_train) as training:
        source = RecordedSource(Tuner(task.search, task.budget), training.recorder)
        training.executor.search(source, training.contexts)


class RecordedSource:
    """A trial source that is recorded: the tuner decides what is tried, the recorder keeps the books."""

    def __init__(self, tuner: Tuner, recorder: Recorder) -> None:
        self._tuner, self._recorder = tuner, recorder

    def next_job(self) -> Job | None:
        """Return the next job, once it is recorded."""
        job = self._tuner.next_job()
        if job:
            self._recorder.add(self._tuner.search, job.trial)
        return job

    def prunes(self, trial: TrialSpec, epochs: Sequence[EpochRecord]) -> bool:
        """Return whether to end a trial early."""
        return self._tuner.prunes(trial, epochs)

    def on_start(self, trial: TrialSpec) -> None:
        """Record that a trial starts, or starts again."""
        self._recorder.on_start(trial)

    def on_epoch(self, trial: TrialSpec, record: EpochRecord) -> None:
        """Record an epoch."""
        self._recorder.on_epoch(trial, record)

    def on_failure(self, trial: TrialSpec, failure: AttemptFailure) -> None:
        """Record why an attempt failed."""
        self._recorder.on_failure(trial, failure)

    def on_end(self, trial: TrialSpec, record: TrialRecord) -> None:
        """Record a trial's end, from which the tuner learns."""
        self._recorder.on_end(trial, record)
        self._tuner.on_end(trial, record)

    def on_message(self, trial: TrialSpec, text: str) -> None:
        """Pass on what a user should know of a trial."""
        self._recorder.on_message(trial, text)


def _found(task: SearchRun) -> Found | None:
    """Return the optimum: the best mean of the repeats; None while the search is not at its end."""
    search = task.search
    judged, plan = outcomes(search), search.plan
    worst = worst_cost(plan.recipe.metric)
    if not judged or not is_complete(search, task.budget) or judged[0].mean >= worst:
        return None
    best, box = judged[0], plan.box
    return Found(
        model=plan.model,
        optimizer=plan.optimizer,
        recipe=plan.recipe.name,
        lr=best.point.lr,
        weight_decay=best.point.weight_decay,
        batch=plan.recipe.batch,
        epochs=plan.recipe.epochs,
        data=plan.data_fingerprint,
        **_result(plan.recipe.metric, best.mean),
        standard_error=standard_error(judged, worst),
        seeds=len(best.errors),
        trials=len(search.trials),
        lr_low=box.lr_low,
        lr_high=box.lr_high,
        wd_low=box.wd_low,
        wd_high=box.wd_high,
        search=search.name,
        command=shlex.join(task.command),
        versions=" ".join(f"{name} {importlib.metadata.version(name)}" for name in _PACKAGES),
        found=datetime.date.today().isoformat(),
        over=json.dumps(dict(best.point.over)),
    )


def _result(metric: MetricSpec | None, cost: float) -> dict[str, Any]:
    """Return what the table says of an optimum's result."""
    if metric is None:
        return {"top1_err": cost}
    value = own_value(metric, cost)
    return {"top1_err": math.nan, "metric": metric.name, "unit": metric.unit, "value": value}


def save(table: Path, found: Found) -> None:
    """Put an optimum into the table, whatever other search does so at the same time."""
    with FileLock(table.with_name(f".{table.name}.lock")):
        rows = search_spaces.with_row(search_spaces.read_found(table), found)
        write_atomically(table, search_spaces.to_csv(rows))
