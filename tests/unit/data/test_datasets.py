"""Data sets: splits, fingerprints, file formats, and every way in which files can be wrong."""

import os
import subprocess
import sys
from collections import Counter

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image
from sklearn.datasets import load_digits
from support.images import as_multiset

from sweep.data.datasets import open_dataset
from sweep.data.images import Images, fingerprint, hold_out, resize, stratified
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
    from sweep.recipes.loading import load

    return open_dataset(load("digits"), None)


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
    again, other = (open_dataset(make_recipe(data_seed=seed), None) for seed in (0, 1))
    assert again.fingerprint == digits.fingerprint
    assert other.fingerprint != digits.fingerprint
    assert as_multiset(other.load(8)) == as_multiset(digits.load(8))
    assert as_multiset([other.load(8).val]) != as_multiset([digits.load(8).val])


def test_a_training_subset_leaves_what_is_evaluated(digits, make_recipe):
    subset = open_dataset(make_recipe(train_subset=200), None)
    splits, full = subset.load(8), digits.load(8)
    assert len(splits.train.labels) == 200
    assert not as_multiset([splits.train]) - as_multiset([full.train])
    for part in ("minival", "val"):
        np.testing.assert_array_equal(getattr(splits, part).pixels, getattr(full, part).pixels)
    assert subset.fingerprint != digits.fingerprint


@pytest.mark.parametrize("size", [1000, 5000])
def test_a_subset_as_large_as_the_training_set_is_all_of_it(digits, make_recipe, size):
    assert open_dataset(make_recipe(train_subset=size), None).fingerprint == digits.fingerprint


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
        "import sys; from pathlib import Path; from sweep.data.datasets import open_dataset; "
        "from sweep.recipes.loading import load; from sweep.recipes.recipe import Recipe; "
        "r = Recipe(name='test', dataset='folder', max_px=16, epochs=2, batch=1, "
        "warmup_epochs=1); print(open_dataset(load('digits'), None).fingerprint, "
        "open_dataset(r, Path(sys.argv[1])).fingerprint)"
    )
    seed = "1" if os.environ.get("PYTHONHASHSEED") != "1" else "2"
    done = subprocess.run(
        [sys.executable, "-c", code, str(folder)],
        capture_output=True,
        text=True,
        env=os.environ | {"PYTHONHASHSEED": seed},
    )
    here = open_dataset(make_recipe(dataset="folder", batch=1), folder).fingerprint
    assert done.stdout.split() == [digits.fingerprint, here], done.stderr


# ---- which data a recipe takes


def test_digits_take_no_path(make_recipe, tmp_path):
    with pytest.raises(InputError, match="brings its own data"):
        open_dataset(make_recipe(), tmp_path)


@pytest.mark.parametrize("dataset", ["idx", "folder"])
def test_other_data_needs_a_folder(make_recipe, tmp_path, dataset):
    recipe = make_recipe(dataset=dataset)
    with pytest.raises(InputError, match="needs its data: `data` PATH"):
        open_dataset(recipe, None)
    with pytest.raises(InputError, match="missing: no such folder"):
        open_dataset(recipe, tmp_path / "missing")
    (tmp_path / "file").write_text("")
    with pytest.raises(InputError, match="file: not a folder"):
        open_dataset(recipe, tmp_path / "file")


def test_the_digits_are_those_of_scikit_learn():
    from sklearn.datasets import load_digits

    from sweep.data.digits import read_digits

    reference, ours = load_digits(), read_digits()
    assert np.array_equal(np.rint(ours.pixels[..., 0] * (16 / 255)), reference.images)
    assert np.array_equal(ours.labels, reference.target)
