"""Images read one by one: the same for any number of loader workers, augmented as torchvision and timm do."""

import multiprocessing
import random
import tempfile
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from sweep.data.datasets import open_dataset
from sweep.data.decode import ImageFile
from sweep.data.images import FileSplits, Images, Splits
from sweep.errors import InputError
from sweep.models.catalog import test_resize as resize_of  # pytest would take it for a test
from sweep.recipes import loading as recipes
from sweep.recipes.recipe import Recipe
from sweep.training.randomness import derive_seed
from sweep.training.streams import (
    MEAN,
    STD,
    _fork_augmentation_rng,
    _RandomResizedCrop,
    auto_augment,
    open_batches,
)

pytestmark = pytest.mark.usefixtures("one_thread")
CPU = torch.device("cpu")
AUGMENT = ("random_resized_crop", "flip", "auto_augment")
PX = 24


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Class folders with JPEGs and PNGs of many sizes, smooth so that decoding leaves something to see."""
    root = tmp_path_factory.mktemp("images")
    rng = np.random.default_rng(0)
    for split, count in (("train", 20), ("val", 7)):
        for name in ("cat", "dog"):
            (root / split / name).mkdir(parents=True)
            for i in range(count):
                size = tuple(rng.integers(36, 54, 2).tolist())
                small = Image.fromarray(rng.integers(0, 256, (6, 5, 3), dtype=np.uint8))
                image = small.resize(size, Image.Resampling.BICUBIC)
                image = image.convert("L") if i == 3 else image
                image.save(root / split / name / f"{i:02}.{'png' if i % 5 == 0 else 'jpg'}")
    return root


def make_recipe(**changes):
    base = {"max_px": PX, "epochs": 2, "batch": 8, "warmup_epochs": 1, "augment": AUGMENT, "test_crop": 0.875}
    return Recipe(name="r", **{"dataset": "folder"} | base | changes)


def make_batches(folder, loader_workers=0, **changes):
    recipe = make_recipe(**changes)
    splits = open_dataset(recipe, folder).load(PX)
    assert isinstance(splits, FileSplits)
    resize = resize_of("vit_p_1gf", PX, recipe.test_crop)
    return open_batches(splits, recipe, CPU, px=PX, resize=resize, loader_workers=loader_workers), splits


def collect(batches):
    return list(batches)


def same(one, other):
    assert len(one) == len(other) > 0
    return all(
        torch.equal(a.images, b.images) and torch.equal(a.labels, b.labels)
        for a, b in zip(one, other, strict=True)
    )


def test_any_number_of_readers_gives_the_same_batches(folder):
    alone, _ = make_batches(folder)
    helped, _ = make_batches(folder, loader_workers=2)
    for epoch, start in ((0, 0), (3, 0), (3, 2)):
        assert same(collect(helped.train(epoch, start)), collect(alone.train(epoch, start)))
        next(helped.train(7))  # one that is given up does not disturb the next
    assert same(collect(helped.evaluation()), collect(alone.evaluation()))


def test_starting_later_is_the_rest_of_the_same(folder):
    batches, _ = make_batches(folder)
    assert same(collect(batches.train(1, 2)), collect(batches.train(1))[2:])


def pixels_by_label(batches, splits, epoch):
    """Each image's pixels of an epoch, found again by its place in the order that the seed gives."""
    order = torch.randperm(
        len(splits.train.labels), generator=torch.Generator().manual_seed(derive_seed(0, epoch))
    )
    images = torch.cat([batch.images for batch in batches.train(epoch)])
    return dict(zip(order.tolist(), images, strict=False))


def test_an_image_depends_on_data_seed_epoch_and_itself_alone(folder):
    small, splits = make_batches(folder, batch=3)
    large, _ = make_batches(folder, batch=12)
    one, other = (pixels_by_label(batches, splits, 1) for batches in (small, large))
    shared = one.keys() & other.keys()
    assert len(shared) >= 30
    assert all(torch.equal(one[i], other[i]) for i in shared)
    later = pixels_by_label(small, splits, 2)
    assert not any(torch.equal(one[i], later[i]) for i in shared & later.keys())
    seeded, _ = make_batches(folder, batch=3, data_seed=1)
    assert not same(collect(seeded.train(1)), collect(small.train(1)))


