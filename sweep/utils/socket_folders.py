"""Folders for Unix sockets. Linux limits their paths to 107 bytes; TMPDIR is often longer on clusters."""

import os
import tempfile
from collections.abc import Iterable

from sweep.errors import InputError

MOST_BYTES = 107
"""Length of the path of a Unix socket, without its final zero byte."""
_SHORT = ("/tmp", "/var/tmp", "/dev/shm")


def socket_folder(wanted: str, below: int, short: Iterable[str] = _SHORT) -> str:
    """Return the folder that is wanted for sockets, or a short one if their paths would be too long there.

    Parameters
    ----------
    wanted : str
        The folder.
    below : int
        Bytes that a socket's path has below it, with the separator.
    short : iterable of str
        What is taken instead: the first one that can be written to.

    Raises
    ------
    InputError
        If none is short enough and can be written to.
    """
    for folder in (wanted, *(f for f in short if os.access(f, os.W_OK | os.X_OK))):
        if len(os.fsencode(folder)) + below <= MOST_BYTES:
            return folder
    raise InputError(
        f"the temporary folder {wanted} is too long a path for sockets, which Linux limits to {MOST_BYTES} "
        f"bytes, and {', '.join(short)} cannot be written to: set TMPDIR and RAY_TMPDIR to one of at most "
        f"{MOST_BYTES - below} bytes"
    )


def shorten_tempdir(below: int) -> None:
    """Let this process's temporary files lie where the paths of their sockets are short enough."""
    tempfile.tempdir = socket_folder(tempfile.gettempdir(), below)
