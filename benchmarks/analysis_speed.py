"""How long the analysis of 10 models × 10,000 trials takes: python benchmarks/analysis_speed.py [--n 10000]

Bands, summaries and all 45 comparisons, once where the models share their points and once where they do not:
3 s for these together is the goal. Then the figure of EDFs of 10 models × 64 trials: 2 s. Nothing else
should run.
"""

import argparse
import functools
import time
from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
from surfaces import errors
from sweep_overhead import machine

import analysis
from analysis.figures import cdf_figure, render

MODELS = 10


def table(n: int, *, shared: bool) -> pd.DataFrame:
    """Return the trials of ten models, each a little less robust than the one before; 16 % diverge."""
    frames = []
    for model in range(MODELS):
        rng = np.random.default_rng([model, 1])
        u = np.random.default_rng(0 if shared else model).random((n, 2))
        found = errors(u, "cliff", rng, rounded=True, worse=0.05 * model)
        points = {"role": "point", "index": np.arange(n), "repeat": 0, "top1_err": found}
        zeros = {"role": "optimum", "index": -1, "repeat": range(5), "top1_err": 3 + rng.normal(0, 0.3, 5)}
        rows = pd.concat([pd.DataFrame(points), pd.DataFrame(zeros)], ignore_index=True)
        rows[["u_lr", "u_wd"]] = np.nan
        rows.loc[: n - 1, ["u_lr", "u_wd"]] = u
        frames.append(rows.assign(model=f"m{model}", lr=0.1, weight_decay=0.1))
    every = pd.concat(frames, ignore_index=True)
    state = np.where(every["top1_err"] == 100, "diverged", "finished")
    words = {"optimizer": "adamw", "recipe": "r", "design": "iid", "panel": "p"}
    return every.assign(state=state, sweep=every["model"], family=every["model"], **words)


def timed(what: str, do: Callable[[], Any]) -> Any:
    """Run something and print how long it took."""
    started = time.perf_counter()
    found = do()
    print(f"  {what}: {time.perf_counter() - started:.2f} s", flush=True)
    return found


def main() -> None:
    """Time each part."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--n", type=int, default=10_000)
    n = parser.parse_args().n
    print(machine())
    for shared in (True, False):
        print(f"{MODELS} models × {n} trials, at {'the same' if shared else 'other'} points")
        rows = table(n, shared=shared)
        sweeps = timed("table read", functools.partial(analysis.read_sweeps, rows))
        curves = timed("EDFs", functools.partial(analysis.curves, rows))
        timed("bands", functools.partial(list, map(analysis.curve_band, curves)))
        timed("summaries", functools.partial(list, map(analysis.summarise, sweeps)))
        timed("comparisons", functools.partial(analysis.compare, sweeps))
    small = analysis.curves(table(64, shared=True))
    bands = {curve.sweep: analysis.curve_band(curve) for curve in small}
    timed("figure of 10 EDFs with bands, as PDF", lambda: render(cdf_figure(small, bands), ".pdf"))


if __name__ == "__main__":
    main()
