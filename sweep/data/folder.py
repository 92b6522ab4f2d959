"""A folder of class folders: ``train/CLASS/*.jpg`` and, if there is one, ``val/CLASS/*.jpg``.

What a file manager, notebook or archiver leaves behind is no class and no image.
"""

import hashlib
from concurrent.futures import ThreadPoolExecutor
from functools import cached_property
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from sweep.data.decode import is_readable, is_transparent, is_turned, read_bytes, read_rgb
from sweep.data.images import Files, FileSplits, Images, Splits, stratified
from sweep.errors import InputError
from sweep.recipes.recipe import Recipe

SUFFIXES = (".jpg", ".jpeg", ".png", ".webp", ".bmp", ".ppm", ".pgm", ".tif", ".tiff")
EVALUATED = ("val", "valid", "validation", "test")
"""Folders with images to evaluate; of several, the first is taken."""
_SYSTEM = ("@eaDir", "__MACOSX", "lost+found", "$RECYCLE.BIN", "System Volume Information")
_NAMED = 3
"""So many of what was skipped are named."""
_HELD_OUT_SHARE = 0.1
_MEMORY_LIMIT = 8 * 2**30


class _Files(NamedTuple):
    paths: tuple[Path, ...]
    labels: NDArray[np.int64]

    def take(self, indices: NDArray[np.intp]) -> "_Files":
        return _Files(tuple(self.paths[i] for i in indices), self.labels[indices])


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

    Raises
    ------
    InputError
        If there are too few classes or images, or the classes of ``train`` and ``val`` differ.
    """

    def __init__(self, recipe: Recipe, folder: Path, *, skip_corrupt: bool = False) -> None:
        if not (folder / "train").is_dir():
            raise InputError(f"--data {folder}: no folder train/ of class folders in it")
        names = _class_names(folder / "train")
        self.classes = len(names)
        rng = np.random.default_rng(recipe.data_seed)
        self._unreadable: list[Path] = []
        self._turned = self._transparent = 0
        find = self._find_readable if skip_corrupt else _find
        train = find(folder / "train", names)
        evaluated = [name for name in EVALUATED if (folder / name).is_dir()]
        if evaluated:
            val = find(folder / evaluated[0], names)
        else:
            train, val = _hold_out(train, rng)
        train, minival = _hold_out(train, rng)
        if recipe.train_subset is not None and recipe.train_subset < len(train.paths):
            train = train.take(stratified(train.labels, recipe.train_subset, rng))
        self._parts, self._folder, self._names = (train, minival, val), folder, names
        self.skipped_images = tuple(path.relative_to(folder).as_posix() for path in self._unreadable)
        self._one_by_one, self._background = recipe.per_image, recipe.background
        self._evaluated = evaluated

    def _find_readable(self, split: Path, names: list[str]) -> _Files:
        """List the readable images of a split; every class needs at least one."""
        files = _find(split, names)
        with ThreadPoolExecutor() as pool:
            kept = np.array(list(pool.map(is_readable, files.paths)))
        self._unreadable += [path for path, good in zip(files.paths, kept, strict=True) if not good]
        for label, name in enumerate(names):
            if not kept[files.labels == label].any():
                raise InputError(f"{split / name} holds no image that can be read")
        return files.take(np.flatnonzero(kept))

    @cached_property
    def fingerprint(self) -> str:
        """A hash of the files' bytes, their classes and the split; the folder's path does not matter."""
        digest = hashlib.sha256(repr(self._names).encode())
        for part in self._parts:
            digest.update(f"split {len(part.paths)}".encode())
            for path in part.paths:
                digest.update(f"{path.relative_to(self._folder).as_posix()}\0".encode())
                raw = read_bytes(path)
                digest.update(hashlib.sha256(raw).digest())
                self._turned += is_turned(raw)
                self._transparent += is_transparent(raw)
        # Earlier versions read these images otherwise. Folders without any keep their fingerprint.
        for count, how in ((self._turned, "upright"), (self._transparent, "on a background")):
            digest.update(how.encode() if count else b"")
        return digest.hexdigest()[:16]

    @property
    def notes(self) -> tuple[str, ...]:
        """What a reader should know of how the folder was understood."""
        _ = self.fingerprint  # counts the transparent images
        notes = [*self._note_of_splits(), *_note_of_skipped(self._folder)]
        if self._transparent:
            count = f"{self._transparent} transparent images"
            notes.append(f"{count} are put on {self._background} (`background` of the recipe)")
        return tuple(notes)

    def _note_of_splits(self) -> list[str]:
        taken, *ignored = self._evaluated or ["val"]
        note = [f"evaluated on {self._folder / taken}/"] if taken != "val" else []
        return note + [f"{self._folder / name}/ is ignored: {taken}/ is evaluated" for name in ignored]

    def load(self, px: int) -> Splits | FileSplits:
        """Return the splits at ``px`` × ``px`` pixels, or as files if images are loaded one by one."""
        if self._one_by_one:
            return FileSplits(
                *(Files(tuple(str(p.resolve()) for p in part.paths), part.labels) for part in self._parts)
            )
        count = sum(len(part.paths) for part in self._parts)
        if count * px * px * 3 > _MEMORY_LIMIT:
            raise InputError(
                f"{count} images of {px} px take {count * px * px * 3 / 2**30:.0f} GiB in memory, more than "
                f"{_MEMORY_LIMIT >> 30}: use a recipe with a smaller max_px or a train_subset"
            )
        return Splits(*(_decode(part, px, self._background) for part in self._parts))


def _class_names(folder: Path) -> list[str]:
    names = sorted(p.name for p in folder.iterdir() if p.is_dir() and not _is_system(p))
    if len(names) < 2:
        raise InputError(f"{folder} needs two or more class folders, found {len(names)}: {names}")
    return names


def _find(folder: Path, names: list[str]) -> _Files:
    """List the images of a split; its class folders must equal those of the training split."""
    found = _class_names(folder)
    if found != names:
        differing = sorted(set(found) ^ set(names))
        raise InputError(f"{folder} and its train/ differ in their classes: {', '.join(differing[:5])}")
    paths, labels = [], []
    for label, name in enumerate(names):
        entries = (p for p in (folder / name).iterdir() if not _is_system(p))
        files = sorted(p for p in entries if p.suffix.lower() in SUFFIXES)
        if not files:
            raise InputError(f"{folder / name} holds no image ({', '.join(SUFFIXES)})")
        paths += files
        labels += [label] * len(files)
    return _Files(tuple(paths), np.array(labels, np.int64))


def _is_system(path: Path) -> bool:
    """Say whether an entry is hidden, or a system's own."""
    return path.name.startswith(".") or path.name in _SYSTEM


