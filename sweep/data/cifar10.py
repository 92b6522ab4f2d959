"""CIFAR-10 as its authors publish it: six files of 10,000 images, in the binary or in the Python version.

Format: https://www.cs.toronto.edu/~kriz/cifar.html. A binary record is a label and 3,072 bytes: 32 × 32 red,
then green, then blue, row after row. The Python version has the same bytes as pickled arrays; nothing but
arrays is unpickled.
"""

import io
import pickle
import tarfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sweep.data.images import Images, SplitImages
from sweep.errors import InputError
from sweep.recipes.recipe import Recipe

CLASSES, SIDE = 10, 32
_MINIVAL_ONE_IN = 10
_RECORD = 1 + 3 * SIDE * SIDE
_FOLDERS = ("cifar-10-batches-bin", "cifar-10-batches-py")
_ARCHIVES = ("cifar-10-binary.tar.gz", "cifar-10-python.tar.gz")
_TRAIN = tuple(f"data_batch_{number}" for number in range(1, 6))
_TEST = ("test_batch",)
_ARRAY_PARTS = {
    ("numpy.core.multiarray", "_reconstruct"): np._core.multiarray._reconstruct,  # type: ignore[attr-defined]
    ("numpy._core.multiarray", "_reconstruct"): np._core.multiarray._reconstruct,  # type: ignore[attr-defined]
    ("numpy", "ndarray"): np.ndarray,
    ("numpy", "dtype"): np.dtype,
}
"""All that a pickle may name."""
_Read = Callable[[str], bytes | None]
"""Returns the contents of the file of a name; None if there is none."""


class Cifar10(SplitImages):
    """The data set in the authors' files: a folder of them, or their archive, or a folder with either in it.

    A tenth of the training images is minival; val are the test images.

    Raises
    ------
    InputError
        If a file is missing, damaged or of another format.
    """

    classes = CLASSES

    def __init__(self, recipe: Recipe, path: Path) -> None:
        train, val = _read(path)
        held_out = max(1, len(train.labels) // _MINIVAL_ONE_IN)
        rng = np.random.default_rng(recipe.data_seed)
        super().__init__(train, val, minival_size=held_out, subset=recipe.train_subset, rng=rng)


def has_batches(path: Path) -> bool:
    """Return whether the authors' files, or their archive, lie there, and not a folder of class folders.

    Raises
    ------
    InputError
        If neither does.
    """
    if path.is_file() or _place(path):
        return True
    if not (path / "train").is_dir():
        raise InputError(
            f"`data` {path}: no CIFAR-10 in it: neither {' or '.join(_ARCHIVES)}, nor {_TRAIN[0]}.bin or "
            f"{_TRAIN[0]}, nor folders train/ and test/ of class folders"
        )
    return False


def _place(folder: Path) -> Path | None:
    """Return the folder or archive of the authors' files that a folder is, or has in it."""
    places = [folder, *(folder / name for name in _FOLDERS)]
    found = [each for each in places if any((each / f"{_TEST[0]}{end}").is_file() for end in ("", ".bin"))]
    found += [folder / name for name in _ARCHIVES if (folder / name).is_file()]
    return found[0] if found else None


def _read(path: Path) -> tuple[Images, Images]:
    place = path if path.is_file() else _place(path)
    assert place is not None
    if place.is_dir():
        return _parts(place, lambda name: (place / name).read_bytes() if (place / name).is_file() else None)
    try:
        with tarfile.open(place) as archive:
            members = {Path(m.name).name: m for m in archive.getmembers() if m.isfile()}
            return _parts(place, lambda name: _member(archive, members.get(name)))
    except (OSError, EOFError, tarfile.TarError) as error:
        raise InputError(f"{place} is no readable archive of CIFAR-10: {error}") from error


def _member(archive: tarfile.TarFile, member: tarfile.TarInfo | None) -> bytes | None:
    file = archive.extractfile(member) if member else None
    return file.read() if file else None


def _parts(place: Path, read: _Read) -> tuple[Images, Images]:
    """Return the images to train and to report on."""
    return _joined(_batch(place, name, read) for name in _TRAIN), _joined(
        _batch(place, name, read) for name in _TEST
    )


def _joined(batches: Iterator[Images]) -> Images:
    pixels, labels = zip(*batches, strict=True)
    return Images(np.concatenate(pixels), np.concatenate(labels))


def _batch(place: Path, name: str, read: _Read) -> Images:
    """Read one of the files, in either version."""
    if (raw := read(f"{name}.bin")) is not None:
        return _of_binary(raw, f"{place / name}.bin")
    if (raw := read(name)) is not None:
        return _of_pickle(raw, str(place / name))
    raise InputError(f"{place}: no file {name}.bin or {name} of CIFAR-10 in it")


def _of_binary(raw: bytes, file: str) -> Images:
    if not raw or len(raw) % _RECORD:
        raise InputError(f"{file} is damaged: {len(raw)} bytes are no multiple of {_RECORD}, an image's")
    records = np.frombuffer(raw, np.uint8).reshape(-1, _RECORD)
    return _images(records[:, 1:], records[:, 0], file)


def _of_pickle(raw: bytes, file: str) -> Images:
    try:
        batch = _ArraysOnly(io.BytesIO(raw), encoding="latin1").load()
        pixels, labels = np.asarray(batch["data"]), np.asarray(batch["labels"])
    except Exception as error:  # whatever a damaged or foreign pickle may raise
        raise InputError(f"{file} is no batch of CIFAR-10's Python version: {error}") from error
    if (
        pixels.dtype != np.uint8
        or labels.dtype.kind not in "iu"
        or pixels.shape != (len(labels), _RECORD - 1)
    ):
        raise InputError(
            f"{file} is no batch of CIFAR-10: {pixels.dtype} {pixels.shape}, labels {labels.shape}"
        )
    return _images(pixels, labels, file)


class _ArraysOnly(pickle.Unpickler):
    """Refuses to name anything but the parts of an array, so that a pickle can run no code."""

    def find_class(self, module: str, name: str) -> Any:
        try:
            return _ARRAY_PARTS[module, name]
        except KeyError:
            raise pickle.UnpicklingError(f"it names {module}.{name}, which is not unpickled") from None


def _images(pixels: NDArray[np.uint8], labels: NDArray[Any], file: str) -> Images:
    if not len(labels) or labels.min() < 0 or labels.max() >= CLASSES:
        raise InputError(f"{file} is no batch of CIFAR-10: its labels are not 0 to {CLASSES - 1}")
    upright = pixels.reshape(-1, 3, SIDE, SIDE).transpose(0, 2, 3, 1)
    return Images(np.ascontiguousarray(upright), labels.astype(np.int64))
