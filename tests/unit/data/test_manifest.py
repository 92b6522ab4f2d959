"""Only new and changed files are read again, and the fingerprint is what reading all of them gives."""

import os
import shutil

import numpy as np
import pytest

from sweep.data import manifest, parallel_reading, survey
from sweep.data.datasets import DataReading, open_dataset
from sweep.data.decode import read_bytes

COUNT = 54
"""Images in the folder."""


@pytest.fixture
def recipe(make_recipe):
    return make_recipe(dataset="folder", batch=1)


@pytest.fixture
def cache(tmp_path, monkeypatch):
    monkeypatch.setenv("SWEEP_CACHE_DIR", str(tmp_path / "cache"))
    return tmp_path / "cache"


@pytest.fixture
def settled(monkeypatch):
    """Files count as settled at once, though they were just written."""
    monkeypatch.setattr(manifest, "_UNSETTLED_NS", -(10**18))


@pytest.fixture
def folder(tmp_path, cache):
    return write(tmp_path / "data")


def write(root):
    """Write files that look like images from afar, the same bytes on every machine."""
    for split, count in (("train", 12), ("test", 15)):
        for name in ("cat", "zäh"):
            (root / split / name).mkdir(parents=True)
            for i in range(count):
                (root / split / name / f"{i}.JPG").write_bytes(f"{split} {name} {i}".encode() * (1 + i))
    return root


class Reads(parallel_reading.ReadingObserver):
    """Counts what is read."""

    def __init__(self):
        self.reported, self.ends = [(0, 0)], 0

    @property
    def count(self):
        return self.reported[-1][0]

    def on_read(self, done, total):
        self.reported.append((done, total))

    def on_end(self):
        self.ends += 1


def fingerprint(recipe, folder, *, verify=False, skip_corrupt=False):
    """Return a folder's fingerprint, how many files were read for it, and what is noted."""
    reads = Reads()
    how = DataReading(verify=verify, observer=reads)
    source = open_dataset(recipe, folder, skip_corrupt=skip_corrupt, reading=how)
    return source.fingerprint, reads.count, source.notes[1:]  # the first one names the folder evaluated


def test_fingerprints_are_those_of_earlier_versions(tmp_path, make_recipe, recipe, cache, settled):
    folder = write(tmp_path / "data")
    for i in range(3, 15):
        for name in ("cat", "zäh"):
            (folder / "test" / name / f"{i}.JPG").unlink()
    subset = make_recipe(dataset="folder", batch=1, train_subset=7, data_seed=3)
    for _ in range(2):
        assert open_dataset(subset, folder).fingerprint == "23af312375e8d2b5"
        assert open_dataset(recipe, folder).fingerprint == "fdcf20bf8cdb0d08"
    shutil.rmtree(folder / "test")
    assert open_dataset(recipe, folder).fingerprint == "43ec9d2cd6b58eed"


def test_a_second_command_reads_nothing(folder, recipe, settled, monkeypatch):
    first, count, _ = fingerprint(recipe, folder)
    assert count == COUNT
    monkeypatch.setattr(survey, "read_bytes", None)
    assert fingerprint(recipe, folder) == (first, 0, ())


def test_another_subset_reads_only_what_is_new_to_it(folder, make_recipe, settled):
    subset = make_recipe(dataset="folder", batch=1, train_subset=10)
    assert fingerprint(subset, folder)[1] == 10 + 2 + 30
    assert fingerprint(make_recipe(dataset="folder", batch=1), folder)[1] == 22 - 10
    assert fingerprint(subset, folder)[1] == 0


def other_bytes(path):
    times = path.stat()
    path.write_bytes(bytes(reversed(path.read_bytes())))
    os.utime(path, ns=(times.st_atime_ns, times.st_mtime_ns))


CHANGES = {
    "contents, of the same size and with the time set back": lambda p: other_bytes(p / "train/cat/3.JPG"),
    "an image more": lambda p: (p / "train/cat/00.jpg").write_bytes(b"new"),
    "a link to another file": lambda p: relink(p / "train/zäh/1.JPG", p / "test/cat/1.JPG"),
}


