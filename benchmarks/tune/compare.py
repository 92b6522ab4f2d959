"""Compare samplers, pruners and efforts for `sweep tune` on surfaces that were trained before.

    python benchmarks/tune/compare.py [--seconds 150]

Surfaces: the grid of ``grid.py`` with its learning curves, and the 64 trials of each model of the demo
(docs/demo/trials.csv, without curves). Log errors are interpolated by smoothed radial basis functions; a
simulated trial adds noise of the size seen between seeds (0.18 in log error, 0.05 from epoch to epoch). Two
trials run at once, as on two cores. What counts is the interpolated error at the point that the search ends
with, less the lowest there is (regret, in points), and the epochs that it took, those of the repeats too.
Begins no case after ``--seconds``; again, it goes on with those that compare.csv lacks.
"""

import argparse
import itertools
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import optuna
import pandas as pd
from numpy.typing import NDArray
from scipy.interpolate import RBFInterpolator

from sweep.core.trial import TrialState
from sweep.tuning.sampler import OptunaSampler

HERE = Path(__file__).parent
EPOCHS = 25
SEED_NOISE, EPOCH_NOISE = 0.18, 0.05
Floats = NDArray[np.float64]


class Surface(NamedTuple):
    """Log errors over the unit square."""

    name: str
    curves: RBFInterpolator
    """(n, 2) → (n, EPOCHS), log(1 + error)."""
    lowest: float
    """In percent, at the last epoch."""

    def curve(self, u: tuple[float, float]) -> Floats:
        """Return log(1 + error) after each epoch."""
        return np.asarray(self.curves([u])[0])

    def error(self, u: tuple[float, float]) -> float:
        """Return the last error in percent."""
        return float(np.expm1(self.curve(u)[-1]))


def _surface(name: str, places: Floats, curves: Floats) -> Surface:
    low, high = places.min(0), places.max(0)
    fitted = RBFInterpolator(
        (places - low) / (high - low), curves, kernel="thin_plate_spline", smoothing=0.01
    )
    grid = np.stack(np.meshgrid(*[np.linspace(0, 1, 101)] * 2), -1).reshape(-1, 2)
    return Surface(name, fitted, float(np.expm1(fitted(grid)[:, -1].min())))


def surfaces() -> list[Surface]:
    """Fit all of them."""
    grid = pd.read_csv(HERE / "vit_p_1mf-adamw.csv").query("seed == 0")
    columns = [f"top1_err_{epoch}" for epoch in range(1, EPOCHS + 1)]
    found = [
        _surface("grid vit_p_1mf", np.log(grid[["lr", "wd"]].to_numpy()), np.log1p(grid[columns].to_numpy()))
    ]
    demo = pd.read_csv(HERE.parents[1] / "docs" / "demo" / "trials.csv").query("role == 'point'")
    for model, rows in demo.groupby("model"):
        errors = np.log1p(rows["top1_err"].to_numpy(float))
        curves = np.repeat(errors[:, None], EPOCHS, axis=1)
        found.append(_surface(f"demo {model}", rows[["u_lr", "u_wd"]].to_numpy(float), curves))
    return found


class Tried(NamedTuple):
    """A simulated trial under way."""

    number: int
    u: tuple[float, float]
    curve: Floats


def search(
    surface: Surface, chooser: OptunaSampler, points: int, rng: np.random.Generator
) -> Iterator[tuple[Any, ...]]:
    """Simulate a search with two workers; yield (u, last error, epochs, state) of each trial as it ends."""
    running: list[tuple[int, Tried, int]] = []  # (when its next epoch ends, trial, epoch)
    clock, asked = itertools.count(), 0
    while running or asked < points:
        while len(running) < 2 and asked < points:
            u_lr, u_wd = chooser.ask(asked)
            u = u_lr, u_wd
            noise = rng.normal(0, SEED_NOISE) + rng.normal(0, EPOCH_NOISE, EPOCHS)
            running.append(
                (next(clock), Tried(asked, u, np.clip(np.expm1(surface.curve(u) + noise), 0, 90)), 1)
            )
            asked += 1
        _, trial, epoch = running.pop(0)
        error = float(trial.curve[epoch - 1])
        prune = chooser.report(trial.number, epoch, error) and epoch < EPOCHS
        if prune or epoch == EPOCHS:
            state = TrialState.PRUNED if prune else TrialState.FINISHED
            chooser.tell(trial.number, state, error)
            yield trial.u, error, epoch, state
        else:
            running.append((next(clock), trial, epoch + 1))


