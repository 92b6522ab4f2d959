"""What is shown while image files are read."""

import io

import pytest
from rich.console import Console

from sweep.console import image_progress
from sweep.console.observer import ConsoleObserver
from sweep.driver.events import ImagesRead, ReadingEnded


@pytest.fixture
def clock(monkeypatch):
    now = [100.0]
    monkeypatch.setattr(image_progress.time, "monotonic", lambda: now[0])
    return now


def shown(clock, seconds, *, terminal):
    """Return what is written while 600 images are read, 200 each so many seconds."""
    out = io.StringIO()
    observer = ConsoleObserver(Console(file=out, force_terminal=terminal, width=80, highlight=False))
    for done in (1, 200, 400, 600):
        observer.on_event(ImagesRead(done=done, total=600))
        clock[0] += seconds
    observer.on_event(ReadingEnded())
    return out.getvalue()


@pytest.mark.parametrize("terminal", [True, False])
def test_a_short_while_is_not_worth_a_line(clock, terminal):
    assert shown(clock, 0.5, terminal=terminal) == ""


def test_lines_now_and_then_name_the_time_left(clock):
    text = shown(clock, 30, terminal=False)
    assert text.splitlines() == [
        "reading images 200/600: about 60 s left",
        "reading images 400/600: about 30 s left",
        "reading images 600/600: about 0 s left",
    ]


def test_a_terminal_has_a_bar_that_vanishes_and_gives_the_cursor_back(clock):
    text = shown(clock, 30, terminal=True)
    assert "reading images 200/600" in text
    assert "about 60 s left" in text
    assert text.rindex("\x1b[?25h") > text.rindex("\x1b[?25l")
    assert text.endswith("\x1b[2K")
