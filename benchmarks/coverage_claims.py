"""How often `analysis.compare` claims something wrong of two models, and how often it sees what is there.

Whole comparisons are made, as `sweep compare` makes them. A claim is wrong if the models, drawn a million
times, do not differ in that direction: an error at which the claimed EDF does not lie above the other, a
budget at which the claimed model does not win more often, a robustness that is the same. All wrong claims of
a comparison count as one.
"""

import functools
import itertools
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
from coverage_intervals import wins
from numpy.typing import NDArray
from scipy import stats
from surfaces import NOISE, STEP, ZERO, Floats, errors

from analysis import Comparison, SweepTrials, compare, permutation, read_sweeps, robustness, summaries
from analysis.compare import ANY

LEVEL = 0.05
REPS = 120
ALIKE_REPS = 400
"""Where a rate of 5 % is to be told from more: its standard error is 1.1 %."""
DRAWS = 999
"""Random relabellings: fewer than in use, for speed; the tests are as valid with fewer."""
SEEDS = 5
MILLION = 1_000_000
EQUAL = 2e-3
"""A true difference of areas, or of shares, up to this counts as none: so much is chance in a million."""
Rows = list[dict[str, Any]]
Model = tuple[str, float, float, float]
"""Surface, how much steeper, error at the optimum, noise."""

CASES: dict[str, tuple[Model, Model]] = {
    "alike, smooth": (("smooth", 0.0, ZERO, NOISE), ("smooth", 0.0, ZERO, NOISE)),
    "alike, 16 % diverge": (("cliff", 0.0, ZERO, NOISE), ("cliff", 0.0, ZERO, NOISE)),
    "alike, half diverge": (("half", 0.0, ZERO, NOISE), ("half", 0.0, ZERO, NOISE)),
    "2 points apart": (("cliff", 0.0, ZERO, NOISE), ("cliff", 0.0, ZERO + 2, NOISE)),
    "2 points apart, more noise": (("smooth", 0.0, ZERO, 0.4), ("smooth", 0.0, ZERO + 2, 1.0)),
    "crossing": (("cliff", 0.0, ZERO, NOISE), ("smooth", 0.0, ZERO + 1.5, NOISE)),
    "crossing, half diverge": (("half", 0.0, ZERO, NOISE), ("cliff", 0.3, ZERO + 2.5, NOISE)),
    "equal below the cliff": (("smooth", 0.0, ZERO, NOISE), ("rare", 0.0, ZERO, NOISE)),
    "a third steeper": (("smooth", 0.0, ZERO, 0.4), ("smooth", 0.3, ZERO, 0.4)),
    "a third steeper, 16 % diverge": (("cliff", 0.0, ZERO, 0.4), ("cliff", 0.3, ZERO, 0.4)),
    "60 % steeper": (("smooth", 0.0, ZERO, 0.4), ("smooth", 0.6, ZERO, 0.4)),
}


def claims(rng: np.random.Generator, reps: int | None, case: str, n: int, shared: bool) -> Rows:
    """Compare two models many times, and count wrong claims and right ones."""
    permutation.DRAWS = DRAWS
    models, truth = CASES[case], _Truth(case)
    found: list[dict[str, bool]] = []
    for _ in range(reps or (ALIKE_REPS if case.startswith("alike") and n <= 64 else REPS)):
        u = rng.random((n, 2))
        points = (u, u if shared else rng.random((n, 2)))
        pair = _compared(models, points, rng, shared=shared)
        found.append(truth.judge(pair) | _seen(pair, truth))
    table = pd.DataFrame(found)
    words = {"design": "iid", "n": n, "surface": case, "rounded": True, "reps": len(table)}
    where = "shared points" if shared else "other points"
    promised = [
        words | {"name": f"any wrong claim, {where}", "promise": "rejects", "rate": table["wrong"].mean()}
    ]
    powers = [
        words | {"name": f"{name}, {where}", "promise": "sees", "rate": table[name].mean()}
        for name in table.columns
        if name != "wrong"
    ]
    return promised + powers


@functools.cache
def _template() -> SweepTrials:
    row = {"sweep": "a", "model": "a", "family": "a", "panel": "p", "optimizer": "sgd", "recipe": "r"}
    rows = [row | {"role": "point", "index": i, "state": "finished", "top1_err": 1.0} for i in range(2)]
    rows.append(row | {"role": "optimum", "index": 0, "state": "finished", "top1_err": 1.0})
    table = pd.DataFrame(rows).assign(design="iid", lr=1.0, weight_decay=1.0)
    return read_sweeps(table)[0]


def _compared(
    models: tuple[Model, Model], points: tuple[Floats, Floats], rng: np.random.Generator, *, shared: bool
) -> Comparison:
    sweeps = [_sweep(name, model, u, rng) for name, model, u in zip("ab", models, points, strict=True)]
    (pair,) = compare(sweeps, test="auto" if shared else "unpaired")
    return pair