def relink(path, target):
    path.unlink()
    path.symlink_to(target)


@pytest.mark.parametrize("change", CHANGES)
def test_only_what_changed_is_read_again(folder, recipe, settled, change, monkeypatch):
    before, _, _ = fingerprint(recipe, folder)
    CHANGES[change](folder)
    after, count, notes = fingerprint(recipe, folder)
    assert (count, notes) == (1, ())
    assert after != before
    monkeypatch.setenv("SWEEP_CACHE_DIR", str(folder.parent / "empty"))
    assert after == fingerprint(recipe, folder)[0]


def test_an_image_less_is_another_fingerprint_without_reading(folder, recipe, settled):
    before, _, _ = fingerprint(recipe, folder)
    (folder / "train/zäh/5.JPG").unlink()
    after, count, _ = fingerprint(recipe, folder)
    assert after != before
    assert count == 0


def test_a_file_that_has_just_changed_is_read_again(folder, recipe):
    before, _, _ = fingerprint(recipe, folder)
    assert fingerprint(recipe, folder)[:2] == (before, COUNT)


def test_a_time_in_the_future_is_no_recent_change(folder, recipe, monkeypatch):
    monkeypatch.setattr(manifest, "_UNSETTLED_NS", 0)
    for path in folder.rglob("*.JPG"):
        os.utime(path, (0, 4e9))
    fingerprint(recipe, folder)
    assert fingerprint(recipe, folder)[1] == 0


def test_a_moved_folder_is_found_again(folder, recipe, settled):
    before, _, _ = fingerprint(recipe, folder)
    moved = folder.rename(folder.with_name("elsewhere"))
    assert fingerprint(recipe, moved)[:2] == (before, 0)
    write(folder)  # another one in its place
    assert fingerprint(recipe, folder)[:2] == (before, COUNT)
    other_bytes(folder / "train/cat/1.JPG")
    assert fingerprint(recipe, folder)[0] != before
    assert fingerprint(recipe, moved)[:2] == (before, 0)


def test_a_link_to_the_folder_is_the_folder(folder, recipe, settled):
    before, _, _ = fingerprint(recipe, folder)
    link = folder.with_name("link")
    link.symlink_to(folder)
    assert fingerprint(recipe, link)[:2] == (before, 0)


def test_a_damaged_manifest_is_as_none(folder, recipe, settled, cache):
    expected, _, _ = fingerprint(recipe, folder)
    (path,) = cache.iterdir()
    whole, rng = path.read_bytes(), np.random.default_rng(0)
    for _ in range(40):
        raw = bytearray(whole)
        raw[rng.integers(len(raw))] ^= 1 << int(rng.integers(8))
        path.write_bytes(raw)
        assert fingerprint(recipe, folder)[0] == expected
        path.write_bytes(whole[: rng.integers(len(whole))])
        assert fingerprint(recipe, folder)[:2] == (expected, COUNT)


