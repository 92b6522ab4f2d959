"""How far a run has come: a bar on a terminal, plain lines elsewhere."""

import statistics
import time
from collections import Counter
from collections.abc import Iterable

from rich.console import Console, Group
from rich.live import Live
from rich.text import Text

from sweep.console.board import Board
from sweep.console.tables import progress_bar
from sweep.core.trial import EpochRecord, TrialRecord, TrialSpec, TrialState
from sweep.recipes.metric import MetricSpec
from sweep.utils.text import counted, duration

_LINE_EVERY_S = 15.0
_OTHER_LINES = 6
"""Lines of a terminal that are kept free for other things than the board."""
_ENDS = (TrialState.FINISHED, TrialState.DIVERGED, TrialState.FAILED, TrialState.PRUNED)


class Tally:
    """Counts the trials that have ended and estimates the remaining time.

    Parameters
    ----------
    work : iterable of (str, int)
        The model and the epochs of each trial that is to run.
    parallel : int
        How many run at once, at least.
    metric : MetricSpec, optional
        What they report instead of the top-1 error.
    """

    def __init__(
        self, work: Iterable[tuple[str, int]], parallel: int, metric: MetricSpec | None = None
    ) -> None:
        work = list(work)
        self.total, self._parallel, self._metric = len(work), parallel, metric
        self._left: Counter[str] = Counter()  # epochs of each model
        for model, epochs in work:
            self._left[model] += epochs
        self._under_way: dict[str, tuple[str, int]] = {}  # trial → its model, and epochs it has behind it
        self._paces: dict[str, tuple[float, int]] = {}  # of each model: seconds and epochs of ended trials
        self.counts = dict.fromkeys(_ENDS, 0)
        self.best: float | None = None

    @property
    def done(self) -> int:
        """Trials that have ended, however."""
        return sum(self.counts.values())

    def report(self, trial: TrialSpec, record: EpochRecord) -> None:
        """Take an epoch of a running trial in."""
        self._under_way[trial.key] = trial.model, record.epoch
        self._parallel = max(self._parallel, len(self._under_way))  # a worker may train several

    def add(self, trial: TrialSpec, record: TrialRecord, epochs: int) -> None:
        """Take the end of a trial of so many epochs in.

        A pruned trial spreads its time over all its epochs: the next ones may be pruned, too. How long one
        lasts that diverged or failed says nothing of the others.
        """
        self.counts[record.state] += 1
        self._left[trial.model] -= epochs
        self._under_way.pop(trial.key, None)
        if record.state in (TrialState.FINISHED, TrialState.PRUNED) and record.wall_s is not None:
            seconds, number = self._paces.get(trial.model, (0.0, 0))
            self._paces[trial.model] = (seconds + record.wall_s, number + epochs)
        if record.result is not None:
            better = self._metric.better if self._metric else min
            self.best = record.result if self.best is None else better(self.best, record.result)

    def seconds_left(self) -> float | None:
        """Estimate the time to the end from each model's seconds an epoch so far; None before the first."""
        paces = {model: seconds / epochs for model, (seconds, epochs) in self._paces.items()}
        if not paces:
            return None
        left, typical = self._left.copy(), statistics.fmean(paces.values())
        for model, epochs in self._under_way.values():
            left[model] -= epochs
        work = sum(epochs * paces.get(model, typical) for model, epochs in left.items())
        return work / min(self._parallel, max(1, self.total - self.done))

    def text(self) -> str:
        """Return the tally in one line."""
        finished, diverged, failed, pruned = (self.counts[state] for state in _ENDS)
        early = f", {pruned} pruned" if pruned else ""
        left = self.seconds_left()
        eta = "" if left is None or self.done == self.total else f", about {duration(left)} left"
        return f"{finished} finished, {diverged} diverged, {failed} failed{early}{self._best()}{eta}"

    def _best(self) -> str:
        if self.best is None:
            return ""
        if self._metric is None:
            return f", best error {self.best:.2f} %"
        return f", best {self._metric.name} {self.best:.4g} {self._metric.unit}".rstrip()


class ProgressView:
    """Shows a tally, and a board of the sweeps if there is one, while trials are trained.

    Parameters
    ----------
    tally : Tally
        What is shown.
    console : Console
        Where it is shown.
    board : Board, optional
        The sweeps. A search has none.
    live : bool
        Whether a terminal may have a display that moves; without, and elsewhere, a line is printed now and
        then.
    """

    def __init__(
        self, tally: Tally, console: Console, board: Board | None = None, *, live: bool = True
    ) -> None:
        self.tally, self._board, self._console = tally, board, console
        self._moves = live and console.is_terminal
        self._started = self._last_line = time.monotonic()
        self.waiting = 0
        """Trials that wait for MLflow, which cannot be reached."""
        self._live = Live(console=console, get_renderable=self.render, refresh_per_second=2)

    def start(self) -> None:
        """Begin to show it."""
        if self._moves:
            self._live.start()

    def stop(self) -> None:
        """Show it for the last time."""
        if self._moves:
            self._live.stop()
        else:
            self._print_line()

    def end(self, trial: TrialSpec, record: TrialRecord, epochs: int) -> None:
        """Take the end of a trial of so many epochs in."""
        self.tally.add(trial, record, epochs)
        if self._board:
            self._board.add(record)
        self.refresh()

    def refresh(self) -> None:
        """Print a line where nothing moves, if the last one is some time ago."""
        if not self._moves and time.monotonic() - self._last_line > _LINE_EVERY_S:
            self._print_line()

    def render(self, passed: float | None = None) -> Group:
        """Return what a terminal shows after so many seconds; by default, those since it began."""
        seconds = time.monotonic() - self._started if passed is None else passed
        bar = progress_bar(self.tally.done, 0, self.tally.total, width=24)
        line = Text.assemble(bar, f" {self._line()}, {duration(seconds)} so far")
        return Group(*([self._board.table(self._console.height - _OTHER_LINES)] if self._board else []), line)

    def _line(self) -> str:
        waiting = f" (MLflow is away, waiting: {counted(self.waiting, 'trial')})" if self.waiting else ""
        return f"trials {self.tally.done}/{self.tally.total}: {self.tally.text()}{waiting}"

    def _print_line(self) -> None:
        self._last_line = time.monotonic()
        self._console.print(self._line(), highlight=False)
