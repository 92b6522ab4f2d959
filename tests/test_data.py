"""Data sets: splits, fingerprints, file formats, and every way in which files can be wrong."""

import gzip
import os
import subprocess
import sys
from collections import Counter
from unittest import mock

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image
from sklearn.datasets import load_digits

from sweep.data import Images, open_source
from sweep.data.folder import _decode_one
from sweep.data.idx import read_idx
from sweep.data.images import fingerprint, hold_out, resize, stratified
from sweep.errors import InputError

# ---- splitting


@given(
    st.lists(st.integers(0, 6), min_size=1, max_size=120), st.integers(0, 2**32), st.data()
)  # classes of any size
def test_stratified_keeps_the_classes_shares(labels, seed, data):
    labels = np.array(labels)
    size = data.draw(st.integers(0, len(labels)))
    chosen = stratified(labels, size, np.random.default_rng(seed))
    assert len(chosen) == size
    assert (np.diff(chosen) > 0).all()
    assert size == 0 or (chosen[0] >= 0 and chosen[-1] < len(labels))
    classes = len(np.unique(labels))
    for label in np.unique(labels):
        members = (labels == label).sum()
        expected = members * size / len(labels)
        got = (labels[chosen] == label).sum()
        # each class is cut at one common quantile, which rounding moves by at most classes / n
        assert abs(got - expected) < 1 + classes * members / len(labels) + 1e-9


def test_stratified_depends_on_its_seed_and_prefers_no_member():
    labels = np.repeat([0, 1], 50)
    draws = [stratified(labels, 20, np.random.default_rng(seed)) for seed in range(300)]
    assert len({draw.tobytes() for draw in draws}) == 300
    counts = np.bincount(np.concatenate(draws), minlength=100)
    # 300 draws of probability 1/5: 60 ± 7 each
    assert abs(counts - 60).max() < 5 * 7


@pytest.mark.parametrize("size", [0, 4, 5, -1])
def test_nothing_or_all_cannot_be_held_out(size):
    images = Images(np.zeros((4, 2, 2, 1), np.uint8), np.arange(4))
    with pytest.raises(InputError, match=f"cannot hold {size} images out of 4"):
        hold_out(images, size, np.random.default_rng(0))


def test_resize_is_pillows_and_keeps_labels():
    pixels = np.random.default_rng(0).integers(0, 256, (3, 8, 8, 1), dtype=np.uint8)
    labels = np.array([2, 0, 1])
    for px in (8, 4, 16):
        resized = resize(Images(pixels, labels), px)
        expected = [Image.fromarray(p[..., 0]).resize((px, px), Image.Resampling.BILINEAR) for p in pixels]
        np.testing.assert_array_equal(resized.pixels[..., 0], np.stack([np.asarray(e) for e in expected]))
        assert resized.pixels.shape == (3, px, px, 1)
        assert resized.labels is labels


def test_resize_keeps_colours():
    pixels = np.broadcast_to(np.array([10, 20, 30], np.uint8), (2, 6, 6, 3))
    resized = resize(Images(pixels, np.zeros(2, np.int64)), 3)
    np.testing.assert_array_equal(resized.pixels, pixels[:, :3, :3])


# ---- digits


@pytest.fixture(scope="module")
def digits():
    from sweep.recipe import load

    return open_source(load("digits"), None)


def as_multiset(splits):
    return Counter((p.tobytes(), int(y)) for part in splits for p, y in zip(*part, strict=True))


def test_digits_are_all_there_once(digits):
    splits = digits.load(8)
    assert [len(part.labels) for part in splits] == [1000, 297, 500]
    raw = load_digits()
    pixels = np.rint(raw.images / 16 * 255).astype(np.uint8)
    assert as_multiset(splits) == Counter(
        (p.tobytes(), int(y)) for p, y in zip(pixels, raw.target, strict=True)
    )
    assert len(np.unique(pixels.reshape(1797, -1), axis=0)) == 1797  # so equal counts mean disjoint splits
    assert digits.classes == 10


def test_digits_are_stratified(digits):
    everything = np.bincount(load_digits().target)
    for part in digits.load(8):
        expected = everything * len(part.labels) / 1797
        assert abs(np.bincount(part.labels, minlength=10) - expected).max() < 2


def test_digits_resized(digits):
    splits = digits.load(32)
    assert all(part.pixels.shape[1:] == (32, 32, 1) for part in splits)
    assert splits.train.pixels.max() == 255


