"""How far a run has come: a bar on a terminal, plain lines elsewhere."""

import statistics
import time
from collections import Counter
from collections.abc import Iterable

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

from sweep.trial import TrialRecord, TrialSpec, TrialState

_LINE_EVERY_S = 15.0
_ENDS = (TrialState.FINISHED, TrialState.DIVERGED, TrialState.FAILED, TrialState.PRUNED)


class Tally:
    """Counts what has ended and estimates what is left.

    Parameters
    ----------
    models : iterable of str
        The model of each trial that is to run.
    parallel : int
        How many run at once.
    """

    def __init__(self, models: Iterable[str], parallel: int) -> None:
        self._left = Counter(models)
        self.total = self._left.total()
        self._parallel = parallel
        self._seconds: dict[str, tuple[float, int]] = {}  # of each model: their sum and number
        self.counts = dict.fromkeys(_ENDS, 0)
        self.best: float | None = None

    @property
    def done(self) -> int:
        """Trials that have ended, however."""
        return sum(self.counts.values())

    def add(self, trial: TrialSpec, record: TrialRecord) -> None:
        """Take a trial's end in."""
        self.counts[record.state] += 1
        self._left[trial.model] -= 1
        if record.state in (TrialState.FINISHED, TrialState.PRUNED) and record.wall_s is not None:
            seconds, number = self._seconds.get(trial.model, (0.0, 0))
            self._seconds[trial.model] = (seconds + record.wall_s, number + 1)
        if record.top1_err is not None:
            self.best = record.top1_err if self.best is None else min(self.best, record.top1_err)

    def seconds_left(self) -> float | None:
        """Estimate the time to the end from the trials of each model so far; None before the first."""
        means = {model: seconds / number for model, (seconds, number) in self._seconds.items()}
        if not means:
            return None
        typical = statistics.fmean(means.values())
        work = sum(count * means.get(model, typical) for model, count in self._left.items())
        return work / min(self._parallel, max(1, self.total - self.done))

    def text(self) -> str:
        """Say it in one line."""
        finished, diverged, failed, pruned = (self.counts[state] for state in _ENDS)
        early = f", {pruned} pruned" if pruned else ""
        best = "" if self.best is None else f", best error {self.best:.2f} %"
        left = self.seconds_left()
        eta = "" if left is None or self.done == self.total else f", about {duration(left)} left"
        return f"{finished} finished, {diverged} diverged, {failed} failed{early}{best}{eta}"


def duration(seconds: float) -> str:
    """Write a time as people say it: 45 s, 12 min, 3 h 20 min."""
    if seconds < 90:
        return f"{seconds:.0f} s"
    minutes = round(seconds / 60)
    return f"{minutes} min" if minutes < 90 else f"{minutes // 60} h {minutes % 60:02d} min"


class ProgressView:
    """Shows a tally while a run goes on; use it as a context."""

    def __init__(self, tally: Tally, console: Console) -> None:
        self._tally, self._console = tally, console
        self._last_line = time.monotonic()
        self.note = ""
        """Something to be said beside it, such as that MLflow is away."""
        self._bar = Progress(
            TextColumn("trials {task.completed:.0f}/{task.total:.0f}"), BarColumn(bar_width=24),
            TextColumn("{task.description}"), TimeElapsedColumn(),
            console=console, disable=not console.is_terminal,
        )  # fmt: skip
        self._task = self._bar.add_task("starting workers", total=tally.total)

    def __enter__(self) -> "ProgressView":
        self._bar.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._bar.stop()
        if not self._console.is_terminal:
            self._print_line()

    def refresh(self) -> None:
        """Show the tally as it is now."""
        self._bar.update(self._task, completed=self._tally.done, description=self._text())
        if not self._console.is_terminal and time.monotonic() - self._last_line > _LINE_EVERY_S:
            self._print_line()

    def say(self, text: str) -> None:
        """Print a line, above the bar."""
        self._bar.console.print(text, markup=False, highlight=False)

    def _text(self) -> str:
        return self._tally.text() + (f" ({self.note})" if self.note else "")

    def _print_line(self) -> None:
        self._last_line = time.monotonic()
        self._console.print(f"trials {self._tally.done}/{self._tally.total}: {self._text()}", highlight=False)
