"""How often the intervals of summaries and comparisons hold the truth."""

import functools
import itertools
from collections import defaultdict
from types import SimpleNamespace
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray
from surfaces import NOISE, STEP, SURFACES, ZERO, Floats, draw, errors, many

from analysis import intervals, paired_tests, robustness, summaries, unpaired_tests, variance
from analysis.bands import POINTWISE, curve_band
from analysis.budgets import budgets
from analysis.compare import Sample, _median, _share_better
from analysis.edf import edf
from analysis.intervals import Interval
from analysis.sampling import Sampling
from search_spaces import relative_points

REPS = 2_000
PAIR_REPS = 300
"""Where the standard error is 1.3 %: whole comparisons take longer."""
WORSE = 0.3
"""How much less robust the second model of a comparison is."""
SEEDS = 5
Rows = list[dict[str, Any]]


class Tally:
    """Counts, for each estimate, how often its interval holds the truth."""

    def __init__(self, **case: object) -> None:
        self.case = case
        self.hits: dict[str, list[bool]] = defaultdict(list)

    def add(self, name: str, interval: Interval, truth: float) -> None:
        """Count an interval, if there is one."""
        if not np.isnan(interval.low):
            self.hits[name].append(interval.low - 1e-9 <= truth <= interval.high + 1e-9)

    def rows(self) -> Rows:
        """Return a row for each estimate."""
        return [
            {"name": name, **self.case, "promise": "holds", "rate": float(np.mean(hits)), "reps": len(hits)}
            for name, hits in self.hits.items()
        ]


def summary(
    rng: np.random.Generator, reps: int | None, design: str, n: int, surface: str, rounded: bool
) -> Rows:
    """Look at what is said of one sweep, given its zero."""
    truth = many(surface, rounded=rounded)
    true = {f"{name} error": np.quantile(truth, q, method="inverted_cdf") for name, q in _QUARTILES.items()}
    true |= {name: values.mean() for name, values in _scored(truth).items()}
    tally = Tally(design=design, n=n, surface=surface, rounded=rounded)
    for u in draw(design, reps or REPS, n, rng):
        e = errors(u, surface, rng, rounded=rounded)
        for name, interval in _of_sweep(e, design).items():
            tally.add(name, interval, true[name])
        if design == "iid":
            again = errors(rng.random((n, 2)), surface, rng, rounded=rounded).min()
            limit = intervals.best_again(edf(e))
            tally.add("best again (one-sided)", Interval(again, -np.inf, limit), again)
    return tally.rows()


_QUARTILES = summaries.QUARTILES


def _scored(e: Floats) -> dict[str, Floats]:
    delta = e - ZERO
    return {
        "mean error": e,
        "area": summaries.area_scores(delta, e),
        "share within 2": summaries.within(delta, e, 2.0).astype(float),
        "divergence rate": (e == 100.0).astype(float),
    }


def _of_sweep(e: Floats, design: str) -> dict[str, Interval]:
    points = Sampling("A", design, np.arange(len(e)), 0.95)
    scored = _scored(e)
    steps = edf(e)
    scrambles = e[points.scrambles]
    curve = cast(Any, SimpleNamespace(sweep="A", design=design, edf=steps, scrambles=scrambles))
    around = curve_band(curve, POINTWISE if design == "iid" else None)
    return {
        "mean error": points.mean(scored["mean error"], 0.0, 100.0),
        "area": points.mean(scored["area"], 0.0, 1.0),
        "share within 2": points.share(scored["share within 2"] > 0),
        "divergence rate": points.share(scored["divergence rate"] > 0),
        **{f"{name} error": intervals.quantile(steps, q, around) for name, q in _QUARTILES.items()},
    }


def split(rng: np.random.Generator, reps: int | None, n: int, surface: str, noise: float) -> Rows:
    """Look at the shares of the variance: of what a polynomial of degree 3 explains."""
    u = relative_points("grid", 90_000, 0)
    true = variance.variance_split(u, errors(u, surface, rng, noise=noise))
    tally = Tally(design="iid", n=n, surface=surface, rounded=False, at=noise)
    for points in draw("iid", reps or REPS, n, rng):
        found = variance.variance_split(points, errors(points, surface, rng, noise=noise))
        for name, part, truth in zip(found._fields, found, true, strict=True):
            tally.add(f"variance: {name}", part, truth.value)
    return tally.rows()


