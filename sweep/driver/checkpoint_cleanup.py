"""When the checkpoints of trials come and go: the driver's side, without torch."""

from concurrent.futures import ThreadPoolExecutor
from typing import Any, Self

from sweep.checkpoints import locations
from sweep.checkpoints.base import CheckpointLocation
from sweep.checkpoints.folder import FolderLocation
from sweep.core.resources import Resources
from sweep.workspace.trial_folder import TrialFolder

FOLDER = "checkpoints"


class Checkpoints:
    """The place that the checkpoints of a sweep or a search are written to, while this context lasts.

    It is made and cleared at the beginning, and removed at the end if it is empty. It lies in ``--storage``,
    which all machines of a cluster must see, or in the sweep's own folder where all trials run on this
    machine. On a cluster without ``--storage`` there is none: no disk is shared.
    """

    def __init__(self, kept: TrialFolder[Any], resources: Resources) -> None:
        self._kept = kept
        self.location = _place(kept, resources)
        """Where the checkpoints are stored, or None."""

    def __enter__(self) -> Self:
        self._remover = ThreadPoolExecutor(1)
        if self.location:
            self.location.prepare()
            self._discard_all()
        return self

    def __exit__(self, *_: object) -> None:
        self._remover.shutdown(cancel_futures=True)
        if self.location:
            self._discard_all()  # also what could not be removed before
            self.location.remove_if_empty()

    def _discard_all(self) -> None:
        """Remove those of the trials that need none any more."""
        assert self.location
        self.location.discard([key for key, state in self._kept.states().items() if state.is_over])

    def discard(self, key: str) -> None:
        """Remove a trial's checkpoint, soon: no trial waits for a store that does not answer."""
        if self.location:
            self._remover.submit(self.location.discard, [key])


def _place(kept: TrialFolder[Any], resources: Resources) -> CheckpointLocation | None:
    if resources.storage is not None:
        return locations.location(resources.storage, kept.name)
    return FolderLocation(kept.folder.resolve() / FOLDER) if resources.on_this_machine else None
