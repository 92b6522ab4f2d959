"""Boxes: the ranges of learning rate and weight decay that a sweep draws its points from."""

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from search_spaces.errors import SearchSpaceError
from search_spaces.optima import Optimum

# Models still train with smaller values than the optimum, but not with much larger ones. The box therefore
# reaches further down than up (arXiv:2106.14881, Appendix E).
DOWN, UP = 8.0, 4.0

# The ranges that the paper sampled, for a minibatch of 2,048 (Appendix E).
_PAPER_BATCH = 2048
_PAPER = {
    ("vit", "adamw"): (2.5e-4, 8.0e-3, 0.02, 0.8),
    ("vit", "sgd"): (0.1, 3.2, 4.0e-6, 1.2e-4),
    ("regnety", "adamw"): (1.25e-3, 4.0e-2, 0.0075, 0.24),
    ("regnety", "sgd"): (0.25, 8.0, 3.0e-6, 8.0e-5),
}

# The ranges that `sweep tune` searches. They contain the paper's ranges of all families, its optima (Table 4,
# Appendix E) and every optimum found on digits, each with a margin of a factor of at least 2.5.
# NAdamW's, Muon's and Adafactor's steps are as large as AdamW's; Lion's are not scaled by the gradient, so
# that its learning rate is about a tenth and its weight decay ten times as large (arXiv:2302.06675, §5).
_ADAMW = (1e-4, 1e-1, 1e-3, 2.0)
_SEARCHED = {
    "adamw": _ADAMW,
    "sgd": (5e-3, 2e1, 1e-6, 1e-2),
    "nadamw": _ADAMW,
    "lion": (1e-5, 1e-2, 1e-2, 2e1),
    "muon": _ADAMW,
    "adafactor": _ADAMW,
}


@dataclass(frozen=True, kw_only=True, slots=True)
class Box:
    """The ranges of learning rate and weight decay, to be sampled on a log scale."""

    lr_low: float
    """Lowest learning rate."""
    lr_high: float
    """Highest learning rate."""
    wd_low: float
    """Lowest weight decay."""
    wd_high: float
    """Highest weight decay."""

    def __post_init__(self) -> None:
        for name, low, high in (("lr", self.lr_low, self.lr_high), ("wd", self.wd_low, self.wd_high)):
            if not (0 < low < high < math.inf):
                raise SearchSpaceError(
                    f"a box needs 0 < low < high < inf, got {name} from {low!r} to {high!r}"
                )
            if high / low == math.inf:
                raise SearchSpaceError(
                    f"a box from {name} {low!r} to {high!r} is wider than floating-point numbers reach"
                )

    def points(self, u: NDArray[np.float64]) -> NDArray[np.float64]:
        """Map relative points to learning rates and weight decays.

        Parameters
        ----------
        u : ndarray, shape (n, 2)
            Relative points in the unit square: lr, then weight decay.

        Returns
        -------
        ndarray, shape (n, 2)
            low · (high / low)^u, rounded to 8 significant digits: the last bits depend on the platform's
            power function, and must not change a trial's key.
        """
        low = np.array([self.lr_low, self.wd_low])
        high = np.array([self.lr_high, self.wd_high])
        values = low * (high / low) ** np.asarray(u, dtype=np.float64)
        return np.vectorize(lambda value: float(f"{value:.8g}"), otypes=[np.float64])(values)


def around(optimum: Optimum, *, down: float = DOWN, up: float = UP) -> Box:
    """Return the box around an optimum.

    Parameters
    ----------
    optimum : Optimum
        The centre.
    down, up : float
        The box reaches from optimum / down to optimum · up, in lr and in weight decay.

    Raises
    ------
    SearchSpaceError
        If a factor is below 1 (the optimum would lie outside the box) or not finite.
    """
    for name, factor in (("down", down), ("up", up)):
        if not 1 <= factor < math.inf:
            raise SearchSpaceError(f"a box reaches {name} by a factor of at least 1, got {factor:g}")
    return Box(
        lr_low=optimum.lr / down,
        lr_high=optimum.lr * up,
        wd_low=optimum.weight_decay / down,
        wd_high=optimum.weight_decay * up,
    )


def searched(optimizer: str) -> Box:
    """Return the default ranges in which to search for an optimum."""
    lr_low, lr_high, wd_low, wd_high = _SEARCHED[optimizer]
    return Box(lr_low=lr_low, lr_high=lr_high, wd_low=wd_low, wd_high=wd_high)


def paper(model: str, optimizer: str, recipe: str, batch: int) -> Box:
    """Return the box that the paper sampled for a model's family (arXiv:2106.14881, Appendix E).

    Parameters
    ----------
    model : str
        Name of a ViT or RegNetY.
    optimizer : {"adamw", "sgd"}
        The optimizer.
    recipe : str
        Must be ``imagenet``.
    batch : int
        Images per minibatch; lr is scaled linearly to it.

    Raises
    ------
    SearchSpaceError
        If the recipe is another one, or the paper does not have the model's family.
    """
    family = model.split("_")[0]
    if recipe != "imagenet" or (family, optimizer) not in _PAPER:
        raise SearchSpaceError(
            "`box` paper is the paper's ranges for ViT and RegNetY models on the recipe imagenet; "
            f"got {model}, {optimizer}, {recipe}. Use `box` optimum."
        )
    lr_low, lr_high, wd_low, wd_high = _PAPER[family, optimizer]
    scale = batch / _PAPER_BATCH
    return Box(lr_low=lr_low * scale, lr_high=lr_high * scale, wd_low=wd_low, wd_high=wd_high)
