"""What every driver does around its trials: locks, tracker, executor, signals, plans."""

import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

from sweep.core.jobs import Executor, ExecutorLost, TrialContext
from sweep.core.resources import Resources
from sweep.core.trial import TrialRecord
from sweep.data.images import FileSplits, Splits
from sweep.driver.checkpoint_cleanup import Checkpoints
from sweep.driver.crashes import crashes_traced, last_words
from sweep.driver.delivery import TrackingSession
from sweep.driver.events import Message, OnEvent, Started, TrainingEnded, TrainingStarted
from sweep.driver.log import driver_log
from sweep.driver.recorder import Recorder
from sweep.driver.signals import terminable
from sweep.errors import InputError
from sweep.tracking.process import TrackerProcess
from sweep.workspace.lock import LOG
from sweep.workspace.trial_folder import TrialFolder
from sweep.workspace.workspace import Workspace

_SUDDEN_END = (
    "Error: the run has ended suddenly: its process was killed, or Ray ended it. What is known is in {log}. "
    "Every finished trial is kept; the same command resumes."
)


class Training(NamedTuple):
    """What trials are run with."""

    executor: Executor
    contexts: list[TrialContext]
    """Of the trials of each sweep, or of the search."""
    recorder: Recorder


@dataclass(frozen=True, kw_only=True)
class DriverJob:
    """What one driver has to run."""

    folders: Sequence[TrialFolder[Any]]
    """The sweeps, or the search."""
    data: Sequence[Splits | FileSplits]
    """What each of them is trained on."""
    workspace: Workspace
    resources: Resources
    on_event: OnEvent
    """Is called with each event."""
    remedy: str = "`sweep sync`, or the same command,"
    """The command that sends what MLflow lacks in the end."""

    @property
    def log(self) -> Path:
        """The log that messages name, and that Ray writes to: of several, the first."""
        return self.folders[0].folder / LOG


class DriverSession:
    """A running driver: no other one is running, the plans are written, MLflow and the executor are open."""

    def __init__(self, job: DriverJob, tracking: TrackingSession, executor: Executor | None) -> None:
        self._job, self.tracking, self._executor = job, tracking, executor

    @contextmanager
    def training(
        self, work: Sequence[tuple[str, int]], earlier: Sequence[TrialRecord] = ()
    ) -> Iterator[Training]:
        """Provide what trials are run with; if the executor is lost, that is reported.

        Parameters
        ----------
        work : sequence of (str, int)
            The model and the epochs of each trial that is to be trained.
        earlier : sequence of TrialRecord
            The results that there are already.
        """
        job, executor = self._job, self._executor
        assert executor is not None  # there was something to train
        checkpoints = [Checkpoints(folder, job.resources) for folder in job.folders]
        contexts = _contexts(job, executor, checkpoints)
        with ExitStack() as stack:
            for kept in checkpoints:
                stack.enter_context(kept)
            job.on_event(
                TrainingStarted(
                    work=tuple(work),
                    parallel=executor.parallel,
                    in_process=executor.in_process,
                    earlier=tuple(earlier),
                    metric=job.folders[0].plan.recipe.metric,
                )
            )
            stack.callback(job.on_event, TrainingEnded())
            try:
                yield Training(
                    executor, contexts, Recorder(job.folders, checkpoints, self.tracking, job.on_event)
                )
            except ExecutorLost as error:
                job.on_event(Message(text=f"{error}. Every finished trial is kept."))


def _contexts(job: DriverJob, executor: Executor, checkpoints: Sequence[Checkpoints]) -> list[TrialContext]:
    """Return what the trials of each sweep share; those of the same resolution have their data in common."""
    data = {folder.plan.px: splits for folder, splits in zip(job.folders, job.data, strict=True)}
    shared = {px: executor.share(splits) for px, splits in data.items()}
    return [
        TrialContext(
            recipe=folder.plan.recipe,
            px=folder.plan.px,
            classes=folder.plan.classes,
            data=shared[folder.plan.px],
            fingerprint=folder.plan.data_fingerprint,
            evaluate=folder.plan.EVALUATE,
            checkpoints=kept.location,
            loader_workers=job.resources.loader_workers,
        )
        for folder, kept in zip(job.folders, checkpoints, strict=True)
    ]


@contextmanager
def open_session(job: DriverJob, start: Callable[[], Started]) -> Iterator[DriverSession]:
    """Be the only driver of sweeps or of a search.

    Parameters
    ----------
    job : DriverJob
        What is to be run.
    start : callable
        Returns the event that it starts with. It is called once no other driver can change anything.

    Raises
    ------
    InputError
        If MLflow or the cluster cannot be used, or another driver is running; nothing is written then.
    """
    _check_home()
    for folder in job.folders:
        job.resources.check(folder.plan.recipe)
    with ExitStack() as stack:
        for folder in job.folders:
            stack.enter_context(folder.driving())
        stack.enter_context(driver_log(job.folders, job.resources))
        stack.enter_context(crashes_traced(job.log))
        stack.enter_context(last_words(_SUDDEN_END.format(log=job.log)))
        started = start()
        job.on_event(started)
        # MLflow is imported while Ray starts: both take seconds. It is opened, and its database created, once
        # it is known that something can run.
        tracker = TrackerProcess(job.folders[0].plan.recipe.name, job.folders[0].EXPERIMENT)
        stack.callback(tracker.close)
        executor = _open_executor(job, stack) if started.to_train else None
        stack.enter_context(terminable())  # after Ray, which would end the process at SIGTERM
        for note in tracker.begin():
            job.on_event(Message(text=note))
        _write_plans(job)
        tracking = TrackingSession(tracker, job.folders, job.workspace, job.on_event, remedy=job.remedy)
        stack.enter_context(tracking)
        yield DriverSession(job, tracking, executor)


def _check_home() -> None:
    """Refuse a user without a home: MLflow and Ray look for one."""
    try:
        Path.home()
    except RuntimeError as error:
        raise InputError(
            f"the user {os.getuid()} has no home: its number has no name on this machine, and HOME is not "
            "set. Set HOME to a folder, such as HOME=/tmp"
        ) from error


def _open_executor(job: DriverJob, stack: ExitStack) -> Executor:
    from sweep.orchestrate.executor import open_executor

    def warn(text: str) -> None:
        job.on_event(Message(text=text))

    return stack.enter_context(open_executor(job.resources, job.data, raw_output=job.log, warn=warn))


def _write_plans(job: DriverJob) -> None:
    for folder in job.folders:
        for text in folder.write_plan():
            job.on_event(Message(text=text))
