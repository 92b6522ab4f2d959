"""A folder of class folders: ``train/CLASS/*.jpg`` and, if there is one, ``val/CLASS/*.jpg``."""

import hashlib
import os
from collections.abc import Iterator, Sequence
from functools import cached_property
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from sweep.data.decode import read_reduced
from sweep.data.images import Files, FileSplits, Images, Splits, stratified
from sweep.data.listing import class_names, list_images, notes_of
from sweep.data.manifest import HASHED, READABLE, TRANSPARENT, TRIED, TURNED
from sweep.data.packed import FilePaths
from sweep.data.parallel_reading import QUIETLY, DataReading, in_threads
from sweep.data.survey import Survey
from sweep.errors import InputError
from sweep.recipes.recipe import Recipe

EVALUATED = ("val", "valid", "validation", "test")
"""Folders with images to evaluate; of several, the first is taken."""
_HELD_OUT_SHARE = 0.1
_HASHED_AT_ONCE = 10_000
_MEMORY_LIMIT = 8 * 2**30


class _Part(NamedTuple):
    """A split, as rows of the listing."""

    rows: NDArray[np.int64]
    labels: NDArray[np.int64]

    def take(self, indices: NDArray[np.intp]) -> "_Part":
        return _Part(self.rows[indices], self.labels[indices])


