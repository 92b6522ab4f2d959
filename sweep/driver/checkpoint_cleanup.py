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
    """Where the checkpoints of a sweep or a search are stored, while this context lasts.

    The location is created and cleared when the context is entered, and removed at the end if it is empty. It
    is in ``--storage``, which all machines of a cluster must see, or in the sweep's own folder where all
    trials run on this machine. On a cluster without ``--storage`` there is none, as no disk is shared.
    """

    def __init__(self, folder: TrialFolder[Any], resources: Resources) -> None:
        self._folder = folder
        self.location = _location(folder, resources)
        """The location, or None."""

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
        """Remove the checkpoints of trials that are over."""
        assert self.location
        self.location.discard([key for key, state in self._folder.states().items() if state.is_over])

    def discard(self, key: str) -> None:
        """Remove a trial's checkpoint in the background: no trial waits for a slow storage."""
        if self.location:
            self._remover.submit(self.location.discard, [key])


def _location(folder: TrialFolder[Any], resources: Resources) -> CheckpointLocation | None:
    if resources.storage is not None:
        return locations.location(resources.storage, folder.name)
    return FolderLocation(folder.folder.resolve() / FOLDER) if resources.on_this_machine else None
