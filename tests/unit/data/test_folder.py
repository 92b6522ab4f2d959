"""Folders of class folders: their splits, and every way in which folders and images can be wrong."""

from unittest import mock

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image
from support.images import as_multiset

from sweep.data.datasets import open_dataset
from sweep.data.folder import _decode_one
from sweep.data.parallel_reading import DataReading, ReadingObserver
from sweep.errors import InputError


@pytest.fixture
def folder_recipe(make_recipe):
    return make_recipe(dataset="folder", batch=1)


def test_folder_with_val(make_folder, folder_recipe):
    folder = make_folder({"train/cat": 40, "train/dog": 20, "val/cat": 4, "val/dog": 3})
    source = open_dataset(folder_recipe, folder)
    train, minival, val = source.load(8)
    assert source.classes == 2
    assert np.bincount(train.labels).tolist() == [36, 18]
    assert np.bincount(minival.labels).tolist() == [4, 2]
    assert val.labels.tolist() == [0] * 4 + [1] * 3
    for i, path in enumerate(sorted((folder / "val").rglob("*.png"))):
        np.testing.assert_array_equal(val.pixels[i], _decode_one(path, 8))
    assert train.pixels.shape == (54, 8, 8, 3)


def test_folder_without_val_holds_a_tenth_out_of_each_class(make_folder, make_recipe):
    folder = make_folder({"train/cat": 60, "train/dog": 40})
    parts = {}
    for seed in (0, 1):
        source = open_dataset(make_recipe(dataset="folder", batch=1, data_seed=seed), folder)
        again = open_dataset(make_recipe(dataset="folder", batch=1, data_seed=seed), folder)
        splits = source.load(8)
        assert source.fingerprint == again.fingerprint
        assert np.bincount(splits.val.labels).tolist() == [6, 4]
        assert [len(part.labels) for part in splits] == [81, 9, 10]
        everything = as_multiset(splits)
        assert len(everything) == 100
        assert set(everything.values()) == {1}
        parts[seed] = (source.fingerprint, as_multiset([splits.val]))
    assert parts[0][0] != parts[1][0]
    assert parts[0][1] != parts[1][1]


def test_folder_with_a_training_subset(make_folder, make_recipe):
    folder = make_folder({"train/cat": 40, "train/dog": 40})
    train = open_dataset(make_recipe(dataset="folder", batch=1, train_subset=10), folder).load(4).train
    assert np.bincount(train.labels).tolist() == [5, 5]


def test_files_that_are_no_images_are_ignored(make_folder, folder_recipe):
    folder = make_folder({"train/cat": 5, "train/dog": 5})
    before = open_dataset(folder_recipe, folder).fingerprint
    (folder / "train" / "cat" / "notes.txt").write_text("no image")
    (folder / "train" / "cat" / "Thumbs.db").write_bytes(b"\0")
    (folder / "train" / "index.csv").write_text("a,b")
    (folder / "README").write_text("")
    assert open_dataset(folder_recipe, folder).fingerprint == before


@pytest.mark.parametrize(
    ("counts", "message"),
    [
        ({"test/cat": 1}, "no folder train/"),
        ({"train/cat": 5}, r"train needs two or more class folders, found 1: \['cat'\]"),
        ({"train/cat": 5, "train/dog": 0}, r"train/dog holds no image"),
        ({"train/cat": 5, "train/dog": 5, "val/cat": 1, "val/cow": 1}, r"val .* differ .*: cow, dog"),
        ({"train/cat": 5, "train/dog": 5, "val/cat": 1}, "val needs two or more class folders"),
        ({"train/cat": 5, "train/dog": 5, "val/cat": 1, "val/dog": 0}, "val/dog holds no image"),
        ({"train/a": 1, "train/b": 1, "train/c": 0}, "train/c holds no image"),
        ({"train/a": 1, "train/b": 1}, "train: too few images"),
    ],
)
def test_unfit_folders_are_named(make_folder, folder_recipe, counts, message):
    with pytest.raises(InputError, match=message):
        open_dataset(folder_recipe, make_folder(counts))


@pytest.mark.parametrize("content", [b"", b"no image at all", b"\x89PNG\r\n\x1a\n" + b"\0" * 40])
def test_a_corrupt_image_is_named(make_folder, folder_recipe, content):
    folder = make_folder({"train/cat": 5, "train/dog": 5})
    bad = folder / "train" / "dog" / "bad.jpg"
    bad.write_bytes(content)
    source = open_dataset(folder_recipe, folder)
    with pytest.raises(InputError, match=r"train/dog/bad\.jpg is not a readable image"):
        source.load(8)


