"""Where the checkpoints of sweeps' trials lie, and when they go: the driver's side, without torch."""

from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Self

from sweep.trial import Resources
from sweep.workspace import Sweep

FOLDER = "checkpoints"


def path(folder: Path, key: str) -> Path:
    """Return the file of a trial's checkpoint."""
    return folder / f"{key}.ckpt"


class Checkpoints:
    """The folders that checkpoints are written to, made and cleared at the beginning and left at the end.

    They are in ``--storage``, which all machines of a cluster must see, or in each sweep's own folder where
    Ray is on this machine alone. On a cluster without ``--storage`` there are none: no disk is shared.
    """

    def __init__(self, sweeps: Sequence[Sweep], resources: Resources) -> None:
        self._sweeps = sweeps
        self.folders = [_folder(sweep, resources) for sweep in sweeps]
        """One a sweep, or None."""
        places = zip(sweeps, self.folders, strict=True)
        self._of = {trial.key: folder for sweep, folder in places for trial in sweep.plan.trials if folder}

    def __enter__(self) -> Self:
        for sweep, folder in zip(self._sweeps, self.folders, strict=True):
            if folder:
                with suppress(OSError):  # a full disk: whoever writes there says so
                    folder.mkdir(exist_ok=True)
                for key, state in sweep.states().items():
                    if state.has_result:
                        self.discard(key)
        return self

    def __exit__(self, *_: object) -> None:
        for folder in filter(None, self.folders):
            with suppress(OSError):  # there are trials in it to go on with
                folder.rmdir()

    def discard(self, key: str) -> None:
        """Remove a trial's checkpoint, with what a killed worker left unfinished beside it."""
        if folder := self._of.get(key):
            with suppress(OSError):
                for file in folder.glob(f"*{path(folder, key).name}*"):
                    file.unlink(missing_ok=True)


def _folder(sweep: Sweep, resources: Resources) -> Path | None:
    if resources.storage:
        return resources.storage.resolve() / sweep.name
    return sweep.folder.resolve() / FOLDER if resources.address == "local" else None
