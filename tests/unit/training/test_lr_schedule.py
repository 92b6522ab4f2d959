"""The schedule against pycls's formula."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sweep.recipes.recipe import Recipe
from sweep.training.lr_schedule import lr_factor


def pycls(epoch, epochs, warmup, factor, least):
    """pycls, core/optimizer.py: get_epoch_lr over lr_fun_cos, with cos² of half the angle for its cosine."""
    share = math.cos(math.pi * epoch / (2 * epochs)) ** 2
    lr = least + share - least * share
    if epoch < warmup:
        alpha = epoch / warmup
        lr = lr * (factor + alpha - factor * alpha)
    return lr


def make(epochs, warmup, factor=0.1, least=0.005):
    return Recipe(
        name="r",
        dataset="digits",
        max_px=8,
        epochs=epochs,
        batch=1,
        warmup_epochs=warmup,
        warmup_factor=factor,
        min_lr_factor=least,
    )


@pytest.mark.parametrize(
    ("epoch", "expected"),
    [
        (0, 0.1),
        (2.5, 0.55 * (0.995 * 0.998458667 + 0.005)),  # cos²(π/80)
        (5, 0.995 * 0.993844170 + 0.005),  # cos²(π/40): the warm-up is over
        (50, 0.5025),
        (100, 0.005),
    ],
)
def test_the_studys_schedule(epoch, expected):
    assert lr_factor(make(100, 5), epoch) == pytest.approx(expected, rel=1e-8)


@given(
    st.integers(1, 400), st.floats(0, 1), st.floats(0, 1), st.floats(0, 0.99), st.floats(0, 0.99)
)  # shares: of the warm-up in the epochs, of the epoch
def test_any_schedule_is_pyclss(epochs, warmup, at, factor, least):
    recipe = make(epochs, warmup * epochs, factor, least)
    expected = pycls(at * epochs, epochs, warmup * epochs, factor, least)
    assert lr_factor(recipe, at * epochs) == pytest.approx(expected, rel=1e-9, abs=1e-12)
    assert -1e-12 <= lr_factor(recipe, at * epochs) <= 1 + 1e-12
