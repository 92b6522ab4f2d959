"""Reads image files to hash them and to see what decoding them needs: in threads, and only as needed."""

import hashlib
import logging
import os
import time
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from sweep.data.decode import is_readable, is_transparent, is_turned, read_bytes
from sweep.data.listing import Listing
from sweep.data.manifest import HASHED, READABLE, TRANSPARENT, TRIED, TURNED, FileFacts, Manifest
from sweep.data.parallel_reading import DataReading, in_threads
from sweep.utils.cache import cache_folder
from sweep.utils.text import listed

SAVE_EVERY_S = 120.0
"""So much reading is lost at most if the process is killed."""
_log = logging.getLogger(__name__)


class Survey:
    """What is known of the image files of a folder. What is not is found out when it is needed, and kept.

    Parameters
    ----------
    folder : Path
        The folder of the data.
    listing : Listing
        Its files.
    reading : DataReading
        How they are read.
    """

    def __init__(self, folder: Path, listing: Listing, reading: DataReading) -> None:
        self._folder, self._listing, self._reading = folder, listing, reading
        self._manifest = Manifest(cache_folder(), folder)
        self.facts = self._manifest.load(listing)
        self._sure = np.full(len(listing.names), not reading.verify)
        self._altered: list[str] = []
        self._problem: OSError | None = None

    @property
    def notes(self) -> list[str]:
        """What a reader should know of how the files were read."""
        notes = []
        if self._altered:
            names = listed(self._altered)
            notes.append(f"changed although size and times are the same, as if damaged: {names}")
        if self._problem:
            notes.append(f"every command reads all images, as their hashes cannot be kept: {self._problem}")
        return notes

    def find_out(self, rows: NDArray[np.int64], wanted: int = HASHED) -> None:
        """Read those files of which not all that is wanted is known.

        Parameters
        ----------
        rows : ndarray of int
            The files.
        wanted : int
            `HASHED`, with `TRIED` if they are to be decoded, too.

        Raises
        ------
        InputError
            If a file cannot be read. It is named.
        """
        known = ((self.facts.flags[rows] & wanted) == wanted) & self._sure[rows]
        todo = rows[~known]
        if not len(todo):
            return
        try:
            self._read(todo, decode=bool(wanted & TRIED))
        finally:
            self._save()

    def _read(self, todo: NDArray[np.int64], *, decode: bool) -> None:
        def look(part: slice) -> FileFacts:
            return _facts([self._path(row) for row in todo[part]], decode=decode)

        saved = time.monotonic()
        for part, found in in_threads(look, len(todo), self._reading.observer):
            self._note(todo[part], found)
            if time.monotonic() - saved > SAVE_EVERY_S:
                self._save()
                saved = time.monotonic()

    def _path(self, row: int) -> Path:
        return self._folder / os.fsdecode(self._listing.names[row])

    def _note(self, rows: NDArray[np.int64], found: FileFacts) -> None:
        """Take facts in; remember which files had other contents under the same size and times."""
        before = self.facts.having(HASHED)[rows]
        other = (self.facts.digests[rows] != found.digests).any(1)
        self._altered += [os.fsdecode(self._listing.names[row]) for row in rows[before & other]]
        kept = np.where(before & ~other, self.facts.flags[rows], 0)  # that it is readable, say
        self.facts.flags[rows] = found.flags | kept
        self.facts.digests[rows] = found.digests
        self._sure[rows] = True

    def _save(self) -> None:
        try:
            self._manifest.save(self._listing, self.facts)
        except OSError as error:
            self._problem = error
            _log.warning("the hashes of the images cannot be kept: %s", error)


def _facts(paths: list[Path], *, decode: bool) -> FileFacts:
    facts = FileFacts.none(len(paths))
    for row, path in enumerate(paths):
        raw = read_bytes(path)
        facts.digests[row] = np.frombuffer(hashlib.sha256(raw).digest(), np.uint8)
        flags = HASHED | TURNED * is_turned(raw) | TRANSPARENT * is_transparent(raw)
        if decode:
            flags |= TRIED | READABLE * is_readable(path, raw)
        facts.flags[row] = flags
    return facts