def test_reading_leaves_all_global_random_numbers(folder):
    random.seed(1)
    np.random.seed(1)  # noqa: NPY002
    torch.manual_seed(1)
    expected = random.random(), np.random.rand(), torch.rand(1).item()  # noqa: NPY002
    random.seed(1)
    np.random.seed(1)  # noqa: NPY002
    torch.manual_seed(1)
    batches, _ = make_batches(folder)
    collect(batches.train(0))
    assert (random.random(), np.random.rand(), torch.rand(1).item()) == expected  # noqa: NPY002


def test_evaluation_scales_the_shorter_side_and_cuts_the_centre(folder):
    batches, splits = make_batches(folder)
    images = torch.cat([batch.images for batch in batches.evaluation()])
    for got, path in zip(images, splits.val.paths, strict=True):
        with Image.open(path) as image:
            rgb = image.convert("RGB")
        side = 27  # 24 / 0.875
        long = int(side * max(rgb.size) / min(rgb.size))
        scaled = rgb.resize((side, long) if rgb.height > rgb.width else (long, side), Image.BILINEAR)
        left, top = (round((length - PX) / 2) for length in scaled.size)
        cut = scaled.crop((left, top, left + PX, top + PX))
        expected = (np.asarray(cut) / 255 - MEAN) / STD
        np.testing.assert_allclose(got.numpy().transpose(1, 2, 0), expected, atol=1e-5)


def test_the_crop_covers_8_to_100_percent(folder, monkeypatch):
    from torchvision.transforms import v2  # once sweep.models.timm_models has made it importable

    areas = []
    make_params = v2.RandomResizedCrop.make_params

    def spy(self, images):
        params = make_params(self, images)
        areas.append(params["height"] * params["width"] / images[0].numel())
        return params

    monkeypatch.setattr(v2.RandomResizedCrop, "make_params", spy)
    batches, _ = make_batches(folder, augment=("random_resized_crop",))
    for epoch in range(8):
        collect(batches.train(epoch))
    assert len(areas) > 250
    assert 0.06 < min(areas) < 0.15
    assert 0.9 < max(areas) <= 1
    assert 0.45 < np.mean(areas) < 0.6  # uniform from 0.08 to 1: 0.54, less where the shape does not fit


def test_the_crop_is_pillows_to_one_level_of_255(folder):
    batches, splits = make_batches(folder, augment=("random_resized_crop",), batch=40 - 4)
    from torchvision.transforms import v2

    drawn = v2.RandomResizedCrop(PX, scale=(0.08, 1.0))
    got = pixels_by_label(batches, splits, 2)
    for index, image in got.items():
        with Image.open(splits.train.paths[index]) as file, _fork_augmentation_rng(derive_seed(0, 2, index)):
            expected = np.asarray(drawn(file.convert("RGB")))
        levels = (image.numpy().transpose(1, 2, 0) * STD + MEAN) * 255
        assert abs(levels - expected).max() < 1.01


