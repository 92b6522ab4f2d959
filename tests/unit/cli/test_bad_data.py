"""Bad data sets: refused by one message that names the file."""

import struct
from functools import partial

import numpy as np
import pytest
from PIL import Image
from support.command_lines import split


def idx(*shape: int, size: int | None = None) -> bytes:
    count = int(np.prod(shape)) if size is None else size
    return bytes([0, 0, 8, len(shape)]) + struct.pack(f">{len(shape)}I", *shape) + bytes(count)


IDX = {
    "no bytes": b"",
    "header only": idx(120, 6, 6, size=0),
    "floats": b"\0\0\x0d\3" + idx(120, 6, 6)[4:],
    "big-endian magic": b"\x08\0\0\3" + idx(120, 6, 6)[4:],
    "an image": b"\x89PNG\r\n\x1a\n" + bytes(99),
    "dimensions that overflow": idx(2**31, 2**31, 4, size=0),
    "255 dimensions": idx(*[1] * 255),
    "no dimension": idx(),
    "no pixels": idx(120, 0, 0),
    "one dimension": idx(4320),
    "not square": idx(120, 4, 9),
    "too long": idx(120, 6, 6) + b"\0",
    "too many": idx(121, 6, 6),
    "none": idx(0, 6, 6),
}


@pytest.mark.parametrize("content", IDX.values(), ids=IDX)
def test_images_of_another_format_are_named(content, refused, place):
    for part, n in (("train", 120), ("t10k", 30)):
        (place / "a_folder" / f"{part}-images-idx3-ubyte").write_bytes(idx(n, 6, 6))
        (place / "a_folder" / f"{part}-labels-idx1-ubyte").write_bytes(idx(n)[:8] + bytes([0, 1] * (n // 2)))
    (place / "a_folder/train-images-idx3-ubyte").write_bytes(content)
    words = "run -m vit_p_1mf --lr 1 --wd 1 --recipe fashion_mnist --dry-run --data a_folder"
    assert "a_folder/train-images-idx3-ubyte" in refused(*split(words))


DRY_FOLDER = "run -m vit_p_1mf --lr 1 --wd 1 --recipe folder --dry-run --data a_folder"


def images(folder, n: int, px: int = 4) -> None:
    folder.mkdir(parents=True)
    for i in range(n):
        Image.new("RGB", (px, px), (i, i, i)).save(folder / f"{i}.png")


def test_image_folders_that_are_none_are_named(refused, place):
    folder, call = place / "a_folder", partial(refused, *split(DRY_FOLDER))
    assert "no folder train/" in call()
    (folder / "train").mkdir()
    assert "two or more class folders, found 0" in call()
    images(folder / "train/cat", 150)
    assert "found 1: ['cat']" in call()
    (folder / "train/loop").symlink_to("loop")
    assert "found 1: ['cat']" in call()
    (folder / "train/dog/deeper").mkdir(parents=True)
    (folder / "train/dog/deeper/labels.txt").write_text("dog")
    assert "train/dog holds no image" in call()
    (folder / "train/dog/0.png").symlink_to("0.png")
    assert "train/dog/0.png" in call()
    (folder / "train/dog/0.png").unlink()
    for content in (b"", b"a text", b"\x89PNG\r\n\x1a\n", b"GIF89a", b"\xff\xd8\xff\xe0"):
        (folder / "train/dog/0.jpg").write_bytes(content)
        assert "train/dog/0.jpg is not a readable image" in call()
    (folder / "train/dog/0.jpg").unlink()
    (folder / "train/dog/0.png").mkdir()
    assert "train/dog/0.png" in call()


def test_classes_of_the_validation_split_are_those_of_the_training_split(refused, place):
    for name in ("train/cat", "train/dog", "val/cat", "val/cow"):
        images(place / "a_folder" / name, 2)
    assert "differ in their classes: cow, dog" in refused(*split(DRY_FOLDER))
    (place / "a_folder/val/cow").rename(place / "a_folder/val/dog")
    assert "minibatches of 128 images, but there are only 3" in refused(*split(DRY_FOLDER))
