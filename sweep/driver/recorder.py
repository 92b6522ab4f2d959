"""Writes what happens to trials into journals, and passes it on."""

from collections.abc import Sequence
from contextlib import suppress
from typing import Any

from sweep.core.jobs import AttemptFailure
from sweep.core.trial import EpochRecord, Role, TrialRecord, TrialSpec
from sweep.driver.checkpoint_cleanup import Checkpoints
from sweep.driver.delivery import TrackingSession
from sweep.driver.events import (
    AttemptFailed,
    EpochReported,
    OnEvent,
    TrackerDelayed,
    TrialEnded,
    TrialMessage,
    TrialStarted,
)
from sweep.workspace.error_files import discard_error, write_error
from sweep.workspace.trial_folder import TrialFolder


class Recorder:
    """Writes what happens to trials into their journals, then passes it on to MLflow and to ``on_event``.

    Parameters
    ----------
    folders : sequence of TrialFolder
        The sweeps, or the search.
    checkpoints : sequence of Checkpoints
        Those of each.
    tracking : TrackingSession
        What sends the news to MLflow.
    on_event : callable
        Is called with each event.
    """

    def __init__(
        self,
        folders: Sequence[TrialFolder[Any]],
        checkpoints: Sequence[Checkpoints],
        tracking: TrackingSession,
        on_event: OnEvent,
    ) -> None:
        self._tracking, self._on_event = tracking, on_event
        self._folders = {trial.key: folder for folder in folders for trial in folder.trials}
        self._checkpoints = {folder.name: kept for folder, kept in zip(folders, checkpoints, strict=True)}
        self._waiting = 0

    def add(self, folder: TrialFolder[Any], trial: TrialSpec) -> None:
        """Take in a trial that a search has just come up with, unless it is known.

        A point's index is taken from now on, so that it is written down; a repeat follows from the points.
        """
        if trial.key in self._folders:
            return
        self._folders[trial.key] = folder
        if trial.role == Role.POINT:
            folder.journal.append("start", trial.key, folder.start_contents(trial))

    def on_start(self, trial: TrialSpec) -> None:
        """Record that a trial starts, or starts again."""
        folder = self._folders[trial.key]
        news = folder.journal.append("start", trial.key, folder.start_contents(trial))
        self._on_event(TrialStarted(trial=trial))
        self._pass_on(trial, news)

    def on_epoch(self, trial: TrialSpec, record: EpochRecord) -> None:
        """Record an epoch."""
        news = self._folders[trial.key].journal.append("epoch", trial.key, record)
        self._on_event(EpochReported(trial=trial, record=record))
        self._pass_on(trial, news)

    def on_failure(self, trial: TrialSpec, failure: AttemptFailure) -> None:
        """Write down why an attempt failed."""
        try:
            write_error(self._folders[trial.key].folder, trial.key, failure)
        except OSError as error:  # a full disk: the journal has the reason in one line
            self.on_message(trial, f"the traceback could not be kept: {error}")
        self._on_event(AttemptFailed(trial=trial, failure=failure))

    def on_end(self, trial: TrialSpec, record: TrialRecord) -> None:
        """Record a trial's end, and remove its checkpoint if it needs none any more."""
        folder = self._folders[trial.key]
        news = folder.journal.append("end", trial.key, record)
        if record.state.is_over:
            with suppress(OSError):  # it is only of an earlier attempt
                discard_error(folder.folder, trial.key)
            self._checkpoints[folder.name].discard(trial.key)
        if news:
            epochs = folder.plan.recipe.epochs
            self._on_event(TrialEnded(trial=trial, record=record, epochs=epochs))
        self._pass_on(trial, news)

    def on_message(self, trial: TrialSpec, text: str) -> None:
        """Pass on what a user should know of a trial."""
        self._on_event(TrialMessage(trial=trial, text=text))

    def _pass_on(self, trial: TrialSpec, news: bool) -> None:
        if news:
            self._tracking.put(self._folders[trial.key], trial)
        if (waiting := self._tracking.waiting) != self._waiting:
            self._waiting = waiting
            self._on_event(TrackerDelayed(waiting=waiting))
