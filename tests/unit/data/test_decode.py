"""Decoding: whatever the file, the pixels are Pillow's, and damage is named."""

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image

from sweep.data.decode import REDUCED, Decoded, ImageFile, read_reduced, read_rgb
from sweep.errors import InputError


def waves(width, height):
    """A picture with edges and colours, so that every way of decoding chroma differs from every other."""
    y, x = np.mgrid[:height, :width]
    picture = np.stack([(x * 7) % 256, (y * 11) % 256, ((x // 9 + y // 5) % 2) * 255], -1)
    return Image.fromarray(picture.astype(np.uint8))


def pillows(path, divisor=1):
    with Image.open(path) as image:
        if divisor > 1:
            image.draft("RGB", (image.width // divisor, image.height // divisor))
        return np.asarray(image.convert("RGB"))


@pytest.mark.parametrize("size", [(64, 48), (101, 67), (17, 90), (1, 1)])
@pytest.mark.parametrize(
    "options",
    [
        {},
        {"subsampling": 0},
        {"subsampling": 1},
        {"progressive": True},
        {"quality": 100},
        {"keep_rgb": True},
        {"restart_marker_blocks": 3},
    ],
)
def test_a_jpegs_pixels_are_pillows(tmp_path, size, options):
    path = tmp_path / "x.jpg"
    waves(*size).save(path, **options)
    image = ImageFile(path)
    assert (image.width, image.height) == size
    np.testing.assert_array_equal(image.pixels(), pillows(path))


@pytest.mark.parametrize("mode", ["L", "CMYK"])
def test_grey_and_printers_jpegs_too(tmp_path, mode):
    path = tmp_path / "x.jpg"
    waves(50, 40).convert(mode).save(path)
    np.testing.assert_array_equal(ImageFile(path).pixels(), pillows(path))


@pytest.mark.parametrize("px", [1, 8, 16, 33, 90])
@pytest.mark.parametrize("size", [(64, 48), (101, 67), (17, 90), (257, 256)])
@pytest.mark.parametrize("mode", ["RGB", "L", "CMYK", "turned", "damaged"])
def test_the_faster_reading_at_a_size_gives_the_same(tmp_path, mode, size, px):
    path, exif = tmp_path / "x.jpg", Image.Exif()
    exif[0x0112] = 6 if mode == "turned" else 1
    waves(*size).convert("RGB" if mode in ("turned", "damaged") else mode).save(path, exif=exif)
    if mode == "damaged":
        raw = path.read_bytes()
        path.write_bytes(raw[:-2] + b"x" * 9 + raw[-2:])  # libjpeg warns of it, and decodes it
    np.testing.assert_array_equal(np.asarray(read_reduced(path, px)), np.asarray(read_rgb(path, px)))


@pytest.mark.parametrize("kind", ["PNG", "WEBP", "BMP", "GIF", "TIFF"])
def test_other_files_are_read_whole_whatever_their_name(tmp_path, kind):
    path = tmp_path / "x.jpg"
    waves(50, 40).save(path, kind)
    for divisor in REDUCED:
        np.testing.assert_array_equal(ImageFile(path).pixels(divisor), pillows(path))


@pytest.mark.parametrize("divisor", REDUCED)
@pytest.mark.parametrize("size", [(64, 48), (160, 200)])
def test_a_reduced_jpeg_is_pillows_draft(tmp_path, divisor, size):
    path = tmp_path / "x.jpg"
    waves(*size).save(path)
    pixels = ImageFile(path).pixels(divisor)
    assert pixels.shape == (size[1] // divisor, size[0] // divisor, 3)
    np.testing.assert_array_equal(pixels, pillows(path, divisor))


@pytest.mark.parametrize(
    ("size", "divisor", "shape"), [((101, 67), 2, (34, 51, 3)), ((9, 500), 8, (63, 2, 3))]
)
def test_a_reduced_side_is_rounded_up(tmp_path, size, divisor, shape):
    waves(*size).save(tmp_path / "x.jpg")
    assert ImageFile(tmp_path / "x.jpg").pixels(divisor).shape == shape


def test_what_pillow_forgives_is_forgiven(tmp_path):
    path = tmp_path / "x.jpg"
    waves(64, 48).save(path)
    raw = path.read_bytes()
    path.write_bytes(raw[:-2] + b"\0\1\2" + raw[-2:])  # bytes too many before the end
    np.testing.assert_array_equal(ImageFile(path).pixels(), pillows(path))


def test_images_in_memory_are_read_like_files():
    grey = np.arange(12, dtype=np.uint8).reshape(4, 3, 1)
    image = Decoded(grey)
    assert (image.width, image.height) == (3, 4)
    np.testing.assert_array_equal(image.pixels(2), np.repeat(grey, 3, axis=2))


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(share=st.floats(0, 0.97), divisor=st.sampled_from(REDUCED))
def test_a_jpeg_that_is_cut_short_is_named(tmp_path, share, divisor):
    path = tmp_path / "cut.jpg"
    waves(60, 45).save(path)
    raw = path.read_bytes()
    path.write_bytes(raw[: int(share * len(raw))])
    with pytest.raises(InputError, match=r"cut\.jpg is not a readable image"):
        ImageFile(path).pixels(divisor)


def test_files_that_are_none_are_named(tmp_path):
    (tmp_path / "text.jpg").write_text("a cat")
    (tmp_path / "empty.jpg").touch()
    for name, reason in (
        ("text", "is not a readable"),
        ("empty", "is not a readable"),
        ("no", "cannot be read"),
    ):
        with pytest.raises(InputError, match=rf"{name}\.jpg {reason}"):
            ImageFile(tmp_path / f"{name}.jpg")