def tuned(
    surface: Surface, chooser: OptunaSampler, effort: tuple[int, int, int], rng: np.random.Generator
) -> tuple[float, int]:
    """Search and repeat; return regret in points and epochs."""
    points, finalists, seeds = effort
    ended = list(search(surface, chooser, points, rng))
    best = sorted((t for t in ended if t[3] is TrialState.FINISHED), key=lambda t: t[1])[:finalists]
    means = [np.expm1(surface.curve(u)[-1] + rng.normal(0, SEED_NOISE, seeds)).mean() for u, *_ in best]
    epochs = sum(t[2] for t in ended) + len(best) * seeds * EPOCHS
    return surface.error(best[int(np.argmin(means))][0]) - surface.lowest, epochs


class Case(NamedTuple):
    """What is compared; a sampler with + is told of pruned trials as if they had ended there."""

    sampler: str
    pruner: str
    start: int
    effort: tuple[int, int, int]

    def chooser(self, seed: int) -> OptunaSampler:
        """Make a new study."""
        samplers: dict[str, Any] = {
            "random": lambda: optuna.samplers.RandomSampler(seed=seed),
            "sobol": lambda: optuna.samplers.RandomSampler(
                seed=seed
            ),  # never asked: all points are the net's
            "tpe": lambda: optuna.samplers.TPESampler(
                multivariate=True, n_startup_trials=self.start, seed=seed, constant_liar=True
            ),
            "gp": lambda: optuna.samplers.GPSampler(n_startup_trials=self.start, seed=seed),
        }
        pruners: dict[str, Any] = {
            "none": optuna.pruners.NopPruner,
            "median 0.2": lambda: optuna.pruners.MedianPruner(n_startup_trials=6, n_warmup_steps=5),
            "median 0.4": lambda: optuna.pruners.MedianPruner(n_startup_trials=6, n_warmup_steps=10),
            "halving": lambda: optuna.pruners.SuccessiveHalvingPruner(min_resource=5, reduction_factor=3),
        }
        return OptunaSampler(
            seed,
            EPOCHS,
            sampler=samplers[self.sampler.rstrip("+")](),
            pruner=pruners[self.pruner](),
            start=self.start,
            counts_pruned=self.sampler.endswith("+"),
        )


REPS = 32
USUAL = (28, 4, 3)
MORE = ((16, 4, 3), (24, 4, 4), (30, 5, 2), (31, 3, 3), (36, 1, 2), (40, 4, 4), (60, 5, 5))
ANYWHERE = [
    Case("random", "none", 0, USUAL),
    Case("sobol", "none", 28, USUAL),
    Case("tpe", "none", 12, USUAL),
    Case("gp", "none", 8, USUAL),
]
WITH_CURVES = [
    *(Case("tpe", "none", start, USUAL) for start in (6, 18)),
    *(Case("tpe", pruner, 12, USUAL) for pruner in ("median 0.2", "median 0.4", "halving")),
    *(Case("tpe", "median 0.4", 12, effort) for effort in MORE),
    Case("gp", "median 0.4", 8, USUAL),
    Case("gp+", "median 0.4", 8, USUAL),
]


def simulate(surface: Surface, case: Case) -> dict[str, Any]:
    """Repeat a case; return its row."""
    runs = [tuned(surface, case.chooser(i), case.effort, np.random.default_rng([7, i])) for i in range(REPS)]
    regret, epochs = np.array(runs).T
    return {
        "surface": surface.name,
        **case._asdict(),
        "effort": " ".join(map(str, case.effort)),
        "reps": REPS,
        "regret": regret.mean(),
        "se": regret.std(ddof=1) / REPS**0.5,
        "p90": np.quantile(regret, 0.9),
        "epochs": epochs.mean(),
    }


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--seconds", type=float, default=1e9)
    args = parser.parse_args()
    out, began = HERE / "compare.csv", time.monotonic()
    rows: list[dict[Any, Any]] = pd.read_csv(out).to_dict("records") if out.exists() else []
    done = {(row["surface"], row["sampler"], row["pruner"], row["start"], row["effort"]) for row in rows}
    for surface in surfaces():
        for case in ANYWHERE + (WITH_CURVES if surface.name.startswith("grid") else []):
            name = (surface.name, case.sampler, case.pruner, case.start, " ".join(map(str, case.effort)))
            if name in done or time.monotonic() - began > args.seconds:
                continue
            rows.append(simulate(surface, case))
            print(rows[-1], flush=True)
            pd.DataFrame(rows).round(3).to_csv(out, index=False)


if __name__ == "__main__":
    main()
