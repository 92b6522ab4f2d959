"""Writes what happens to trials into journals, and passes it on."""

from collections.abc import Sequence

from sweep.console import run
from sweep.console.progress import ProgressView, Tally
from sweep.core.jobs import AttemptFailure
from sweep.core.trial import EpochRecord, TrialRecord, TrialSpec
from sweep.driver.checkpoint_cleanup import Checkpoints
from sweep.tracking.send_queue import SendQueue
from sweep.workspace.error_files import discard_error, write_error
from sweep.workspace.sweep_run import SweepRun


class _Recorder:
    """Writes what happens to the journals, and tells the outbox and the progress view."""

    def __init__(
        self,
        tasks: Sequence[SweepRun],
        checkpoints: Sequence[Checkpoints],
        queue: SendQueue[str],
        tally: Tally,
        view: ProgressView,
    ) -> None:
        self._queue, self._tally, self._view = queue, tally, view
        sweeps = [task.sweep for task in tasks]
        kept = zip(sweeps, checkpoints, strict=True)
        self._checkpoints = {trial.key: each for sweep, each in kept for trial in sweep.trials}
        self._journals = {trial.key: sweep.journal for sweep in sweeps for trial in sweep.trials}
        self._folders = {trial.key: sweep.folder for sweep in sweeps for trial in sweep.trials}
        self._epochs = {trial.key: sweep.plan.recipe.epochs for sweep in sweeps for trial in sweep.trials}

    def on_start(self, trial: TrialSpec) -> None:
        """Note that a trial starts, or starts again."""
        self._note(trial, self._journals[trial.key].append("start", trial.key))

    def on_epoch(self, trial: TrialSpec, record: EpochRecord) -> None:
        """Note an epoch's record."""
        self._tally.report(trial, record)
        self._note(trial, self._journals[trial.key].append("epoch", trial.key, record))

    def on_failure(self, trial: TrialSpec, failure: AttemptFailure) -> None:
        """Write down why an attempt failed."""
        write_error(self._folders[trial.key], trial.key, failure)

    def on_end(self, trial: TrialSpec, record: TrialRecord) -> None:
        """Note a trial's end."""
        news = self._journals[trial.key].append("end", trial.key, record)
        if news:
            self._tally.add(trial, record, self._epochs[trial.key])
        if record.state.has_result:
            discard_error(self._folders[trial.key], trial.key)
            self._checkpoints[trial.key].discard(trial.key)
        self._note(trial, news)

    def on_message(self, trial: TrialSpec, text: str) -> None:
        """Tell the user, above the progress bar."""
        self._view.say(f"{trial.model}, {run.place(trial)}: {text}")

    def _note(self, trial: TrialSpec, news: bool) -> None:
        if news:
            self._queue.put(trial.key)
        self._view.note = self._queue.note
        self._view.refresh()
