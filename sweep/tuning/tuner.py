"""Decides which trial of a search comes next, and which is pruned."""

from collections.abc import Sequence

from sweep.console.progress import ProgressView, Tally
from sweep.core.jobs import AttemptFailure, Job
from sweep.core.search_plan import SearchBudget
from sweep.core.trial import EpochRecord, Role, TrialRecord, TrialSpec
from sweep.driver.checkpoint_cleanup import Checkpoints
from sweep.driver.delivery import TrackingSession
from sweep.tuning.finalists import finalists, repeats
from sweep.tuning.sampler import OptunaSampler
from sweep.workspace.error_files import discard_error, write_error
from sweep.workspace.search import Search


class Tuner:
    """Decides which trial is next, and writes down what becomes of it.

    First come the trials that an earlier driver left unfinished, or that failed it; then new points, and when
    all have ended the best ones with other seeds.
    """

    def __init__(self, search: Search, effort: SearchBudget) -> None:
        self.search, self.effort = search, effort
        self._chooser = OptunaSampler.of(search)
        self._again = [trial for trial in search.trials if not search.history(trial).state.is_over]
        self._running: set[str] = set()

    def show_to(
        self, checkpoints: Checkpoints, delivery: TrackingSession, tally: Tally, view: ProgressView
    ) -> None:
        """Tell these of all that happens."""
        self._checkpoints, self._delivery, self._tally, self._view = checkpoints, delivery, tally, view

    def next_job(self) -> Job | None:
        """Return the next job; None while it depends on how a running one ends, or if there is none left."""
        trial = self._again.pop(0) if self._again else self._next_point() or self._next_repeat()
        if trial is None:
            return None
        self._running.add(trial.key)
        return Job(trial, 0)

    def _next_point(self) -> TrialSpec | None:
        taken = [trial.index for trial in self.search.trials if trial.role is Role.POINT]
        index = max(taken, default=-1) + 1
        if len(taken) >= self.effort.points:
            return None
        trial = self.search.plan.point(index, *self._chooser.ask(index))
        self.search.journal.append("start", trial.key, trial)  # from here on the point is known
        return trial

    def _next_repeat(self) -> TrialSpec | None:
        points = {trial.key for trial in self.search.trials if trial.role is Role.POINT}
        if points & self._running:
            return None
        known = {trial.key for trial in self.search.trials}  # what failed is tried again by the next driver
        return next(
            (t for t in repeats(self.search, self.effort) if t.key not in known | self._running), None
        )

    def prunes(self, trial: TrialSpec, epochs: Sequence[EpochRecord]) -> bool:
        """Say whether to give a point up. What is repeated is trained to the end.

        A trial that goes on, or begins again, tells its first epochs once more: nothing is decided on them.
        """
        if trial.role is not Role.POINT:
            return False
        said = [self._chooser.report(trial.index, epoch.epoch, epoch.top1_err) for epoch in epochs]
        return any(said)

    def on_start(self, trial: TrialSpec) -> None:
        """Note that a trial starts, or starts again."""
        self._note(trial, self.search.journal.append("start", trial.key, trial))

    def on_epoch(self, trial: TrialSpec, record: EpochRecord) -> None:
        """Note an epoch's record."""
        self._tally.report(trial, record)
        self._note(trial, self.search.journal.append("epoch", trial.key, record))

    def on_failure(self, trial: TrialSpec, failure: AttemptFailure) -> None:
        """Write down why an attempt failed."""
        write_error(self.search.folder, trial.key, failure)

    def on_end(self, trial: TrialSpec, record: TrialRecord) -> None:
        """Note a trial's end."""
        news = self.search.journal.append("end", trial.key, record)
        self._running.discard(trial.key)
        if news:
            self._tally.add(trial, record, self.search.plan.recipe.epochs)
            if trial.role is Role.POINT:
                self._chooser.tell(trial.index, record.state, record.top1_err)
        if record.state.is_over:
            discard_error(self.search.folder, trial.key)
            self._checkpoints.discard(trial.key)
        self._note(trial, news)

    def on_message(self, trial: TrialSpec, text: str) -> None:
        """Tell the user, above the progress bar."""
        self._view.say(f"{trial.model}, point {trial.index}: {text}")

    def _note(self, trial: TrialSpec, news: bool) -> None:
        if news:
            self._delivery.put(self.search, trial)
        self._view.note = self._delivery.queue.note
        self._view.refresh()


def _is_at_its_end(search: Search, effort: SearchBudget) -> bool:
    """Say whether all that is asked for was tried; what failed was, too."""
    trials = search.trials
    repeated = {trial.index for trial in trials if trial.repeat >= effort.seeds}
    return (
        all(search.history(trial).record for trial in trials)
        and sum(trial.role is Role.POINT for trial in trials) >= effort.points
        and {point.index for point in finalists(search, effort.finalists)} <= repeated
    )
