"""Where checkpoints lie: in a folder, or in a bucket of an S3 store. Driver and workers know it by one name.

Neither torch nor Ray is needed here; pyarrow, which speaks to the store, is imported when there is one.
"""

import re
import shutil
from collections.abc import Callable, Collection
from contextlib import AbstractContextManager, suppress
from pathlib import Path
from typing import IO, Protocol

_ENDING = ".ckpt"
_WRITTEN = re.compile(rf"\.?(.*{re.escape(_ENDING)})")
"""A checkpoint, the older one, or what is being written: .KEY.ckpt.HOST.PROCESS."""
_PATIENCE_S = 60.0
"""So long a checkpoint is tried to be fetched: to begin anew would cost more."""
Write = Callable[[IO[bytes]], object]


class CheckpointFile(Protocol):
    """Where the checkpoint of one training lies, and perhaps an older one."""

    place: str
    """What holds it, for messages."""
    names: tuple[str, ...]
    """Those that may be there, the newest first."""

    def open(self, name: str) -> AbstractContextManager[IO[bytes]]:
        """Open one for reading; ``FileNotFoundError`` if it is not there."""

    def replace(self, write: Write, *, keep: bool) -> None:
        """Put what ``write`` writes in the newest's place: whole, or not at all.

        With ``keep`` that is good, and is kept until it is replaced.
        """


class CheckpointLocation(Protocol):
    """Where the checkpoints of all trials of a sweep or a search lie."""

    def shelf(self, key: str) -> CheckpointFile:
        """Return the place of a trial's."""

    def folder(self, key: str) -> Path | None:
        """Return the folder that a training function of a user's own saves in; None: there is none."""

    def prepare(self) -> None:
        """Make it, so that something can be put there."""

    def discard(self, keys: Collection[str]) -> None:
        """Remove the checkpoints of trials, if they are there and can be removed."""

    def remove_if_empty(self) -> None:
        """Leave nothing behind if no checkpoint is left."""


class StorageAwayError(RuntimeError):
    """A store does not answer: what lies there may still be good."""


def _remove(path: Path) -> None:
    with suppress(OSError):
        shutil.rmtree(path) if path.is_dir() else path.unlink(missing_ok=True)


def _line(error: Exception) -> str:
    return (str(error).strip() or type(error).__name__).splitlines()[0][:300]
