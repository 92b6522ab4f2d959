"""What goes from the journals to MLflow."""

from collections.abc import Sequence
from typing import Any

from sweep.core.trial import TrialSpec, TrialState
from sweep.driver.draw_figures import Drawn, draw_all
from sweep.driver.events import OnEvent, ResultsRecovered, TrackerBehind, TrackerRefused
from sweep.tracking.base import Tracker
from sweep.tracking.send_queue import SendQueue
from sweep.workspace.error_files import error_file
from sweep.workspace.trial_folder import TrialFolder
from sweep.workspace.workspace import Workspace

CLOSE_TIMEOUT_S = 120.0
"""How long nothing may arrive at MLflow until a run ends without it."""


class TrackingSession:
    """What goes from the journals of sweeps or a search to MLflow, while this context lasts.

    When it is entered, results that only MLflow has are written to the journals. When it is left, the figures
    are drawn, all that is on its way to MLflow is waited for, and each sweep's parent run is ended.

    Parameters
    ----------
    tracker : Tracker
        MLflow.
    folders : sequence of TrialFolder
        The sweeps, or the search. No trial may be in two of them.
    workspace : Workspace
        The folder that they lie in.
    on_event : callable
        Is called with each event.
    remedy : str
        The command that sends what MLflow lacks in the end.
    """

    def __init__(
        self,
        tracker: Tracker,
        folders: Sequence[TrialFolder[Any]],
        workspace: Workspace,
        on_event: OnEvent,
        *,
        remedy: str = "`sweep sync`, or the same command,",
    ) -> None:
        self._tracker, self._folders = tracker, folders
        self._on_event, self._remedy = on_event, remedy
        self._identity = workspace.identity()
        self._trials = {trial.key: (folder, trial) for folder in folders for trial in folder.trials}
        self._queue = SendQueue(self._send)
        self.complete = False
        """Whether MLflow has all of it, the figures too; known once the context is left."""

    def __enter__(self) -> "TrackingSession":
        for folder in self._folders:
            self._tracker.open_sweep(folder.plan, folder.plan_file, self._identity)
        if recovered := sum(self._recover(folder) for folder in self._folders):
            self._on_event(ResultsRecovered(count=recovered))
        self._queue.start()
        return self

    def __exit__(self, *_: object) -> None:
        try:
            drawn = draw_all(self._folders, self._on_event)
        except BaseException:  # Ctrl-C once more: the queue must not outlive the lock
            self._queue.close(0)
            raise
        sent = self._queue.close(CLOSE_TIMEOUT_S) and self._close(drawn)
        if not sent:
            problem = str(self._queue.problem or "")
            self._on_event(TrackerBehind(problem=problem, remedy=self._remedy))
        self.complete = sent and len(drawn) == len(self._folders)

    @property
    def waiting(self) -> int:
        """Trials whose news wait for MLflow, which cannot be reached; 0 as long as it can."""
        return len(self._queue) if self._queue.problem else 0

    def put(self, folder: TrialFolder[Any], trial: TrialSpec) -> None:
        """Send a trial's news soon; a search may have come up with it only now."""
        self._trials[trial.key] = folder, trial
        self._queue.put(trial.key)

    def put_differences(self) -> None:
        """Send the trials of which MLflow knows nothing, or something else than the journals."""
        for folder in self._folders:
            records = folder.records()
            for key in self._tracker.differences(folder.name, records):
                if records[key]:
                    self._queue.put(key)

    def _recover(self, folder: TrialFolder[Any]) -> int:
        """Write those results to a journal that only MLflow has; return how many."""
        lost = [key for key, record in folder.records().items() if not (record and record.state.has_result)]
        found = self._tracker.results(lost)
        for key, history in found.items():
            folder.journal.adopt(key, history)
        return len(found)

    def _send(self, key: str) -> None:
        folder, trial = self._trials[key]
        history = folder.journal.history(key)
        self._tracker.send_trial(folder.name, trial, history)
        file = error_file(folder.folder, key)
        if history.state is TrialState.FAILED and file.exists():
            self._tracker.attach(key, file)

    def _close(self, drawn: dict[str, Drawn]) -> bool:
        """End each sweep's parent run; say whether MLflow took it."""
        for folder in self._folders:
            counts = folder.counts()
            counts[TrialState.PLANNED] += counts.pop(TrialState.RUNNING)  # nothing runs any more
            try:
                keys = {trial.key for trial in folder.trials}
                shown = drawn.get(folder.name)
                self._tracker.close_sweep(folder.name, keys, counts, shown.figures if shown else [])
                if shown:
                    self._tracker.describe_sweep(folder.name, shown.run.metrics, shown.run.note)
                if tags := folder.result_tags():
                    self._tracker.tag_sweep(folder.name, tags)
            except Exception as error:  # MLflow is away: the next run does it
                self._on_event(TrackerRefused(name=folder.name, problem=str(error)))
                return False
        return True
