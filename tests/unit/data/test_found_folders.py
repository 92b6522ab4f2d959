"""Folders of which others have reported that a data loader did not take them; benchmarks/wild.md."""

import io
import shutil
import struct
import zlib

import numpy as np
import pytest
from PIL import Image

from sweep.data.datasets import open_dataset
from sweep.data.decode import ImageFile, read_rgb
from sweep.errors import InputError
from sweep.recipes.loading import load


@pytest.fixture
def recipe(make_recipe):
    return make_recipe(dataset="folder", batch=1)


def test_images_in_folders_of_a_class_folder_are_its_images(make_folder, recipe):
    """Tiny ImageNet has train/CLASS/images/*.JPEG."""
    nested = make_folder(
        {"train/a/images": 10, "train/b/images": 10, "train/b/images/more": 5}, name="nested"
    )
    (nested / "train/a/images/around").symlink_to(nested / "train/a")
    source = open_dataset(recipe, nested)
    assert np.bincount(np.concatenate([part.labels for part in source.load(4)])).tolist() == [10, 15]


def test_a_val_folder_without_classes_says_what_to_do(make_folder, recipe):
    """ImageNet's val/ comes as 50,000 files; Tiny ImageNet's as one folder."""
    folder = make_folder({"train/a": 20, "train/b": 20, "val": 3})
    with pytest.raises(InputError, match=r"3 images lie in it directly: sort them into .*, or rename it"):
        open_dataset(recipe, folder)


def test_a_folder_of_classes_or_around_the_data_is_told(make_folder, recipe):
    plain = make_folder({"cat": 3, "dog": 3}, name="plain")
    with pytest.raises(InputError, match=r"If its 2 folders are the classes, move them into .*plain/train"):
        open_dataset(recipe, plain)
    make_folder({"outer/inner/train/a": 3, "outer/inner/train/b": 3}, name="zip")
    with pytest.raises(InputError, match=r"Did you mean .*outer/inner"):
        open_dataset(recipe, plain.parent / "zip/outer")


def test_photographs_of_a_kind_that_is_not_read_are_told(make_folder, recipe):
    folder = make_folder({"train/a": 10, "train/b": 10})
    for name in ("1.heic", "2.HEIC", "notes"):
        (folder / "train/a" / name).write_bytes(b"\0\0\0\x18ftypheic")
    assert open_dataset(recipe, folder).notes == (
        "files of other kinds are ignored: 1 without an ending, 2 .heic",
    )
    for path in (folder / "train/b").iterdir():
        path.rename(path.with_suffix(".gif"))
    with pytest.raises(InputError, match=r"train/b holds no image .*; it has 10 \.gif"):
        open_dataset(recipe, folder)


def test_a_telephones_photograph_under_another_name_is_called_what_it_is(tmp_path):
    (tmp_path / "a.jpg").write_bytes(b"\0\0\0\x18ftypheic" + bytes(100))
    with pytest.raises(InputError, match="it is an HEIC photograph: convert it to JPEG"):
        ImageFile(tmp_path / "a.jpg")


def chunk(kind, data):
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def png_with(path, pixels, *chunks):
    """Write a PNG with further chunks behind its header."""
    Image.fromarray(pixels).save(raw := io.BytesIO(), format="PNG")
    path.write_bytes(raw.getvalue()[:33] + b"".join(chunks) + raw.getvalue()[33:])


PIXELS = np.arange(48, dtype=np.uint8).reshape(4, 4, 3)


def test_a_large_colour_profile_or_comment_is_no_damage(tmp_path):
    """As images of ImageNet and OpenImages have them."""
    large = zlib.compress(bytes(3_000_000))
    png_with(tmp_path / "a.png", PIXELS, chunk(b"iCCP", b"icc\0\0" + large))
    png_with(tmp_path / "b.png", PIXELS, chunk(b"zTXt", b"Comment\0\0" + large))
    for name in ("a.png", "b.png"):
        np.testing.assert_array_equal(ImageFile(tmp_path / name).pixels(), PIXELS)


def exif_of(orientation, brightness):
    """Return EXIF data with an orientation and a rational number; (-1, 0) is one that Pillow cannot write."""
    head = b"II*\0" + struct.pack("<IH", 8, 2)
    tags = struct.pack("<HHII", 0x0112, 3, 1, orientation) + struct.pack("<HHII", 0x9203, 10, 1, 38)
    return head + tags + struct.pack("<I", 0) + struct.pack("<ii", *brightness)


@pytest.mark.parametrize("kind", ["jpg", "png"])
def test_a_photograph_is_turned_whatever_else_its_exif_data_say(kind, tmp_path):
    path = tmp_path / f"a.{kind}"
    if kind == "jpg":
        Image.new("RGB", (8, 4)).save(path, exif=b"Exif\0\0" + exif_of(6, (-1, 0)))
    else:
        png_with(path, np.zeros((4, 8, 3), np.uint8), chunk(b"eXIf", exif_of(6, (-1, 0))))
    assert ImageFile(path).pixels().shape == (8, 4, 3)
    assert read_rgb(path).size == (4, 8)


def test_exif_data_that_are_none_hide_no_image(tmp_path):
    png_with(tmp_path / "a.png", PIXELS, chunk(b"eXIf", b"\0\x08\0\x02\x01\x12\0\x03"))
    np.testing.assert_array_equal(read_rgb(tmp_path / "a.png"), PIXELS)


def test_mnist_is_found_as_torchvision_and_kaggle_lay_it_out(tmp_path):
    direct, deep = tmp_path / "direct", tmp_path / "deep/FashionMNIST/raw"
    deep.mkdir(parents=True)
    direct.mkdir()
    for part, count in (("train", 60), ("t10k", 20)):
        pixels = np.arange(count * 16, dtype=np.uint8).tobytes()
        labels = bytes(i % 2 for i in range(count))
        for kind, raw in (
            ("images-idx3", b"\0\0\x08\x03" + struct.pack(">III", count, 4, 4) + pixels),
            ("labels-idx1", b"\0\0\x08\x01" + struct.pack(">I", count) + labels),
        ):
            (direct / f"{part}-{kind.replace('-idx', '.idx')}-ubyte").write_bytes(raw)
            (deep / f"{part}-{kind}-ubyte").write_bytes(raw)
    found = {
        open_dataset(load("fashion_mnist"), folder).fingerprint for folder in (direct, tmp_path / "deep")
    }
    assert len(found) == 1
    shutil.copytree(deep.parent, tmp_path / "deep/MNIST")
    with pytest.raises(InputError, match="several folders in it have a train-images-idx3-ubyte; name one"):
        open_dataset(load("fashion_mnist"), tmp_path / "deep")
