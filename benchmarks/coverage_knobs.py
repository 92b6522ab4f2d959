"""How often the intervals of `sweep knobs` hold the truth, in 2, 5 and 8 dimensions.

`python benchmarks/coverage_knobs.py OUT.csv [REPS]` adds the cases that OUT.csv lacks, and can be stopped
at any time. The truth is that of two million trials of each surface.
"""

import functools
import itertools
import sys
from collections import defaultdict
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.stats import qmc

from analysis.intervals import Interval
from analysis.knobs import good as telling
from analysis.knobs.cliffs import cliffs, lowest
from analysis.knobs.gains import LEAST_TRIALS, TENTHS, gains, halves
from analysis.knobs.isolation import BEST_OF, isolation
from analysis.knobs.sensitivity import chosen_tenths, sensitivity
from analysis.knobs.settings import Setting
from analysis.knobs.shares import explained, holm
from analysis.knobs.surrogate import Surrogate, fit_surrogate, functions, products

Floats = NDArray[np.float64]
SURFACES = ("cliff", "half", "interaction", "nothing")
DIMENSIONS = (2, 5, 8)
SAMPLES = (("iid", 96), ("iid", 256), ("iid", 512), ("sobol", 512))
"""Designs, each with a number of points."""
REPS = 50
CONFIDENCE = 0.95
OPTIMUM = 0.4
"""Where every surface is best in its first hyperparameter."""
MANY = 2_000_000
CELLS = 240
GRID = np.linspace(0.0, 100.0, 1001)
STEP = 0.1


def errors(u: Floats, surface: str, rng: np.random.Generator) -> Floats:
    """Return errors in percent of points of the unit cube, shape (n, d); a diverged trial has 100.

    ``cliff``: a bowl, and a cliff in the first that the second moves. ``half``: half diverge, a steep bowl in
    the others. ``interaction``: the first two matter together. ``nothing``: nothing matters, 30 % diverge.
    """
    n, d = u.shape
    noise = rng.normal(0, 2.0, n)
    weak = sum(4.0 / (j + 1) * u[:, j] for j in range(2, d))
    bowl = 40 * (u[:, 0] - OPTIMUM) ** 2 + 20 * (u[:, 1] - 0.5) ** 2
    if surface == "nothing":
        return np.where(rng.random(n) < 0.3, 100.0, np.clip(50 + 7 * noise, 0, 99.9))
    if surface == "interaction":
        return np.clip(20 + 60 * np.abs(u[:, 0] - u[:, 1]) + weak + noise, 0, 100)
    edge, scale = (0.55, 0.05) if surface == "half" else (0.85, 0.03)
    chance = 1 / (1 + np.exp(-(u[:, 0] + 0.3 * (u[:, 1] - 0.5) - edge) / scale))
    steep = 3 if surface == "half" else 1
    finite = np.clip(20 + steep * bowl + weak + noise, 0, 99.9)
    return np.where(rng.random(n) < chance, 100.0, finite)


