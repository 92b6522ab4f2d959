"""IDX files, as MNIST comes in: read back, and every way in which they can be wrong."""

import gzip
from collections import Counter

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from support.images import as_multiset

from sweep.data.datasets import open_dataset
from sweep.data.idx import read_idx
from sweep.errors import InputError


def idx_bytes(array):
    """IDX as its specification says, written independently of the reader."""
    header = bytes([0, 0, 8, array.ndim]) + b"".join(n.to_bytes(4, "big") for n in array.shape)
    return header + array.astype(np.uint8).tobytes()


@pytest.fixture
def idx_folder(tmp_path):
    rng = np.random.default_rng(0)
    for part, n in (("train", 120), ("t10k", 30)):
        (tmp_path / f"{part}-images-idx3-ubyte").write_bytes(idx_bytes(rng.integers(0, 256, (n, 6, 6))))
        (tmp_path / f"{part}-labels-idx1-ubyte").write_bytes(idx_bytes(np.arange(n) % 3))
    return tmp_path


@settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.integers(0, 5), max_size=4), st.booleans())
def test_idx_round_trip(tmp_path, shape, gzipped):
    array = np.random.default_rng(0).integers(0, 256, shape).astype(np.uint8)
    path = tmp_path / ("x.gz" if gzipped else "x")
    path.write_bytes(gzip.compress(idx_bytes(array)) if gzipped else idx_bytes(array))
    np.testing.assert_array_equal(read_idx(path), array)


def test_idx_folder(idx_folder, make_recipe):
    source = open_dataset(make_recipe(dataset="idx"), idx_folder)
    splits = source.load(6)
    assert source.classes == 3
    assert [len(part.labels) for part in splits] == [110, 10, 30]  # one in twelve is held out
    raw = read_idx(idx_folder / "t10k-images-idx3-ubyte")
    np.testing.assert_array_equal(splits.val.pixels[..., 0], raw)
    np.testing.assert_array_equal(splits.val.labels, np.arange(30) % 3)
    train = read_idx(idx_folder / "train-images-idx3-ubyte")
    expected = Counter((p.tobytes(), i % 3) for i, p in enumerate(train))
    assert as_multiset(splits[:2]) == expected
    subset = open_dataset(make_recipe(dataset="idx", train_subset=32), idx_folder).load(6)
    assert len(subset.train.labels) == 32


def test_gzipped_idx_files_are_the_same_data(idx_folder, make_recipe):
    plain = open_dataset(make_recipe(dataset="idx"), idx_folder).fingerprint
    for path in list(idx_folder.iterdir()):
        path.with_name(path.name + ".gz").write_bytes(gzip.compress(path.read_bytes()))
        path.unlink()
    assert open_dataset(make_recipe(dataset="idx"), idx_folder).fingerprint == plain


IMAGES, LABELS = "train-images-idx3-ubyte", "train-labels-idx1-ubyte"


@pytest.mark.parametrize(
    ("name", "damage", "message"),
    [
        (IMAGES, lambda raw: b"\0\0\x0d" + raw[3:], "not an IDX file of bytes: it starts with 00 00 0d 03"),
        (IMAGES, lambda raw: b"PK\3\4" + raw[4:], "not an IDX file"),
        (IMAGES, lambda raw: b"", "not an IDX file of bytes: it starts with nothing"),
        (IMAGES, lambda raw: raw[:7], "is damaged"),
        (IMAGES, lambda raw: raw[:-1], "is damaged: 4335 bytes, but its header .* asks for 4336"),
        (LABELS, lambda raw: raw + b"\0", "is damaged: 129 bytes"),
        (LABELS, lambda raw: idx_bytes(np.zeros(119)), "do not belong together"),
        (LABELS, lambda raw: idx_bytes(np.zeros((120, 1))), "do not belong together"),
        (IMAGES, lambda raw: idx_bytes(np.zeros((120, 36))), "do not belong together"),
        (IMAGES, lambda raw: None, "no file train-images-idx3-ubyte or train-images-idx3-ubyte.gz"),
    ],
)
def test_damaged_idx_files_are_named(idx_folder, make_recipe, name, damage, message):
    path = idx_folder / name
    raw = damage(path.read_bytes())
    path.unlink() if raw is None else path.write_bytes(raw)
    with pytest.raises(InputError, match=message) as caught:
        open_dataset(make_recipe(dataset="idx"), idx_folder)
    assert name in str(caught.value)


def test_empty_idx_files_are_refused(idx_folder, make_recipe):
    (idx_folder / IMAGES).write_bytes(idx_bytes(np.zeros((0, 6, 6))))
    (idx_folder / LABELS).write_bytes(idx_bytes(np.zeros(0)))
    with pytest.raises(InputError, match=IMAGES):
        open_dataset(make_recipe(dataset="idx"), idx_folder)


@pytest.mark.parametrize(
    "damage",
    [
        lambda packed: b"no gzip" + packed,
        lambda packed: packed[:5],
        lambda packed: packed[:-20],
        lambda packed: packed[:10] + b"\xff" * 50,  # a block of no known kind
        lambda packed: packed[:-8] + b"\0" * 8,  # a wrong checksum
    ],
)
def test_damaged_gzip_files_are_named(idx_folder, make_recipe, damage):
    path = idx_folder / IMAGES
    packed = gzip.compress(path.read_bytes())
    path.unlink()
    (idx_folder / f"{IMAGES}.gz").write_bytes(damage(packed))
    with pytest.raises(InputError, match=f"{IMAGES}.gz cannot be read"):
        open_dataset(make_recipe(dataset="idx"), idx_folder)
