"""Passes what Tune hears of its trials on to an observer."""

import pickle
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from ray import tune

from sweep.core.jobs import ExecutorLost, Job, TrialObserver
from sweep.core.trial import TrialRecord, TrialState
from sweep.orchestrate.actors import PACK, REPORT
from sweep.orchestrate.failures import APART, RETRIES, Attempts, failure_of, ran_out_of_memory


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
        self.apart: set[int] = set()
        """The jobs that are run alone, as their pack has failed."""
        self.problem: Exception | None = None
        """What the observer could not do; Tune hides it in an error of its own."""

    def __getstate__(self) -> dict[str, Any]:
        return {}  # Tune pickles its callbacks to be able to restore a run; ours resumes from the journal

    def _pack(self, trial: Any) -> dict[str, int]:
        """Return the trials of a pack that have not ended, which Tune calls a trial: key → job."""
        return {self._jobs[job].trial.key: job for job in trial.config[PACK] if job in self.left}

    @contextmanager
    def noting_problems(self) -> Iterator[None]:
        """Keep an error of the observer, which Tune would hide in one of its own."""
        try:
            yield
        except Exception as error:
            self.problem = error
            raise

    def on_trial_start(self, iteration: int, trials: list[Any], trial: Any, **info: Any) -> None:
        """Pass on that trials start."""
        with self.noting_problems():
            for job in self._pack(trial).values():
                self._observer.on_start(self._jobs[job].trial)

    def on_trial_result(
        self, iteration: int, trials: list[Any], trial: Any, result: dict, **info: Any
    ) -> None:
        """Pass on what a worker reports."""
        pack = self._pack(trial)
        with self.noting_problems():
            for report in result[REPORT].trials:
                job = pack[report.trial.key]
                report.hand_on(self._observer, pruned=job in self.pruned)
                if report.done or job in self.pruned:
                    del self.left[job]

    def on_trial_complete(self, iteration: int, trials: list[Any], trial: Any, **info: Any) -> None:
        """Free what Tune would keep of a trial."""
        # Tune keeps statistics of some fifteen numbers a trial until the very end: 20 kB, and nobody asks.
        trial.metric_analysis.clear()
        trial.metric_n_steps.clear()

    def on_trial_recover(self, iteration: int, trials: list[Any], trial: Any, **info: Any) -> None:
        """Note why an attempt has failed that Tune repeats, with the trials that have not ended."""
        # Tune calls this if it retries a trial.
        self._note_failure(trial)
        trial.set_config(trial.config | {PACK: list(self._pack(trial).values())})

    def on_trial_error(self, iteration: int, trials: list[Any], trial: Any, **info: Any) -> None:
        """Note why an attempt has failed; mark the trial failed if it was the last one."""
        # Tune gives up sooner if a worker is lost between two trials: the job is left for another start then.
        self._note_failure(trial)
        pack = self._pack(trial).values()
        for job in list(pack):
            attempts = self.left[job]
            if len(pack) > 1 and (attempts.exhausted or ran_out_of_memory(attempts.failures[-1])):
                self._take_apart(job)
            elif attempts.exhausted:
                self.give_up(job)

    def _note_failure(self, trial: Any) -> None:
        """Note of each trial of a pack why the attempt has failed; decide whether Tune may repeat it."""
        error, pack = failure_of(_raised(trial)), self._pack(trial).values()
        with self.noting_problems():
            for job in pack:
                self._observer.on_failure(self._jobs[job].trial, self.left[job].add(error))
        # Where the user's own code is at fault, Tune retries once: a lost worker may not, the same error may.
        # Where a pack needs more memory than there is, it would do so again.
        hopeless = error.origin or (len(pack) > 1 and ran_out_of_memory(error))
        trial.max_failures = trial.num_failures if hopeless else RETRIES

    def _take_apart(self, job: int) -> None:
        """Let a trial of a pack that fails be run alone, with as many attempts as any other."""
        self.left[job] = Attempts()
        self.apart.add(job)
        with self.noting_problems():
            self._observer.on_message(self._jobs[job].trial, APART)

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
