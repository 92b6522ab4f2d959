"""How sweeps travel to this machine: packed on the cluster, printed by a job, unpacked here.

On the cluster: ``python -m sweep.remote.fetch_archive FOLDER [NAME]``.
"""

import base64
import hashlib
import io
import re
import sys
import tarfile
from collections.abc import Iterator
from pathlib import Path

from sweep.errors import InputError
from sweep.utils.atomic_files import write_atomically
from sweep.workspace.sweep import IDENTITY

_PATTERNS = (
    "plan.json",
    "rounds.json",
    "search.json",
    "journal.jsonl",
    "trials.csv",
    "driver.log",
    "errors/*.txt",
    "figures/*",
)
"""What is brought of each sweep; checkpoints stay."""
_SHARED = (IDENTITY, "optima.csv", "figures/*")
"""What is brought of the folder itself: figures of studies are there."""
_FRAME = re.compile(r"^sweep-pack ([0-9a-f]{64})\n(.*?)^sweep-pack end$", re.MULTILINE | re.DOTALL)


def packed(folder: Path, name: str) -> str:
    """Pack the sweeps whose names begin so, and what they share, as lines of text."""
    target = io.BytesIO()
    with tarfile.open(fileobj=target, mode="w:xz") as archive:
        for path in sorted(set(_files(folder, name))):
            archive.add(path, arcname=path.relative_to(folder).as_posix(), recursive=False)
    content = target.getvalue()
    return (
        f"sweep-pack {hashlib.sha256(content).hexdigest()}\n"
        f"{base64.encodebytes(content).decode()}sweep-pack end\n"
    )


def _files(folder: Path, name: str) -> Iterator[Path]:
    patterns = [*_SHARED, *(f"{name}*/{each}" for each in _PATTERNS)]
    for pattern in patterns:
        yield from (path for path in folder.glob(pattern) if path.is_file() and not path.is_symlink())


def unpack(text: str, folder: Path) -> list[str]:
    """Write what was packed to a folder, and return the names of the sweeps and searches.

    Raises
    ------
    InputError
        If the text is incomplete, or the folder holds sweeps of its own.
    """
    found = _FRAME.search(text)
    content = base64.b64decode(found[2]) if found else b""
    if not found or hashlib.sha256(content).hexdigest() != found[1]:
        raise InputError("what the cluster sent is incomplete: try again")
    with tarfile.open(fileobj=io.BytesIO(content), mode="r:xz") as archive:
        files = {member.name: _content(archive, member) for member in archive if member.isfile()}
    _check_same(folder / IDENTITY, files.get(IDENTITY, b""), folder)
    for name, each in files.items():
        path = _inside(folder, name)
        path.parent.mkdir(parents=True, exist_ok=True)
        write_atomically(path, each)
    return sorted({name.split("/")[0] for name in files if name.endswith(("/plan.json", "/search.json"))})


def _content(archive: tarfile.TarFile, member: tarfile.TarInfo) -> bytes:
    file = archive.extractfile(member)
    assert file is not None
    return file.read()


def _check_same(mine: Path, theirs: bytes, folder: Path) -> None:
    """See that a folder is new, or was fetched from the same one: no sweeps of one's own are overwritten."""
    own = mine.read_bytes() if mine.exists() else None
    if own is None and any(folder.glob("*/journal.jsonl")):
        own = b"others"
    if own is not None and own != theirs:
        raise InputError(
            f"{folder}/ holds sweeps of its own, or of another cluster: choose another folder with `out`"
        )


def _inside(folder: Path, name: str) -> Path:
    path = folder / name
    if not path.resolve().is_relative_to(folder.resolve()):
        raise InputError(f"the cluster sent a file that would lie outside {folder}: {name!r}")
    return path


if __name__ == "__main__":
    sys.stdout.write(packed(Path(sys.argv[1]), sys.argv[2] if len(sys.argv) > 2 else ""))
