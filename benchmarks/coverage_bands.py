"""How often bands hold the true EDF."""

import itertools
from typing import Any

import numpy as np
from surfaces import SURFACES, Floats, draw, errors, many

from analysis.bands import DKW, EQUAL_PRECISION, KS, POINTWISE, count_limits, scrambled_limits

HEIGHTS = np.array([0.05, 0.1, 0.25, 0.5, 0.75, 0.9, 0.95])
"""True shares at whose errors a pointwise band is looked at."""
REPS = 8_000
Rows = list[dict[str, Any]]


def simultaneous(rng: np.random.Generator, reps: int | None, n: int, surface: str, rounded: bool) -> Rows:
    """Count how often the whole curve is inside, at every step from both sides."""
    truth = many(surface, rounded=rounded)
    reps = reps or REPS
    sample = np.sort(errors(draw("iid", reps, n, rng), surface, rng, rounded=rounded), axis=1)
    share, share_before = (np.searchsorted(truth, sample, side) / len(truth) for side in ("right", "left"))
    count, count_before = _counts(sample)
    rows = []
    for kind in (EQUAL_PRECISION, KS, DKW):
        low, high = count_limits(n, kind)
        inside = (low[count] <= share) & (share_before <= high[count_before])
        rows.append(_row(kind, "iid", n, surface, rounded, inside.all(axis=1)))
    return rows


def _counts(ordered: Floats) -> tuple[np.ndarray, np.ndarray]:
    """Return for each error how many of its sample are at or below it, and below it."""
    n = ordered.shape[1]
    new = np.diff(ordered, axis=1, prepend=-1.0) > 0
    places = np.arange(n)
    before = np.maximum.accumulate(np.where(new, places, 0), axis=1)
    last = np.concatenate([new[:, 1:], np.ones((len(ordered), 1), dtype=bool)], axis=1)
    upto = np.minimum.accumulate(np.where(last, places + 1, n)[:, ::-1], axis=1)[:, ::-1]
    return upto, before


def pointwise(
    rng: np.random.Generator, reps: int | None, design: str, n: int, surface: str, rounded: bool
) -> Rows:
    """Count how often single points of the curve are inside."""
    truth = many(surface, rounded=rounded)
    x = truth[(HEIGHTS * len(truth)).astype(int)]
    share = np.searchsorted(truth, x, "right") / len(truth)
    reps = reps or REPS
    sample = errors(draw(design, reps, n, rng), surface, rng, rounded=rounded)
    below = sample[:, :, None] <= x
    if design == "iid":
        low, high = (limits[below.sum(1)] for limits in count_limits(n, POINTWISE))
    else:
        blocks = below.reshape(reps, n // 16, 16, len(x)).transpose(1, 2, 0, 3)
        low, high = scrambled_limits(blocks.reshape(n // 16, 16, -1), 0.95)
        low, high = low.reshape(reps, -1), high.reshape(reps, -1)
    inside = (low <= share + 1e-9) & (share - 1e-9 <= high)
    kept = share < 1  # above all errors the curve is 1 and no band misses it
    kind = POINTWISE if design == "iid" else "scramble"
    return [
        _row(kind, design, n, surface, rounded, inside[:, place], at=float(share[place]))
        for place in np.flatnonzero(kept)
    ]


def _row(
    name: str, design: str, n: int, surface: str, rounded: bool, hits: np.ndarray, at: float = np.nan
) -> dict[str, Any]:
    return {
        "name": name,
        "design": design,
        "n": n,
        "surface": surface,
        "rounded": rounded,
        "at": at,
        "promise": "holds",
        "rate": float(hits.mean()),
        "reps": len(hits),
    }


_BOTH = (False, True)
CASES = [
    *((simultaneous, case) for case in itertools.product((1, 16, 64, 256), SURFACES, _BOTH)),
    *((pointwise, ("iid", *case)) for case in itertools.product((16, 64, 256), SURFACES, _BOTH)),
    *((pointwise, ("sobol", *case)) for case in itertools.product((48, 64, 128), SURFACES, _BOTH)),
]
