"""Passes what Tune hears of its trials on to an observer."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from ray import tune

from sweep.core.jobs import Job, TrialObserver
from sweep.core.trial import TrialRecord, TrialSpec, TrialState
from sweep.errors import InputError
from sweep.orchestrate.actors import REPORT
from sweep.orchestrate.preflight import reason
from sweep.orchestrate.reports import RETRIES


class _Reporter(tune.Callback):
    """Hands what Tune says to an observer.

    A late report of a worker that Ray has given up, on a node that was cut off, say, never comes here: Tune
    waits for one report of each worker, and no longer once the worker is lost.
    """

    def __init__(self, jobs: Sequence[Job], observer: TrialObserver) -> None:
        self._jobs, self._observer = jobs, observer
        self.left: dict[int, str | None] = dict.fromkeys(range(len(jobs)))
        """The jobs that have not ended → why the last attempt failed."""
        self.pruned: set[int] = set()
        """The jobs that are given up early, by a search."""
        self.problem: InputError | None = None
        """What the observer could not do; Tune hides it in an error of its own."""

    def __getstate__(self) -> dict[str, Any]:
        return {}  # Tune pickles its callbacks to be able to restore a run; ours goes on from the journal

    def _spec(self, trial: Any) -> TrialSpec:
        return self._jobs[trial.config["job"]].trial

    @contextmanager
    def noting_problems(self) -> Iterator[None]:
        try:
            yield
        except InputError as error:
            self.problem = error
            raise

    def on_trial_start(self, iteration: int, trials: list[Any], trial: Any, **info: Any) -> None:
        with self.noting_problems():
            self._observer.on_start(self._spec(trial))

    def on_trial_result(
        self, iteration: int, trials: list[Any], trial: Any, result: dict, **info: Any
    ) -> None:
        report, job = result[REPORT], trial.config["job"]
        with self.noting_problems():
            report.hand_on(self._spec(trial), self._observer, pruned=job in self.pruned)
        if result["done"]:
            self.left.pop(job, None)

    def on_trial_complete(self, iteration: int, trials: list[Any], trial: Any, **info: Any) -> None:
        # Tune keeps statistics of some fifteen numbers a trial until the very end: 20 kB, and nobody asks.
        trial.metric_analysis.clear()
        trial.metric_n_steps.clear()

    def on_trial_error(self, iteration: int, trials: list[Any], trial: Any, **info: Any) -> None:
        job = trial.config["job"]
        self.left[job] = reason(trial)
        if trial.num_failures > RETRIES:  # Tune gives up sooner if a worker is lost between two trials
            self.give_up(job)

    def give_up(self, job: int) -> None:
        """Let a trial end as failed."""
        reason = self.left[job] or "Ray Tune did not run it, without saying why"
        key = self._jobs[job].trial.key
        with self.noting_problems():
            record = TrialRecord(key=key, state=TrialState.FAILED, error=reason)
            self._observer.on_end(self._jobs[job].trial, record)
        self.left.pop(job, None)
