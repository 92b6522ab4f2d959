"""Passes what Tune hears of its trials on to an observer."""

import pickle
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from ray import tune

from sweep.core.jobs import ExecutorLost, Job, TrialObserver
from sweep.core.trial import TrialRecord, TrialSpec, TrialState
from sweep.orchestrate.actors import REPORT
from sweep.orchestrate.failures import RETRIES, Attempts, failure_of


class TuneReporter(tune.Callback):
    """Hands what Tune says to an observer.

    A late report of a worker that Ray has lost, such as one on a node that was cut off, never comes here:
    Tune waits for one report of each worker, and no longer once the worker is lost.
    """

    def __init__(self, jobs: Sequence[Job], observer: TrialObserver) -> None:
        self._jobs, self._observer = jobs, observer
        self.left = {job: Attempts() for job in range(len(jobs))}
        """The jobs that have not ended → their failed attempts."""
        self.pruned: set[int] = set()
        """The jobs that a search has pruned."""
        self.problem: Exception | None = None
        """What the observer could not do; Tune hides it in an error of its own."""

    def __getstate__(self) -> dict[str, Any]:
        return {}  # Tune pickles its callbacks to be able to restore a run; ours resumes from the journal

    def _spec(self, trial: Any) -> TrialSpec:
        return self._jobs[trial.config["job"]].trial

    @contextmanager
    def noting_problems(self) -> Iterator[None]:
        """Keep an error of the observer, which Tune would hide in one of its own."""
        try:
            yield
        except Exception as error:
            self.problem = error
            raise

    def on_trial_start(self, iteration: int, trials: list[Any], trial: Any, **info: Any) -> None:
        """Pass on that a trial starts."""
        with self.noting_problems():
            self._observer.on_start(self._spec(trial))

    def on_trial_result(
        self, iteration: int, trials: list[Any], trial: Any, result: dict, **info: Any
    ) -> None:
        """Pass on what a worker reports."""
        report, job = result[REPORT], trial.config["job"]
        with self.noting_problems():
            report.hand_on(self._spec(trial), self._observer, pruned=job in self.pruned)
        if result["done"]:
            self.left.pop(job, None)

    def on_trial_complete(self, iteration: int, trials: list[Any], trial: Any, **info: Any) -> None:
        """Free what Tune would keep of a trial."""
        # Tune keeps statistics of some fifteen numbers a trial until the very end: 20 kB, and nobody asks.
        trial.metric_analysis.clear()
        trial.metric_n_steps.clear()

    def on_trial_recover(self, iteration: int, trials: list[Any], trial: Any, **info: Any) -> None:
        """Note why an attempt has failed that Tune repeats."""
        # Tune calls this if it retries a trial.
        self._note_failure(trial)

    def on_trial_error(self, iteration: int, trials: list[Any], trial: Any, **info: Any) -> None:
        """Note why an attempt has failed; mark the trial failed if it was the last one."""
        # Tune gives up sooner if a worker is lost between two trials: the job is left for another start then.
        if self._note_failure(trial).exhausted:
            self.give_up(trial.config["job"])

    def _note_failure(self, trial: Any) -> Attempts:
        attempts = self.left[trial.config["job"]]
        failure = attempts.add(failure_of(_raised(trial)))
        with self.noting_problems():
            self._observer.on_failure(self._spec(trial), failure)
        # Where the user's own code is at fault, Tune retries once: a lost worker may not, the same error may.
        trial.max_failures = trial.num_failures if failure.origin else RETRIES
        return attempts

    def give_up(self, job: int) -> None:
        """Let a trial end as failed."""
        failures = self.left.pop(job).failures
        reason = failures[-1].message if failures else "Ray Tune did not run it, without saying why"
        trial = self._jobs[job].trial
        with self.noting_problems():
            record = TrialRecord(key=trial.key, state=TrialState.FAILED, error=reason)
            self._observer.on_end(trial, record)


def _raised(trial: Any) -> BaseException:
    """Return what a worker raised, or what Ray says of one that was lost.

    Tune's own `get_error` looks where its state is saved in the end, too late for a callback.
    """
    try:
        with open(trial.pickled_error_file, "rb") as file:
            error = pickle.load(file)
    except Exception:  # there is none, or it is of a kind that only the worker knows
        return ExecutorLost("Ray Tune does not say why")
    return getattr(error, "cause", None) or error
