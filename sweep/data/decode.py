"""Image files to pixels: JPEGs straight through libjpeg-turbo, all else, and what is odd, through Pillow."""

import io
from contextlib import suppress
from pathlib import Path

import numpy as np
import simplejpeg
from numpy.typing import NDArray
from PIL import Image, ImageOps, UnidentifiedImageError

from sweep.errors import InputError

Pixels = NDArray[np.uint8]
"""(height, width, 3), red, green and blue."""
REDUCED = (8, 4, 2, 1)
"""A JPEG can be decoded at the size divided by these: less work than the whole, and antialiased."""
_USUAL = ("Gray", "YCbCr", "RGB")
_MOST_PIXELS = 2**27  # an image above may be a bomb: Pillow decides
_ORIENTATION = 0x0112
"""EXIF's tag of how a camera was held: 1 is upright."""
_MAGIC = {
    b"\x1f\x8b": "a gzip file",
    b"PK\x03\x04": "a zip file",
    b"%PDF": "a PDF",
    b"<": "a page of HTML or XML",
    b"version https://git-lfs": "a pointer of Git LFS, whose file was not fetched",
}
"""How files begin that are mistaken for images."""


class ImageFile:
    """An image file that has been opened, and is decoded when it is known how much of it is wanted.

    Pixels are the same as Pillow's, whole or reduced: both use libjpeg-turbo. ``background`` is the colour
    that shows through a transparent image.

    Raises
    ------
    InputError
        If it cannot be read. The file is named.
    """

    def __init__(self, path: Path | str, background: str = "white") -> None:
        self._path, self._background = path, background
        self._raw = read_bytes(path)
        self._whole: Pixels | None = None
        size = _jpeg_size(self._raw)
        if size is None:
            self._whole = np.array(read_rgb(path, background=background))
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
            return np.array(read_rgb(self._path, background=self._background))


class Decoded:
    """An image that is in memory, read like a file."""

    def __init__(self, pixels: NDArray[np.uint8]) -> None:
        self._pixels = np.broadcast_to(pixels, (*pixels.shape[:2], 3)).copy()  # grey becomes colour
        self.height, self.width = pixels.shape[:2]

    def pixels(self, divisor: int = 1) -> Pixels:
        """Return it whole."""
        return self._pixels


def _jpeg_size(raw: bytes) -> tuple[int, int] | None:
    """Return width and height of an everyday, upright JPEG; None of anything else."""
    try:
        height, width, colours, _ = simplejpeg.decode_jpeg_header(raw)
    except ValueError:
        return None
    if colours not in _USUAL or int(height) * int(width) > _MOST_PIXELS or is_turned(raw):
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


def is_turned(raw: bytes) -> bool:
    """Say whether a file's EXIF data says that the image has to be turned or mirrored to be upright."""
    if b"Exif\0\0" not in raw and not raw.startswith((b"II", b"MM", b"RIFF", b"\x89PNG")):
        return False  # nearly all images, so nothing is parsed
    try:
        with Image.open(io.BytesIO(raw)) as image:
            return image.getexif().get(_ORIENTATION, 1) not in (0, 1)
    except Exception:  # damaged: whoever decodes it reports that
        return False


def is_transparent(raw: bytes) -> bool:
    """Say whether a part of an image lets a background show through."""
    if raw.startswith(b"\xff\xd8"):  # a JPEG
        return False
    try:
        with Image.open(io.BytesIO(raw)) as image:
            return image.has_transparency_data and bool((np.asarray(_alpha(image)) < 255).any())
    except Exception:  # damaged: whoever decodes it reports that
        return False


def _alpha(image: Image.Image) -> Image.Image:
    return image.convert("RGBA").getchannel("A")


def read_rgb(path: Path | str, px: int | None = None, *, background: str = "white") -> Image.Image:
    """Read an image file with Pillow, upright and without transparency.

    Parameters
    ----------
    path : Path or str
        The file.
    px : int, optional
        The size that is needed, in pixels: a JPEG is read at about that size if that is less work.
    background : str
        The colour that shows through a transparent image, as Pillow names colours.

    Raises
    ------
    InputError
        If it cannot be read. The file is named.
    """
    try:
        with Image.open(path) as image:
            if px:
                image.draft("RGB", (px, px))  # lets a JPEG be decoded at a reduced size
            return _to_rgb(ImageOps.exif_transpose(image), background, image.format)
    except (OSError, UnidentifiedImageError, SyntaxError, ValueError, Image.DecompressionBombError) as error:
        raise InputError(
            f"{path} is not a readable image: {_what_it_is(path) or error}. Replace it, or leave such images "
            "out: --skip-corrupt"
        ) from error


def _what_it_is(path: Path | str) -> str | None:
    """Say what a file is that is no image, where its first bytes tell."""
    with suppress(OSError):
        start = Path(path).read_bytes()[:64].lstrip()
        return next((f"it is {kind}" for magic, kind in _MAGIC.items() if start.startswith(magic)), None)
    return None


def _to_rgb(image: Image.Image, background: str, format_: str | None) -> Image.Image:
    # Pillow would clip 16 bits to 8 rather than scale them. It calls those of a PGM file I.
    if image.mode.startswith("I;16") or (image.mode == "I" and format_ == "PPM"):
        return Image.fromarray((np.asarray(image) >> 8).astype(np.uint8)).convert("RGB")
    if image.mode in ("I", "F"):
        raise ValueError(
            f"its pixels are of mode {image.mode}, with no known range: save it with 8 or 16 bits"
        )
    if image.has_transparency_data:
        canvas = Image.new("RGB", image.size, background)
        canvas.paste(image.convert("RGB"), mask=_alpha(image))
        return canvas
    return image.convert("RGB")
