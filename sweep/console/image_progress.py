"""How far image files are read before anything is planned: shown only if it takes a while."""

import time

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn

from sweep.utils.text import duration

_SHOWN_AFTER_S = 2.0
_LINE_EVERY_S = 15.0


class ReadingView:
    """Shows a bar on a terminal, which vanishes in the end, and a line now and then elsewhere."""

    def __init__(self, console: Console) -> None:
        self._console, self._started = console, time.monotonic()
        self._next_line = self._started + _LINE_EVERY_S
        self._bar = Progress(
            TextColumn("reading images {task.completed:,.0f}/{task.total:,.0f}"),
            BarColumn(bar_width=24),
            TextColumn("{task.description}"),
            console=console,
            transient=True,
            disable=not console.is_terminal,
        )
        self._task = self._bar.add_task("")

    def update(self, done: int, total: int) -> None:
        """Show that so many were read."""
        now = time.monotonic()
        if now - self._started < _SHOWN_AFTER_S:
            return
        left = f"about {duration((now - self._started) * (total - done) / done)} left"
        self._bar.update(self._task, completed=done, total=total, description=left)
        self._bar.start()
        if not self._console.is_terminal and now > self._next_line:
            self._next_line = now + _LINE_EVERY_S
            self._console.print(f"reading images {done:,}/{total:,}: {left}", highlight=False)

    def stop(self) -> None:
        """Show nothing any more."""
        self._bar.stop()
