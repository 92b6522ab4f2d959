"""IDX, the file format of MNIST, Fashion-MNIST and their relatives.

Format: https://web.archive.org/web/2023/http://yann.lecun.com/exdb/mnist/ — two zero bytes, a type
byte (8: unsigned byte), the number of dimensions, each dimension as a big-endian 32-bit number, data.
"""

import gzip
import math
import zlib
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from sweep.data.images import Images, SplitImages
from sweep.errors import InputError
from sweep.recipes.recipe import Recipe

_MOST_DIMENSIONS = 32  # of an array, in every version of numpy
_MINIVAL_ONE_IN = 12  # one in twelve training images: 5,000 of Fashion-MNIST's 60,000


class Idx(SplitImages):
    """A data set in four files ``{train,t10k}-{images-idx3,labels-idx1}-ubyte``, gzipped or not."""

    def __init__(self, recipe: Recipe, folder: Path) -> None:
        train, val = _read_part(folder, "train"), _read_part(folder, "t10k")
        self.classes = int(max(train.labels.max(), val.labels.max())) + 1
        if self.classes < 2:
            raise InputError(f"`data` {folder}: all labels are 0; two or more classes are needed")
        held_out = max(1, len(train.labels) // _MINIVAL_ONE_IN)
        rng = np.random.default_rng(recipe.data_seed)
        super().__init__(train, val, minival_size=held_out, subset=recipe.train_subset, rng=rng)


def _read_part(folder: Path, part: str) -> Images:
    images_file = _find(folder, f"{part}-images-idx3-ubyte")
    labels_file = _find(folder, f"{part}-labels-idx1-ubyte")
    pixels, labels = read_idx(images_file), read_idx(labels_file)
    if pixels.ndim != 3 or labels.ndim != 1 or len(pixels) != len(labels) or not len(labels):
        raise InputError(
            f"{images_file} and {labels_file} do not belong together: shapes {pixels.shape} and "
            f"{labels.shape}, expected (images, height, width) and (images,)"
        )
    if pixels.shape[1] != pixels.shape[2] or not pixels.size:
        raise InputError(
            f"{images_file}: images must be square, with pixels, got {pixels.shape[2]} × {pixels.shape[1]}"
        )
    return Images(pixels[..., np.newaxis], labels.astype(np.int64))


def _find(folder: Path, name: str) -> Path:
    """Find a file: in the folder or, as torchvision and Kaggle lay them out, in folders in it."""
    names = [name, f"{name}.gz", dotted := name.replace("-idx", ".idx"), f"{dotted}.gz"]
    for depth in ("", "*/", "*/*/"):
        if found := [path for each in names for path in sorted(folder.glob(depth + each)) if path.is_file()]:
            if len({path.parent for path in found}) > 1:
                raise InputError(f"`data` {folder}: several folders in it have a {name}; name one of them")
            return found[0]
    raise InputError(f"`data` {folder}: no file {name} or {name}.gz in it, nor in folders in it")


def read_idx(path: Path) -> NDArray[np.uint8]:
    """Read one IDX file of unsigned bytes, gzipped if its name ends in ``.gz``.

    Raises
    ------
    InputError
        If the file is unreadable, truncated or of another format.
    """
    try:
        raw = gzip.decompress(path.read_bytes()) if path.suffix == ".gz" else path.read_bytes()
    except (OSError, EOFError, zlib.error) as error:
        raise InputError(f"{path} cannot be read: {error}") from error
    if len(raw) < 4 or raw[:3] != b"\0\0\x08":
        raise InputError(
            f"{path} is not an IDX file of bytes: it starts with {raw[:4].hex(' ') or 'nothing'}"
        )
    if raw[3] > _MOST_DIMENSIONS:
        raise InputError(f"{path} is damaged: its header has {raw[3]} dimensions")
    header = 4 + 4 * raw[3]
    shape = tuple(int.from_bytes(raw[i : i + 4], "big") for i in range(4, header, 4))
    expected = header + math.prod(shape)
    if len(raw) != expected:
        raise InputError(f"{path} is damaged: {len(raw)} bytes, but its header {shape} asks for {expected}")
    return np.frombuffer(raw, np.uint8, offset=header).reshape(shape)
