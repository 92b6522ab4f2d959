"""Into how many independent scrambles are a Sobol' design's points best split? By simulation.

    python benchmarks/designs.py [--quick]

Draws sweeps of 64 and 128 points, thousands of times: independent ones, and scrambled Sobol' nets of every
split of n. Measured, at true shares from 0.05 to 0.95: how far the EDF is off (RMSE), how many independent
points would be as far off (their variance is p (1 - p) / n exactly), how often the 95 % interval between
scrambles (`analysis.bands.scrambled_limits`) holds the truth, and how wide it is. Beside them the exact
interval of independent points. Surfaces: those of `surfaces.py`, with noise between seeds and without, and
the demo's three models, linear between their 64 recorded points. Writes designs/designs.csv and
designs/designs.png.
"""

import argparse
import functools
import itertools
import os
from pathlib import Path
from typing import Any, cast

os.environ.setdefault("OMP_NUM_THREADS", "1")  # before numpy

import matplotlib
import numpy as np
import pandas as pd
from coverage_bands import HEIGHTS
from scipy.interpolate import LinearNDInterpolator, NearestNDInterpolator
from scipy.stats import qmc
from surfaces import NOISE, SURFACES, Floats, errors, many

from analysis.bands import POINTWISE, count_limits, scrambled_limits
from search_spaces import relative_points

matplotlib.use("Agg")
from matplotlib import pyplot as plt

