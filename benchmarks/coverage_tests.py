"""How often tests see a difference where there is none, and where there is one."""

import itertools
from collections import defaultdict
from typing import Any

import numpy as np
from coverage_intervals import contrasts
from scipy import stats
from surfaces import STEP, SURFACES, ZERO, Floats, draw, errors

from analysis import paired_tests, unpaired_tests
from analysis.compare import PAIRED_TESTS, UNPAIRED_TESTS, _corrected
from analysis.sampling import Sampling

LEVEL = 0.05
REPS = 4_000
MANY_REPS = 20_000
"""Where a rate of 5 % is to be told from one of 5.5 %: its standard error is 0.15 %."""
AREA_REPS = 1_500
MODELS = 10
Rows = list[dict[str, Any]]


def null_paired(
    rng: np.random.Generator, reps: int | None, design: str, n: int, surface: str, rounded: bool
) -> Rows:
    """Two models alike at every point, each trial with noise of its own."""
    u = draw(design, reps or MANY_REPS, n, rng)
    d = np.round(errors(u, surface, rng, rounded=rounded) - errors(u, surface, rng, rounded=rounded), 9)
    return [
        _row(f"{name}, paired", design, n, surface, rounded, [test(row) for row in d])
        for name, test in PAIRED_TESTS.items()
    ]


def null_area(
    rng: np.random.Generator,
    reps: int | None,
    n: int,
    seeds: int,
    noises: tuple[float, float],
    surface: str,
    apart: float,
    shared: bool,
) -> Rows:
    """Two models alike in Δ whose errors, or the noise of whose seeds, differ."""
    reps = reps or AREA_REPS
    u = rng.random((reps, n, 2))
    w = u if shared else rng.random((reps, n, 2))
    levels = (ZERO, ZERO + apart)
    sides = [
        errors(at, surface, rng, rounded=True, noise=noise, zero=zero)
        for at, noise, zero in zip((u, w), noises, levels, strict=True)
    ]
    zeros = np.round(rng.normal(np.array([levels]).T, np.array([noises]).T, (reps, 2, seeds)) / STEP) * STEP
    points = [Sampling("A", "iid", np.arange(n), 0.95) for _ in range(1 if shared else 2)]
    p: dict[str, list[float]] = defaultdict(list)
    for a, b, at_a, at_b, own in zip(*sides, u, w, zeros, strict=True):
        found = contrasts((a, b), (at_a, at_b), list(own), points, surface, STEP**2 / 12)
        for name, each in found.items():
            p[f"{name}, {'shared' if shared else 'other'} points"].append(each.p)
    words = (f"{surface}, noise {noises[0]:g} and {noises[1]:g}, {apart:g} apart", True)
    return [_row(f"{name}, {seeds} seeds", "iid", n, *words, each) for name, each in p.items()]


def null_unpaired(rng: np.random.Generator, reps: int | None, n: int, surface: str, rounded: bool) -> Rows:
    """Two samples of one model."""
    a, b = (errors(draw("iid", reps or MANY_REPS, n, rng), surface, rng, rounded=rounded) for _ in "ab")
    return [
        _row(name, "iid", n, surface, rounded, [test(x, y) for x, y in zip(a, b, strict=True)])
        for name, test in UNPAIRED_TESTS.items()
    ]


def null_scrambles(rng: np.random.Generator, reps: int | None, k: int, surface: str, rounded: bool) -> Rows:
    """Two sets of scrambles of one model."""
    sides = (draw("sobol", reps or MANY_REPS, 16 * k, rng) for _ in "ab")
    a, b = (errors(u, surface, rng, rounded=rounded).reshape(len(u), k, 16) for u in sides)
    p = [unpaired_tests.between_scrambles(x, y) for x, y in zip(a, b, strict=True)]
    return [_row("Welch between scrambles", "sobol", 16 * k, surface, rounded, p)]


def null_all_pairs(rng: np.random.Generator, reps: int | None, n: int, shared: bool) -> Rows:
    """Ten models alike, their 45 pairs corrected: how often is any pair called different?"""
    hits = []
    for _ in range(reps or REPS):
        u = rng.random((1 if shared else MODELS, n, 2))
        e = errors(np.broadcast_to(u, (MODELS, n, 2)), "cliff", rng, rounded=True)
        i, j = np.triu_indices(MODELS, k=1)
        if shared:
            p = stats.wilcoxon(
                np.round(e[i] - e[j], 9), axis=1, zero_method="pratt", method="asymptotic"
            ).pvalue
        else:
            p = stats.mannwhitneyu(e[i], e[j], axis=1).pvalue
        hits.append(min(_corrected(list(p))))
    name = "any of 45 pairs, " + ("Wilcoxon" if shared else "Mann–Whitney")
    return [_row(name, "iid", n, "cliff", True, hits)]


def power(rng: np.random.Generator, reps: int | None, n: int, surface: str, worse: float) -> Rows:
    """One model less robust, tried at the same points or at others."""
    reps = reps or REPS
    u, other = rng.random((2, reps, n, 2))
    a, b, c = (
        errors(points, surface, rng, rounded=True, worse=w)
        for points, w in ((u, 0), (u, worse), (other, worse))
    )
    found = {
        "Wilcoxon, paired": [paired_tests.signed_rank(row) for row in np.round(a - b, 9)],
        "Mann–Whitney": [unpaired_tests.mann_whitney(x, y) for x, y in zip(a, c, strict=True)],
    }
    return [
        _row(name, "iid", n, surface, True, p) | {"promise": "power", "at": worse}
        for name, p in found.items()
    ]


def _row(
    name: str, design: str, n: int, surface: str, rounded: bool, p: list[float] | Floats
) -> dict[str, Any]:
    return {
        "name": name,
        "design": design,
        "n": n,
        "surface": surface,
        "rounded": rounded,
        "promise": "rejects",
        "rate": float((np.asarray(p) <= LEVEL).mean()),
        "reps": len(p),
    }


_KINDS = ("smooth", "cliff", "half")
_DESIGNS = [("iid", 8), ("iid", 16), ("iid", 64), ("iid", 300), ("sobol", 48), ("sobol", 128), ("grid", 64)]
PAIRED: list[Any] = [
    *((null_paired, (*size, s, True)) for size, s in itertools.product(_DESIGNS, _KINDS)),
    *((null_paired, (*size, "cliff", False)) for size in _DESIGNS),
]
DELTA: list[Any] = [
    (null_area, (n, 5, noises, surface, 2.0, shared))
    for n, noises, surface, shared in itertools.product(
        (16, 64, 256), ((0.4, 0.4), (0.4, 1.0)), SURFACES, (True, False)
    )
]
UNPAIRED: list[Any] = [
    *((null_unpaired, case) for case in itertools.product((16, 64, 256), _KINDS, (False, True))),
    *((null_scrambles, (k, s, True)) for k, s in itertools.product((3, 4, 8), _KINDS)),
]
MANY: list[Any] = [
    *((null_all_pairs, case) for case in itertools.product((64, 256), (True, False))),
    *(
        (power, case)
        for case in itertools.product((8, 16, 32, 64, 128, 256), ("smooth", "cliff"), (0.1, 0.3))
    ),
]
