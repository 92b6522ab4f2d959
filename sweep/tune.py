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
from sweep import show_tune
from sweep.checkpoints import Checkpoints
from sweep.chooser import Chooser
from sweep.data import FileSplits, Splits
from sweep.files import write_atomically
from sweep.jobs import Job, Setting
from sweep.progress import ProgressView, Tally
from sweep.remote_store import RemoteStore
from sweep.search import (
    FOUND,
    SPLIT,
    Effort,
    Search,
    finalists,
    left,
    outcomes,
    repeats,
    standard_error,
)
from sweep.service import Delivery, terminable
from sweep.trial import EpochRecord, Resources, TrialRecord, TrialSpec
from sweep.workspace import Workspace

_PACKAGES = ("robustness-sweep", "torch", "timm", "optuna", "ray")


def run(
    search: Search,
    splits: FileSplits | Splits,
    effort: Effort,
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
        store = RemoteStore(search.plan.recipe.name, search.EXPERIMENT)
        if to_train:
            from sweep import orchestrate

            stack.enter_context(orchestrate.cluster(resources))
            orchestrate.parallel_trials(resources)
            orchestrate.check_seen(resources, [splits])
        stack.enter_context(terminable())  # after Ray, which would end the process at SIGTERM
        store.begin()
        for text in search.write_plan():
            console.print(text, markup=False)
        search.want(effort)
        with Delivery(store, [search], workspace, console, remedy="the same command") as delivery:
            delivery.put_differences()
            if left(search, effort):  # MLflow may have had results that were lost
                _train(tuner, splits, resources, delivery, console)
            found = _found(search, effort, command)
            if found:
                save(workspace.folder / FOUND, found)
    return found, delivery.complete


def _train(
    tuner: "Tuner", splits: FileSplits | Splits, resources: Resources, delivery: Delivery, console: Console
) -> None:
    from sweep import orchestrate

    plan = tuner.search.plan
    parallel, gpus = orchestrate.parallel_trials(resources)
    checkpoints = Checkpoints(tuner.search, resources)
    setting = Setting(
        recipe=plan.recipe,
        px=plan.px,
        classes=plan.classes,
        data=orchestrate.share(splits),
        fingerprint=plan.data_fingerprint,
        evaluate=SPLIT,
        readers=resources.readers,
        checkpoints=checkpoints.place,
    )
    tally = Tally([(plan.model, plan.recipe.epochs)] * left(tuner.search, tuner.effort), parallel)
    with checkpoints, ProgressView(tally, console) as view:
        tuner.show_to(checkpoints, delivery, tally, view)
        try:
            orchestrate.search(
                tuner, [setting], parallel=parallel, cpus=resources.cpus_per_trial, gpus=gpus,
                ranks=resources.ranks,
            )  # fmt: skip
        except orchestrate.RayLost as error:
            console.print(f"{error}. Every finished trial is kept.", markup=False)


class Tuner:
    """Decides which trial is next, and writes down what becomes of it.

    First come the trials that an earlier driver left unfinished, or that failed it; then new points, and when
    all have ended the best ones with other seeds.
    """

    def __init__(self, search: Search, effort: Effort) -> None:
        self.search, self.effort = search, effort
        self._chooser = Chooser.of(search)
        self._again = [trial for trial in search.trials if not search.history(trial).state.is_over]
        self._running: set[str] = set()

    def show_to(self, checkpoints: Checkpoints, delivery: Delivery, tally: Tally, view: ProgressView) -> None:
        """Tell these of all that happens."""
        self._checkpoints, self._delivery, self._tally, self._view = checkpoints, delivery, tally, view

    def next_job(self) -> Job | None:
        """Return the next job; None while it depends on how a running one ends, or if there is none left."""
        trial = self._again.pop(0) if self._again else self._next_point() or self._next_repeat()
        if trial is None:
            return None
        self._running.add(trial.key)
        return Job(trial, 0)

    def _next_point(self) -> TrialSpec | None:
        taken = [trial.index for trial in self.search.trials if trial.role == "point"]
        index = max(taken, default=-1) + 1
        if len(taken) >= self.effort.points:
            return None
        trial = self.search.plan.point(index, *self._chooser.ask(index))
        self.search.journal.append("start", trial.key, trial)  # from here on the point is known
        return trial

    def _next_repeat(self) -> TrialSpec | None:
        points = {trial.key for trial in self.search.trials if trial.role == "point"}
        if points & self._running:
            return None
        known = {trial.key for trial in self.search.trials}  # what failed is tried again by the next driver
        return next(
            (t for t in repeats(self.search, self.effort) if t.key not in known | self._running), None
        )

    def prunes(self, trial: TrialSpec, epochs: Sequence[EpochRecord]) -> bool:
        """Say whether to give a point up. What is repeated is trained to the end.

        A trial that goes on, or begins again, tells its first epochs once more: nothing is decided on them.
        """
        if trial.role != "point":
            return False
        said = [self._chooser.report(trial.index, epoch.epoch, epoch.top1_err) for epoch in epochs]
        return any(said)

    def started(self, trial: TrialSpec) -> None:
        """Note that a trial starts, or starts again."""
        self._note(trial, self.search.journal.append("start", trial.key, trial))

    def reported(self, trial: TrialSpec, record: EpochRecord) -> None:
        """Note an epoch's record."""
        self._tally.report(trial, record)
        self._note(trial, self.search.journal.append("epoch", trial.key, record))

    def ended(self, trial: TrialSpec, record: TrialRecord) -> None:
        """Note a trial's end."""
        news = self.search.journal.append("end", trial.key, record)
        self._running.discard(trial.key)
        if news:
            self._tally.add(trial, record, self.search.plan.recipe.epochs)
            if trial.role == "point":
                self._chooser.tell(trial.index, record.state, record.top1_err)
        if record.state.is_over:
            self._checkpoints.discard(trial.key)
        self._note(trial, news)

    def noted(self, trial: TrialSpec, text: str) -> None:
        """Tell the user, above the progress bar."""
        self._view.say(f"{trial.model}, point {trial.index}: {text}")

    def _note(self, trial: TrialSpec, news: bool) -> None:
        if news:
            self._delivery.put(self.search, trial)
        self._view.note = self._delivery.outbox.note
        self._view.refresh()


def _found(search: Search, effort: Effort, command: Sequence[str]) -> Found | None:
    """Return the optimum: the best mean of the repeats; None while the search is not at its end."""
    judged, plan = outcomes(search), search.plan
    if not judged or not _is_at_its_end(search, effort) or judged[0].mean >= 100:
        return None
    best, box = judged[0], plan.box
    return Found(
        model=plan.model, optimizer=plan.optimizer, recipe=plan.recipe.name, lr=best.point.lr,
        weight_decay=best.point.weight_decay, batch=plan.recipe.batch, epochs=plan.recipe.epochs,
        data=plan.data_fingerprint, top1_err=best.mean, standard_error=standard_error(judged),
        seeds=len(best.errors), trials=len(search.trials), lr_low=box.lr_low, lr_high=box.lr_high,
        wd_low=box.wd_low, wd_high=box.wd_high, search=search.name, command=shlex.join(command),
        versions=" ".join(f"{name} {importlib.metadata.version(name)}" for name in _PACKAGES),
        found=datetime.date.today().isoformat(),
    )  # fmt: skip


def _is_at_its_end(search: Search, effort: Effort) -> bool:
    """Say whether all that is asked for was tried; what failed was, too."""
    trials = search.trials
    repeated = {trial.index for trial in trials if trial.repeat >= effort.seeds}
    return (
        all(search.history(trial).record for trial in trials)
        and sum(trial.role == "point" for trial in trials) >= effort.points
        and {point.index for point in finalists(search, effort.finalists)} <= repeated
    )


def save(table: Path, found: Found) -> None:
    """Put an optimum into the table, whatever other search does so at the same time."""
    with FileLock(table.with_name(f".{table.name}.lock")):
        rows = search_spaces.with_row(search_spaces.read_found(table), found)
        write_atomically(table, search_spaces.to_csv(rows))
