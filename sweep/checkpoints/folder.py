"""Checkpoints in a folder."""

import os
import socket
from collections.abc import Collection
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from sweep.checkpoints.base import _ENDING, _WRITTEN, Write, _remove
from sweep.utils.atomic_files import sync_folder


@dataclass(frozen=True, slots=True)
class Folder:
    """A folder of this machine, or one that several see."""

    path: Path

    def __str__(self) -> str:
        return str(self.path)

    def shelf(self, key: str) -> "FolderCheckpointFile":
        """Return the file of a trial's."""
        return FolderCheckpointFile(self.folder(key))

    def folder(self, key: str) -> Path:
        """Return the folder that a training function of a user's own saves in; it may have to be made."""
        return self.path / f"{key}{_ENDING}"

    def prepare(self) -> None:
        """Make the folder."""
        with suppress(OSError):  # a full disk: whoever writes there says so
            self.path.mkdir(exist_ok=True)

    def discard(self, keys: Collection[str]) -> None:
        """Remove the checkpoints of trials, with what a killed worker left unfinished beside them."""
        names = {f"{key}{_ENDING}" for key in keys}
        with suppress(OSError):
            for each in list(self.path.iterdir()) if names else ():
                if (found := _WRITTEN.match(each.name)) and found[1] in names:
                    _remove(each)

    def remove_if_empty(self) -> None:
        """Remove the folder, and empty ones of trials in it, unless there is something to go on with."""
        for each in (*self.path.glob("*"), self.path):
            with suppress(OSError):  # it is not empty, or a file
                each.rmdir()


class FolderCheckpointFile:
    """One file, and while it is written the older one beside it."""

    def __init__(self, path: Path) -> None:
        self._path, self._older = path, path.with_name(f"{path.name}.older")
        self.place = str(path.parent)
        self.names: tuple[str, ...] = (str(path), str(self._older))

    def open(self, name: str) -> IO[bytes]:
        """Open one for reading."""
        return Path(name).open("rb")

    def replace(self, write: Write, *, keep: bool) -> None:
        """Write aside, bring it through to the disk, and put it in the older one's place.

        Its folder must be there: on a machine that does not see it, nothing is kept.
        """
        path = self._path
        aside = path.with_name(f".{path.name}.{socket.gethostname()}.{os.getpid()}")
        try:
            with aside.open("wb") as file:
                write(file)
                file.flush()
                os.fsync(file.fileno())
            if keep:
                with suppress(FileNotFoundError):  # a worker that was given up may write the same training's
                    path.replace(self._older)
            aside.replace(path)
            sync_folder(path.parent)
            self._older.unlink(missing_ok=True)
        except Exception:
            with suppress(OSError):
                aside.unlink(missing_ok=True)
            raise
