"""Whether every machine of a cluster sees the storage."""

import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from sweep.checkpoints.base import CheckpointFile, StorageAwayError, _line
from sweep.checkpoints.locations import place
from sweep.errors import InputError


@dataclass(frozen=True, slots=True)
class Probe:
    """Something that was written to ``--storage``, for other machines to find."""

    storage: str
    shelf: CheckpointFile
    contents: bytes

    def problem(self) -> str | None:
        """Say what this machine does not see; None if it sees all."""
        try:
            with self.shelf.open(self.shelf.names[0]) as file:
                seen = file.read() == self.contents
        except FileNotFoundError:
            seen = False
        except (OSError, ValueError, StorageAwayError) as error:
            return f"--storage {self.storage} cannot be read ({_line(error)})"
        return None if seen else f"--storage {self.storage} does not hold what was just written there"


@contextmanager
def probe(storage: str | None) -> Iterator[Probe | None]:
    """Leave something in ``--storage``, if there is any, for as long as this context lasts.

    Raises
    ------
    InputError
        If nothing can be written there, or read again.
    """
    if storage is None:
        yield None
        return
    key, where = f"probe-{uuid.uuid4().hex}", place(storage)
    written = Probe(storage, where.shelf(key), key.encode())
    try:
        try:
            written.shelf.replace(lambda file: file.write(written.contents), keep=False)
        except (OSError, ValueError) as error:  # pyarrow's for what it does not understand
            raise InputError(f"--storage {storage}: nothing can be written there: {_line(error)}") from error
        if problem := written.problem():
            raise InputError(problem)
        yield written
    finally:
        where.discard([key])
