"""What is known of the image files of a folder, kept so that only changed files are read again.

A file counts as unchanged if its name, its size, the time its contents changed (mtime) and the time anything
about it changed (ctime) are as they were; programs can set the first of these times back, not the second.
Nothing is kept of a file that was changed seconds before it was read: another change might fall into the same
tick of the file system's clock.

A manifest lies in the user's cache: data may be read-only, and many folders of sweeps share it. It is found
by the path of the data's folder, or, if that was moved, by its number in the file system (inode).
"""

import hashlib
import logging
import os
import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

import numpy as np
from numpy.typing import NDArray

from sweep.data.decode import DECODERS
from sweep.data.listing import NO_STAT, Listing
from sweep.data.packed import PackedNames
from sweep.utils.atomic_files import write_atomically

HASHED, TURNED, TRANSPARENT, TRIED, READABLE = (1 << bit for bit in range(5))
"""What is known of a file: its hash; that it is turned, transparent; that it was decoded, with success."""
DIGEST = hashlib.sha256().digest_size
_VERSION = 1
_UNSETTLED_NS = 10 * 10**9
"""Clocks of a file system and of this machine may differ by so much, or tick as slowly."""

_log = logging.getLogger(__name__)


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class FileFacts:
    """What is known of each file of a listing."""

    flags: NDArray[np.uint8]
    """(files,): any of `HASHED` and the others; 0: nothing."""
    digests: NDArray[np.uint8]
    """(files, 32): the SHA-256 of the contents of those that are hashed."""

    @classmethod
    def none(cls, count: int) -> "FileFacts":
        """Return that nothing is known."""
        return cls(flags=np.zeros(count, np.uint8), digests=np.zeros((count, DIGEST), np.uint8))

    def having(self, flag: int) -> NDArray[np.bool_]:
        """Return which files have a flag."""
        return (self.flags & flag) > 0


class Manifest:
    """The file in which a folder's facts are kept.

    Parameters
    ----------
    cache : Path
        The folder of manifests; it is made when one is saved.
    data : Path
        The folder of the data.
    """

    def __init__(self, cache: Path, data: Path) -> None:
        self._asked_ns = time.time_ns()
        path = hashlib.sha256(str(data.resolve()).encode(errors="surrogateescape")).hexdigest()[:16]
        number = f"{data.stat().st_ino:x}"
        self._cache, self._of_path, self._of_number = cache, f"{path}-*.npz", f"*-{number}.npz"
        self.path = cache / f"{path}-{number}.npz"

    def load(self, listing: Listing) -> FileFacts:
        """Return what is known of files that have not changed."""
        facts = FileFacts.none(len(listing.names))
        for path in self._candidates():
            if kept := _read(path):
                rows, old_rows = _matching(listing, kept)
                facts.flags[rows], facts.digests[rows] = kept.flags[old_rows], kept.digests[old_rows]
                with suppress(OSError):  # it is there, or the cache is read-only
                    os.link(path, self.path)
                break
        return facts

    def _candidates(self) -> Iterator[Path]:
        yield from sorted(self._cache.glob(self._of_path))
        yield from sorted(self._cache.glob(self._of_number))

    def save(self, listing: Listing, facts: FileFacts) -> None:
        """Write what is known, whole or not at all.

        Raises
        ------
        OSError
            If the cache cannot be written to.
        """
        settled = self._settled(listing.stats)

        def write(file: BinaryIO) -> None:
            np.savez(
                file,
                version=np.array(_VERSION),
                decoders=np.array(DECODERS),
                text=listing.names.text,
                offsets=listing.names.offsets,
                stats=listing.stats,
                flags=np.where(settled, facts.flags, 0).astype(np.uint8),
                digests=facts.digests,
            )

        self._cache.mkdir(parents=True, exist_ok=True)
        write_atomically(self.path, write)
        for outdated in self._cache.glob(self._of_path):
            if outdated != self.path:
                outdated.unlink(missing_ok=True)

    def _settled(self, stats: NDArray[np.int64]) -> NDArray[np.bool_]:
        """Return which files had not been changed for a while when they were listed.

        A time of contents in the far future was set by a program, and says nothing.
        """
        contents, itself = stats[:, 1], stats[:, 2]
        return (itself < self._asked_ns - _UNSETTLED_NS) & (np.abs(contents - self._asked_ns) > _UNSETTLED_NS)


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class _Kept(FileFacts):
    """The facts of a manifest, and the files they are about."""

    names: PackedNames
    stats: NDArray[np.int64]


def _read(path: Path) -> _Kept | None:
    """Read a manifest; None if there is none that can be used."""
    try:
        with np.load(path, allow_pickle=False) as file:
            if int(file["version"]) != _VERSION:
                return None
            # Another version may decode what this one could not.
            forgotten = 0 if str(file["decoders"]) == DECODERS else TRIED | READABLE
            kept = _Kept(
                names=PackedNames(text=file["text"], offsets=file["offsets"]),
                stats=file["stats"],
                flags=file["flags"] & ~np.uint8(forgotten),
                digests=file["digests"],
            )
    except FileNotFoundError:
        return None
    except Exception as error:  # damaged in whatever way: all images are read again
        _log.warning("%s cannot be used: %s", path, error)
        return None
    return kept if len(kept.names) == len(kept.stats) == len(kept.flags) == len(kept.digests) else None


def _matching(listing: Listing, kept: _Kept) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Return the rows of unchanged files, in the listing and in what was kept."""
    if listing.names.equals(kept.names):
        rows = old_rows = np.arange(len(listing.names))
    else:
        places = {name: row for row, name in enumerate(kept.names)}
        found = np.array([places.get(name, -1) for name in listing.names], np.intp)
        rows = np.flatnonzero(found >= 0)
        old_rows = found[rows]
    same = (listing.stats[rows] == kept.stats[old_rows]).all(1) & (listing.stats[rows, 0] != NO_STAT)
    return rows[same], old_rows[same]
