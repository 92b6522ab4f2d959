"""What lies in a folder of class folders: names, sizes and times of its images; none is opened.

What a file manager, notebook or archiver leaves behind is no class and no image.
"""

import os
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from sweep.data.packed import PackedNames
from sweep.errors import InputError
from sweep.utils.text import listed

SUFFIXES = (".jpg", ".jpeg", ".png", ".webp", ".bmp", ".ppm", ".pgm", ".tif", ".tiff")
_SUFFIXES = tuple(suffix.encode() for suffix in SUFFIXES)
_SYSTEM = (
    *(b"@eaDir", b"__MACOSX", b"lost+found", b"$RECYCLE.BIN", b"System Volume Information"),
    *(b"Thumbs.db", b"desktop.ini"),
)
_THREADS = 8
"""A folder in a network answers several questions at once."""
NO_STAT = -1
"""Size and times of a file that cannot be asked for them, such as a link to nowhere."""


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class Listing:
    """The image files of some splits, split after split, class after class, by name."""

    names: PackedNames
    """Relative to the data's folder: ``train/cat/1.jpg``."""
    labels: NDArray[np.int64]
    """(files,): the class of each."""
    stats: NDArray[np.int64]
    """(files, 3): size in bytes, and when its contents and when anything about it last changed, in ns."""
    ends: tuple[int, ...]
    """Where each split ends."""
    skipped: tuple[str, ...]
    """Folders that look like classes, and files that look like images, but are hidden or a system's own."""
    others: Mapping[str, int]
    """How many files of other kinds lie in the class folders, by the end of their names: ``{".heic": 3}``."""

    def rows(self, split: int) -> NDArray[np.int64]:
        """Return the rows of a split's files."""
        return np.arange(self.ends[split - 1] if split else 0, self.ends[split])


def class_names(split: Path) -> list[str]:
    """Return the names of a split's class folders, sorted.

    Raises
    ------
    InputError
        If there are fewer than two.
    """
    names = sorted(p.name for p in split.iterdir() if p.is_dir() and not _is_system(os.fsencode(p.name)))
    if len(names) < 2:
        found = f"found {len(names)}: {names}{_remedy(split)}"
        raise InputError(f"{split} needs two or more class folders, {found}")
    return names


def _remedy(split: Path) -> str:
    """Say what to do about images whose folder does not tell their class, as ImageNet's val/ comes."""
    count = sum(name.lower().endswith(_SUFFIXES) for name in os.listdir(os.fsencode(split)))
    if not count:
        return ""
    instead = "" if split.name == "train" else ", or rename it: without it, a tenth of train/ is evaluated"
    return f". {count} images lie in it directly: sort them into folders named as their classes{instead}"


def list_images(folder: Path, splits: Sequence[str], names: Sequence[str]) -> Listing:
    """List the images of splits; the class folders of each must have the given names.

    Raises
    ------
    InputError
        If the classes differ, or a class has no image.
    """
    for split in splits:
        _check_classes(folder / split, names)
    classes = [f"{split}/{name}" for split in splits for name in names]
    with ThreadPoolExecutor(_THREADS) as pool:
        found = list(pool.map(_ClassFolder, [folder] * len(classes), classes))
    counts = np.array([len(each.names) for each in found])
    skipped = {name for each in found for name in each.skipped}
    for split in splits:
        skipped |= _Entries(os.fsencode(folder / split)).skipped
    return Listing(
        names=PackedNames.of([name for each in found for name in each.names]),
        labels=np.repeat(np.tile(np.arange(len(names)), len(splits)), counts),
        stats=np.concatenate([each.stats for each in found]),
        ends=tuple(np.cumsum(counts.reshape(len(splits), -1).sum(1)).tolist()),
        skipped=tuple(sorted(map(os.fsdecode, skipped))),
        others=sum((each.others for each in found), Counter()),
    )


def _check_classes(split: Path, names: Sequence[str]) -> None:
    found = class_names(split)
    if found != list(names):
        differing = sorted(set(found) ^ set(names))
        raise InputError(f"{split} and its train/ differ in their classes: {', '.join(differing[:5])}")


class _Entries:
    """What lies in a folder: images, further folders, files of other kinds, and what is skipped."""

    def __init__(self, folder: bytes) -> None:
        names = os.listdir(folder)
        images = [name for name in names if name.lower().endswith(_SUFFIXES)]
        self.images = [name for name in images if not _is_system(name)]
        rest = set(names) - set(images)  # nearly nothing: only of these is asked what they are
        folders = {name for name in rest if os.path.isdir(os.path.join(folder, name))}
        self.folders = {name for name in folders if not _is_system(name)}
        self.skipped = {name for name in (*folders, *images) if _is_system(name)}
        self.others = [name for name in rest - folders if not _is_system(name)]


class _ClassFolder:
    """The images of one class folder, and of the folders in it, whatever their names and depth."""

    def __init__(self, folder: Path, place: str) -> None:
        path = os.fsencode(folder / place)
        self.skipped: set[bytes] = set()
        self.others: Counter[str] = Counter()
        images = sorted(self._images(path, b"", set()))
        if not images:
            others = f"; it has {_kinds(self.others)}" if self.others else ""
            raise InputError(f"{folder / place} holds no image ({', '.join(SUFFIXES)}){others}")
        self.names = [os.fsencode(place) + b"/" + name for name in images]
        self.stats = np.array([_stat(path + b"/" + name) for name in images], np.int64)

    def _images(self, path: bytes, prefix: bytes, seen: set[bytes]) -> Iterator[bytes]:
        if (real := os.path.realpath(path)) in seen:
            return  # a link to a folder around it
        seen.add(real)
        entries = _Entries(path)
        self.skipped |= entries.skipped
        self.others.update(os.path.splitext(os.fsdecode(name))[1].lower() for name in entries.others)
        yield from (prefix + name for name in entries.images)
        for name in sorted(entries.folders):
            yield from self._images(path + b"/" + name, prefix + name + b"/", seen)


def _kinds(others: Mapping[str, int]) -> str:
    """Name the kinds of files, and how many there are of each."""
    return ", ".join(f"{count} {suffix or 'without an ending'}" for suffix, count in sorted(others.items()))


def notes_of(listing: Listing) -> list[str]:
    """Say what of a folder is not used."""
    notes = []
    if listing.skipped:
        notes.append(f"hidden and system entries are skipped: {listed(listing.skipped)}")
    if listing.others:
        notes.append(f"files of other kinds are ignored: {_kinds(listing.others)}")
    return notes


def _stat(path: bytes) -> tuple[int, int, int]:
    try:
        of = os.stat(path)
    except OSError:  # whoever reads it says why it cannot be read
        return NO_STAT, NO_STAT, NO_STAT
    return of.st_size, of.st_mtime_ns, of.st_ctime_ns


def _is_system(name: bytes) -> bool:
    """Return whether an entry is hidden, or a system's own."""
    return name.startswith(b".") or name in _SYSTEM
