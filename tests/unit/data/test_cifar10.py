"""CIFAR-10 in every form that it is published in, and every way in which its files can be wrong."""

import io
import os
import pickle
import struct
import tarfile

import numpy as np
import pytest
from PIL import Image

from sweep.data.datasets import DataReading, open_dataset
from sweep.errors import InputError
from sweep.recipes.loading import load

NAMES = [*(f"data_batch_{i}" for i in range(1, 6)), "test_batch"]
COUNT = 20
"""Images in each file."""


@pytest.fixture
def recipe(make_recipe):
    return make_recipe(dataset="cifar10", batch=1, max_px=32)


@pytest.fixture(scope="module")
def batches():
    """Each file's records: images (n, 3, 32, 32) and labels."""
    rng = np.random.default_rng(0)
    return {
        name: (rng.integers(0, 256, (COUNT, 3, 32, 32), dtype=np.uint8), np.arange(COUNT) % 10)
        for name in NAMES
    }


def binary(pixels, labels):
    return np.concatenate([labels[:, None].astype(np.uint8), pixels.reshape(COUNT, -1)], 1).tobytes()


class Python2(pickle._Pickler):
    """Writes text and bytes as Python 2 did, which made the authors' files: as strings of bytes."""

    dispatch = pickle._Pickler.dispatch.copy()

    def save_string(self, obj):
        raw = obj.encode("latin1") if isinstance(obj, str) else obj
        self.write(pickle.BINSTRING + struct.pack("<i", len(raw)) + raw)
        self.memoize(obj)

    dispatch[str] = dispatch[bytes] = save_string


def python2(contents):
    file = io.BytesIO()
    Python2(file, protocol=2).dump(contents)
    return file.getvalue().replace(b"numpy._core.multiarray", b"numpy.core.multiarray")


def python(pixels, labels):
    contents = {"batch_label": "one of them", "labels": labels.tolist(), "filenames": ["a.png"] * COUNT}
    raw = python2(contents | {"data": pixels.reshape(COUNT, -1)})
    assert b"cnumpy.core.multiarray\n_reconstruct" in raw
    return raw


def write(folder, batches, version):
    folder.mkdir(parents=True)
    for name, (pixels, labels) in batches.items():
        raw = binary(pixels, labels) if version == "bin" else python(pixels, labels)
        (folder / (f"{name}.bin" if version == "bin" else name)).write_bytes(raw)
    return folder


@pytest.fixture(params=["bin", "py"])
def folder(request, tmp_path, batches):
    return write(tmp_path / "data" / f"cifar-10-batches-{request.param}", batches, request.param)


def test_both_versions_give_the_authors_images(folder, batches, recipe):
    source = open_dataset(recipe, folder)
    train, minival, val = source.load(32)
    assert source.classes == 10
    assert [len(part.labels) for part in (train, minival, val)] == [90, 10, 20]
    pixels, labels = batches["test_batch"]
    assert val.labels.tolist() == labels.tolist()
    np.testing.assert_array_equal(val.pixels, pixels.transpose(0, 2, 3, 1))
    everything = {image.tobytes() for part in (train, minival) for image in part.pixels}
    assert everything == {i.transpose(1, 2, 0).tobytes() for n in NAMES[:5] for i in batches[n][0]}
    assert np.bincount(minival.labels).tolist() == [1] * 10


def packed(folder, name):
    path = folder.parent.parent / name
    with tarfile.open(path, "w:gz") as archive:
        archive.add(folder, folder.name)
    return path


def test_wherever_they_lie_they_are_the_same_data(folder, tmp_path, batches, recipe):
    prints = {open_dataset(recipe, place).fingerprint for place in (folder, folder.parent)}
    version = "binary" if folder.name.endswith("bin") else "python"
    archive = packed(folder, f"cifar-10-{version}.tar.gz")
    prints |= {open_dataset(recipe, place).fingerprint for place in (archive, archive.parent)}
    other = write(tmp_path / "other", batches, "py" if version == "binary" else "bin")
    prints |= {open_dataset(recipe, other).fingerprint}
    assert len(prints) == 1