def _note_of_skipped(folder: Path) -> list[str]:
    """Name folders that look like classes, and files that look like images, but are none."""
    splits = [folder / name for name in ("train", *EVALUATED) if (folder / name).is_dir()]
    entries = [e for split in splits for e in (*split.iterdir(), *split.glob("*/*"))]
    looks_meant = (e for e in entries if e.is_dir() or e.suffix.lower() in SUFFIXES)
    skipped = sorted({e.name for e in looks_meant if _is_system(e)})
    if not skipped:
        return []
    more = f" and {len(skipped) - _NAMED} more" if len(skipped) > _NAMED else ""
    return [f"hidden and system entries are skipped: {', '.join(skipped[:_NAMED])}{more}"]


def _hold_out(files: _Files, rng: np.random.Generator) -> tuple[_Files, _Files]:
    size = max(1, round(len(files.paths) * _HELD_OUT_SHARE))
    if size >= len(files.paths):
        raise InputError(
            f"{files.paths[0].parent.parent}: too few images ({len(files.paths)}) to hold any out"
        )
    chosen = stratified(files.labels, size, rng)
    return files.take(np.setdiff1d(np.arange(len(files.paths)), chosen)), files.take(chosen)


def _decode(files: _Files, px: int, background: str) -> Images:
    pixels = np.empty((len(files.paths), px, px, 3), np.uint8)
    for i, path in enumerate(files.paths):
        pixels[i] = _decode_one(path, px, background)
    return Images(pixels, files.labels)


def _decode_one(path: Path, px: int, background: str = "white") -> NDArray[np.uint8]:
    rgb = read_rgb(path, px, background=background)
    side = min(rgb.size)
    left, top = ((length - side) / 2 for length in rgb.size)
    square = (left, top, left + side, top + side)
    return np.asarray(rgb.resize((px, px), Image.Resampling.BILINEAR, box=square))
