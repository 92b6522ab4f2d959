"""Checks that every machine of a cluster can access the storage."""

import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from sweep.checkpoints.base import CheckpointFile, StorageAwayError, first_line
from sweep.checkpoints.locations import location
from sweep.errors import InputError


@dataclass(frozen=True, slots=True)
class Probe:
    """A file that was written to ``--storage``, for other machines to find."""

    storage: str
    file: CheckpointFile
    contents: bytes

    def problem(self) -> str | None:
        """Return why this machine cannot use the storage; None if it can."""
        try:
            with self.file.open(self.file.names[0]) as file:
                seen = file.read() == self.contents
        except FileNotFoundError:
            seen = False
        except (OSError, ValueError, StorageAwayError) as error:
            return f"`storage` {self.storage} cannot be read ({first_line(error)})"
        return None if seen else f"`storage` {self.storage} does not hold what was just written there"


@contextmanager
def probe(storage: str | None) -> Iterator[Probe | None]:
    """Keep a probe file in ``--storage`` while this context lasts; yield None without a storage.

    Raises
    ------
    InputError
        If this machine cannot write to the storage, or cannot read what it wrote.
    """
    if storage is None:
        yield None
        return
    key, where = f"probe-{uuid.uuid4().hex}", location(storage)
    written = Probe(storage, where.file(key), key.encode())
    try:
        try:
            written.file.replace(lambda file: file.write(written.contents), keep=False)
        except (OSError, ValueError) as error:  # pyarrow raises ValueError for an address it cannot parse
            raise InputError(
                f"`storage` {storage}: nothing can be written there: {first_line(error)}"
            ) from error
        if problem := written.problem():
            raise InputError(problem)
        yield written
    finally:
        where.discard([key])
