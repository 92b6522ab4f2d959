"""What goes from the journals to MLflow."""

from collections.abc import Sequence
from typing import Any

from rich.console import Console

from sweep.console import run as console_run
from sweep.core.trial import TrialSpec, TrialState
from sweep.tracking.base import Tracker
from sweep.tracking.send_queue import SendQueue
from sweep.workspace.trial_folder import TrialFolder
from sweep.workspace.workspace import Workspace

CLOSE_TIMEOUT_S = 120.0
"""How long nothing may arrive at MLflow until a run ends without it."""


class TrackingSession:
    """What goes from the journals of sweeps to MLflow, while this context lasts.

    At its beginning, results that only MLflow has are written to the journals; at its end, all that is on
    its way is waited for, and each sweep's figures are drawn and its parent run is ended. No trial may be
    in two of the sweeps.
    """

    def __init__(
        self,
        store: Tracker,
        sweeps: Sequence[TrialFolder[Any]],
        workspace: Workspace,
        console: Console,
        *,
        remedy: str = "`sweep sync`, or the same command,",
    ) -> None:
        self._store, self._sweeps, self._console, self._remedy = store, sweeps, console, remedy
        self._identity = workspace.identity()
        self._trials = {trial.key: (sweep, trial) for sweep in sweeps for trial in sweep.plan.trials}
        self.queue = SendQueue(self._send)
        self.complete = False

    def __enter__(self) -> "TrackingSession":
        for sweep in self._sweeps:
            self._store.open_sweep(sweep.plan, sweep.plan_file, self._identity)
        recovered = [self._recover(sweep) for sweep in self._sweeps]
        console_run.recovered(sum(recovered), self._console)
        self.queue.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.complete = self.queue.close(CLOSE_TIMEOUT_S) and self._close()
        if not self.complete:
            reason = f" ({self.queue.problem})" if self.queue.problem else ""
            text = f"MLflow has not taken everything{reason}: {self._remedy} sends the rest."
            self._console.print(text, markup=False)

    def put(self, search: TrialFolder[Any], trial: TrialSpec) -> None:
        """Put a trial on its way that may have come to be only now."""
        self._trials[trial.key] = (search, trial)
        self.queue.put(trial.key)

    def _recover(self, sweep: TrialFolder[Any]) -> int:
        """Write those results to a sweep's journal that only MLflow has; say how many."""
        lost = [key for key, record in sweep.records().items() if not (record and record.state.has_result)]
        found = self._store.results(lost)
        for key, history in found.items():
            sweep.journal.adopt(key, history)
        return len(found)

    def put_differences(self) -> None:
        """Put the trials that MLflow does not know, or knows otherwise, on their way."""
        for sweep in self._sweeps:
            records = sweep.records()
            for key in self._store.differences(sweep.name, records):
                if records[key]:
                    self.queue.put(key)

    def _send(self, key: str) -> None:
        sweep, trial = self._trials[key]
        self._store.send_trial(sweep.name, trial, sweep.journal.history(key))

    def _close(self) -> bool:
        """Draw each sweep and end its parent run; say whether MLflow took it."""
        from sweep.results.figures import draw_figures

        for sweep in self._sweeps:
            counts = sweep.counts()
            counts[TrialState.PLANNED] += counts.pop(TrialState.RUNNING)  # nothing runs any more
            try:
                figures = draw_figures(sweep)
                keys = {trial.key for trial in sweep.trials}
                self._store.close_sweep(sweep.name, keys, counts, figures)
                if tags := sweep.result_tags():
                    self._store.tag_sweep(sweep.name, tags)
            except Exception as error:  # MLflow is away: the next run does it
                self._console.print(f"MLflow did not take the end of {sweep.name}: {error}", markup=False)
                return False
        return True
