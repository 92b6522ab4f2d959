"""One driver at a time: the lock of a sweep's or search's folder."""

import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from filelock import FileLock, Timeout

from sweep.errors import InputError

JOURNAL, LOCK, DRIVER = "journal.jsonl", ".lock", ".driver"
LOG = "driver.log"
"""What its drivers did, one after the other, for reading."""

_PATIENCE_S = 2.0  # a process that asks whether a driver is running holds the lock for a moment


@contextmanager
def driving(folder: Path, name: str, made: str) -> Iterator[None]:
    """Be the only driver of what is in a folder; it is removed in the end if no file ``made`` came to be.

    The lock is the operating system's: it ends with its process, however that ends.
    """
    folder.mkdir(parents=True, exist_ok=True)
    lock = FileLock(folder / LOCK)
    try:
        lock.acquire(timeout=_PATIENCE_S)
    except Timeout:
        driver = read_driver(folder / DRIVER)
        raise InputError(f"{name} is being run already, by {driver}. Wait for it, or stop it.") from None
    try:
        (folder / DRIVER).write_text(f"process {os.getpid()} on {socket.gethostname()}")
        yield
    finally:
        (folder / DRIVER).unlink(missing_ok=True)
        try:
            if not (folder / made).exists():
                _remove_empty(folder)
        finally:  # not before: the next driver's files would be removed
            lock.release()


def _remove_empty(folder: Path) -> None:
    for name in (LOCK, LOG):
        (folder / name).unlink(missing_ok=True)
    for each in (folder, folder.parent):
        with suppress(OSError):  # it holds something else
            each.rmdir()


def read_driver(path: Path) -> str:
    """Return who is running, as its driver wrote it."""
    try:
        return path.read_text()
    except OSError:
        return "a process that does not say which"