def test_a_manifest_that_is_being_written_replaces_none(folder, recipe, settled, cache, monkeypatch):
    fingerprint(recipe, folder)
    (path,) = cache.iterdir()
    whole = path.read_bytes()

    def half(file, **arrays):
        file.write(whole[: len(whole) // 2])
        raise KeyboardInterrupt

    monkeypatch.setattr(np, "savez", half)
    (folder / "train/cat/00.jpg").write_bytes(b"new")
    with pytest.raises(KeyboardInterrupt):
        fingerprint(recipe, folder)
    assert path.read_bytes() == whole
    assert [each.name for each in cache.iterdir()] == [path.name]


def test_what_was_read_before_an_interruption_is_kept(folder, recipe, settled, monkeypatch):
    monkeypatch.setattr(parallel_reading, "_CHUNK", 1)

    class Interrupts(Reads):
        def on_read(self, done, total):
            super().on_read(done, total)
            if done == 20:
                raise KeyboardInterrupt

    reads = Interrupts()
    with pytest.raises(KeyboardInterrupt):
        _ = open_dataset(recipe, folder, reading=DataReading(observer=reads)).fingerprint
    assert reads.ends == 1
    assert fingerprint(recipe, folder)[1] == COUNT - 20


def test_reading_is_saved_now_and_then(folder, recipe, settled, monkeypatch, cache):
    monkeypatch.setattr(parallel_reading, "_CHUNK", 1)
    monkeypatch.setattr(survey, "SAVE_EVERY_S", 0)
    saved = []

    class Looks(Reads):
        def on_read(self, done, total):
            saved.append(cache.exists())

    _ = open_dataset(recipe, folder, reading=DataReading(observer=Looks())).fingerprint
    assert saved == [True] * COUNT


def test_all_is_read_if_it_is_to_be_verified(folder, recipe, settled, cache):
    expected, _, _ = fingerprint(recipe, folder)
    assert fingerprint(recipe, folder, verify=True) == (expected, COUNT, ())
    (path,) = cache.iterdir()
    with np.load(path) as file:
        arrays = dict(file)
    arrays["digests"][4] ^= 1  # as if the disk had lost a bit since
    np.savez(path, **arrays)
    assert fingerprint(recipe, folder)[0] != expected
    found, count, notes = fingerprint(recipe, folder, verify=True)
    assert (found, count) == (expected, COUNT)
    assert notes == ("changed although size and times are the same, as if damaged: train/cat/2.JPG",)
    assert fingerprint(recipe, folder) == (expected, 0, ())


def test_a_cache_that_cannot_be_written_to_is_named_and_no_error(folder, recipe, cache):
    cache.write_text("no folder")
    found, count, (note,) = fingerprint(recipe, folder)
    assert count == COUNT
    assert note.startswith("every command reads all images, as their hashes cannot be kept: ")
    assert str(cache) in note
    cache.unlink()
    assert fingerprint(recipe, folder)[0] == found


def test_a_name_that_is_no_text_is_a_name(folder, recipe, settled):
    name = os.fsencode(folder / "train/cat") + b"/\xff.jpg"
    with open(name, "wb") as file:
        file.write(b"x")
    before, count, _ = fingerprint(recipe, folder)
    assert count == COUNT + 1
    assert fingerprint(recipe, folder)[:2] == (before, 0)


class TestSkipCorrupt:
    @pytest.fixture
    def images(self, make_folder, cache):
        folder = make_folder({"train/cat": 8, "train/dog": 8, "val/cat": 2, "val/dog": 2})
        (folder / "train/cat/002.png").write_bytes(b"no image")
        return folder

    def test_images_are_decoded_once(self, images, recipe, settled, monkeypatch):
        assert fingerprint(recipe, images)[1] == 20
        first, count, _ = fingerprint(recipe, images, skip_corrupt=True)  # hashed, but never decoded
        assert count == 20
        monkeypatch.setattr(survey, "is_readable", None)
        assert fingerprint(recipe, images, skip_corrupt=True)[:2] == (first, 0)
        source = open_dataset(recipe, images, skip_corrupt=True)
        assert source.skipped_images == ("train/cat/002.png",)

    def test_another_decoder_tries_again(self, images, recipe, settled, monkeypatch):
        fingerprint(recipe, images, skip_corrupt=True)
        monkeypatch.setattr(manifest, "DECODERS", "Pillow 99")
        assert fingerprint(recipe, images)[1] == 0
        assert fingerprint(recipe, images, skip_corrupt=True)[1] == 20

    def test_each_file_is_read_once(self, images, recipe, monkeypatch):
        read = []

        def counted(path):
            read.append(path)
            return read_bytes(path)

        monkeypatch.setattr(survey, "read_bytes", counted)
        fingerprint(recipe, images, skip_corrupt=True, verify=True)
        assert len(read) == len(set(read)) == 20
