"""scikit-learn's built-in handwritten digits: 1,797 images of 8 × 8 pixels."""

import importlib.util
from pathlib import Path

import numpy as np

from sweep.data.images import Images, SplitImages, hold_out
from sweep.recipes.recipe import Recipe

_VAL, _MINIVAL = 500, 297  # leaves 1,000 to train on


class Digits(SplitImages):
    """The built-in data set."""

    classes = 10

    def __init__(self, recipe: Recipe) -> None:
        rng = np.random.default_rng(recipe.data_seed)
        train, val = hold_out(read_digits(), _VAL, rng)
        super().__init__(train, val, minival_size=_MINIVAL, subset=recipe.train_subset, rng=rng)


def read_digits() -> Images:
    """Read scikit-learn's file directly: its own loader gives the same, but takes a second to import."""
    package = importlib.util.find_spec("sklearn")
    assert package is not None
    assert package.origin is not None
    path = Path(package.origin).parent / "datasets" / "data" / "digits.csv.gz"
    table = np.loadtxt(path, delimiter=",", dtype=np.int64)  # 64 grey levels from 0 to 16, and the digit
    pixels = np.rint(table[:, :-1] * (255 / 16)).astype(np.uint8).reshape(-1, 8, 8, 1)
    return Images(pixels, table[:, -1])
