"""Synthetic errors over the unit square of lr and weight decay, for simulations whose truth is known."""

import functools

import numpy as np
from numpy.typing import NDArray

from search_spaces import relative_points

Floats = NDArray[np.float64]
STEP = 0.2
"""Of an error on 500 images, in points."""
NOISE = 0.3
"""Standard deviation between seeds, in points."""
POOL = 6_000
"""Scrambles that are drawn once; a simulated sweep takes some of them at random."""
SURFACES = ("smooth", "cliff", "rare", "half")
ZERO = 3.07
"""True error at the optimum of every surface, between two counts of images."""


def draw(design: str, reps: int, n: int, rng: np.random.Generator) -> Floats:
    """Draw relative points, shape (reps, n, 2)."""
    if design == "iid":
        return rng.random((reps, n, 2))
    if design == "grid":
        return np.broadcast_to(relative_points("grid", n, 0), (reps, n, 2))
    picks = rng.integers(0, POOL, (reps, n // 16))
    return _scrambles()[picks].reshape(reps, n, 2)


@functools.cache
def _scrambles() -> Floats:
    return relative_points("sobol", 16 * POOL, 7).reshape(POOL, 16, 2)


def errors(
    u: Floats,
    kind: str,
    rng: np.random.Generator,
    *,
    rounded: bool = False,
    worse: float = 0.0,
    noise: float = NOISE,
    zero: float = ZERO,
) -> Floats:
    """Return a model's errors, a diverged trial at 100.

    Parameters
    ----------
    u : ndarray, shape (…, 2)
    kind : str
        ``smooth``: a bowl. ``cliff``: 16 % diverge, near the cliff by chance. ``rare``: 3 %. ``half``: half.
    rounded : bool
        To a count of 500 images.
    worse : float
        How much less robust: 0.1 makes the bowl a tenth steeper.
    noise : float
        Standard deviation between seeds.
    zero : float
        Error at the optimum.
    """
    lr, wd = u[..., 0], u[..., 1]
    centre = 0.3 if kind == "half" else 0.6
    error = zero + (1 + worse) * (20 * (lr - centre) ** 2 + 3 * (wd - 0.6) ** 2)
    error = error + rng.normal(0.0, noise, lr.shape)
    if rounded:
        error = np.round(error / STEP) * STEP
    return np.where(_diverges(kind, lr, wd, worse, rng), 100.0, np.clip(error, 0.0, 100.0))


def _diverges(kind: str, lr: Floats, wd: Floats, worse: float, rng: np.random.Generator) -> NDArray[np.bool_]:
    if kind == "smooth":
        return np.zeros(lr.shape, dtype=bool)
    if kind == "cliff":
        return lr + 0.2 * wd + rng.normal(0.0, 0.03, lr.shape) > 0.94 - 0.1 * worse
    return lr > {"rare": 0.97, "half": 0.5}[kind]


@functools.cache
def many(kind: str, *, rounded: bool = False, worse: float = 0.0) -> Floats:
    """Return a million ordered errors, for the truth: on a grid, so that no chance is in where they are."""
    u = relative_points("grid", 1_000_000, 0)
    return np.sort(errors(u, kind, np.random.default_rng(11), rounded=rounded, worse=worse))
