"""Recipes: the shipped ones, a user's, and every way to get one wrong."""

import dataclasses

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sweep.errors import InputError
from sweep.recipes import loading as recipes
from sweep.recipes.loading import shipped
from sweep.recipes.recipe import Recipe

GOOD = 'dataset = "folder"\nmax_px = 32\nepochs = 5\nbatch = 8\nwarmup_epochs = 1\n'


@pytest.fixture
def write(tmp_path):
    def write_recipe(text, name="mine.toml"):
        (tmp_path / name).write_text(text)
        return str(tmp_path / name)

    return write_recipe


def test_the_shipped_ones_load():
    assert {"digits", "fashion_mnist", "folder"} <= set(shipped())
    for name in shipped():
        loaded = recipes.load(name)
        assert loaded.name == name
        assert loaded.warmup_epochs < loaded.epochs


def test_digits_needs_nothing():
    loaded = recipes.load("digits")
    assert (loaded.dataset, loaded.px(16), loaded.px(224)) == ("digits", 16, 32)


def test_a_users_own(write):
    path = write(GOOD + 'augment = ["flip", "shift"]\nwarmup_factor = 0\ntrain_subset = 8\n')
    assert recipes.load(path) == Recipe(
        name="mine",
        dataset="folder",
        max_px=32,
        epochs=5,
        batch=8,
        warmup_epochs=1,
        warmup_factor=0,
        augment=("flip", "shift"),
        train_subset=8,
    )


def test_epochs_can_be_given(write):
    path = write(GOOD)
    assert recipes.load(path, epochs=9) == dataclasses.replace(recipes.load(path), epochs=9)
    short = recipes.load(write(GOOD.replace("warmup_epochs = 1", "warmup_epochs = 2.5")), epochs=2)
    assert (short.epochs, short.warmup_epochs) == (2, 2)


@pytest.mark.parametrize("epochs", [0, -3])
def test_epochs_must_be_at_least_one(write, epochs):
    with pytest.raises(InputError, match=f"epochs must be at least 1, got {epochs}"):
        recipes.load(write(GOOD), epochs=epochs)


def test_an_unknown_name_offers_near_ones():
    with pytest.raises(InputError, match=r"unknown recipe 'digit'.*Did you mean digits\?.*\.toml"):
        recipes.load("digit")


@pytest.mark.parametrize("content", [None, b"\xff\xfe\x00"])
def test_an_unreadable_file_is_named(tmp_path, content):
    path = tmp_path / "mine.toml"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(InputError, match=r"cannot read the recipe .*mine\.toml"):
        recipes.load(str(path))


def test_a_folder_is_not_a_recipe(tmp_path):
    (tmp_path / "x.toml").mkdir()
    with pytest.raises(InputError, match="cannot read"):
        recipes.load(str(tmp_path / "x.toml"))


def test_text_that_is_not_toml(write):
    with pytest.raises(InputError, match="recipe 'mine' is not TOML"):
        recipes.load(write("epochs == 3"))


def test_all_wrong_fields_are_reported_at_once(write):
    text = (
        'dataset = 3\nmax_px = 2.5\nbatch = "64"\nwarmup_epochs = nan\nlr = 0.1\nema_steps = true\n'
        'augment = "flip"\ntrain_subset = "all"\nlabel_smoothing = inf\n'
    )
    with pytest.raises(InputError) as caught:
        recipes.load(write(text))
    message = str(caught.value)
    for expected in (
        "recipe 'mine'",
        "unknown field 'lr'",
        "field 'epochs' is missing",
        "dataset must be text, got 3",
        "max_px must be a whole number, got 2.5",
        "batch must be a whole number, got '64'",
        "warmup_epochs must be a finite number, got nan",
        "ema_steps must be a whole number, got True",
        "augment must be a list of names, got 'flip'",
        "train_subset must be a whole number, got 'all'",
        "label_smoothing must be a finite number, got inf",
    ):
        assert expected in message


def test_a_list_of_other_things_is_no_list_of_names(write):
    with pytest.raises(InputError, match="augment must be a list of names"):
        recipes.load(write(GOOD + 'augment = ["flip", 1]\n'))


def test_all_values_out_of_range_are_reported_at_once(write):
    text = (
        'dataset = "cifar"\nmax_px = 0\nepochs = 3\nbatch = 10\nwarmup_epochs = 3.5\nwarmup_factor = 1.0\n'
        'min_lr_factor = -0.1\nlabel_smoothing = 1.5\nema_rate = 2\naugment = ["rotate"]\nema_steps = -1\n'
        "data_seed = -2\ntrain_subset = 9\n"
    )
    with pytest.raises(InputError) as caught:
        recipes.load(write(text))
    message = str(caught.value)
    for expected in (
        "dataset must be one of digits, idx, cifar10, folder, got 'cifar'",
        "max_px must be at least 1, got 0",
        "warmup_epochs must lie in 0 … 3 (epochs), got 3.5",
        "warmup_factor must lie in 0 … 1, got 1.0",
        "min_lr_factor must lie in 0 … 1, got -0.1",
        "label_smoothing must lie in 0 … 1, got 1.5",
        "ema_rate must lie in 0 … 1, got 2",
        "got 'rotate'",
        "ema_steps must not be negative, got -1",
        "data_seed must lie in 0 … 4294967295, got -2",
        "train_subset must hold a batch (10 images), got 9",
    ):
        assert expected in message


@given(st.integers(1, 1000), st.integers(1, 1000))
def test_no_model_trains_above_its_own_or_the_recipes_resolution(own, limit):
    made = Recipe(name="r", dataset="digits", max_px=limit, epochs=1, batch=1, warmup_epochs=0)
    assert made.px(own) in (own, limit)
    assert made.px(own) <= own
    assert made.px(own) <= limit


def test_reading_recipes_needs_no_torch():
    import subprocess
    import sys

    code = (
        "import sys, sweep.recipes.loading as r; [r.load(n) for n in r.shipped()]; "
        "print(sorted({'torch', 'numpy', 'ray', 'mlflow'} & sys.modules.keys()))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.stdout.strip() == "[]", done.stderr
