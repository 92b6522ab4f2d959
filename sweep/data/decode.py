"""Decodes image files: ordinary JPEGs with libjpeg-turbo, all other images with Pillow."""

import io
from contextlib import suppress
from importlib.metadata import version
from pathlib import Path

import numpy as np
import PIL
import simplejpeg
from numpy.typing import NDArray
from PIL import Image, PngImagePlugin, UnidentifiedImageError

from sweep.errors import InputError

Pixels = NDArray[np.uint8]
"""(height, width, 3): red, green and blue, 0 to 255."""
REDUCED = (8, 4, 2, 1)
"""Divisors at which a JPEG can be decoded at reduced size, antialiased and with less work."""
DECODERS = f"Pillow {PIL.__version__}, simplejpeg {version('simplejpeg')}"
"""What decides whether a file can be decoded."""
_USUAL = ("Gray", "YCbCr", "RGB")
_MOST_PIXELS = 2**27  # Pillow checks larger images, which may be decompression bombs
_ORIENTATION = 0x0112
"""EXIF's tag of an image's orientation: 1 is upright."""
_TURNS = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
"""What makes an image of each other orientation upright."""
_MAGIC = {
    b"\x1f\x8b": "a gzip file",
    b"PK\x03\x04": "a zip file",
    b"%PDF": "a PDF",
    b"<": "a page of HTML or XML",
    b"version https://git-lfs": "a pointer of Git LFS, whose file was not fetched",
}
"""The first bytes of files that are easily mistaken for images."""
_HEIC = (b"ftypheic", b"ftypheix", b"ftypmif1", b"ftyphevc")
"""What follows the first four bytes of a telephone's photograph, whatever its name."""


# A picture with a colour profile or a comment of more than 1 MiB is a picture: its pixels are limited, still.
PngImagePlugin.MAX_TEXT_CHUNK = PngImagePlugin.MAX_TEXT_MEMORY


class ImageFile:
    """An open image file, which is decoded once the wanted size is known.

    Its pixels equal Pillow's, at full and at reduced size: both use libjpeg-turbo. ``background`` is the
    colour that shows through a transparent image, ``raw`` the file's contents where they were read already.

    Raises
    ------
    InputError
        If the file cannot be read. The message names it.
    """

    def __init__(self, path: Path | str, background: str = "white", *, raw: bytes | None = None) -> None:
        self._path, self._background = path, background
        self._raw = read_bytes(path) if raw is None else raw
        self._whole: Pixels | None = None
        size = _jpeg_size(self._raw)
        if size is None:
            self._whole = np.array(read_rgb(path, background=background))
            size = self._whole.shape[1], self._whole.shape[0]
        self.width, self.height = size

    def pixels(self, divisor: int = 1) -> Pixels:
        """Decode the image at its size divided by one of `REDUCED`, rounded up; only JPEGs can be reduced."""
        if self._whole is not None:
            return self._whole
        try:
            return _decode_jpeg(self._raw, (self.width, self.height), divisor)
        except ValueError:  # damaged, but Pillow may still read it
            return np.array(read_rgb(self._path, background=self._background))


class Decoded:
    """An image in memory, with the interface of `ImageFile`."""

    def __init__(self, pixels: NDArray[np.uint8]) -> None:
        self._pixels = np.broadcast_to(pixels, (*pixels.shape[:2], 3)).copy()  # grey becomes colour
        self.height, self.width = pixels.shape[:2]

    def pixels(self, divisor: int = 1) -> Pixels:
        """Return the image at full size."""
        return self._pixels


def _jpeg_size(raw: bytes) -> tuple[int, int] | None:
    """Return width and height of an ordinary, upright JPEG; None for any other file."""
    try:
        height, width, colours, _ = simplejpeg.decode_jpeg_header(raw)
    except ValueError:
        return None
    if colours not in _USUAL or int(height) * int(width) > _MOST_PIXELS or is_turned(raw):
        return None
    return int(width), int(height)


def _decode_jpeg(raw: bytes, size: tuple[int, int], divisor: int) -> Pixels:
    """Decode a JPEG at its size (width, height) divided by one of `REDUCED`, rounded up."""
    width, height = (-(-length // divisor) for length in size)
    return simplejpeg.decode_jpeg(raw, "RGB", False, False, height, width, divisor)


def read_reduced(path: Path | str, px: int, background: str = "white") -> Image.Image:
    """Read an image file of which a square of ``px`` pixels is needed: as `read_rgb`, four times faster.

    Raises
    ------
    InputError
        If it cannot be read. The file is named.
    """
    raw = read_bytes(path)
    if size := _jpeg_size(raw):
        divisor = next(d for d in REDUCED if d == 1 or min(size) >= d * px)
        with suppress(ValueError):  # damaged, but Pillow may still read it
            return Image.fromarray(_decode_jpeg(raw, size, divisor))
    return read_rgb(path, px, background=background)


def is_readable(path: Path, raw: bytes) -> bool:
    """Return whether such a file can be decoded to its end; a JPEG is at an eighth of its size."""
    try:
        ImageFile(path, raw=raw).pixels(REDUCED[0])
    except InputError:
        return False
    return True


def read_bytes(path: Path | str) -> bytes:
    """Read a file; raise an `InputError` that names it if it cannot be read."""
    try:
        return Path(path).read_bytes()
    except OSError as error:
        raise InputError(f"{path} cannot be read: {error}") from error


def is_turned(raw: bytes) -> bool:
    """Return whether, by its EXIF data, an image has to be rotated or mirrored to be upright."""
    if b"Exif\0\0" not in raw and not raw.startswith((b"II", b"MM", b"RIFF", b"\x89PNG")):
        return False  # nearly all images, so nothing is parsed
    try:
        with Image.open(io.BytesIO(raw)) as image:
            return image.getexif().get(_ORIENTATION, 1) not in (0, 1)
    except Exception:  # damaged: whoever decodes it reports that
        return False


def is_transparent(raw: bytes) -> bool:
    """Return whether any pixel of an image is transparent."""
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
            return _to_rgb(_upright(image), background, image.format)
    except (OSError, UnidentifiedImageError, SyntaxError, ValueError, Image.DecompressionBombError) as error:
        raise InputError(
            f"{path} is not a readable image: {_what_it_is(path) or error}. Replace it, or leave such images "
            "out: `skip_corrupt`"
        ) from error


def _upright(image: Image.Image) -> Image.Image:
    """Turn an image as its EXIF data say, if these can be read.

    Pillow's `exif_transpose` also writes them again, and fails where any of them is invalid.
    """
    image.load()  # what is wrong with its pixels is reported
    try:
        turn = _TURNS.get(image.getexif().get(_ORIENTATION, 1))
    except Exception:  # damaged in one of many ways: a viewer shows the image as it is
        return image
    return image if turn is None else image.transpose(turn)


def _what_it_is(path: Path | str) -> str | None:
    """Say what a file is that is no image, where its first bytes tell."""
    with suppress(OSError):
        start = Path(path).read_bytes()[:64].lstrip()
        if start[4:12] in _HEIC:
            return "it is an HEIC photograph: convert it to JPEG"
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
