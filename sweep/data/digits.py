"""scikit-learn's built-in handwritten digits: 1,797 images of 8 × 8 pixels."""

import importlib.util
from pathlib import Path

import numpy as np

from sweep.data.images import Images, Splits, fingerprint, hold_out, resize, train_and_minival
from sweep.recipes.recipe import Recipe

_VAL, _MINIVAL = 500, 297  # leaves 1,000 to train on


class Digits:
    """The built-in data set."""

    classes = 10
    skipped_images: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()

    def __init__(self, recipe: Recipe) -> None:
        images = read_digits()
        rng = np.random.default_rng(recipe.data_seed)
        rest, val = hold_out(images, _VAL, rng)
        train, minival = train_and_minival(rest, _MINIVAL, recipe.train_subset, rng)
        self._splits = Splits(train, minival, val)
        self.fingerprint = fingerprint(self._splits)

    def load(self, px: int) -> Splits:
        """Return the splits at a resolution of ``px`` × ``px``."""
        return Splits(*(resize(part, px) for part in self._splits))


def read_digits() -> Images:
    """Read scikit-learn's file directly: its own loader gives the same, but takes a second to import."""
    package = importlib.util.find_spec("sklearn")
    assert package is not None
    assert package.origin is not None
    path = Path(package.origin).parent / "datasets" / "data" / "digits.csv.gz"
    table = np.loadtxt(path, delimiter=",", dtype=np.int64)  # 64 grey levels from 0 to 16, and the digit
    pixels = np.rint(table[:, :-1] * (255 / 16)).astype(np.uint8).reshape(-1, 8, 8, 1)
    return Images(pixels, table[:, -1])