def test_the_data_seed_decides_the_splits(digits, make_recipe):
    again, other = (open_source(make_recipe(data_seed=seed), None) for seed in (0, 1))
    assert again.fingerprint == digits.fingerprint
    assert other.fingerprint != digits.fingerprint
    assert as_multiset(other.load(8)) == as_multiset(digits.load(8))
    assert as_multiset([other.load(8).val]) != as_multiset([digits.load(8).val])


def test_a_training_subset_leaves_what_is_evaluated(digits, make_recipe):
    subset = open_source(make_recipe(train_subset=200), None)
    splits, full = subset.load(8), digits.load(8)
    assert len(splits.train.labels) == 200
    assert not as_multiset([splits.train]) - as_multiset([full.train])
    for part in ("minival", "val"):
        np.testing.assert_array_equal(getattr(splits, part).pixels, getattr(full, part).pixels)
    assert subset.fingerprint != digits.fingerprint


@pytest.mark.parametrize("size", [1000, 5000])
def test_a_subset_as_large_as_the_training_set_is_all_of_it(digits, make_recipe, size):
    assert open_source(make_recipe(train_subset=size), None).fingerprint == digits.fingerprint


# ---- fingerprints


def test_a_fingerprint_tells_splits_apart(digits):
    splits = digits.load(8)
    changed = splits.val.pixels.copy()
    changed[3, 2, 1, 0] ^= 1
    relabelled = splits.val.labels.copy()
    relabelled[0] = (relabelled[0] + 1) % 10
    variants = [
        splits,
        splits._replace(val=Images(changed, splits.val.labels)),
        splits._replace(val=Images(splits.val.pixels, relabelled)),
        splits._replace(train=splits.train.take(np.arange(1000)[::-1])),
        splits._replace(val=splits.minival, minival=splits.val),
    ]
    prints = [fingerprint(variant) for variant in variants]
    assert prints[0] == digits.fingerprint
    assert len(set(prints)) == len(prints)
    assert all(len(p) == 16 and int(p, 16) >= 0 for p in prints)


@pytest.mark.slow
def test_fingerprints_are_the_same_in_another_process(digits, make_folder, make_recipe):
    folder = make_folder({"train/a": 5, "train/b": 4, "train/c": 12})
    code = (
        "import sys; from pathlib import Path; from sweep.data import open_source; "
        "from sweep.recipe import Recipe, load; "
        "r = Recipe(name='test', dataset='folder', max_px=16, epochs=2, batch=1, "
        "warmup_epochs=1); print(open_source(load('digits'), None).fingerprint, "
        "open_source(r, Path(sys.argv[1])).fingerprint)"
    )
    seed = "1" if os.environ.get("PYTHONHASHSEED") != "1" else "2"
    done = subprocess.run(
        [sys.executable, "-c", code, str(folder)],
        capture_output=True, text=True, env=os.environ | {"PYTHONHASHSEED": seed},
    )  # fmt: skip
    here = open_source(make_recipe(dataset="folder", batch=1), folder).fingerprint
    assert done.stdout.split() == [digits.fingerprint, here], done.stderr


# ---- which data a recipe takes


def test_digits_take_no_path(make_recipe, tmp_path):
    with pytest.raises(InputError, match="brings its own data"):
        open_source(make_recipe(), tmp_path)


@pytest.mark.parametrize("dataset", ["idx", "folder"])
def test_other_data_needs_a_folder(make_recipe, tmp_path, dataset):
    recipe = make_recipe(dataset=dataset)
    with pytest.raises(InputError, match="needs its data: --data PATH"):
        open_source(recipe, None)
    with pytest.raises(InputError, match="missing: no such folder"):
        open_source(recipe, tmp_path / "missing")
    (tmp_path / "file").write_text("")
    with pytest.raises(InputError, match="file: not a folder"):
        open_source(recipe, tmp_path / "file")


# ---- IDX files


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
    source = open_source(make_recipe(dataset="idx"), idx_folder)
    splits = source.load(6)
    assert source.classes == 3
    assert [len(part.labels) for part in splits] == [110, 10, 30]  # one in twelve is held out
    raw = read_idx(idx_folder / "t10k-images-idx3-ubyte")
    np.testing.assert_array_equal(splits.val.pixels[..., 0], raw)
    np.testing.assert_array_equal(splits.val.labels, np.arange(30) % 3)
    train = read_idx(idx_folder / "train-images-idx3-ubyte")
    expected = Counter((p.tobytes(), i % 3) for i, p in enumerate(train))
    assert as_multiset(splits[:2]) == expected
    subset = open_source(make_recipe(dataset="idx", train_subset=32), idx_folder).load(6)
    assert len(subset.train.labels) == 32