def draw(design: str, n: int, d: int, rng: np.random.Generator) -> Floats:
    """Draw points; of eight dimensions or five the last one is a choice of four values."""
    if design == "iid":
        u = rng.random((n, d))
    else:
        u = np.concatenate([qmc.Sobol(d, rng=rng).random(16) for _ in range(-(-n // 16))])[:n]
    return u if d == 2 else np.column_stack([u[:, :-1], np.floor(4 * u[:, -1]) / 4])


class Truth(NamedTuple):
    """What is true of one hyperparameter."""

    share: float
    means: Floats
    """Mean error in each cell of its values, shape (CELLS,)."""
    below: Floats
    """Share of errors of at most `GRID`, shape (CELLS, GRID)."""
    among_good: float
    """The share of being in the best tenth, within the better half."""

    def quantiles(self, values: Floats, *qs: float) -> list[float]:
        """Return quantiles of the errors at some values together."""
        cells, counts = np.unique(_cells(values), return_counts=True)
        whole = counts @ self.below[cells] / len(values)
        return [float(GRID[min(int(np.searchsorted(whole, q)), len(GRID) - 1)]) for q in qs]

    def best_of_4(self, values: Floats) -> float:
        """Return the mean of the best of four errors at some values together."""
        cells, counts = np.unique(_cells(values), return_counts=True)
        beyond = 1 - counts @ self.below[cells] / len(values)
        return float((beyond**4).sum() * STEP)

    def crossing(self, start: float, limit: float) -> float:
        """Return from which value above the start on the median always exceeds a limit; inf without one."""
        medians = GRID[np.minimum((self.below < 0.5).sum(axis=1), len(GRID) - 1)]
        good = np.flatnonzero((medians <= limit) | (np.arange(CELLS) / CELLS < start))
        return (good[-1] + 1) / CELLS if good[-1] + 1 < CELLS else np.inf


def _cells(values: Floats) -> NDArray[np.int64]:
    return np.minimum((values * CELLS).astype(np.int64), CELLS - 1)


@functools.cache
def truths(surface: str, d: int) -> list[Truth]:
    """Return what is true of each hyperparameter."""
    rng = np.random.default_rng(1)
    u = draw("iid", MANY, d, rng)
    y = errors(u, surface, rng)
    good = telling.good_trials(y)
    is_best = good.is_best[good.is_good].astype(float)
    return [_truth(u[:, j], y, _share(u[good.is_good, j], is_best)) for j in range(d)]


def _share(values: Floats, y: Floats) -> float:
    """Return the share of the variance that the means in the cells make up, without that of noise."""
    cell = _cells(values)
    used, cell, counts = np.unique(cell, return_inverse=True, return_counts=True)
    means = np.bincount(cell, y) / counts
    spread = float(((means - y.mean()) ** 2 * counts).sum()) / len(y)
    inner = y.var() - spread
    return max(0.0, float((spread - inner * len(used) / len(y)) / y.var()))


def _truth(values: Floats, y: Floats, among_good: float) -> Truth:
    cell = _cells(values)
    counts = np.maximum(np.bincount(cell, minlength=CELLS), 1)
    means = np.bincount(cell, y, CELLS) / counts
    place = np.searchsorted(GRID, np.round(y, 9))
    below = np.bincount(cell * len(GRID) + place, minlength=CELLS * len(GRID)).reshape(CELLS, -1)
    return Truth(_share(values, y), means, below.cumsum(axis=1) / counts[:, None], among_good)


@functools.cache
def true_pairs(surface: str, d: int) -> tuple[dict[tuple[str, str], float], dict[str, float]]:
    """Return the true share of each pair, and the true Shapley values, of the surrogate's functions."""
    rng = np.random.default_rng(2)
    u = draw("iid", MANY // 10, d, rng)
    y = errors(u, surface, rng)
    settings = [setting_of(u[:, j], str(j)) for j in range(d)]
    blocks = [functions(setting) for setting in settings]

    def share(terms: Floats) -> float:
        means = terms.T @ (y - y.mean()) / len(y)
        return max(0.0, float(means @ means / y.var()) - terms.shape[1] / len(y))

    pairs = {
        (str(i), str(j)): share(products(settings, blocks, i, j))
        for i, j in itertools.combinations(range(d), 2)
    }
    shapley = {
        str(j): share(blocks[j]) + sum(s for pair, s in pairs.items() if str(j) in pair) / 2 for j in range(d)
    }
    return pairs, shapley


def setting_of(values: Floats, name: str = "x") -> Setting:
    """Return a column of the unit cube as a hyperparameter."""
    return Setting.of(name, values, np.arange(len(values)))


Hits = dict[str, list[bool]]


def look(surface: str, d: int, n: int, design: str, reps: int) -> Hits:
    """Simulate sweeps, and tell of each kind of interval how often it held."""
    rng = np.random.default_rng([SURFACES.index(surface), d, SAMPLES.index((design, n))])
    hits: Hits = defaultdict(list)
    for _ in range(reps):
        u = draw(design, n, d, rng)
        y = errors(u, surface, rng)
        p, among_good_p = [], []
        good = telling.good_trials(y)
        for j, truth in enumerate(truths(surface, d)):
            setting = setting_of(u[:, j])
            kind = "" if setting.is_range else " (choice)"
            found = explained(setting, y, CONFIDENCE)
            p.append(found.p)
            low, high = found.share.low, max(found.share.high, 1e-3)  # a share of next to nothing is none
            _add(hits, f"share{kind}", Interval(found.share.value, low, high), truth.share)
            if not telling.problem(good):
                told = telling.told_by(setting, good, CONFIDENCE)
                among_good_p.append(told.p)
                near = told.share._replace(high=max(told.share.high, 1e-3))
                _add(hits, f"among good{kind}", near, truth.among_good)
            if j < 2 or not setting.is_range:
                _isolation(hits, setting, y, truth, kind)
            if setting.is_range and j < 2:
                _cliffs(hits, setting, y, truth, OPTIMUM if j == 0 else 0.5, "known")
                _cliffs(hits, setting, y, truth, None, "lowest")
            if n >= LEAST_TRIALS:
                _gains(hits, setting, y, truth, kind)
                _sensitivity(hits, setting, y, truth, kind)
        if n >= telling.LEAST_TRIALS:
            _pairs(hits, surface, [setting_of(u[:, j], str(j)) for j in range(d)], y, design)
        if surface == "nothing":
            hits["no false alarm"].append(_is_quiet(p))
            if among_good_p:
                hits["no false alarm among good"].append(_is_quiet(among_good_p))
    return hits


def _is_quiet(p: list[float]) -> bool:
    return bool(np.nanmin(holm(np.array(p))) > 1 - CONFIDENCE)


def _add(hits: Hits, name: str, interval: Interval, truth: float) -> None:
    hits[name].append(bool(interval.low - 1e-9 <= truth <= interval.high + 1e-9))


def _isolation(hits: Hits, setting: Setting, y: Floats, truth: Truth, kind: str) -> None:
    curve = isolation(setting, y, CONFIDENCE)
    place = setting.bins(len(curve))
    for b, each in enumerate(curve):
        inside = setting.values[place == b]
        exact = truth.quantiles(inside, 0.5, BEST_OF)
        for name, interval, true in zip(
            ("median", "best of 4"), (each.median, each.best_of_4), exact, strict=True
        ):
            near = Interval(interval.value, interval.low - STEP, interval.high + STEP)
            _add(hits, f"{name}{kind}", near, true)


def _cliffs(hits: Hits, setting: Setting, y: Floats, truth: Truth, optimum: float | None, name: str) -> None:
    curve = isolation(setting, y, CONFIDENCE)
    at = lowest(setting, y, len(curve)) if optimum is None else optimum
    _, above = cliffs(curve, at)
    home = next(b for b, each in enumerate(curve) if each.low <= at <= each.high)
    inside = setting.values[setting.bins(len(curve)) == home]
    exact = truth.crossing(at, truth.quantiles(inside, 0.5)[0] + 10.0)
    tolerance = 1 / CELLS
    _add(
        hits,
        f"cliff, optimum {name}",
        Interval(0, above.at.low - tolerance, above.at.high + tolerance),
        exact,
    )
    if np.isfinite(exact):
        hits[f"cliff found, optimum {name}"].append(bool(np.isfinite(above.at.high)))


def _gains(hits: Hits, setting: Setting, y: Floats, truth: Truth, kind: str) -> None:
    """Choose tenths as `gains` does, and compare with the true mean there."""
    tenth = setting.bins(TENTHS)
    half = halves(tenth)
    means = pd.Series(y).groupby([half, tenth]).mean()
    true = truth.means[_cells(setting.values)]
    for gain, choose in zip(gains(setting, y, CONFIDENCE), ("idxmin", "idxmax"), strict=True):
        chosen = [getattr(means[h], choose)() for h in (0, 1)]
        there = np.concatenate([true[(half == 1 - h) & (tenth == chosen[h])] for h in (0, 1)])
        name = "best" if choose == "idxmin" else "worst"
        _add(hits, f"error in the {name} tenth{kind}", gain.error, float(there.mean()))
        everywhere = float(np.average(truth.means, weights=np.maximum(truth.below[:, -1], 1e-12)))
        _add(hits, f"change by the {name} tenth{kind}", gain.change, float(there.mean()) - everywhere)


def _sensitivity(hits: Hits, setting: Setting, y: Floats, truth: Truth, kind: str) -> None:
    """Compare with the true best of four in tenths of all values, and in those that the halves choose."""
    tenth = setting.bins(TENTHS)
    half, chosen = chosen_tenths(setting, y)
    there = [truth.best_of_4(setting.values[(half == 1 - h) & (tenth == chosen[h])]) for h in (0, 1)]
    parts = np.arange(CELLS).reshape(TENTHS if setting.is_range else 4, -1) / CELLS + 1e-9
    if not setting.is_range:
        parts = parts[:, :1]
    everywhere = np.mean([truth.best_of_4(part) for part in parts])
    near = sensitivity(setting, y, CONFIDENCE)
    near = near._replace(low=near.low - STEP, high=near.high + STEP)
    _add(hits, f"sensitivity{kind}", near, float(everywhere - np.mean(there)))


def _pairs(hits: Hits, surface: str, settings: list[Setting], y: Floats, design: str) -> None:
    """Compare with the coefficients of the same functions of very many trials."""
    units = np.arange(len(y)).reshape(-1, 16) if design == "sobol" else None
    found = fit_surrogate(settings, y, CONFIDENCE, units)
    hits["surrogate fits"].append(isinstance(found, Surrogate))
    if isinstance(found, str):
        return
    pairs, shapley = true_pairs(surface, len(settings))
    for pair in found.pairs:
        _add(hits, "pair", pair.share._replace(high=max(pair.share.high, 1e-3)), pairs[pair.a, pair.b])
    for name, interval in found.shapley.items():
        _add(hits, "Shapley value", interval._replace(high=max(interval.high, 1e-3)), shapley[name])
    false = [pair.p <= 1 - CONFIDENCE for pair in found.pairs if pairs[pair.a, pair.b] < 1e-4]
    if false:
        hits["no false pair"].append(not any(false))


def main(out: Path, reps: int) -> None:
    """Add the cases that a table lacks."""
    done = pd.read_csv(out) if out.exists() else pd.DataFrame(columns=["surface", "d", "n", "design"])
    known = set(done[["surface", "d", "n", "design"]].itertuples(index=False, name=None))
    for surface, d, (design, n) in itertools.product(SURFACES, DIMENSIONS, SAMPLES):
        case = surface, d, n, design
        if case in known:
            continue
        hits = look(*case, reps)
        names = dict(zip(("surface", "d", "n", "design"), case, strict=True))
        rows = [{**names, "name": k, "rate": float(np.mean(v)), "count": len(v)} for k, v in hits.items()]
        pd.DataFrame(rows).to_csv(out, mode="a", header=not out.exists(), index=False)
        print(*case, flush=True)


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]) if len(sys.argv) > 2 else REPS)
