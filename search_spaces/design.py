"""Designs: how points are drawn from the unit cube. All models of a comparison get the same points."""

import math
import zlib
from collections.abc import Sequence
from typing import NoReturn

import numpy as np
from numpy.typing import NDArray

from search_spaces.errors import SearchSpaceError
from search_spaces.hyperparameter import FIRST

DESIGNS = ("iid", "sobol", "grid")
MAX_N = 1_000_000
SCRAMBLE = 16
"""Points in one scramble of a Sobol' design. The spread between independent scrambles gives intervals."""


def relative_points(design: str, n: int, seed: int, names: Sequence[str] = FIRST) -> NDArray[np.float64]:
    """Draw n points in the unit cube.

    Parameters
    ----------
    design : {"iid", "sobol", "grid"}
        ``iid``: independent and uniform. ``sobol``: independently scrambled Sobol' nets of 16 points, one
        after the other. ``grid``: the midpoints of k cells a side. With ``iid`` and ``sobol``, the points of
        a smaller n are the first points of a larger one.
    n : int
        Any number for ``iid``, a multiple of 16 for ``sobol``, a square or another power for ``grid``.
    seed : int
        Decides the points of ``iid`` and ``sobol``.
    names : sequence of str
        The hyperparameters, one a dimension. With ``iid``, each has the same coordinates whatever others
        there are: a sweep over more shares those of a sweep over fewer.

    Returns
    -------
    ndarray, shape (n, len(names))
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
    return _DRAW[design](n, seed, tuple(names))


def _iid(n: int, seed: int, names: tuple[str, ...]) -> NDArray[np.float64]:
    first = np.random.default_rng([seed, 0]).random((n, len(FIRST)))
    columns = [
        first[:, FIRST.index(name)]
        if name in FIRST
        else np.random.default_rng([seed, 2, zlib.crc32(name.encode())]).random(n)
        for name in names
    ]
    return np.stack(columns, axis=1)


def _sobol(n: int, seed: int, names: tuple[str, ...]) -> NDArray[np.float64]:
    if n % SCRAMBLE:
        _offer(
            "sobol", n, f"a multiple of {SCRAMBLE}", n // SCRAMBLE * SCRAMBLE, (n // SCRAMBLE + 1) * SCRAMBLE
        )
    from scipy.stats import qmc  # takes a second to import: only when needed

    scrambles = [
        qmc.Sobol(len(names), scramble=True, rng=np.random.default_rng([seed, 1, i])).random(SCRAMBLE)
        for i in range(n // SCRAMBLE)
    ]
    return np.concatenate(scrambles)


def grid_side(n: int, dimensions: int) -> int | None:
    """Return the cells on each side of a grid of n points; None if there is no such grid."""
    side = round(n ** (1 / dimensions))
    return side if side**dimensions == n else None


def _grid(n: int, seed: int, names: tuple[str, ...]) -> NDArray[np.float64]:
    dimensions = len(names)
    side = grid_side(n, dimensions)
    if side is None:
        below = math.floor(n ** (1 / dimensions))
        power = {1: "any number", 2: "a square"}.get(dimensions, f"a whole number to the power {dimensions}")
        _offer("grid", n, power, below**dimensions, (below + 1) ** dimensions)
    middle = (np.arange(side) + 0.5) / side
    return np.stack(np.meshgrid(*[middle] * dimensions, indexing="ij"), axis=-1).reshape(n, dimensions)


def _offer(design: str, n: int, rule: str, below: int, above: int) -> NoReturn:
    nearest = f"{below} or {above}" if below else str(above)
    raise SearchSpaceError(f"n must be {rule} for the design {design}, got {n}: use {nearest}")


_DRAW = {"iid": _iid, "sobol": _sobol, "grid": _grid}
