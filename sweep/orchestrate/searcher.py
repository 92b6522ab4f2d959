"""Lets Tune ask for trials that are made up on the way."""

import dataclasses
from typing import Any

from ray.tune.search import Searcher

from sweep.core.jobs import Job, TrialSource
from sweep.orchestrate.actors import PACK, REPORT
from sweep.orchestrate.failures import Attempts
from sweep.orchestrate.tune_callback import TuneReporter


class TuneSearcher(Searcher):
    """Lets a trial source choose the trials that Tune runs, and prune them."""

    def __init__(self, source: TrialSource, jobs: list[Job], reporter: TuneReporter) -> None:
        super().__init__()
        self._source, self._jobs, self._reporter = source, jobs, reporter
        self._live: dict[str, int] = {}  # Tune's name of a trial → its job
        self._again = list(reporter.left)  # under way when Tune broke down
        self.waits = False
        """Whether what is tried next depends on how running trials end."""
        self.exhausted = False
        """Whether there is nothing left to try."""

    @property
    def live(self) -> int:
        """The trials that Tune has in hand."""
        return len(self._live)

    def __getstate__(self) -> dict[str, Any]:
        return {}  # as for `TuneReporter`

    def suggest(self, trial_id: str) -> Any:
        """Return the next job as Tune's config."""
        with self._reporter.noting_problems():
            job = self._again.pop(0) if self._again else self._ask()
        self.waits = job is None
        if job is None:
            self.exhausted = not self._live
            return Searcher.FINISHED if self.exhausted else None
        self._live[trial_id] = job
        trial, setting = self._jobs[job]
        return {PACK: [job], "trial": dataclasses.asdict(trial), "setting": setting}

    def _ask(self) -> int | None:
        asked = self._source.next_job()
        if asked is None:
            return None
        self._jobs.append(asked)
        job = len(self._jobs) - 1
        self._reporter.left[job] = Attempts()
        return job

    def stops(self, trial_id: str, result: dict[str, Any]) -> bool:
        """Say whether a trial is to be pruned after a report of its worker."""
        job = self._live[trial_id]
        with self._reporter.noting_problems():
            for report in result[REPORT].trials:
                if self._source.prunes(report.trial, report.epochs) and not report.done:
                    self._reporter.pruned.add(job)
        return job in self._reporter.pruned

    def on_trial_complete(self, trial_id: str, result: dict | None = None, error: bool = False) -> None:
        """Note that there is room for another one."""
        self._live.pop(trial_id, None)

    def save(self, checkpoint_path: str) -> None:
        """Save nothing: a search resumes from its journal."""
