"""Decides which trial of a search comes next, and which is pruned."""

from collections.abc import Sequence

from sweep.core.costs import cost_of
from sweep.core.jobs import Job
from sweep.core.search_plan import SearchBudget
from sweep.core.trial import EpochRecord, Role, TrialRecord, TrialSpec
from sweep.tuning.finalists import repeats
from sweep.tuning.sampler import OptunaSampler
from sweep.workspace.search import Search


class Tuner:
    """Decides which trial is next. It writes nothing: whoever asks it records each trial in the journal.

    First come the trials that an earlier driver left unfinished or that failed; then new points; and once all
    points have ended, the best of them with other seeds.
    """

    def __init__(self, search: Search, budget: SearchBudget) -> None:
        self.search, self._budget = search, budget
        self._sampler = OptunaSampler.of(search)
        self._unfinished = [trial for trial in search.trials if not search.history(trial).state.is_over]
        self._running: set[str] = set()

    def next_job(self) -> Job | None:
        """Return the next job; None while it depends on how a running one ends, or if there is none left."""
        trial = self._unfinished.pop(0) if self._unfinished else self._next_point() or self._next_repeat()
        if trial is None:
            return None
        self._running.add(trial.key)
        return Job(trial, 0)

    def _next_point(self) -> TrialSpec | None:
        taken = [trial.index for trial in self.search.trials if trial.role is Role.POINT]
        index = max(taken, default=-1) + 1
        if len(taken) >= self._budget.points:
            return None
        return self.search.plan.point(index, *self._sampler.ask(index))

    def _next_repeat(self) -> TrialSpec | None:
        points = {trial.key for trial in self.search.trials if trial.role is Role.POINT}
        if points & self._running:
            return None
        known = {trial.key for trial in self.search.trials}  # what failed is tried again by the next driver
        return next(
            (t for t in repeats(self.search, self._budget) if t.key not in known | self._running), None
        )

    def prunes(self, trial: TrialSpec, epochs: Sequence[EpochRecord]) -> bool:
        """Say whether to prune a point. What is repeated is trained to the end.

        A trial that resumes or restarts reports its first epochs once more: nothing is decided on them.
        """
        if trial.role is not Role.POINT:
            return False
        metric = self.search.plan.recipe.metric
        reports = [self._sampler.report(trial.index, e.epoch, cost_of(metric, e)) for e in epochs]
        return any(reports)  # every epoch has to be reported

    def on_end(self, trial: TrialSpec, record: TrialRecord) -> None:
        """Learn from a trial's end."""
        if trial.key in self._running and trial.role is Role.POINT:
            cost = cost_of(self.search.plan.recipe.metric, record)
            self._sampler.tell(trial.index, record.state, cost)
        self._running.discard(trial.key)