@pytest.mark.parametrize(("size", "divisors"), [((150, 120), {1, 2, 4}), ((333, 517), {4, 8})])
def test_a_large_image_is_reduced_before_its_crop_but_never_below_it(tmp_path, size, divisors):
    from torchvision.transforms import v2

    path, asked = tmp_path / "large.jpg", []
    x, y = np.meshgrid(*(np.linspace(0, 255, length) for length in size))
    Image.fromarray(np.stack([x, y, x], -1).astype(np.uint8)).save(path, quality=95)  # values tell the place

    class Spy(ImageFile):
        def pixels(self, divisor=1):
            asked.append(divisor)
            return super().pixels(divisor)

    crop, drawn = _RandomResizedCrop(PX), v2.RandomResizedCrop(PX, scale=(0.08, 1.0))
    for seed in range(60):
        with _fork_augmentation_rng(seed):
            got = np.asarray(crop(Spy(path))).astype(int)
        with _fork_augmentation_rng(seed):
            expected = np.asarray(drawn(Image.open(path).convert("RGB"))).astype(int)
        with _fork_augmentation_rng(seed):
            side = drawn.make_params([torch.empty(size[1], size[0])])
        divisor, short = asked[-1], min(side["width"], side["height"])
        assert divisor == max(d for d in (1, 2, 4, 8) if d == 1 or short >= d * PX)
        pixel = 255 / min(size) * divisor  # a side may begin and end half a reduced pixel away
        assert abs(got - expected)[..., 1].max() <= pixel + 2
        assert abs(got - expected).max() <= pixel + 6  # JPEG's chroma is rougher
    assert set(asked) == divisors


def gradient():
    x = np.linspace(0, 255, 32).astype(np.uint8)
    return Image.fromarray(
        np.stack([np.tile(x, (32, 1)), np.tile(x, (32, 1)).T, np.full((32, 32), 90)], -1).astype(np.uint8)
    )


def test_auto_augment_is_timms_but_for_black_images():
    from timm.data.auto_augment import auto_augment_transform

    ours = auto_augment()
    theirs = auto_augment_transform("v0", {"interpolation": Image.BILINEAR, "img_mean": (128,) * 3})
    refused = 0
    for seed in range(300):
        with _fork_augmentation_rng(seed):
            one = np.asarray(ours(gradient()))
        try:
            with _fork_augmentation_rng(seed):
                other = np.asarray(theirs(gradient()))
        except ValueError:  # Pillow keeps no less than one bit, and timm asks for none
            refused += 1
        else:
            np.testing.assert_array_equal(one, other)
    assert 1 <= refused <= 25  # 0.8 / 25 of the images: 10


def test_images_in_memory_are_augmented_one_by_one_too():
    pixels = np.random.default_rng(0).integers(0, 256, (20, 16, 16, 1), dtype=np.uint8)
    images = Images(pixels, np.arange(20) % 3)
    recipe = make_recipe(dataset="digits", test_crop=1.0)
    batches = open_batches(Splits(images, images, images), recipe, CPU, px=16, resize=16)
    assert [batch.images.shape for batch in batches.train(0)] == [(8, 3, 16, 16)] * 2
    (batch,) = batches.evaluation()
    expected = (pixels[..., 0] / 255 - MEAN[0]) / STD[0]
    np.testing.assert_allclose(batch.images[:, 0].numpy(), expected, atol=1e-5)
    assert batch.labels.tolist() == images.labels.tolist()


def test_without_a_crop_the_whole_is_scaled(folder):
    batches, _ = make_batches(folder, augment=("auto_augment",))
    assert next(iter(batches.train(0))).images.shape == (8, 3, PX, PX)


def test_an_image_that_cannot_be_read_is_named(folder, tmp_path):
    batches, splits = make_batches(folder)
    broken = tmp_path / "broken.jpg"
    with open(splits.val.paths[1], "rb") as whole:
        broken.write_bytes(whole.read()[:200])
    paths = (*splits.val.paths[:3], str(broken))
    labels = splits.val.labels[:4]
    broken_splits = FileSplits(splits.train, splits.minival, splits.val._replace(paths=paths, labels=labels))
    recipe = make_recipe()
    for loader_workers in (0, 1):
        batches = open_batches(broken_splits, recipe, CPU, px=PX, resize=27, loader_workers=loader_workers)
        with pytest.raises(InputError, match=r"broken\.jpg is not a readable image"):
            collect(batches.evaluation())


# ---- the recipe


