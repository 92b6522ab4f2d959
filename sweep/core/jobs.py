"""What is run, who runs it, and who hears of it: the words between a driver and an executor."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple, Protocol

from sweep.checkpoints.base import CheckpointLocation
from sweep.core.trial import EpochRecord, TrialRecord, TrialSpec
from sweep.recipes.recipe import Recipe


class Job(NamedTuple):
    """A trial to be run, and what its training needs beside it."""

    trial: TrialSpec
    setting: int
    """Index of its `TrialContext`."""


@dataclass(frozen=True, kw_only=True, slots=True)
class TrialContext:
    """What the trials of a sweep share."""

    recipe: Recipe
    px: int
    classes: int
    data: Any
    """`Splits` or `FileSplits`, or Ray's reference to them."""
    fingerprint: str = ""
    """Of the data; of the source file of a training function of the user's own."""
    evaluate: str = "val"
    """The split that is evaluated after each epoch."""
    loader_workers: int = 0
    """Processes that load the images of each trial, where images are loaded one by one."""
    checkpoints: CheckpointLocation | None = None
    """Where their checkpoints are stored, accessible to every machine; None: no checkpoints."""


@dataclass(frozen=True, kw_only=True, slots=True)
class AttemptFailure:
    """Why one attempt to train a trial failed."""

    message: str
    """In one line, with the innermost line of the user's own code, if any is involved."""
    traceback: str
    """The whole traceback, from where it was raised; what Ray says where a worker was lost."""
    origin: str | None
    """Tells whether the user's own code has failed at the same place again; None: it was not at fault."""
    host: str
    time: str
    """In UTC, ISO 8601."""
    attempt: int = 1
    """From 1, of this driver."""


class TrialObserver(Protocol):
    """What the driver does as trials start, report and end."""

    def on_start(self, trial: TrialSpec) -> None:
        """Handle that a trial starts, or starts again."""

    def on_epoch(self, trial: TrialSpec, record: EpochRecord) -> None:
        """Handle an epoch's record."""

    def on_failure(self, trial: TrialSpec, failure: AttemptFailure) -> None:
        """Handle that an attempt has failed; another one or the trial's end follows."""

    def on_end(self, trial: TrialSpec, record: TrialRecord) -> None:
        """Handle a trial's end."""

    def on_message(self, trial: TrialSpec, text: str) -> None:
        """Handle what a user should know of a trial, such as a checkpoint that cannot be used."""


class TrialSource(TrialObserver, Protocol):
    """An observer that decides what is tried next, from what has come of the trials before."""

    def next_job(self) -> Job | None:
        """Return the next job; None while it depends on how a running one ends, or if there is none left."""

    def prunes(self, trial: TrialSpec, epochs: Sequence[EpochRecord]) -> bool:
        """Say whether to give a trial up after these epochs, before they are reported."""


class Executor(Protocol):
    """Runs trials: in the workers of a Ray cluster, or one after the other in this process.

    `sweep.orchestrate.executor.open_executor` opens one.
    """

    @property
    def parallel(self) -> int:
        """How many trials run at once, or packs of them."""

    @property
    def in_process(self) -> bool:
        """Whether trials run in this very process, so that a debugger may take over the terminal."""

    def share(self, splits: Any) -> Any:
        """Put a data set where trials can take theirs from; return what `TrialContext.data` is then."""

    def run(self, jobs: Sequence[Job], contexts: Sequence[TrialContext], observer: TrialObserver) -> None:
        """Run all jobs, in their order; one that fails is retried, and then ends as failed.

        Raises
        ------
        InputError
            If the observer raised it.
        ExecutorLost
            If nothing can be run any more.
        """

    def search(self, source: TrialSource, contexts: Sequence[TrialContext]) -> None:
        """Run the jobs that a trial source asks for, until it has no more; failures are handled as by `run`.

        Raises
        ------
        InputError, ExecutorLost
            As `run` does.
        """


class ExecutorLost(Exception):
    """An executor can run nothing any more. What has ended is kept."""
