"""Checkpoints in a bucket of an S3 store."""

import shutil
import tempfile
import time
from collections.abc import Collection, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import IO, Any

from sweep.checkpoints.base import _ENDING, _PATIENCE_S, StorageAwayError, Write, _line

_PARAMETERS = ("region", "endpoint_override", "scheme")
"""What pyarrow is told of a store after a question mark."""
_CHUNK = 2**22


@dataclass(frozen=True, slots=True)
class S3Location:
    """Objects of an S3 store, below one name. Who may write there is set in each machine's environment."""

    address: str
    """As in ``--storage``: ``s3://BUCKET/FOLDER``, with pyarrow's parameters after a question mark."""
    name: str

    def __str__(self) -> str:
        return f"{self.address.partition('?')[0].rstrip('/')}/{self.name}".rstrip("/")

    def shelf(self, key: str) -> "S3CheckpointFile":
        """Return the object of a trial's."""
        return S3CheckpointFile(self.address, f"{self.name}/{key}{_ENDING}".lstrip("/"))

    def folder(self, key: str) -> None:
        """Return None: a training function of a user's own writes to folders."""

    def prepare(self) -> None:
        """Do nothing: a bucket has no folders."""

    def discard(self, keys: Collection[str]) -> None:
        """Remove the objects of trials; many of them only after a look at what there is."""
        from pyarrow.fs import FileSelector

        with suppress(OSError, ValueError):
            store, path = _connect(self.address, self.name)
            wanted = {f"{path}/{key}{_ENDING}" for key in keys}
            if len(wanted) > 1:
                there = store.get_file_info(FileSelector(path, allow_not_found=True))
                wanted &= {each.path for each in there}
            for each in wanted:
                with suppress(FileNotFoundError):
                    store.delete_file(each)

    def remove_if_empty(self) -> None:
        """Do nothing: a bucket has no folders."""


class S3CheckpointFile:
    """One object, which the store replaces as a whole: there is no older one."""

    def __init__(self, address: str, path: str) -> None:
        self._address, self._path = address, path
        folder, _, file = path.rpartition("/")
        self.place = str(S3Location(address, folder))
        self.names: tuple[str, ...] = (f"{self.place}/{file}",)

    @contextmanager
    def open(self, name: str) -> Iterator[IO[bytes]]:
        """Fetch it, and open that for reading.

        Raises
        ------
        StorageAwayError
            If the store has not answered for a minute.
        """
        with tempfile.TemporaryFile() as local:
            self._fetch(local)
            local.seek(0)
            yield local

    def _fetch(self, local: IO[bytes]) -> None:
        until = time.monotonic() + _PATIENCE_S
        while True:
            try:
                store, path = _connect(self._address, self._path)
                with store.open_input_stream(path) as remote:
                    return shutil.copyfileobj(remote, local, _CHUNK)
            except FileNotFoundError:
                raise
            except OSError as error:
                if "ACCESS_DENIED" in str(error):
                    raise  # nor will it be allowed in a minute
                if time.monotonic() > until:
                    raise StorageAwayError(f"{self.names[0]} cannot be fetched: {_line(error)}") from error
            local.seek(0)
            local.truncate()
            time.sleep(2)

    def replace(self, write: Write, *, keep: bool) -> None:
        """Write to this machine's own disk, and send that: it is there once all of it has arrived.

        It is sent by one call to pyarrow. What is raised in the middle of several, such as a worker's end,
        would leave half of it there: closing a stream completes the object.
        """
        from pyarrow.fs import LocalFileSystem, copy_files

        store, path = _connect(self._address, self._path)
        with tempfile.TemporaryFile() as local:  # without a name, so that nothing is left if this is killed
            write(local)
            local.flush()
            copy_files(f"/dev/fd/{local.fileno()}", path, LocalFileSystem(), store)


def _connect(address: str, path: str = "") -> tuple[Any, str]:
    """Return pyarrow's view of a store, and how it calls something in it."""
    from pyarrow.fs import FileSystem

    store, root = FileSystem.from_uri(address)
    return store, f"{root}/{path}" if path else root