def _sweep(name: str, model: Model, u: Floats, rng: np.random.Generator) -> SweepTrials:
    surface, worse, zero, noise = model
    e = errors(u, surface, rng, rounded=True, worse=worse, noise=noise, zero=zero)
    place = np.exp((u - _centre(surface)) * np.log(32))
    points = pd.DataFrame(
        {"index": np.arange(len(u)), "top1_err": e, "u_lr": u[:, 0], "u_wd": u[:, 1]}
        | {"lr": place[:, 0], "weight_decay": place[:, 1]}
        | {"state": np.where(e == 100.0, "diverged", "finished")}
    )
    zeros = np.round(rng.normal(zero, noise, SEEDS) / STEP) * STEP
    return replace(
        _template(),
        sweep=name,
        model=name,
        name=name,
        points=points,
        finished=points[e < 100.0],
        diverged=points[e == 100.0],
        optimum_errs=zeros,
    )


def _centre(surface: str) -> Floats:
    return np.array([0.3 if surface == "half" else 0.6, 0.6])


class _Truth:
    """What is true of two models."""

    def __init__(self, case: str) -> None:
        self.samples = tuple(_many(*model) for model in CASES[case])
        self.robust = _true_sign(*CASES[case])
        self.zeros = tuple(zero for _, _, zero, _ in CASES[case])
        self.alike = not any(abs(self.above(at)) > EQUAL for at in np.unique(self.samples[0])[::5])
        self.wins = functools.cache(self._wins)

    def above(self, at: float) -> float:
        """Return by how much A's share with at most an error is larger than B's."""
        a, b = (np.searchsorted(sample, at + 1e-6, "right") / MILLION for sample in self.samples)
        return float(a - b)

    def _wins(self, k: int) -> float:
        """Return the probability that A's best of k is better, less one half."""
        return wins(self.samples[0], self.samples[1], k) - 0.5

    def judge(self, pair: Comparison) -> dict[str, bool]:
        """Return whether any claim of a comparison is wrong."""
        wrong = any(
            _opposed(1 if stretch.a_leads else -1, self.above(at))
            for stretch in pair.where
            for at in (stretch.from_err, stretch.at_err, stretch.to_err)
        )
        wrong |= any(
            model is not None and _opposed(1 if model is pair.a else -1, self.wins(k))
            for k, model in pair.better_at
        )
        robust = pair.more_robust
        wrong |= robust is not None and (1 if robust is pair.a else -1) != self.robust
        return {"wrong": bool(wrong or (self.alike and pair.different))}


def _opposed(claimed: int, true: float) -> bool:
    return claimed * true <= EQUAL


@functools.cache
def _many(surface: str, worse: float, zero: float, noise: float) -> Floats:
    rng = np.random.default_rng(11)
    u = rng.random((MILLION, 2))
    return np.sort(errors(u, surface, rng, rounded=True, worse=worse, noise=noise, zero=zero))


@functools.cache
def _true_sign(a: Model, b: Model) -> int:
    """Return which model is more robust by either area: 1 for A, −1 for B, 0 if neither is."""
    areas = np.array([_true_areas(*model) for model in (a, b)])
    differences = areas[0] - areas[1]
    signs = {int(np.sign(each)) for each in differences if abs(each) > EQUAL}
    return signs.pop() if len(signs) == 1 else 0


@functools.cache
def _true_areas(surface: str, worse: float, zero: float, noise: float) -> tuple[float, float]:
    rng = np.random.default_rng(12)
    u = rng.random((MILLION, 2))
    e = errors(u, surface, rng, rounded=True, worse=worse, noise=noise, zero=zero)
    around = robustness.area_around(np.full(SEEDS, zero), e, _near(u, surface))
    return float(summaries.area_scores(e - zero, e).mean()), around.value


def _near(u: Floats, surface: str) -> NDArray[np.bool_]:
    distance = ((u - _centre(surface)) ** 2).sum(axis=1)
    return np.asarray(distance <= np.quantile(distance, robustness.NEAR_SHARE))


def _seen(pair: Comparison, truth: _Truth) -> dict[str, bool]:
    """Return what a comparison sees, and what single tests at the same level would see."""
    plain = "Wilcoxon" if pair.paired else "Mann–Whitney"
    return {
        "any difference": pair.tests[ANY] <= LEVEL,
        plain: pair.tests[plain] <= LEVEL,
        "which to take": any(model is not None for _, model in pair.better_at),
        "more robust": pair.more_robust is not None,
        "more robust, if the zeros were known": _with_known_zeros(pair, truth),
    }


def _with_known_zeros(pair: Comparison, truth: _Truth) -> bool:
    """Return whether a t test of the areas sees a difference that is given the true zeros."""
    scores = []
    for sweep, zero in zip((pair.a, pair.b), truth.zeros, strict=True):
        e = sweep.points["top1_err"].to_numpy()
        scores.append(summaries.area_scores(e - zero, e))
    if np.ptp(scores[0] - scores[1]) == 0:
        return False
    test = stats.ttest_rel if pair.paired else stats.ttest_ind
    return bool(test(*scores).pvalue <= LEVEL)


_SHARED = (True, False)
ALIKE: list[Any] = [
    (claims, case)
    for case in itertools.product([name for name in CASES if name.startswith("alike")], (8, 64), _SHARED)
]
DIFFERENT: list[Any] = [
    (claims, case)
    for case in itertools.product([name for name in CASES if not name.startswith("alike")], (16, 64), _SHARED)
]
LARGE: list[Any] = [
    (claims, case) for case in itertools.product(("alike, half diverge", "crossing"), (512,), _SHARED)
]