def test_a_folder_of_images_will_do(tmp_path, batches, recipe):
    for split, name in (("train", "data_batch_1"), ("test", "test_batch")):
        for i, (pixels, label) in enumerate(zip(*batches[name], strict=True)):
            path = tmp_path / split / str(label) / f"{i:02}.png"
            path.parent.mkdir(parents=True, exist_ok=True)
            Image.fromarray(pixels.transpose(1, 2, 0)).save(path)
    source = open_dataset(recipe, tmp_path, reading=DataReading(verify=True))
    val = source.load(32).val
    assert source.notes[0].startswith("evaluated on ")
    assert len(val.labels) == COUNT
    pixels, labels = batches["test_batch"]
    np.testing.assert_array_equal(val.pixels, pixels[np.argsort(labels, kind="stable")].transpose(0, 2, 3, 1))


class Runs:
    """Would run a command where it is unpickled."""

    def __reduce__(self):
        return os.mkdir, ("ran",)


def test_a_pickle_runs_no_code(tmp_path, batches, recipe, monkeypatch):
    monkeypatch.chdir(tmp_path)
    folder = write(tmp_path / "data", batches, "py")
    (folder / "data_batch_3").write_bytes(pickle.dumps(Runs()))
    with pytest.raises(InputError, match=r"data_batch_3 is no batch .* posix.mkdir, which is not unpickled"):
        open_dataset(recipe, folder)
    assert not (tmp_path / "ran").exists()


WRONG = {
    "bin": [
        (b"", "is damaged: 0 bytes"),
        (b"\0" * 3072, "is damaged: 3072 bytes are no multiple of 3073"),
        (b"\x0a" + b"\0" * 3072, "its labels are not 0 to 9"),
    ],
    "py": [
        (b"", "is no batch of CIFAR-10's Python version"),
        (pickle.dumps({"data": [1], "labels": [1]}), r"is no batch of CIFAR-10: int64 \(1,\)"),
        (pickle.dumps({"data": np.zeros((1, 3072), np.uint8), "labels": [10]}), "labels are not 0 to 9"),
        (pickle.dumps({"data": np.zeros((1, 3072), np.uint8), "labels": [0.5]}), "is no batch"),
        (pickle.dumps([1, 2]), "is no batch of CIFAR-10's Python version"),
    ],
}


@pytest.mark.parametrize(("version", "raw", "message"), [(v, *case) for v in WRONG for case in WRONG[v]])
def test_damaged_files_are_named(tmp_path, batches, recipe, version, raw, message):
    folder = write(tmp_path / "data", batches, version)
    (folder / ("data_batch_2.bin" if version == "bin" else "data_batch_2")).write_bytes(raw)
    with pytest.raises(InputError, match=f"data_batch_2.*{message}"):
        open_dataset(recipe, folder)


def test_a_missing_file_is_named(folder, recipe):
    next(folder.glob("data_batch_4*")).unlink()
    with pytest.raises(InputError, match=r"no file data_batch_4\.bin or data_batch_4 of CIFAR-10 in it"):
        open_dataset(recipe, folder)


@pytest.mark.parametrize("raw", [b"", b"no archive", "half"])
def test_a_damaged_archive_is_named(tmp_path, batches, recipe, raw):
    folder = write(tmp_path / "a" / "cifar-10-batches-bin", batches, "bin")
    archive = packed(folder, "cifar-10-binary.tar.gz")
    whole = archive.read_bytes()
    archive.write_bytes(whole[: len(whole) // 2] if raw == "half" else raw)
    with pytest.raises(InputError, match=r"cifar-10-binary\.tar\.gz is no readable archive of CIFAR-10"):
        open_dataset(recipe, archive)


def test_an_archive_of_something_else_is_named(tmp_path, recipe):
    with tarfile.open(tmp_path / "x.tar", "w") as archive:
        archive.addfile(tarfile.TarInfo("a"), io.BytesIO())
    with pytest.raises(InputError, match=r"x\.tar: no file data_batch_1\.bin"):
        open_dataset(recipe, tmp_path / "x.tar")


def test_other_folders_are_told_what_is_looked_for(tmp_path, recipe):
    with pytest.raises(
        InputError, match=r"no CIFAR-10 in it: neither cifar-10-binary.tar.gz .* class folders"
    ):
        open_dataset(recipe, tmp_path)


@pytest.mark.parametrize("options", [{"skip_corrupt": True}, {"reading": DataReading(verify=True)}])
def test_its_own_files_have_no_images_to_skip_or_verify(folder, recipe, options):
    with pytest.raises(InputError, match=r"is for folders of images; `data` .* has CIFAR-10's own files"):
        open_dataset(recipe, folder, **options)


def test_the_recipe_is_for_32_pixels():
    recipe = load("cifar10")
    assert (recipe.dataset, recipe.max_px, recipe.augment) == ("cifar10", 32, ("shift", "flip"))
