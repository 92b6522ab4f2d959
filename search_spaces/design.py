"""Designs: how points are drawn from the unit square. All models of a comparison get the same points."""

import math

import numpy as np
from numpy.typing import NDArray

from search_spaces.errors import SearchSpaceError

DESIGNS = ("iid", "sobol", "grid")
MAX_N = 1_000_000
SCRAMBLE = 16
"""Points in one scramble of a Sobol' design. The spread between independent scrambles gives intervals."""


def relative_points(design: str, n: int, seed: int) -> NDArray[np.float64]:
    """Draw n points in the unit square.

    Parameters
    ----------
    design : {"iid", "sobol", "grid"}
        ``iid``: independent and uniform. ``sobol``: independently scrambled Sobol' nets of 16 points, one
        after the other. ``grid``: the midpoints of k × k cells. With ``iid`` and ``sobol``, the points of a
        smaller n are the first points of a larger one.
    n : int
        Any number for ``iid``, a multiple of 16 for ``sobol``, a square for ``grid``.
    seed : int
        Decides the points of ``iid`` and ``sobol``.

    Returns
    -------
    ndarray, shape (n, 2)
        In [0, 1).

    Raises
    ------
    SearchSpaceError
        If the design is unknown, n does not suit it (the message suggests the nearest n), or the seed is
        negative.

    Examples
    --------
    >>> relative_points("grid", 4, seed=0).tolist()
    [[0.25, 0.25], [0.25, 0.75], [0.75, 0.25], [0.75, 0.75]]
    """
    if not 1 <= n <= MAX_N:
        raise SearchSpaceError(
            f"n must be at least 1, got {n}" if n < 1 else f"n must be at most {MAX_N}, got {n}"
        )
    if seed < 0:
        raise SearchSpaceError(f"seed must not be negative, got {seed}")
    if design not in _DRAW:
        raise SearchSpaceError(f"unknown design {design!r}; known: {', '.join(DESIGNS)}")
    return _DRAW[design](n, seed)


def _iid(n: int, seed: int) -> NDArray[np.float64]:
    return np.random.default_rng([seed, 0]).random((n, 2))


def _sobol(n: int, seed: int) -> NDArray[np.float64]:
    if n % SCRAMBLE:
        _offer(
            "sobol", n, f"a multiple of {SCRAMBLE}", n // SCRAMBLE * SCRAMBLE, (n // SCRAMBLE + 1) * SCRAMBLE
        )
    from scipy.stats import qmc  # takes a second to import: only when needed

    scrambles = [
        qmc.Sobol(2, scramble=True, rng=np.random.default_rng([seed, 1, i])).random(SCRAMBLE)
        for i in range(n // SCRAMBLE)
    ]
    return np.concatenate(scrambles)


def _grid(n: int, seed: int) -> NDArray[np.float64]:
    side = math.isqrt(n)
    if side * side != n:
        _offer("grid", n, "a square", side**2, (side + 1) ** 2)
    middle = (np.arange(side) + 0.5) / side
    return np.stack(np.meshgrid(middle, middle, indexing="ij"), axis=-1).reshape(n, 2)


def _offer(design: str, n: int, rule: str, below: int, above: int) -> None:
    nearest = f"{below} or {above}" if below else str(above)
    raise SearchSpaceError(f"n must be {rule} for the design {design}, got {n}: use {nearest}")


_DRAW = {"iid": _iid, "sobol": _sobol, "grid": _grid}
