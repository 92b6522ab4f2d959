"""Checkpoints in an S3 bucket."""

import shutil
import tempfile
import time
from collections.abc import Collection, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import IO, Any

from sweep.checkpoints.base import ENDING, FETCH_TIMEOUT_S, StorageAwayError, Write, first_line

URL_PARAMETERS = ("region", "endpoint_override", "scheme")
"""The parameters of pyarrow that an address may set after a question mark."""
_CHUNK = 2**22


@dataclass(frozen=True, slots=True)
class S3Location:
    """Objects of an S3 bucket that share a prefix. Credentials come from each machine's environment."""

    address: str
    """As in ``--storage``: ``s3://BUCKET/FOLDER``, with pyarrow's parameters after a question mark."""
    name: str

    def __str__(self) -> str:
        return f"{self.address.partition('?')[0].rstrip('/')}/{self.name}".rstrip("/")

    def file(self, key: str) -> "S3CheckpointFile":
        """Return the checkpoint object of a trial."""
        return S3CheckpointFile(self.address, f"{self.name}/{key}{ENDING}".lstrip("/"))

    def folder(self, key: str) -> None:
        """Return None: a user-defined training function saves in folders only."""

    def prepare(self) -> None:
        """Do nothing: a bucket has no folders."""

    def discard(self, keys: Collection[str]) -> None:
        """Remove the objects of these trials; of several, list the bucket first to skip missing ones."""
        from pyarrow.fs import FileSelector

        with suppress(OSError, ValueError):
            store, path = _connect(self.address, self.name)
            wanted = {f"{path}/{key}{ENDING}" for key in keys}
            if len(wanted) > 1:
                there = store.get_file_info(FileSelector(path, allow_not_found=True))
                wanted &= {each.path for each in there}
            for each in wanted:
                with suppress(FileNotFoundError):
                    store.delete_file(each)

    def remove_if_empty(self) -> None:
        """Do nothing: a bucket has no folders."""


class S3CheckpointFile:
    """One object. S3 replaces objects atomically, so that no older copy is needed."""

    def __init__(self, address: str, path: str) -> None:
        self._address, self._path = address, path
        folder, _, file = path.rpartition("/")
        self.location = str(S3Location(address, folder))
        self.names: tuple[str, ...] = (f"{self.location}/{file}",)

    @contextmanager
    def open(self, name: str) -> Iterator[IO[bytes]]:
        """Download the object to a temporary file and open that for reading.

        Raises
        ------
        StorageAwayError
            If the storage has not answered for a minute.
        """
        with tempfile.TemporaryFile() as local:
            self._fetch(local)
            local.seek(0)
            yield local

    def _fetch(self, local: IO[bytes]) -> None:
        until = time.monotonic() + FETCH_TIMEOUT_S
        while True:
            try:
                store, path = _connect(self._address, self._path)
                with store.open_input_stream(path) as remote:
                    return shutil.copyfileobj(remote, local, _CHUNK)
            except FileNotFoundError:
                raise
            except OSError as error:
                if "ACCESS_DENIED" in str(error):
                    raise  # waiting would not help
                if time.monotonic() > until:
                    raise StorageAwayError(
                        f"{self.names[0]} cannot be fetched: {first_line(error)}"
                    ) from error
            local.seek(0)
            local.truncate()
            time.sleep(2)

    def replace(self, write: Write, *, keep: bool) -> None:
        """Write to the local disk, then upload the file: the object appears once it is complete.

        The upload is a single call to pyarrow. An exception between several calls, such as the one that ends
        a worker, would leave half an object: closing pyarrow's stream completes the object.
        """
        from pyarrow.fs import LocalFileSystem, copy_files

        store, path = _connect(self._address, self._path)
        with (
            tempfile.TemporaryFile() as local
        ):  # it has no name: nothing stays behind if the process is killed
            write(local)
            local.flush()
            copy_files(f"/dev/fd/{local.fileno()}", path, LocalFileSystem(), store)


def _connect(address: str, path: str = "") -> tuple[Any, str]:
    """Return pyarrow's file system of an S3 address, and a path within it."""
    from pyarrow.fs import FileSystem

    store, root = FileSystem.from_uri(address)
    return store, f"{root}/{path}" if path else root
