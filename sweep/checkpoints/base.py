"""Where checkpoints are stored: the interface that the driver and the workers share.

Neither torch nor Ray is imported here; pyarrow, which talks to S3, is imported only when S3 is used.
"""

import re
import shutil
from collections.abc import Callable, Collection
from contextlib import AbstractContextManager, suppress
from pathlib import Path
from typing import IO, Protocol

ENDING = ".ckpt"
CHECKPOINT_NAME = re.compile(rf"\.?(.*{re.escape(ENDING)})")
"""Matches a checkpoint, the older copy beside it, and a file being written (.KEY.ckpt.HOST.PROCESS)."""
FETCH_TIMEOUT_S = 60.0
"""How long to retry fetching a checkpoint. Restarting the training from scratch would cost more."""
Write = Callable[[IO[bytes]], object]


class CheckpointFile(Protocol):
    """The stored checkpoint of one training, possibly with an older copy."""

    location: str
    """The folder or bucket that holds it, for messages."""
    names: tuple[str, ...]
    """Files that may exist, the newest first."""

    def open(self, name: str) -> AbstractContextManager[IO[bytes]]:
        """Open one of ``names`` for reading; raise ``FileNotFoundError`` if it does not exist."""

    def replace(self, write: Write, *, keep: bool) -> None:
        """Replace the newest checkpoint by what ``write`` writes, atomically.

        With ``keep``, the current checkpoint is known to be good, and stays until the new one is complete.
        """


class CheckpointLocation(Protocol):
    """The folder or bucket that stores the checkpoints of all trials of a sweep or a search."""

    def file(self, key: str) -> CheckpointFile:
        """Return the checkpoint file of a trial."""

    def folder(self, key: str) -> Path | None:
        """Return the folder that a user-defined training function saves in; None where there is none."""

    def prepare(self) -> None:
        """Create the location, so that checkpoints can be written there."""

    def discard(self, keys: Collection[str]) -> None:
        """Remove the checkpoints of these trials; ignore missing ones and those that cannot be removed."""

    def remove_if_empty(self) -> None:
        """Remove the location if it holds no checkpoint."""


class StorageAwayError(RuntimeError):
    """The storage does not answer. The checkpoints there may still be good."""


def remove_path(path: Path) -> None:
    """Remove a file or a folder with its contents; ignore what cannot be removed."""
    with suppress(OSError):
        shutil.rmtree(path) if path.is_dir() else path.unlink(missing_ok=True)


def first_line(error: Exception) -> str:
    """Return the first line of an error's message, at most 300 characters, for use in another message."""
    return (str(error).strip() or type(error).__name__).splitlines()[0][:300]
