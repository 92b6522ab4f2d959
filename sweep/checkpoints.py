"""Where the checkpoints of trials lie, and when they go: the driver's side, without torch."""

import shutil
from contextlib import suppress
from pathlib import Path
from typing import Self

from sweep.kept import Kept
from sweep.trial import Resources

FOLDER = "checkpoints"


def path(folder: Path, key: str) -> Path:
    """Return the file of a trial's checkpoint; with a training function of the user's own, the folder."""
    return folder / f"{key}.ckpt"


class Checkpoints:
    """The folder that the checkpoints of a sweep or a search are written to, while this context lasts.

    It is made and cleared at the beginning, and removed at the end if it is empty. It lies in ``--storage``,
    which all machines of a cluster must see, or in the sweep's own folder where Ray is on this machine alone.
    On a cluster without ``--storage`` there is none: no disk is shared.
    """

    def __init__(self, kept: Kept, resources: Resources) -> None:
        self._kept = kept
        self.folder = _folder(kept, resources)
        """The folder, or None."""

    def __enter__(self) -> Self:
        if self.folder:
            with suppress(OSError):  # a full disk: whoever writes there says so
                self.folder.mkdir(exist_ok=True)
            for key, state in self._kept.states().items():
                if state.is_over:
                    self.discard(key)
        return self

    def __exit__(self, *_: object) -> None:
        for each in [*self.folder.glob("*"), self.folder] if self.folder else []:
            with suppress(OSError):  # there is something in it to go on with, or it is a file
                each.rmdir()

    def discard(self, key: str) -> None:
        """Remove a trial's checkpoint, with what a killed worker left unfinished beside it."""
        if self.folder:
            with suppress(OSError):
                for each in self.folder.glob(f"*{path(self.folder, key).name}*"):
                    shutil.rmtree(each) if each.is_dir() else each.unlink(missing_ok=True)


def _folder(kept: Kept, resources: Resources) -> Path | None:
    if resources.storage:
        return resources.storage.resolve() / kept.name
    return kept.folder.resolve() / FOLDER if resources.address == "local" else None
