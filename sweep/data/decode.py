"""Image files to pixels: JPEGs straight through libjpeg-turbo, all else, and what is odd, through Pillow."""

from pathlib import Path

import numpy as np
import simplejpeg
from numpy.typing import NDArray
from PIL import Image, UnidentifiedImageError

from sweep.errors import InputError

Pixels = NDArray[np.uint8]
"""(height, width, 3), red, green and blue."""
REDUCED = (8, 4, 2, 1)
"""A JPEG can be decoded at the size divided by these: less work than the whole, and antialiased."""
_USUAL = ("Gray", "YCbCr", "RGB")
_MOST_PIXELS = 2**27  # an image above may be a bomb: Pillow decides


class ImageFile:
    """An image file that has been opened, and is decoded when it is known how much of it is wanted.

    Pixels are the same as Pillow's, whole or reduced: both use libjpeg-turbo.

    Raises
    ------
    InputError
        If it cannot be read. The file is named.
    """

    def __init__(self, path: Path | str) -> None:
        self._path = path
        self._raw = read_bytes(path)
        self._whole: Pixels | None = None
        size = _jpeg_size(self._raw)
        if size is None:
            self._whole = np.array(read_rgb(path))
            size = self._whole.shape[1], self._whole.shape[0]
        self.width, self.height = size

    def pixels(self, divisor: int = 1) -> Pixels:
        """Decode it, at its size divided by one of `REDUCED`, rounded up, or whole where that cannot be."""
        if self._whole is not None:
            return self._whole
        least = [-(-length // divisor) for length in (self.height, self.width)]
        try:
            return simplejpeg.decode_jpeg(self._raw, "RGB", False, False, *least, divisor)
        except ValueError:  # damaged, but perhaps not so much that Pillow minds
            return np.array(read_rgb(self._path))


class Decoded:
    """An image that is in memory, read like a file."""

    def __init__(self, pixels: NDArray[np.uint8]) -> None:
        self._pixels = np.broadcast_to(pixels, (*pixels.shape[:2], 3)).copy()  # grey becomes colour
        self.height, self.width = pixels.shape[:2]

    def pixels(self, divisor: int = 1) -> Pixels:
        """Return it whole."""
        return self._pixels


def _jpeg_size(raw: bytes) -> tuple[int, int] | None:
    """Return width and height of an everyday JPEG; None of anything else."""
    try:
        height, width, colours, _ = simplejpeg.decode_jpeg_header(raw)
    except ValueError:
        return None
    if colours not in _USUAL or int(height) * int(width) > _MOST_PIXELS:
        return None
    return int(width), int(height)


def is_readable(path: Path) -> bool:
    """Say whether an image can be decoded to its end; a JPEG is, at an eighth of its size, to save time.

    Raises
    ------
    InputError
        If the file cannot be read at all: no fault of the image.
    """
    read_bytes(path)
    try:
        ImageFile(path).pixels(REDUCED[0])
    except InputError:
        return False
    return True


def read_bytes(path: Path | str) -> bytes:
    """Read a file; an `InputError` names it where that cannot be done."""
    try:
        return Path(path).read_bytes()
    except OSError as error:
        raise InputError(f"{path} cannot be read: {error}") from error


def read_rgb(path: Path | str, px: int | None = None) -> Image.Image:
    """Read an image file with Pillow, at about ``px`` pixels if that is less work.

    Raises
    ------
    InputError
        If it cannot be read. The file is named.
    """
    try:
        with Image.open(path) as image:
            if px:
                image.draft("RGB", (px, px))  # lets a JPEG be decoded at a reduced size
            return _to_rgb(image)
    except (OSError, UnidentifiedImageError, SyntaxError, ValueError, Image.DecompressionBombError) as error:
        raise InputError(
            f"{path} is not a readable image: {error}. Replace it, or leave such images out: --skip-corrupt"
        ) from error


def _to_rgb(image: Image.Image) -> Image.Image:
    if image.mode.startswith("I;16"):  # Pillow would clip 16 bits to 8 rather than scale them
        return Image.fromarray((np.asarray(image) >> 8).astype(np.uint8)).convert("RGB")
    if image.mode in ("I", "F"):
        raise ValueError(
            f"its pixels are of mode {image.mode}, with no known range: save it with 8 or 16 bits"
        )
    return image.convert("RGB")
