"""Batches: which images, when, and how they are changed."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from sweep.data.images import Images, Splits
from sweep.recipes.recipe import Recipe
from sweep.training.batches import InMemoryBatches, _flip, _shift

pytestmark = pytest.mark.usefixtures("one_thread")
CPU = torch.device("cpu")


def make_images(n, px=8, channels=1, seed=0):
    pixels = np.random.default_rng(seed).integers(0, 256, (n, px, px, channels), dtype=np.uint8)
    return Images(pixels, np.arange(n, dtype=np.int64))  # the label tells which image it is


def make_source(n=50, *, batch=8, channels=1, n_val=11, evaluate="val", **changes):
    splits = Splits(make_images(n, channels=channels), make_images(7, seed=1), make_images(n_val, seed=2))
    recipe = Recipe(name="r", dataset="digits", max_px=8, epochs=2, batch=batch, warmup_epochs=0, **changes)
    return InMemoryBatches(splits, recipe, CPU, evaluate=evaluate), splits


def collect(source, epoch):
    batches = list(source.train(epoch))
    return torch.cat([b.images for b in batches]), torch.cat([b.labels for b in batches])


def same(a, b):
    return all(torch.equal(x, y) for x, y in zip(a, b, strict=True))


AUGMENT = ("shift", "flip")


def test_epoch_and_data_seed_decide_the_batches():
    first = collect(make_source(augment=AUGMENT)[0], 3)
    torch.manual_seed(99)  # nobody else's random numbers matter
    assert same(first, collect(make_source(augment=AUGMENT)[0], 3))
    assert not torch.equal(first[1], collect(make_source(augment=AUGMENT)[0], 4)[1])
    assert not torch.equal(first[1], collect(make_source(augment=AUGMENT, data_seed=1)[0], 3)[1])


def test_drawing_batches_leaves_the_global_random_numbers():
    torch.manual_seed(0)
    before = torch.get_rng_state()
    collect(make_source(augment=AUGMENT)[0], 0)
    assert torch.equal(torch.get_rng_state(), before)


def test_order_does_not_depend_on_what_was_drawn_before():
    source = make_source(augment=AUGMENT)[0]
    alone = collect(source, 5)
    collect(source, 0)
    next(iter(source.train(5)))
    list(source.evaluation())
    assert same(alone, collect(source, 5))


def test_augmentation_leaves_the_order():
    assert torch.equal(collect(make_source()[0], 1)[1], collect(make_source(augment=AUGMENT)[0], 1)[1])


@settings(max_examples=30)
@given(st.integers(1, 60), st.integers(1, 20), st.integers(0, 5))
def test_every_image_at_most_once_and_full_batches_only(n, batch, epoch):
    source, _ = make_source(n, batch=batch)
    batches = list(source.train(epoch))
    assert len(batches) == source.steps == n // batch
    assert all(len(b.labels) == len(b.images) == batch for b in batches)
    labels = [int(y) for b in batches for y in b.labels]
    assert len(labels) == len(set(labels))
    assert set(labels) <= set(range(n))


def test_each_image_keeps_its_label_and_all_are_seen_in_time():
    source, splits = make_source(20, batch=8)
    x = splits.train.pixels[..., 0].astype(np.float64)
    normalised = (x - x.mean()) / x.std()
    seen = set()
    for epoch in range(8):
        images, labels = collect(source, epoch)
        np.testing.assert_allclose(images[:, 0].numpy(), normalised[labels.numpy()], atol=1e-5)
        seen |= set(labels.tolist())
    assert seen == set(range(20))


@pytest.mark.parametrize("channels", [1, 3])
def test_the_training_split_has_mean_0_and_deviation_1(channels):
    source, _ = make_source(48, batch=8, channels=channels)
    images, _ = collect(source, 0)
    assert images.shape == (48, 3, 8, 8)
    assert images.dtype == torch.float32
    np.testing.assert_allclose(images.mean((0, 2, 3)), np.zeros(3), atol=1e-5)
    np.testing.assert_allclose(images.std((0, 2, 3), correction=0), np.ones(3), atol=1e-5)


def test_grey_images_have_three_equal_channels():
    images, _ = collect(make_source()[0], 0)
    assert torch.equal(images[:, 0], images[:, 1])
    assert torch.equal(images[:, 0], images[:, 2])


def test_one_colour_does_not_divide_by_zero():
    black = Images(np.zeros((8, 8, 8, 1), np.uint8), np.zeros(8, np.int64))
    recipe = Recipe(name="r", dataset="digits", max_px=8, epochs=1, batch=8, warmup_epochs=0)
    images, _ = collect(InMemoryBatches(Splits(black, black, black), recipe, CPU), 0)
    assert torch.isfinite(images).all()


@pytest.mark.parametrize("evaluate", ["val", "minival"])
def test_evaluation_sees_every_image_in_order_by_the_training_splits_moments(evaluate):
    source, splits = make_source(n_val=1203, evaluate=evaluate, augment=AUGMENT)
    part = getattr(splits, evaluate)
    batches = list(source.evaluation())
    assert torch.cat([b.labels for b in batches]).tolist() == part.labels.tolist()
    x = splits.train.pixels.astype(np.float64)
    expected = (part.pixels[..., 0] - x.mean()) / x.std()
    np.testing.assert_allclose(torch.cat([b.images for b in batches])[:, 0].numpy(), expected, atol=1e-5)


# ---- augmentation


def test_flip_mirrors_about_half_of_the_images():
    images = torch.arange(400 * 12, dtype=torch.int32).reshape(400, 1, 3, 4)
    flipped = _flip(images, torch.Generator().manual_seed(0))
    mirrored = 0
    for before, after in zip(images, flipped, strict=True):
        if torch.equal(after, before):
            continue
        assert after[0].tolist() == [row[::-1] for row in before[0].tolist()]
        mirrored += 1
    assert 150 < mirrored < 250  # 200 ± 10


@pytest.mark.parametrize(("px", "reach"), [(8, 1), (16, 2), (32, 4), (4, 1)])
def test_shift_moves_by_at_most_an_eighth_and_fills_with_zeros(px, reach):
    n = 300
    images = torch.randint(1, 256, (n, 2, px, px), generator=torch.Generator().manual_seed(1)).to(torch.uint8)
    moved = _shift(images, torch.Generator().manual_seed(0))
    assert moved.dtype == torch.uint8
    seen = set()
    for before, after in zip(images.numpy(), moved.numpy(), strict=True):
        matches = []
        for dy in range(-reach, reach + 1):
            for dx in range(-reach, reach + 1):
                expected = np.zeros_like(before)
                kept = [slice(max(0, d), px + min(0, d)) for d in (dy, dx)]
                taken = [slice(max(0, -d), px - max(0, d)) for d in (dy, dx)]
                expected[:, *kept] = before[:, *taken]
                if np.array_equal(expected, after):
                    matches.append((dy, dx))
        assert len(matches) == 1
        seen.add(matches[0])
    assert len(seen) >= (0.9 if reach < 4 else 0.75) * (2 * reach + 1) ** 2  # every place turns up


def test_shifted_borders_are_black_not_grey():
    """Zeros come in before the images are normalised."""
    white = Images(np.full((64, 8, 8, 1), 200, np.uint8), np.arange(64))
    white.pixels[0] = 100  # so that the deviation is not 0
    recipe = Recipe(
        name="r", dataset="digits", max_px=8, epochs=1, batch=64, warmup_epochs=0, augment=("shift",)
    )
    images, _ = collect(InMemoryBatches(Splits(white, white, white), recipe, CPU), 0)
    x = white.pixels.astype(np.float64)
    black = (0 - x.mean()) / x.std()
    assert images.min().item() == pytest.approx(black, rel=1e-5)


def test_augmentation_differs_between_the_images_and_epochs_of_a_training():
    source, _ = make_source(8, batch=8, augment=("shift",))
    by_label = []
    for epoch in range(4):
        images, labels = collect(source, epoch)
        by_label.append(images[labels.argsort()])
    assert any(not torch.equal(by_label[0], other) for other in by_label[1:])