def seeds(rng: np.random.Generator, reps: int | None, k: int, noise: float, rounded: bool) -> Rows:
    """Look at the spread between seeds, and their mean."""
    tally = Tally(design="seeds", n=k, surface="optimum", rounded=rounded, at=noise)
    for _ in range(reps or REPS):
        zeros = _zeros(rng, k, noise, rounded)
        points = errors(rng.random((64, 2)), "smooth", rng, noise=noise, rounded=rounded)
        rounding = intervals.rounding_variance(np.concatenate([points, zeros]))
        tally.add("seed sd", variance.seed_noise(zeros, points).seeds, noise)
        tally.add("zero", summaries.mean_of_zeros(zeros, rounding), ZERO)
    return tally.rows()


def _zeros(rng: np.random.Generator, k: int, noise: float, rounded: bool) -> Floats:
    zeros = rng.normal(ZERO, noise, k)
    return np.round(zeros / STEP) * STEP if rounded else zeros


def pair(rng: np.random.Generator, reps: int | None, design: str, n: int, surface: str, shared: bool) -> Rows:
    """Look at what is said of two sweeps, at the same points or not, each with 5 seeds at its optimum."""
    true = _true_differences(surface, n)
    if not shared:
        a, b = many(surface), many(surface, worse=WORSE)
        true = true | {"median difference": np.median(a) - np.median(b), "better": _above(a, b)}
    name = "paired" if shared else "unpaired"
    tally = Tally(design=design, n=n, surface=surface, rounded=False)
    for u_a, u_b in zip(*(draw(design, reps or PAIR_REPS, n, rng) for _ in "ab"), strict=True):
        at = (u_a, u_a if shared else u_b)
        a, b = errors(at[0], surface, rng), errors(at[1], surface, rng, worse=WORSE)
        points = [Sampling("A", design, np.arange(n), 0.95) for _ in range(1 if shared else 2)]
        zeros = [_zeros(rng, SEEDS, NOISE, False) for _ in "ab"]
        found = (_paired if shared else _unpaired)(a, b, points)
        found |= _areas((a, b), at, zeros, points, surface)
        if design == "iid":
            tally.hits[f"{name}: best of k, all budgets"].append(_all_budgets(a, b, points, surface))
        for effect, interval in found.items():
            tally.add(f"{name}: {effect}", interval, true[effect])
    return tally.rows()


@functools.cache
def _true_differences(surface: str, n: int) -> dict[str, float]:
    rng = np.random.default_rng(12)
    u = relative_points("grid", 1_000_000, 0)
    a, b = errors(u, surface, rng), errors(u, surface, rng, worse=WORSE)
    areas = (summaries.area_scores(e - ZERO, e).mean() for e in (a, b))
    around = [_true_around(e, u, surface, n) for e in (a, b)]
    better = (a < b).mean() + 0.5 * (a == b).mean()
    return {
        "median difference": np.median(a - b),
        "better": better,
        "mean difference": (a - b).mean(),
        "area difference": np.subtract(*areas),
        "area difference, around": around[0] - around[1],
        "divergence difference": (a == 100.0).mean() - (b == 100.0).mean(),
    }


def _true_around(e: Floats, u: Floats, surface: str, n: int) -> float:
    capped = np.minimum(e, ZERO + summaries.AREA_TO)[near(u, surface)].mean()
    m = np.ceil(robustness.NEAR_SHARE * n)
    zero = (m * capped + SEEDS * ZERO) / (m + SEEDS)
    return float(1 - np.where(e < 100.0, np.minimum(e - zero, 8.0), 8.0).mean() / 8.0)


def near(u: Floats, surface: str) -> NDArray[np.bool_]:
    """Return which points are the tenth nearest to the optimum."""
    distance = ((u - np.array([0.3 if surface == "half" else 0.6, 0.6])) ** 2).sum(axis=1)
    nearest = np.zeros(len(u), dtype=bool)
    nearest[np.argsort(distance, kind="stable")[: int(np.ceil(robustness.NEAR_SHARE * len(u)))]] = True
    return nearest