class ImageFolder:
    """A folder of images of any size: each is scaled until its shorter side fits, and its centre is cut out.

    Parameters
    ----------
    recipe : Recipe
        Data seed, training subset and augmentation.
    folder : Path
        Contains ``train`` and, optionally, ``val``. Without ``val``, a tenth of the training images is held
        out instead.
    skip_corrupt : bool
        Skip unreadable images.
    reading : DataReading
        How its files are read.

    Raises
    ------
    InputError
        If there are too few classes or images, or the classes of ``train`` and ``val`` differ.
    """

    def __init__(
        self,
        recipe: Recipe,
        folder: Path,
        *,
        skip_corrupt: bool = False,
        reading: DataReading = QUIETLY,
    ) -> None:
        if not (folder / "train").is_dir():
            raise InputError(f"`data` {folder}: no folder train/ of class folders in it{_hint(folder)}")
        self._folder, self._names = folder, class_names(folder / "train")
        self.classes = len(self._names)
        self._one_by_one, self._background = recipe.per_image, recipe.background
        self._evaluated = [name for name in EVALUATED if (folder / name).is_dir()]
        self._splits = ["train", *self._evaluated[:1]]
        self._listing = list_images(folder, self._splits, self._names)
        self._observer = reading.observer
        self._survey = Survey(folder, self._listing, reading)
        found = [self._part(self._listing.rows(split)) for split in range(len(self._splits))]
        self.skipped_images: tuple[str, ...] = ()
        if skip_corrupt:
            found = self._readable(found)
        self._parts = self._split(found, recipe)

    def _part(self, rows: NDArray[np.int64]) -> _Part:
        return _Part(rows, self._listing.labels[rows])

    def _readable(self, parts: list[_Part]) -> list[_Part]:
        """Return the readable images of each split; every class needs at least one."""
        self._survey.find_out(np.arange(len(self._listing.names)), HASHED | TRIED)
        good = self._survey.facts.having(READABLE)
        self.skipped_images = tuple(
            os.fsdecode(self._listing.names[row]) for row in np.flatnonzero(~good).tolist()
        )
        kept = [self._part(part.rows[good[part.rows]]) for part in parts]
        for split, part in zip(self._splits, kept, strict=True):
            for label in np.setdiff1d(np.arange(self.classes), part.labels):
                name = self._folder / split / self._names[label]
                raise InputError(f"{name} holds no image that can be read")
        return kept

    def _split(self, found: list[_Part], recipe: Recipe) -> tuple[_Part, _Part, _Part]:
        """Return the images to train on, minival's and val's."""
        rng = np.random.default_rng(recipe.data_seed)
        train, val = found if len(found) > 1 else self._hold_out(found[0], rng)
        train, minival = self._hold_out(train, rng)
        if recipe.train_subset is not None and recipe.train_subset < len(train.rows):
            train = train.take(stratified(train.labels, recipe.train_subset, rng))
        return train, minival, val

    def _hold_out(self, part: _Part, rng: np.random.Generator) -> tuple[_Part, _Part]:
        size = max(1, round(len(part.rows) * _HELD_OUT_SHARE))
        if size >= len(part.rows):
            raise InputError(f"{self._folder / 'train'}: too few images ({len(part.rows)}) to hold any out")
        chosen = stratified(part.labels, size, rng)
        return part.take(np.setdiff1d(np.arange(len(part.rows)), chosen)), part.take(chosen)

    @cached_property
    def fingerprint(self) -> str:
        """A hash of the files' bytes, their classes and the split; the folder's path does not matter."""
        everything = np.concatenate([part.rows for part in self._parts])
        self._survey.find_out(everything)
        names, digests = list(self._listing.names), self._survey.facts.digests.tobytes()
        digest = hashlib.sha256(repr(self._names).encode())
        for part in self._parts:
            digest.update(f"split {len(part.rows)}".encode())
            for rows in np.array_split(part.rows, len(part.rows) // _HASHED_AT_ONCE + 1):
                files = (names[row] + b"\0" + digests[32 * row : 32 * row + 32] for row in rows.tolist())
                digest.update(b"".join(files))
        # Earlier versions read these images otherwise. Folders without any keep their fingerprint.
        for flag, how in ((TURNED, "upright"), (TRANSPARENT, "on a background")):
            digest.update(how.encode() if self._survey.facts.having(flag)[everything].any() else b"")
        return digest.hexdigest()[:16]

    @property
    def notes(self) -> tuple[str, ...]:
        """What a reader should know of how the folder was understood."""
        _ = self.fingerprint  # finds transparent images
        return (*self._notes_of_splits(), *notes_of(self._listing), *self._notes_of_files())

    def _notes_of_splits(self) -> list[str]:
        taken, *ignored = self._evaluated or ["val"]
        note = [f"evaluated on {self._folder / taken}/"] if taken != "val" else []
        return note + [f"{self._folder / name}/ is ignored: {taken}/ is evaluated" for name in ignored]

    def _notes_of_files(self) -> Iterator[str]:
        transparent = self._survey.facts.having(TRANSPARENT)
        if count := sum(int(transparent[part.rows].sum()) for part in self._parts):
            yield f"{count} transparent images are put on {self._background} (`background` of the recipe)"
        yield from self._survey.notes

    def load(self, px: int) -> Splits | FileSplits:
        """Return the splits at ``px`` × ``px`` pixels, or as files if images are loaded one by one."""
        files = [self._files(part) for part in self._parts]
        if self._one_by_one:
            return FileSplits(*files)
        count = sum(len(part.rows) for part in self._parts)
        if count * px * px * 3 > _MEMORY_LIMIT:
            raise InputError(
                f"{count} images of {px} px take {count * px * px * 3 / 2**30:.0f} GiB in memory, more than "
                f"{_MEMORY_LIMIT >> 30}: use a recipe with a smaller max_px or a train_subset"
            )
        pixels = self._decode([path for each in files for path in each.paths], px)
        parts = np.split(pixels, np.cumsum([len(each.labels) for each in files])[:-1])
        return Splits(*(Images(part, each.labels) for part, each in zip(parts, files, strict=True)))

    def _decode(self, paths: Sequence[str], px: int) -> NDArray[np.uint8]:
        pixels = np.empty((len(paths), px, px, 3), np.uint8)

        def decode(part: slice) -> None:
            for index in range(part.start, part.stop):
                pixels[index] = _decode_one(paths[index], px, self._background)

        for _ in in_threads(decode, len(paths), self._observer):
            pass
        return pixels

    def _files(self, part: _Part) -> Files:
        return Files(FilePaths(str(self._folder.resolve()), self._listing.names, part.rows), part.labels)


def _hint(folder: Path) -> str:
    """Say where train/ probably is, or what it should hold."""
    inner = sorted(path for path in folder.iterdir() if path.is_dir())
    if deeper := [path for path in inner if (path / "train").is_dir()]:
        return f". Did you mean {deeper[0]}?"
    if len(inner) > 1:
        return f". If its {len(inner)} folders are the classes, move them into {folder / 'train'}"
    return ""


def _decode_one(path: str | Path, px: int, background: str = "white") -> NDArray[np.uint8]:
    rgb = read_reduced(path, px, background)
    if rgb.size == (px, px):
        return np.asarray(rgb)
    side = min(rgb.size)
    left, top = ((length - side) / 2 for length in rgb.size)
    square = (left, top, left + side, top + side)
    return np.asarray(rgb.resize((px, px), Image.Resampling.BILINEAR, box=square))
