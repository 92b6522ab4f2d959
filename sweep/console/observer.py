"""Prints what a driver reports while it works."""

from functools import singledispatchmethod

from rich.console import Console

from sweep.console import run, search
from sweep.console.board import Board
from sweep.console.image_progress import ReadingView
from sweep.console.output import plain_console
from sweep.console.progress import ProgressView, Tally
from sweep.core.plan import Plan
from sweep.driver import events


class ConsoleObserver:
    """Prints events; ``observer.on_event`` is what a driver is given."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._progress: ProgressView | None = None
        self._reading: ReadingView | None = None
        self._plans: tuple[Plan, ...] = ()

    @singledispatchmethod
    def on_event(self, event: events.Event) -> None:
        """Print an event, if there is something to be read."""

    @on_event.register
    def _(self, event: events.SweepsStarted) -> None:
        self._plans = event.plans
        run.print_start(event, self._console)

    @on_event.register
    def _(self, event: events.SearchStarted) -> None:
        search.print_start(event.plan, event.budget, event.to_train, self._console)

    @on_event.register
    def _(self, event: events.ImagesRead) -> None:
        self._reading = self._reading or ReadingView(self._console)
        self._reading.update(event.done, event.total)

    @on_event.register
    def _(self, event: events.ReadingEnded) -> None:
        if self._reading:
            self._reading.stop()
            self._reading = None

    @on_event.register
    def _(self, event: events.ResultsRecovered) -> None:
        run.print_recovered(event.count, self._console)

    @on_event.register
    def _(self, event: events.ResultsReused) -> None:
        run.print_reused(event.count, self._console)

    @on_event.register
    def _(self, event: events.TrainingStarted) -> None:
        tally = Tally(event.work, event.parallel, event.metric)
        board = Board(self._plans, event.earlier) if self._plans else None
        self._progress = ProgressView(tally, self._console, board, live=not event.in_process)
        self._progress.start()

    @on_event.register
    def _(self, event: events.TrialStarted) -> None:
        if self._progress:
            self._progress.refresh()

    @on_event.register
    def _(self, event: events.EpochReported) -> None:
        if self._progress:
            self._progress.tally.report(event.trial, event.record)
            self._progress.refresh()

    @on_event.register
    def _(self, event: events.TrialEnded) -> None:
        if self._progress:
            self._progress.end(event.trial, event.record, event.epochs)

    @on_event.register
    def _(self, event: events.TrackerDelayed) -> None:
        if self._progress:
            self._progress.waiting = event.waiting
            self._progress.refresh()

    @on_event.register
    def _(self, event: events.TrainingEnded) -> None:
        if self._progress:
            self._progress.stop()
            self._progress = None

    @on_event.register
    def _(self, event: events.RoundEnded) -> None:
        for sentence in event.sentences:
            self._say(sentence)

    @on_event.register
    def _(self, event: events.TrialMessage) -> None:
        self._say(f"{event.trial.model}, {run.trial_label(event.trial)}: {event.text}")

    @on_event.register
    def _(self, event: events.FiguresFailed) -> None:
        self._say(f"The figures of {event.name} could not be drawn: {event.problem}")

    @on_event.register
    def _(self, event: events.TrackerRefused) -> None:
        self._say(f"MLflow did not take the end of {event.name}: {event.problem}")

    @on_event.register
    def _(self, event: events.TrackerBehind) -> None:
        reason = f" ({event.problem})" if event.problem else ""
        self._say(f"MLflow has not taken everything{reason}: {event.remedy} sends the rest.")

    @on_event.register
    def _(self, event: events.Message) -> None:
        self._say(event.text)

    def _say(self, text: str) -> None:
        """Print a text as it is, above the progress bar if there is one."""
        self._console.print(text, markup=False)


def console_observer() -> events.OnEvent:
    """Return an observer for `sweep.run_sweep` that prints progress, as the command does.

    Examples
    --------
    >>> import sweep
    >>> from sweep.console.observer import console_observer
    >>> sweep.run_sweep("vit_c_1mf", n=8, observer=console_observer())  # doctest: +SKIP
    """
    return ConsoleObserver(plain_console()).on_event
