"""Many file names in two arrays.

A million paths as Python strings take some 150 MB in every process, also in readers that are forked: counting
references writes to the pages they share. Arrays are shared, and Ray maps them from its object store.
"""

import os
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import overload

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class PackedNames:
    """Names of files, as the file system has them: bytes."""

    text: NDArray[np.uint8]
    """All names, one after the other."""
    offsets: NDArray[np.int64]
    """(names + 1,): where each begins, and the end of the last."""

    @classmethod
    def of(cls, names: Sequence[bytes]) -> "PackedNames":
        """Pack names."""
        offsets = np.zeros(len(names) + 1, np.int64)
        np.cumsum(np.fromiter(map(len, names), np.int64, len(names)), out=offsets[1:])
        return cls(text=np.frombuffer(b"".join(names), np.uint8), offsets=offsets)

    def __len__(self) -> int:
        return len(self.offsets) - 1

    def __getitem__(self, index: int) -> bytes:
        return self.text[self.offsets[index] : self.offsets[index + 1]].tobytes()

    def __iter__(self) -> Iterator[bytes]:
        whole, offsets = self.text.tobytes(), self.offsets.tolist()
        return (whole[start:end] for start, end in pairwise(offsets))

    def equals(self, other: "PackedNames") -> bool:
        """Return whether these are the same names in the same order."""
        return np.array_equal(self.offsets, other.offsets) and np.array_equal(self.text, other.text)


class FilePaths(Sequence[str]):
    """The paths of chosen files of a folder; a path is made when it is asked for.

    Parameters
    ----------
    root : str
        The folder.
    names : PackedNames
        Of all files, relative to the folder. Several selections share them.
    rows : ndarray of int
        The indices of the chosen files.
    """

    def __init__(self, root: str, names: PackedNames, rows: NDArray[np.int64]) -> None:
        self._root, self._names, self._rows = root, names, rows

    @classmethod
    def of(cls, root: str, names: Iterable[str]) -> "FilePaths":
        """Pack some names."""
        packed = PackedNames.of([os.fsencode(name) for name in names])
        return cls(root, packed, np.arange(len(packed)))

    def __len__(self) -> int:
        return len(self._rows)

    @overload
    def __getitem__(self, index: int) -> str: ...

    @overload
    def __getitem__(self, index: slice) -> "FilePaths": ...

    def __getitem__(self, index: int | slice) -> "str | FilePaths":
        if isinstance(index, slice):
            return FilePaths(self._root, self._names, self._rows[index])
        return f"{self._root}/{os.fsdecode(self._names[self._rows[index]])}"
