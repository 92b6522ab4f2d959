"""What is printed and logged when this process ends suddenly, without Python being asked."""

import faulthandler
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

_SCRIPT = """
trap '' INT TERM HUP
read -r line && exit
[ -t 2 ] && printf '\\033[?25h\\n' >&2  # the progress bar had hidden the cursor
printf '%s\\n' "$1" >&2
"""


@contextmanager
def last_words(text: str) -> Iterator[None]:
    """Have a text printed on stderr if this process ends suddenly while this context lasts.

    Ray ends its driver where it has lost the daemon of this machine, and the system ends one that takes too
    much memory: nothing of Python's is run then. So a shell waits for a line from us, and prints the text if
    it comes to the end of the pipe without one.
    """
    try:
        shell = subprocess.Popen(["sh", "-c", _SCRIPT, "sweep", text], stdin=subprocess.PIPE)
    except OSError:  # no shell, no memory: no reason not to train
        yield
        return
    try:
        yield
    finally:
        with suppress(OSError):
            shell.communicate(b"\n")


@contextmanager
def crashes_traced(log: Path) -> Iterator[None]:
    """Append Python's traceback to a log if a library crashes or aborts this process meanwhile."""
    if faulthandler.is_enabled():  # somebody else wants it elsewhere
        yield
        return
    with log.open("a") as file:
        faulthandler.enable(file)
        try:
            yield
        finally:
            faulthandler.disable()