HERE = Path(__file__).parent
DEMO = HERE.parent / "docs" / "demo" / "trials.csv"
MODELS = ("vit_p_1mf", "vit_c_1mf", "regnety_1mf")
SPLITS = {n: [(n // m, m) for m in (n, n // 2, n // 4, n // 8, n // 16, n // 32)] for n in (64, 128)}
QUIET = tuple(f"{surface}, no noise" for surface in SURFACES)
REPS, POOL = 4_000, 4_000
LEAST_SCRAMBLES = 2


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--quick", action="store_true", help="40 repetitions: a smoke test; give it --out")
    parser.add_argument("--out", type=Path, default=HERE / "designs")
    args = parser.parse_args()
    args.out.mkdir(parents=True, exist_ok=True)
    reps = 40 if args.quick else REPS
    rows: list[dict[str, Any]] = []
    for n, surface in itertools.product(SPLITS, (*SURFACES, *QUIET, *MODELS)):
        rng = np.random.default_rng([n, len(rows)])
        rows += [measure(n, None, surface, reps, rng)]
        rows += [measure(n, split, surface, reps, rng) for split in SPLITS[n]]
        print(pd.DataFrame(rows[-len(SPLITS[n]) - 1 :]).to_string(index=False), flush=True)
    table = pd.DataFrame(rows)
    table.to_csv(args.out / "designs.csv", index=False, float_format="%.5g")
    figure(table, args.out / "designs.png")


def measure(
    n: int, split: tuple[int, int] | None, surface: str, reps: int, rng: np.random.Generator
) -> dict[str, Any]:
    """Draw `reps` sweeps of one design on a surface, and see how its EDF and interval do.

    Parameters
    ----------
    n : int
    split : tuple of int, or None
        Scrambles and points in each; None: independent points.
    """
    truth = true_errors(surface)
    x = truth[(HEIGHTS * len(truth)).astype(int)]
    share = np.searchsorted(truth, x, "right") / len(truth)
    x, share = x[share < 1], share[share < 1]
    u = rng.random((reps, n, 2)) if split is None else nets(split[1])[rng.integers(0, POOL, (reps, split[0]))]
    below = surface_errors(u.reshape(reps, n, 2), surface, rng)[:, :, None] <= x
    mse = ((below.mean(1) - share) ** 2).mean()
    low, high = limits(below, split)
    inside = np.where(np.isnan(low), np.nan, (low <= share + 1e-9) & (share - 1e-9 <= high)).mean(0)
    return {
        "n": n,
        "design": "iid" if split is None else f"{split[0]}x{split[1]}",
        "surface": surface,
        "rmse": float(np.sqrt(mse)),
        "worth": float((share * (1 - share)).mean() / mse / n),
        "held": float(inside.mean()),
        "held_least": float(inside.min()),
        "width": float((high - low).mean()),
        "reps": reps,
    }


def limits(below: np.ndarray, split: tuple[int, int] | None) -> tuple[Floats, Floats]:
    """Return the interval's limits of each sweep at each x, shape (reps, x); NaN where there is none."""
    reps, n, points = below.shape
    if split is None:
        low, high = count_limits(n, POINTWISE)
        return low[below.sum(1)], high[below.sum(1)]
    k, m = split
    if k < LEAST_SCRAMBLES:
        return np.full((reps, points), np.nan), np.full((reps, points), np.nan)
    blocks = below.reshape(reps, k, m, points).transpose(1, 2, 0, 3).reshape(k, m, -1)
    low, high = scrambled_limits(blocks, 0.95)
    return np.clip(low, 0, 1).reshape(reps, points), np.clip(high, 0, 1).reshape(reps, points)


@functools.cache
def nets(m: int) -> Floats:
    """Return independently scrambled Sobol' nets of m points, shape (POOL, m, 2)."""
    return np.stack([qmc.Sobol(2, rng=np.random.default_rng([7, m, i])).random(m) for i in range(POOL)])


def surface_errors(u: Floats, surface: str, rng: np.random.Generator) -> Floats:
    """Return the errors at relative points, shape (…,)."""
    if surface in MODELS:
        return cast(Floats, recorded(surface)(u))
    kind, _, quiet = surface.partition(", ")
    return errors(u, kind, rng, noise=0.0 if quiet else NOISE)


@functools.cache
def true_errors(surface: str) -> Floats:
    """Return a million ordered errors."""
    if surface in SURFACES:
        return many(surface)
    u = relative_points("grid", 1_000_000, 0)
    return np.sort(surface_errors(u, surface, np.random.default_rng(11)))


@functools.cache
def recorded(model: str) -> Any:
    """Return a model's error over relative points: linear between the demo's, outside the nearest."""
    table = pd.read_csv(DEMO)
    points = table[(table["model"] == model) & (table["role"] == "point")]
    at, found = points[["u_lr", "u_wd"]].to_numpy(), points["top1_err"].to_numpy()
    inside, outside = LinearNDInterpolator(at, found), NearestNDInterpolator(at, found)

    def error(u: Floats) -> Floats:
        value = inside(u)
        hole = np.isnan(value)
        value[hole] = outside(u[hole])
        return cast(Floats, value)

    return error


def figure(table: pd.DataFrame, path: Path) -> None:
    """Draw what each split is worth, how often its interval holds, and how wide that is."""
    figure, axes = plt.subplots(2, 3, figsize=(13, 7), layout="constrained")
    for row, (n, rows) in zip(axes, table.groupby("n"), strict=True):
        names = list(dict.fromkeys(rows["design"]))
        for surface, group in rows.groupby("surface", sort=False):
            place = [names.index(design) for design in group["design"]]
            for ax, column in zip(row, ("worth", "held", "width"), strict=True):
                colour = f"C{_place(str(surface))}"
                style = "o:" if surface in QUIET else "o-"
                ax.plot(place, group[column], style, ms=4, color=colour, label=str(surface))
        titles = ("iid points that one is worth", "95 % interval: how often it holds", "its mean width")
        for ax, title, goal in zip(row, titles, (3.0, 0.93, None), strict=True):
            ax.set(title=f"n = {n}: {title}", xticks=range(len(names)), xticklabels=names)
            if goal:
                ax.axhline(goal, color="grey", linewidth=1, linestyle="--")
        row[0].set_yscale("log", base=2)
    axes[0, 0].legend(fontsize=7)
    figure.savefig(path, dpi=110)
    plt.close(figure)


def _place(surface: str) -> int:
    return (*SURFACES, *MODELS).index(surface.partition(",")[0])


if __name__ == "__main__":
    main()
