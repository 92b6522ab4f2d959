"""scikit-learn's bundled handwritten digits: 1,797 images of 8 × 8."""

import numpy as np

from sweep.data.images import Images, Splits, fingerprint, hold_out, resize
from sweep.recipe import Recipe

_VAL, _MINIVAL = 500, 297  # leaves 1,000 to train on


class Digits:
    """The embedded data set."""

    classes = 10

    def __init__(self, recipe: Recipe) -> None:
        from sklearn.datasets import load_digits  # slow to import, so only where it is needed

        raw = load_digits()
        # 17 grey levels, 0 to 16, to bytes
        pixels = np.rint(raw.images * (255 / 16)).astype(np.uint8)[..., np.newaxis]
        images = Images(pixels, raw.target.astype(np.int64))
        rng = np.random.default_rng(recipe.data_seed)
        rest, val = hold_out(images, _VAL, rng)
        train, minival = hold_out(rest, _MINIVAL, rng)
        if recipe.train_subset is not None and recipe.train_subset < len(train.labels):
            _, train = hold_out(train, recipe.train_subset, rng)
        self._splits = Splits(train, minival, val)
        self.fingerprint = fingerprint(self._splits)

    def load(self, px: int) -> Splits:
        """Return the splits at a resolution of ``px`` × ``px``."""
        return Splits(*(resize(part, px) for part in self._splits))
