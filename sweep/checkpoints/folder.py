"""Checkpoints in a folder."""

import os
from collections.abc import Collection
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from sweep.checkpoints.base import CHECKPOINT_NAME, ENDING, Write, remove_path
from sweep.utils.atomic_files import sync_folder


@dataclass(frozen=True, slots=True)
class FolderLocation:
    """A folder on this machine, or on a file system that several machines share."""

    path: Path

    def __str__(self) -> str:
        return str(self.path)

    def file(self, key: str) -> "FolderCheckpointFile":
        """Return the checkpoint file of a trial."""
        return FolderCheckpointFile(self.folder(key))

    def folder(self, key: str) -> Path:
        """Return the folder that a user-defined training function saves in; it may not exist yet."""
        return self.path / f"{key}{ENDING}"

    def prepare(self) -> None:
        """Create the folder."""
        with suppress(OSError):  # a full disk: the first write reports it
            self.path.mkdir(exist_ok=True)

    def discard(self, keys: Collection[str]) -> None:
        """Remove the checkpoints of these trials, and unfinished files that killed workers left behind."""
        names = {f"{key}{ENDING}" for key in keys}
        with suppress(OSError):
            for each in list(self.path.iterdir()) if names else ():
                if (found := CHECKPOINT_NAME.match(each.name)) and found[1] in names:
                    remove_path(each)

    def remove_if_empty(self) -> None:
        """Remove empty trial folders, then the folder itself if it is empty."""
        for each in (*self.path.glob("*"), self.path):
            with suppress(OSError):  # not empty, or a file
                each.rmdir()


class FolderCheckpointFile:
    """One file; while it is being replaced, the older one is kept beside it."""

    def __init__(self, path: Path) -> None:
        self._path, self._older = path, path.with_name(f"{path.name}.older")
        self.location = str(path.parent)
        self.names: tuple[str, ...] = (str(path), str(self._older))

    def open(self, name: str) -> IO[bytes]:
        """Open one of ``names`` for reading."""
        return Path(name).open("rb")

    def replace(self, write: Write, *, keep: bool) -> None:
        """Write to a temporary file, flush it to the disk, then rename it over the older one.

        The folder must exist: on a machine without access to it, no checkpoint is written.
        """
        path = self._path
        aside = path.with_name(f".{path.name}.{os.uname().nodename}.{os.getpid()}")
        try:
            with aside.open("wb") as file:
                write(file)
                file.flush()
                os.fsync(file.fileno())
            if keep:
                with suppress(
                    FileNotFoundError
                ):  # a worker believed lost may still write the same checkpoint
                    path.replace(self._older)
            aside.replace(path)
            sync_folder(path.parent)
            self._older.unlink(missing_ok=True)
        except Exception:
            with suppress(OSError):
                aside.unlink(missing_ok=True)
            raise
