"""A run from plans to results: what `sweep run` does once it knows what is wanted."""

import signal
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from types import FrameType

from rich.console import Console

from sweep import show
from sweep.data import Splits
from sweep.outbox import Outbox
from sweep.progress import ProgressView, Tally
from sweep.remote_store import RemoteStore
from sweep.trial import EpochRecord, Resources, TrialRecord, TrialSpec, TrialState
from sweep.workspace import PLAN, Sweep, Workspace

CLOSE_TIMEOUT_S = 120.0


@dataclass(frozen=True, kw_only=True, slots=True)
class Task:
    """A sweep of which the first n points, and the first trials at the optimum, are wanted."""

    sweep: Sweep
    splits: Splits
    n: int
    seeds: int

    @property
    def missing(self) -> list[TrialSpec]:
        """The wanted trials that have no result, the optimum first."""
        states = self.sweep.states()
        wanted = self.sweep.plan.first(self.n, self.seeds).trials
        return [trial for trial in wanted if not states[trial.key].has_result]


def adopt_results(task: Task, workspace: Workspace) -> int:
    """Take over results that another sweep has of the very same trials; say how many.

    The trial at the optimum is the same for every design, and a key stands for all that determines it.
    """
    missing = {trial.key for trial in task.missing}
    adopted = 0
    for name in workspace.names():
        if not missing or name == task.sweep.name or not name.startswith(task.sweep.plan.model):
            continue
        for key, history in workspace.open(name).journal.trials.items():
            if key in missing and history.state.has_result:
                task.sweep.journal.adopt(key, history)
                missing.remove(key)
                adopted += 1
    return adopted


class _Recorder:
    """Writes what happens to the journals, and tells the outbox and the progress view."""

    def __init__(self, tasks: Sequence[Task], outbox: Outbox[str], tally: Tally, view: ProgressView) -> None:
        self._outbox, self._tally, self._view = outbox, tally, view
        self._journals = {trial.key: task.sweep.journal for task in tasks for trial in task.sweep.plan.trials}

    def started(self, trial: TrialSpec) -> None:
        """Note that a trial starts, or starts again."""
        self._note(trial, self._journals[trial.key].append("start", trial.key))

    def reported(self, trial: TrialSpec, record: EpochRecord) -> None:
        """Note an epoch's record."""
        self._note(trial, self._journals[trial.key].append("epoch", trial.key, record))

    def ended(self, trial: TrialSpec, record: TrialRecord) -> None:
        """Note a trial's end."""
        news = self._journals[trial.key].append("end", trial.key, record)
        if news:
            self._tally.add(trial, record)
        self._note(trial, news)

    def _note(self, trial: TrialSpec, news: bool) -> None:
        if news:
            self._outbox.put(trial.key)
        self._view.note = f"MLflow is away, {len(self._outbox)} trials wait" if self._outbox.problem else ""
        self._view.refresh()


def run(tasks: Sequence[Task], workspace: Workspace, resources: Resources, console: Console) -> bool:
    """Train what is missing and bring MLflow up to date; say whether MLflow has all of it.

    Raises
    ------
    InputError
        If MLflow or the cluster cannot be used, or another driver is at work; nothing is written then.
    KeyboardInterrupt
        After Ctrl-C or SIGTERM; every finished trial is kept.
    """
    with ExitStack() as stack:
        for task in tasks:
            stack.enter_context(task.sweep.driving())
        sweeps = [task.sweep for task in tasks]
        missing = sum(len(task.missing) for task in tasks)
        show.beginning(sweeps, sum(task.n + task.seeds for task in tasks), missing, console)
        # MLflow is imported and opened while Ray starts: both take seconds.
        store_opening = stack.enter_context(ThreadPoolExecutor(1)).submit(_open_store, tasks)
        if missing:
            from sweep import orchestrate

            stack.enter_context(orchestrate.cluster(resources))
        stack.enter_context(_terminable())  # after Ray, which would end the process at SIGTERM
        store = store_opening.result()
        for sweep in sweeps:
            sweep.write_plan()
        show.adopted(sum(adopt_results(task, workspace) for task in tasks), console)
        outbox = Outbox(_Sender(store, tasks))
        outbox.start()
        try:
            _put_differences(store, tasks, outbox)
            if any(task.missing for task in tasks):
                _train(tasks, resources, outbox, console)
        finally:
            complete = outbox.close(CLOSE_TIMEOUT_S) and _close(store, tasks, console)
    if not complete:
        reason = f" ({outbox.problem})" if outbox.problem else ""
        text = f"MLflow has not taken everything{reason}: the same command sends the rest."
        console.print(text, markup=False)
    return complete


@contextmanager
def _terminable() -> Iterator[None]:
    """Let SIGTERM end the run as Ctrl-C does, and Ctrl-C where the shell had it ignored."""

    def interrupt(signum: int, frame: FrameType | None) -> None:
        raise KeyboardInterrupt

    before = {number: signal.signal(number, interrupt) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


class _Sender:
    """Sends a trial's history to MLflow."""

    def __init__(self, store: RemoteStore, tasks: Sequence[Task]) -> None:
        self._store = store
        self._trials = {trial.key: (task.sweep, trial) for task in tasks for trial in task.sweep.plan.trials}

    def __call__(self, key: str) -> None:
        sweep, trial = self._trials[key]
        self._store.send_trial(sweep.plan, trial, sweep.journal.history(key))


def _open_store(tasks: Sequence[Task]) -> RemoteStore:
    return RemoteStore(tasks[0].sweep.plan.recipe.name)


def _put_differences(store: RemoteStore, tasks: Sequence[Task], outbox: Outbox[str]) -> None:
    """Put the trials whose end MLflow does not know, or knows otherwise, in the outbox."""
    for task in tasks:
        known = store.open_sweep(task.sweep.plan, task.sweep.folder / PLAN)
        for trial in task.sweep.plan.trials:
            record = task.sweep.journal.history(trial.key).record
            if record and known.get(trial.key) is not record.state:
                outbox.put(trial.key)


def _train(tasks: Sequence[Task], resources: Resources, outbox: Outbox[str], console: Console) -> None:
    from sweep import orchestrate

    parallel, gpus = orchestrate.parallel_trials(resources)
    shared = {task.sweep.plan.px: orchestrate.share(task.splits) for task in tasks}
    settings = [
        orchestrate.Setting(recipe=plan.recipe, px=plan.px, classes=plan.classes, data=shared[plan.px])
        for plan in (task.sweep.plan for task in tasks)
    ]
    jobs = [orchestrate.Job(trial, place) for place, task in enumerate(tasks) for trial in task.missing]
    tally = Tally([job.trial for job in jobs], parallel)
    with ProgressView(tally, console) as view:
        recorder = _Recorder(tasks, outbox, tally, view)
        orchestrate.run(jobs, settings, recorder, cpus=resources.cpus_per_trial, gpus=gpus)


def _close(store: RemoteStore, tasks: Sequence[Task], console: Console) -> bool:
    """Draw each sweep and end its parent run; say whether MLflow took it."""
    from sweep import draw

    for task in tasks:
        counts = task.sweep.counts()
        counts[TrialState.PLANNED] += counts.pop(TrialState.RUNNING)  # nothing runs any more
        try:
            store.close_sweep(task.sweep.plan, counts, draw.sweep_figures(task.sweep))
        except Exception as error:  # MLflow is away: the next run does it
            console.print(f"MLflow did not take the end of {task.sweep.name}: {error}", markup=False)
            return False
    return True