def test_gzipped_idx_files_are_the_same_data(idx_folder, make_recipe):
    plain = open_source(make_recipe(dataset="idx"), idx_folder).fingerprint
    for path in list(idx_folder.iterdir()):
        path.with_name(path.name + ".gz").write_bytes(gzip.compress(path.read_bytes()))
        path.unlink()
    assert open_source(make_recipe(dataset="idx"), idx_folder).fingerprint == plain


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
        open_source(make_recipe(dataset="idx"), idx_folder)
    assert name in str(caught.value)


def test_empty_idx_files_are_refused(idx_folder, make_recipe):
    (idx_folder / IMAGES).write_bytes(idx_bytes(np.zeros((0, 6, 6))))
    (idx_folder / LABELS).write_bytes(idx_bytes(np.zeros(0)))
    with pytest.raises(InputError, match=IMAGES):
        open_source(make_recipe(dataset="idx"), idx_folder)


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
        open_source(make_recipe(dataset="idx"), idx_folder)


# ---- folders of class folders


@pytest.fixture
def make_folder(tmp_path):
    """Write PNGs of different sizes and brightness: {"train/cat": 5, …} → the folder."""

    def make(counts, name="data"):
        rng = np.random.default_rng(7)
        for place, count in counts.items():
            (tmp_path / name / place).mkdir(parents=True)
            for i in range(count):
                pixels = rng.integers(0, 256, (*rng.integers(5, 14, 2), 3), dtype=np.uint8)
                Image.fromarray(pixels).save(tmp_path / name / place / f"{i:03}.png")
        return tmp_path / name

    return make


@pytest.fixture
def folder_recipe(make_recipe):
    return make_recipe(dataset="folder", batch=1)


def test_folder_with_val(make_folder, folder_recipe):
    folder = make_folder({"train/cat": 40, "train/dog": 20, "val/cat": 4, "val/dog": 3})
    source = open_source(folder_recipe, folder)
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
        source = open_source(make_recipe(dataset="folder", batch=1, data_seed=seed), folder)
        again = open_source(make_recipe(dataset="folder", batch=1, data_seed=seed), folder)
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
    train = open_source(make_recipe(dataset="folder", batch=1, train_subset=10), folder).load(4).train
    assert np.bincount(train.labels).tolist() == [5, 5]


def test_files_that_are_no_images_are_ignored(make_folder, folder_recipe):
    folder = make_folder({"train/cat": 5, "train/dog": 5})
    before = open_source(folder_recipe, folder).fingerprint
    (folder / "train" / "cat" / "notes.txt").write_text("no image")
    (folder / "train" / "cat" / "Thumbs.db").write_bytes(b"\0")
    (folder / "train" / "index.csv").write_text("a,b")
    (folder / "README").write_text("")
    assert open_source(folder_recipe, folder).fingerprint == before


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
        open_source(folder_recipe, make_folder(counts))


@pytest.mark.parametrize("content", [b"", b"no image at all", b"\x89PNG\r\n\x1a\n" + b"\0" * 40])
def test_a_corrupt_image_is_named(make_folder, folder_recipe, content):
    folder = make_folder({"train/cat": 5, "train/dog": 5})
    bad = folder / "train" / "dog" / "bad.jpg"
    bad.write_bytes(content)
    source = open_source(folder_recipe, folder)
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
    before = open_source(folder_recipe, folder).fingerprint
    moved = folder.rename(folder.with_name("elsewhere"))
    assert open_source(folder_recipe, moved).fingerprint == before
    victim = moved / "train" / "dog" / "003.png"
    raw = bytearray(victim.read_bytes())
    raw[-20] ^= 1
    victim.write_bytes(raw)
    assert open_source(folder_recipe, moved).fingerprint != before
    raw[-20] ^= 1
    victim.write_bytes(raw)
    assert open_source(folder_recipe, moved).fingerprint == before
    (moved / "train" / "dog").rename(moved / "train" / "zebra")
    assert open_source(folder_recipe, moved).fingerprint != before


def test_a_data_set_that_does_not_fit_in_memory_is_refused(make_folder, folder_recipe):
    source = open_source(folder_recipe, make_folder({"train/cat": 12, "train/dog": 8}))
    with pytest.raises(InputError, match="20 images of 20000 px take 22 GiB in memory, more than 8"):
        source.load(20_000)


def test_the_digits_are_those_of_scikit_learn():
    from sklearn.datasets import load_digits

    from sweep.data.digits import read_digits

    reference, ours = load_digits(), read_digits()
    assert np.array_equal(np.rint(ours.pixels[..., 0] * (16 / 255)), reference.images)
    assert np.array_equal(ours.labels, reference.target)