def test_the_imagenet_recipe_is_the_studys():
    """arXiv:2106.14881, §5.4, and its published configurations."""
    assert recipes.load("imagenet") == Recipe(
        name="imagenet",
        dataset="folder",
        max_px=512,
        epochs=50,
        batch=2048,
        micro_batch=256,
        warmup_epochs=5,
        warmup_factor=0.1,
        min_lr_factor=0.005,
        label_smoothing=0.1,
        augment=("random_resized_crop", "flip", "auto_augment"),
        mixup_alpha=0.8,
        cutmix_alpha=1.0,
        ema_steps=32,
        ema_rate=1e-5,
        batchnorm_images=8192,
        mixed_precision=True,
        test_crop=0.875,
    )
    for epochs in (100, 200, 400):
        longer = recipes.load("imagenet", epochs=epochs)
        assert (longer.epochs, longer.warmup_epochs) == (epochs, 5)


@pytest.mark.parametrize(
    ("model", "px", "resize"),
    [
        ("vit_p_1gf", 224, 256),
        ("vit_c_18gf(depth=3)", 224, 256),
        ("resnet50", 224, 256),
        ("regnety_1gf", 232, 262),
        ("regnety_4gf", 240, 272),
        ("regnety_16gf", 256, 292),
        ("regnety_32gf", 268, 304),
        ("regnety_1gf", 116, 131),
        ("regnety_1mf", 16, 18),
    ],
)
def test_models_are_tested_at_their_own_resolution(model, px, resize):
    assert resize_of(model, px, 0.875) == resize
    assert resize_of(model, px, 1.0) == px


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"augment": ("shift", "auto_augment")}, "shift does not go with"),
        ({"mixup_alpha": -0.1}, "mixup_alpha must lie in 0 … 100"),
        ({"cutmix_alpha": float("nan")}, "cutmix_alpha must lie in 0 … 100"),
        ({"micro_batch": 9}, r"micro_batch must lie in 1 … 8 \(batch\), got 9"),
        ({"micro_batch": 0}, "micro_batch must lie"),
        ({"batchnorm_images": 7}, "batchnorm_images must be 0 or hold"),
        ({"batchnorm_images": -8}, "batchnorm_images must be 0 or hold"),
        ({"test_crop": 0.0}, "test_crop must lie above 0"),
        ({"augment": ("flip",)}, "test_crop goes with random_resized_crop or auto_augment only"),
    ],
)
def test_what_a_recipe_cannot_say(changes, message):
    with pytest.raises(InputError, match=message):
        make_recipe(**changes)


def test_true_or_false_is_asked_for(tmp_path):
    path = tmp_path / "mine.toml"
    path.write_text(
        'dataset = "digits"\nmax_px = 16\nepochs = 2\nbatch = 8\nwarmup_epochs = 1\nmixed_precision = 1\n'
    )
    with pytest.raises(InputError, match="mixed_precision must be true or false, got 1"):
        recipes.load(str(path))


def test_how_images_are_read_is_part_of_the_keys_of_those_read_one_by_one():
    from sweep.core.keys import recipe_contents
    from sweep.recipes.recipe import READING

    assert recipe_contents(recipes.load("imagenet"))["reading"] == READING
    assert "reading" not in recipe_contents(recipes.load("folder"))


def test_new_fields_leave_every_key_of_the_demo_as_it_was():
    """Its table was made before there were any of these fields."""
    import pandas as pd

    from sweep.planning.command_options import Request
    from sweep.planning.plans import make_plans

    demo = pd.read_csv(Path(__file__).parents[3] / "docs" / "demo" / "trials.csv")
    planned = make_plans(Request(models=list(demo.model.unique())))
    assert {trial.key for each in planned for trial in each.plan.trials} == set(demo.key)


def test_loader_workers_have_short_sockets_whatever_the_temporary_folder(folder, tmp_path, monkeypatch):
    long = tmp_path / ("a" * 100)
    long.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(long))
    monkeypatch.setitem(multiprocessing.current_process()._config, "tempdir", None)
    batches, _ = make_batches(folder, loader_workers=1)
    assert len(next(iter(batches.evaluation())).labels) == 14
