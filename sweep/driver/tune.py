"""A search for an optimum, from its plan to the table of optima: what `sweep tune` does."""

import datetime
import importlib.metadata
import shlex
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path

from filelock import FileLock
from rich.console import Console

import search_spaces
from search_spaces import Found
from sweep.console import search as show_tune
from sweep.console.progress import ProgressView, Tally
from sweep.core.jobs import Executor, ExecutorLost, TrialContext
from sweep.core.resources import Resources
from sweep.core.search_plan import SPLIT, SearchBudget
from sweep.data.images import FileSplits, Splits
from sweep.driver.checkpoint_cleanup import Checkpoints
from sweep.driver.delivery import TrackingSession
from sweep.driver.signals import terminable
from sweep.tracking.process import TrackerProcess
from sweep.tuning.finalists import left, outcomes, standard_error
from sweep.tuning.tuner import Tuner, _is_at_its_end
from sweep.utils.atomic_files import write_atomically
from sweep.workspace.search import FOUND, Search
from sweep.workspace.workspace import Workspace

_PACKAGES = ("robustness-sweep", "torch", "timm", "optuna", "ray")


def run(
    search: Search,
    splits: FileSplits | Splits,
    effort: SearchBudget,
    workspace: Workspace,
    resources: Resources,
    command: Sequence[str],
    console: Console,
) -> tuple[Found | None, bool]:
    """Search, repeat the best points, and save the optimum.

    Returns
    -------
    tuple of Found or None, and bool
        The optimum, if there is one; whether MLflow has all of it.

    Raises
    ------
    InputError
        If MLflow or the cluster cannot be used, or another driver is at work; nothing is written then.
    KeyboardInterrupt
        After Ctrl-C or SIGTERM; every finished trial is kept.
    """
    search.plan.recipe.check_shared(resources.ranks)
    with ExitStack() as stack:
        stack.enter_context(search.driving())
        tuner = Tuner(search, effort)
        to_train = left(search, effort)
        show_tune.beginning(search, effort, to_train, console)
        store = TrackerProcess(search.plan.recipe.name, search.EXPERIMENT)
        if to_train:
            from sweep.orchestrate.executor import open_executor

            executor = stack.enter_context(open_executor(resources, [splits]))
        stack.enter_context(terminable())  # after Ray, which would end the process at SIGTERM
        for note in store.begin():
            console.print(note, markup=False)
        for text in search.write_plan():
            console.print(text, markup=False)
        search.want(effort)
        with TrackingSession(store, [search], workspace, console, remedy="the same command") as delivery:
            delivery.put_differences()
            if left(search, effort):  # MLflow may have had results that were lost
                _train(tuner, splits, executor, resources, delivery, console)
            found = _found(search, effort, command)
            if found:
                save(workspace.folder / FOUND, found)
    return found, delivery.complete


def _train(
    tuner: "Tuner",
    splits: FileSplits | Splits,
    executor: Executor,
    resources: Resources,
    delivery: TrackingSession,
    console: Console,
) -> None:
    plan = tuner.search.plan
    checkpoints = Checkpoints(tuner.search, resources)
    setting = TrialContext(
        recipe=plan.recipe,
        px=plan.px,
        classes=plan.classes,
        data=executor.share(splits),
        fingerprint=plan.data_fingerprint,
        evaluate=SPLIT,
        loader_workers=resources.loader_workers,
        checkpoints=checkpoints.location,
    )
    tally = Tally([(plan.model, plan.recipe.epochs)] * left(tuner.search, tuner.effort), executor.parallel)
    with checkpoints, ProgressView(tally, console) as view:
        tuner.show_to(checkpoints, delivery, tally, view)
        try:
            executor.search(tuner, [setting])
        except ExecutorLost as error:
            console.print(f"{error}. Every finished trial is kept.", markup=False)


def _found(search: Search, effort: SearchBudget, command: Sequence[str]) -> Found | None:
    """Return the optimum: the best mean of the repeats; None while the search is not at its end."""
    judged, plan = outcomes(search), search.plan
    if not judged or not _is_at_its_end(search, effort) or judged[0].mean >= 100:
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
    )


def save(table: Path, found: Found) -> None:
    """Put an optimum into the table, whatever other search does so at the same time."""
    with FileLock(table.with_name(f".{table.name}.lock")):
        rows = search_spaces.with_row(search_spaces.read_found(table), found)
        write_atomically(table, search_spaces.to_csv(rows))
