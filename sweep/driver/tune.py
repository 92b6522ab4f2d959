"""A search for an optimum, from its plan to the table of optima: what `sweep tune` does."""

import datetime
import importlib.metadata
import json
import shlex
from collections.abc import Sequence
from pathlib import Path

from filelock import FileLock

import search_spaces
from search_spaces import Found
from sweep.core.jobs import AttemptFailure, Job
from sweep.core.resources import Resources
from sweep.core.search_plan import SearchBudget
from sweep.core.trial import EpochRecord, TrialRecord, TrialSpec
from sweep.data.images import FileSplits, Splits
from sweep.driver.events import OnEvent, OptimumSaved, SearchStarted
from sweep.driver.log import logged
from sweep.driver.recorder import Recorder
from sweep.driver.session import DriverJob, DriverSession, open_session
from sweep.tuning.finalists import is_complete, outcomes, remaining, standard_error
from sweep.tuning.tuner import Tuner
from sweep.utils.atomic_files import write_atomically
from sweep.workspace.search import FOUND, Search
from sweep.workspace.workspace import Workspace

_PACKAGES = ("robustness-sweep", "torch", "timm", "optuna", "ray")


def run(
    search: Search,
    splits: FileSplits | Splits,
    budget: SearchBudget,
    workspace: Workspace,
    resources: Resources,
    command: Sequence[str],
    on_event: OnEvent,
) -> tuple[Found | None, bool]:
    """Search, repeat the best points, and save the optimum.

    Parameters
    ----------
    search : Search
        What is searched.
    splits : Splits or FileSplits
        What its trials are trained on.
    budget : SearchBudget
        How much is tried.
    workspace : Workspace
        The folder that the search lies in; the table of optima is written there.
    resources : Resources
        Where trials run, and what each takes.
    command : sequence of str
        The command line, which the table of optima has of every optimum.
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
    on_event = logged(on_event, [search])
    job = DriverJob(
        folders=[search],
        data=[splits],
        workspace=workspace,
        resources=resources,
        on_event=on_event,
        remedy="the same command",
    )
    with open_session(job, lambda: _started(search, budget)) as session:
        search.want(budget)
        session.tracking.put_differences()
        _train(search, budget, session)
        found = _found(search, budget, command)
        if found:
            save(workspace.folder / FOUND, found)
            on_event(OptimumSaved(found=found))
    return found, session.tracking.complete


def _started(search: Search, budget: SearchBudget) -> SearchStarted:
    return SearchStarted(plan=search.plan, budget=budget, to_train=remaining(search, budget))


def _train(search: Search, budget: SearchBudget, session: DriverSession) -> None:
    to_train = remaining(search, budget)  # MLflow may have had results that were lost
    if not to_train:
        return
    with session.training([(search.plan.model, search.plan.recipe.epochs)] * to_train) as training:
        source = RecordedSource(Tuner(search, budget), training.recorder)
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


def _found(search: Search, budget: SearchBudget, command: Sequence[str]) -> Found | None:
    """Return the optimum: the best mean of the repeats; None while the search is not at its end."""
    judged, plan = outcomes(search), search.plan
    if not judged or not is_complete(search, budget) or judged[0].mean >= 100:
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
        top1_err=best.mean,
        standard_error=standard_error(judged),
        seeds=len(best.errors),
        trials=len(search.trials),
        lr_low=box.lr_low,
        lr_high=box.lr_high,
        wd_low=box.wd_low,
        wd_high=box.wd_high,
        search=search.name,
        command=shlex.join(command),
        versions=" ".join(f"{name} {importlib.metadata.version(name)}" for name in _PACKAGES),
        found=datetime.date.today().isoformat(),
        over=json.dumps(dict(best.point.over)),
    )


def save(table: Path, found: Found) -> None:
    """Put an optimum into the table, whatever other search does so at the same time."""
    with FileLock(table.with_name(f".{table.name}.lock")):
        rows = search_spaces.with_row(search_spaces.read_found(table), found)
        write_atomically(table, search_spaces.to_csv(rows))