def _areas(
    e: tuple[Floats, Floats],
    u: tuple[Floats, Floats],
    zeros: list[Floats],
    points: list[Sampling],
    surface: str,
) -> dict[str, Interval]:
    return {name: found.interval(0.95) for name, found in contrasts(e, u, zeros, points, surface).items()}


def contrasts(
    e: tuple[Floats, Floats],
    u: tuple[Floats, Floats],
    zeros: list[Floats],
    points: list[Sampling],
    surface: str,
    rounding: float = 0.0,
) -> dict[str, robustness.Contrast]:
    """Return the difference of both areas, as `compare` computes it."""
    alone = [robustness.area_from(float(zero.mean()), each) for zero, each in zip(zeros, e, strict=True)]
    around = [
        robustness.area_around(zero, each, near(at, surface))
        for zero, each, at in zip(zeros, e, u, strict=True)
    ]
    found = {}
    for name, areas in (("area difference", alone), ("area difference, around", around)):
        parts = [
            robustness.zero_part(zero, rounding, area.slope) for zero, area in zip(zeros, areas, strict=True)
        ]
        found[name] = robustness.contrast(areas[0], areas[1], points, parts)
    return found


def _all_budgets(a: Floats, b: Floats, points: list[Sampling], surface: str) -> bool:
    """Return whether the limits of how often the best of k is better hold for all budgets at once."""
    found = budgets(a, b, points, level=0.05)
    assert found is not None
    true = np.array([_true_wins(surface, int(k)) for k in found.k])
    return bool(((found.low - 1e-9 <= true) & (true <= found.high + 1e-9)).all())


@functools.cache
def _true_wins(surface: str, k: int) -> float:
    return wins(many(surface), many(surface, worse=WORSE), k)


def wins(a: Floats, b: Floats, k: int) -> float:
    """Return how often the best of k of A is better, of two models drawn so often that they are known."""
    at = np.unique(np.concatenate([a, b]))
    none_a, none_b = (
        np.concatenate([[1.0], (1 - np.searchsorted(each, at, "right") / len(each)) ** k]) for each in (a, b)
    )
    return float((none_a[:-1] - none_a[1:]) @ (none_b[1:] + none_b[:-1])) / 2


def _above(a: Floats, b: Floats) -> float:
    ordered = np.sort(b)
    upto, before = (np.searchsorted(ordered, a, side).mean() / len(b) for side in ("right", "left"))
    return float(1 - (upto + before) / 2)


def _paired(a: Floats, b: Floats, points: list[Sampling]) -> dict[str, Interval]:
    d = np.round(a - b, 9)
    found = {
        "median difference": _median(d, points[0], least=-100.0),
        "better": _share_better(d, points[0]),
        "mean difference": points[0].mean(d, -100.0, 100.0),
    }
    if points[0].design == "iid":
        found["divergence difference"] = paired_tests.share_difference(a == 100.0, b == 100.0, 0.95)
    return found


def _unpaired(a: Floats, b: Floats, points: list[Sampling]) -> dict[str, Interval]:
    x, y = (Sample(e, at) for e, at in zip((a, b), points, strict=True))
    found = {"mean difference": summaries.minus(*(s.points.mean(s.errors, 0.0, 100.0) for s in (x, y)))}
    if points[0].design == "iid":
        found["better"] = unpaired_tests.probability_better(a, b)
        found["median difference"] = summaries.minus(_median(*x), _median(*y))
        lost = (s.points.share(s.errors == 100.0) for s in (x, y))
        found["divergence difference"] = summaries.minus(*lost)
    return found


_SIZES = [("iid", 16), ("iid", 64), ("iid", 256), ("sobol", 48), ("sobol", 64), ("sobol", 128)]
SUMMARIES: list[Any] = [
    *((summary, (*size, s, True)) for size, s in itertools.product(_SIZES, SURFACES)),
    *((summary, ("iid", 64, s, False)) for s in SURFACES),
    *((split, case) for case in itertools.product((64, 128, 256), ("smooth", "cliff"), (NOISE, 2.0))),
    *((seeds, case) for case in itertools.product((3, 5, 9), (0.1, 0.3), (False, True))),
]
PAIRS: list[Any] = [
    (pair, (*size, s, f))
    for size, s, f in itertools.product(_SIZES, ("smooth", "cliff", "half"), (True, False))
]
