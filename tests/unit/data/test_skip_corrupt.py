"""`--skip-corrupt`: exactly what cannot be read is left out, named, and decides the fingerprint."""

import shutil

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image

from sweep.core.plan import Plan
from sweep.data.datasets import open_dataset
from sweep.errors import InputError
from sweep.planning.command_options import Request
from sweep.planning.plans import make_plans
from sweep.recipes.recipe import Recipe

RECIPE = 'dataset = "folder"\nmax_px = 16\nepochs = 1\nbatch = 2\nwarmup_epochs = 0\n'
ONE_BY_ONE = RECIPE + 'augment = ["random_resized_crop"]\n'


def make(root, train=6, val=2):
    rng = np.random.default_rng(0)
    for split, count in (("train", train), ("val", val)):
        for name in ("cat", "dog"):
            (root / split / name).mkdir(parents=True)
            for i in range(count):
                pixels = rng.integers(0, 256, (40, 30, 3), dtype=np.uint8)
                Image.fromarray(pixels).save(root / split / name / f"{i}.{'png' if i == 3 else 'jpg'}")
    return root


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    return make(tmp_path_factory.mktemp("whole") / "data")


def recipe(**changes):
    fields = {"name": "r", "dataset": "folder", "max_px": 16, "epochs": 1, "batch": 1, "warmup_epochs": 0}
    return Recipe(**fields | {"augment": ("random_resized_crop",)} | changes)


PLACES = st.tuples(st.sampled_from(["train/cat", "train/dog"]), st.sampled_from(["1.jpg", "3.png", "5.jpg"]))
DAMAGE = st.one_of(st.just("empty"), st.just("text"), st.floats(0.01, 0.9))


def damage(path, how):
    raw = path.read_bytes()
    path.write_bytes(
        {"empty": b"", "text": b"a cat"}.get(how) if isinstance(how, str) else raw[: int(how * len(raw))]
    )


@settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(st.dictionaries(PLACES, DAMAGE))
def test_what_is_damaged_is_left_out_and_nothing_else(whole, tmp_path, damaged):
    folder, clean = tmp_path / "data", tmp_path / "clean"
    for copy in (folder, clean):
        shutil.rmtree(copy, ignore_errors=True)
        shutil.copytree(whole, copy)
    for (place, name), how in damaged.items():
        damage(folder / place / name, how)
        (clean / place / name).unlink()
    source = open_dataset(recipe(), folder, skip_corrupt=True)
    assert source.skipped_images == tuple(sorted(f"{place}/{name}" for place, name in damaged))
    assert source.fingerprint == open_dataset(recipe(), clean).fingerprint
    paths = [path for part in source.load(16) for path in part.paths]
    assert len(paths) == len(set(paths)) == 16 - len(damaged)


def test_a_folder_without_damage_is_the_same_data_with_the_option(whole):
    for skip in (False, True):
        assert open_dataset(recipe(), whole, skip_corrupt=skip).skipped_images == ()
    prints = {open_dataset(recipe(), whole, skip_corrupt=skip).fingerprint for skip in (False, True)}
    assert len(prints) == 1


@pytest.mark.parametrize("place", ["train/dog", "val/cat"])
def test_a_class_must_keep_an_image(tmp_path, place):
    folder = make(tmp_path / "data")
    for path in (folder / place).iterdir():
        path.write_bytes(path.read_bytes()[:300])
    with pytest.raises(InputError, match=f"{place} holds no image that can be read"):
        open_dataset(recipe(), folder, skip_corrupt=True)


def test_a_file_that_is_kept_from_us_is_no_corrupt_image(tmp_path):
    folder = make(tmp_path / "data")
    (folder / "train" / "cat" / "9.jpg").symlink_to(tmp_path / "gone")
    with pytest.raises(InputError, match=r"9\.jpg cannot be read"):
        open_dataset(recipe(), folder, skip_corrupt=True)


def test_by_default_the_file_and_the_option_are_named(tmp_path):
    folder = make(tmp_path / "data")
    damage(folder / "train" / "dog" / "2.jpg", 0.5)
    with pytest.raises(InputError, match=r"dog/2\.jpg is not a readable image.*`skip_corrupt`"):
        open_dataset(recipe(augment=()), folder).load(16)


def test_other_data_has_no_images_to_skip():
    with pytest.raises(InputError, match="`skip_corrupt` is for folders of images"):
        make_plans(Request(models=["vit_c_1mf"], n=1, skip_corrupt=True))


def test_the_plan_keeps_what_was_left_out(tmp_path):
    folder, path = make(tmp_path / "data"), tmp_path / "mine.toml"
    path.write_text(ONE_BY_ONE)
    damage(folder / "train" / "dog" / "2.jpg", 0.5)
    asked = Request(
        models=["vit_c_1mf"], n=1, lr=0.1, wd=0.1, recipe=str(path), data=folder, skip_corrupt=True
    )
    (planned,) = make_plans(asked)
    assert planned.plan.skipped_images == ("train/dog/2.jpg",)
    assert Plan.from_json(planned.plan.to_json(), "plan") == planned.plan
    (folder / "train" / "dog" / "2.jpg").unlink()
    (again,) = make_plans(asked)
    assert again.plan.name == planned.plan.name  # the images kept are the same
    assert again.plan.skipped_images == ()


@pytest.mark.parametrize("command", ["run --n 1 --lr 0.1 --wd 0.1", "tune"])
def test_they_are_counted_and_named(sweep, tmp_path, command):
    folder = make(tmp_path / "data", train=12)
    (tmp_path / "mine.toml").write_text(ONE_BY_ONE)
    for i in range(6):
        damage(folder / "train" / "dog" / f"{i}.{'png' if i == 3 else 'jpg'}", "empty")
    words = ["--model", "vit_c_1mf", "--recipe", "mine.toml", "--data", "data", "--skip-corrupt", "--dry-run"]
    code, out, err = sweep(*command.split(), *words)
    assert code == 0, err
    assert "Skipped 6 images that cannot be read: train/dog/0.jpg, train/dog/1.jpg" in out
    assert "train/dog/4.jpg and 1 more" in out