@pytest.mark.filterwarnings("ignore::UserWarning")
@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "BMP", "PPM", "TIFF"])
@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_damage_of_any_kind_is_an_input_error_or_still_an_image(tmp_path, kind, data):
    path = tmp_path / f"x.{kind}"
    rng = np.random.default_rng(0)
    Image.fromarray(rng.integers(0, 256, (9, 13, 3), dtype=np.uint8)).save(path, kind)
    raw = bytearray(path.read_bytes())
    for _ in range(data.draw(st.integers(0, 3))):
        raw[data.draw(st.integers(0, min(len(raw), 120) - 1))] = data.draw(st.integers(0, 255))
    path.write_bytes(raw[: data.draw(st.integers(0, len(raw)))] if data.draw(st.booleans()) else raw)
    try:
        with mock.patch.object(Image, "MAX_IMAGE_PIXELS", 10_000):  # a damaged header may ask for gigabytes
            assert _decode_one(path, 4).shape == (4, 4, 3)
    except InputError as error:
        assert str(path) in str(error)  # noqa: PT017  # whether it is raised is open


def test_an_image_that_would_fill_the_memory_is_named(tmp_path):
    path = tmp_path / "bomb.bmp"
    Image.new("RGB", (4, 4)).save(path)
    raw = bytearray(path.read_bytes())
    raw[18:26] = (60_000).to_bytes(4, "little") * 2  # width and height in the header
    path.write_bytes(raw)
    with pytest.raises(InputError, match=r"bomb\.bmp is not a readable image"):
        _decode_one(path, 4)


@pytest.mark.parametrize(
    ("mode", "colour", "expected"),
    [
        ("L", 100, (100, 100, 100)),
        ("RGB", (10, 20, 30), (10, 20, 30)),
        ("RGBA", (10, 20, 30, 255), (10, 20, 30)),
        ("LA", (50, 255), (50, 50, 50)),
        ("1", 1, (255, 255, 255)),
    ],
)
@pytest.mark.parametrize("size", [(20, 20), (31, 12), (7, 40), (3, 3)])
def test_any_mode_and_size_becomes_a_square_of_rgb(tmp_path, mode, colour, expected, size):
    path = tmp_path / "x.png"
    Image.new(mode, size, colour).save(path)
    pixels = _decode_one(path, 16)
    assert pixels.dtype == np.uint8
    np.testing.assert_array_equal(pixels, np.broadcast_to(np.array(expected, np.uint8), (16, 16, 3)))


@pytest.mark.parametrize("wide", [True, False])
def test_the_centre_is_kept(tmp_path, wide):
    pixels = np.zeros((20, 60, 3), np.uint8)
    pixels[:, 20:40, 0] = 255  # red in the middle, black at both ends
    pixels = pixels if wide else pixels.transpose(1, 0, 2)
    path = tmp_path / "x.png"
    Image.fromarray(np.ascontiguousarray(pixels)).save(path)
    decoded = _decode_one(path, 20)
    np.testing.assert_array_equal(decoded, np.broadcast_to(np.array([255, 0, 0], np.uint8), (20, 20, 3)))


def test_a_folders_fingerprint_is_of_its_contents(make_folder, folder_recipe):
    folder = make_folder({"train/cat": 12, "train/dog": 8})
    before = open_dataset(folder_recipe, folder).fingerprint
    moved = folder.rename(folder.with_name("elsewhere"))
    assert open_dataset(folder_recipe, moved).fingerprint == before
    victim = moved / "train" / "dog" / "003.png"
    raw = bytearray(victim.read_bytes())
    raw[-20] ^= 1
    victim.write_bytes(raw)
    assert open_dataset(folder_recipe, moved).fingerprint != before
    raw[-20] ^= 1
    victim.write_bytes(raw)
    assert open_dataset(folder_recipe, moved).fingerprint == before
    (moved / "train" / "dog").rename(moved / "train" / "zebra")
    assert open_dataset(folder_recipe, moved).fingerprint != before


def test_a_data_set_that_does_not_fit_in_memory_is_refused(make_folder, folder_recipe):
    source = open_dataset(folder_recipe, make_folder({"train/cat": 12, "train/dog": 8}))
    with pytest.raises(InputError, match="20 images of 20000 px take 22 GiB in memory, more than 8"):
        source.load(20_000)


def test_reading_into_memory_reports_how_far_it_is(make_folder, folder_recipe):
    class Reads(ReadingObserver):
        reported, ended = (), False

        def on_read(self, done, total):
            self.reported, self.ended = (*self.reported, (done, total)), False

        def on_end(self):
            self.ended = True

    reads = Reads()
    folder = make_folder({"train/cat": 60, "train/dog": 40})
    source = open_dataset(folder_recipe, folder, reading=DataReading(observer=reads))
    assert not reads.reported  # nothing is read before it is needed
    source.load(8)
    assert reads.reported == ((64, 100), (100, 100))
    assert reads.ended
