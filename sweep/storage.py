"""Where checkpoints lie: in a folder, or in a bucket of an S3 store. Driver and workers know it by one name.

Neither torch nor Ray is needed here; pyarrow, which speaks to the store, is imported when there is one.
"""

import os
import re
import shutil
import socket
import tempfile
import time
import uuid
from collections.abc import Callable, Collection, Iterator
from contextlib import AbstractContextManager, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any, Protocol

from sweep.errors import InputError
from sweep.files import sync_folder

_ENDING = ".ckpt"
_PARAMETERS = ("region", "endpoint_override", "scheme")
"""What pyarrow is told of a store after a question mark."""
_WRITTEN = re.compile(rf"\.?(.*{re.escape(_ENDING)})")
"""A checkpoint, the older one, or what is being written: .KEY.ckpt.HOST.PROCESS."""
_CHUNK = 2**22
_PATIENCE_S = 60.0
"""So long a checkpoint is tried to be fetched: to begin anew would cost more."""
Write = Callable[[IO[bytes]], object]


class Shelf(Protocol):
    """Where the checkpoint of one training lies, and perhaps an older one."""

    place: str
    """What holds it, for messages."""
    names: tuple[str, ...]
    """Those that may be there, the newest first."""

    def open(self, name: str) -> AbstractContextManager[IO[bytes]]:
        """Open one for reading; ``FileNotFoundError`` if it is not there."""

    def replace(self, write: Write, *, keep: bool) -> None:
        """Put what ``write`` writes in the newest's place: whole, or not at all.

        With ``keep`` that is good, and is kept until it is replaced.
        """


class Place(Protocol):
    """Where the checkpoints of all trials of a sweep or a search lie."""

    def shelf(self, key: str) -> Shelf:
        """Return the place of a trial's."""

    def folder(self, key: str) -> Path | None:
        """Return the folder that a training function of a user's own saves in; None: there is none."""

    def prepare(self) -> None:
        """Make it, so that something can be put there."""

    def discard(self, keys: Collection[str]) -> None:
        """Remove the checkpoints of trials, if they are there and can be removed."""

    def remove_if_empty(self) -> None:
        """Leave nothing behind if no checkpoint is left."""


class StorageAwayError(RuntimeError):
    """A store does not answer: what lies there may still be good."""


def check(text: str) -> None:
    """Refuse what is neither a folder that is there nor an address of an S3 store, which is not asked.

    Raises
    ------
    InputError
        If it is neither, or an address with a password in it. That is not repeated.
    """
    if "://" not in text:
        if not text or not Path(text).is_dir():
            raise InputError(
                f"--storage {text}: not a folder. It takes one that all machines of the cluster see, "
                "or s3://BUCKET/FOLDER"
            )
        return
    where, _, parameters = text.partition("?")
    if "@" in where:
        raise InputError(
            "--storage takes no password: it would be in lists of processes and in shells' histories. "
            "Set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, on every machine of the cluster."
        )
    if not re.fullmatch(r"s3://[a-z0-9][a-z0-9.-]*(/.*)?", where):
        raise InputError(f"--storage {where}: not an S3 store. It takes a folder, or s3://BUCKET/FOLDER")
    names = [each.partition("=")[0] for each in parameters.split("&") if each]
    if strange := sorted(set(names) - set(_PARAMETERS)):
        allowed = ", ".join(_PARAMETERS)
        raise InputError(f"--storage {where}: after a question mark it takes {allowed}, got {strange[0]!r}")


def place(text: str, name: str = "") -> Place:
    """Return where the checkpoints of a sweep lie in ``--storage``; without a name, all of that."""
    return Bucket(text, name) if "://" in text else Folder(Path(text).resolve() / name)


@dataclass(frozen=True, slots=True)
class Probe:
    """Something that was written to ``--storage``, for other machines to find."""

    storage: str
    shelf: Shelf
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


@dataclass(frozen=True, slots=True)
class Folder:
    """A folder of this machine, or one that several see."""

    path: Path

    def __str__(self) -> str:
        return str(self.path)

    def shelf(self, key: str) -> "FileShelf":
        """Return the file of a trial's."""
        return FileShelf(self.folder(key))

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


class FileShelf:
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


@dataclass(frozen=True, slots=True)
class Bucket:
    """Objects of an S3 store, below one name. Who may write there is set in each machine's environment."""

    address: str
    """As in ``--storage``: ``s3://BUCKET/FOLDER``, with pyarrow's parameters after a question mark."""
    name: str

    def __str__(self) -> str:
        return f"{self.address.partition('?')[0].rstrip('/')}/{self.name}".rstrip("/")

    def shelf(self, key: str) -> "ObjectShelf":
        """Return the object of a trial's."""
        return ObjectShelf(self.address, f"{self.name}/{key}{_ENDING}".lstrip("/"))

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


class ObjectShelf:
    """One object, which the store replaces as a whole: there is no older one."""

    def __init__(self, address: str, path: str) -> None:
        self._address, self._path = address, path
        folder, _, file = path.rpartition("/")
        self.place = str(Bucket(address, folder))
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


def _remove(path: Path) -> None:
    with suppress(OSError):
        shutil.rmtree(path) if path.is_dir() else path.unlink(missing_ok=True)


def _connect(address: str, path: str = "") -> tuple[Any, str]:
    """Return pyarrow's view of a store, and how it calls something in it."""
    from pyarrow.fs import FileSystem

    store, root = FileSystem.from_uri(address)
    return store, f"{root}/{path}" if path else root


def _line(error: Exception) -> str:
    return (str(error).strip() or type(error).__name__).splitlines()[0][:300]
