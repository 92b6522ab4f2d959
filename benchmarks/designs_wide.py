"""What is a Sobol' design worth in two to eight dimensions, and do its intervals hold there? By simulation.

    python benchmarks/designs_wide.py [--quick]

Draws sweeps of 64 and 128 points as `sweep run --design sobol` does, in independently scrambled nets of 16.
Measured as in `designs.py`: how many independent points would have an EDF as far off, and how often the 95 %
interval between scrambles holds the truth. On each surface the errors rise with the square of the distance
from an optimum: along one hyperparameter, along two, or along all; or they jump where all together are
beyond a cliff. With noise between seeds and without. Writes designs/wide.csv.
"""

import argparse
import functools
import itertools
import os
from pathlib import Path
from typing import Any

os.environ.setdefault("OMP_NUM_THREADS", "1")  # before numpy

import numpy as np
import pandas as pd
from coverage_bands import HEIGHTS
from designs import limits
from scipy.stats import qmc
from surfaces import NOISE, Floats

HERE = Path(__file__).parent
NET = 16
"""Points of a net, as in `search_spaces.design`."""
DIMENSIONS, SIZES = (2, 3, 5, 8), (64, 128)
MATTERING = {"one matters": 1, "two matter": 2, "all matter": None}
"""Surface → how many hyperparameters the error depends on."""
SURFACES = (*MATTERING, "cliff")
REPS, POOL, TRUTHS = 2_000, 4_000, 400_000
SPREAD, CLIFF = 3.0, 30.0
"""Standard deviation of the errors of a smooth surface, and how much a cliff costs, in points."""


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--quick", action="store_true", help="40 repetitions: a smoke test; give it --out")
    parser.add_argument("--out", type=Path, default=HERE / "designs" / "wide.csv")
    args = parser.parse_args()
    rows: list[dict[str, Any]] = []
    for d, surface, noise in itertools.product(DIMENSIONS, SURFACES, (0.0, NOISE)):
        for n in SIZES:
            rng = np.random.default_rng([d, n, len(rows)])
            rows.append(measure(d, n, surface, noise, 40 if args.quick else REPS, rng))
        print(pd.DataFrame(rows[-len(SIZES) :]).to_string(index=False, header=len(rows) == 2), flush=True)
    pd.DataFrame(rows).to_csv(args.out, index=False, float_format="%.5g")


def measure(
    d: int, n: int, surface: str, noise: float, reps: int, rng: np.random.Generator
) -> dict[str, Any]:
    """Draw `reps` sweeps of n points in d dimensions, and see how their EDF and its interval do."""
    truth = true_errors(d, surface, noise)
    x = truth[(HEIGHTS * len(truth)).astype(int)]
    share = np.searchsorted(truth, x, "right") / len(truth)
    u = nets(d)[rng.integers(0, POOL, (reps, n // NET))].reshape(reps, n, d)
    below = errors(u, surface, noise, rng)[:, :, None] <= x
    mse = ((below.mean(1) - share) ** 2).mean()
    low, high = limits(below, (n // NET, NET))
    inside = ((low <= share + 1e-9) & (share - 1e-9 <= high)).mean(0)
    return {
        "dimensions": d,
        "n": n,
        "surface": surface,
        "noise": noise,
        "worth": float((share * (1 - share)).mean() / mse / n),
        "held": float(inside.mean()),
        "held_least": float(inside.min()),
        "reps": reps,
    }


def errors(u: Floats, surface: str, noise: float, rng: np.random.Generator) -> Floats:
    """Return the errors at relative points, shape (…,)."""
    d = u.shape[-1]
    if surface == "cliff":
        error = CLIFF * (u.mean(-1) > 0.5) + u[..., 0]
    else:
        weighed = MATTERING[surface] or d
        away = (u[..., :weighed] - 0.6) ** 2
        error = SPREAD * away.sum(-1) / _deviation(weighed)
    return error + rng.normal(0, noise, error.shape) if noise else error


@functools.cache
def _deviation(dimensions: int) -> float:
    """Return the standard deviation of a sum of squared distances from 0.6, each uniform."""
    u = np.linspace(0, 1, 100_001)
    return float(np.sqrt(dimensions) * np.std((u - 0.6) ** 2))


@functools.cache
def nets(d: int) -> Floats:
    """Return independently scrambled Sobol' nets, shape (POOL, NET, d)."""
    return np.stack([qmc.Sobol(d, rng=np.random.default_rng([7, d, i])).random(NET) for i in range(POOL)])


@functools.cache
def true_errors(d: int, surface: str, noise: float) -> Floats:
    """Return many errors at independent points, ordered."""
    rng = np.random.default_rng([11, d])
    return np.sort(errors(rng.random((TRUTHS, d)), surface, noise, rng))


if __name__ == "__main__":
    main()
