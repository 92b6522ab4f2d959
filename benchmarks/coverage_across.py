"""How often the limits of `sweep compare --across recipe` hold the truth.

`python benchmarks/coverage_across.py OUT.csv [REPS]` draws studies of three models on two to six recipes from
`surfaces.py`, at points that all sweeps share or of their own. `alike`: all models are one, so that the best
of them is chosen by luck alone. `apart`: one is better, one steeper. It adds the cases that OUT.csv lacks.
"""

import functools
import itertools
import sys
from collections import defaultdict
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from surfaces import NOISE, SURFACES, ZERO, draw, errors, many

from analysis import SweepTrials, read_sweeps
from analysis.across import Contender, Lineup, common_point, performance_profiles, standing
from analysis.across.profile import Tolerance, score
from analysis.intervals import Interval
from analysis.metric import TOP1_ERROR

Floats = NDArray[np.float64]
Hits = dict[str, list[bool]]

MODELS = {
    "alike": ((0.0, 0.0), (0.0, 0.0), (0.0, 0.0)),
    "apart": ((0.0, 0.0), (0.6, 0.3), (2.5, 0.0)),
}
"""For each model, how much higher its error is at the optimum, and how much steeper its bowl."""
STUDIES = (
    (2, "iid", 32, True),
    (2, "iid", 64, False),
    (2, "iid", 256, True),
    (6, "iid", 64, True),
    (6, "iid", 256, False),
    (6, "sobol", 64, True),
)
"""How many recipes, how points are drawn, how many, and whether all sweeps were tried at the same ones."""
CENTRES = (0.35, 0.5, 0.65, 0.4, 0.55, 0.6)
"""Where the optimum of each recipe lies on a common scale of learning rates."""
SEEDS, RESAMPLES, REPS = 5, 400, 100


@functools.cache
def template() -> SweepTrials:
    """Return a sweep whose errors are replaced in each study."""
    point = {"role": "point", "index": 0, "state": "finished", "top1_err": 0.0}
    words = {"family": "a", "panel": "a", "recipe": "r", "design": "iid", "model": "m", "optimizer": "o"}
    return read_sweeps(pd.DataFrame([point | words | {"sweep": "s"}]))[0]


def sweep_of(base: SweepTrials, design: str, u: Floats, top1: Floats, seeds: Floats) -> SweepTrials:
    """Return a sweep of these errors at these points, with these errors at its optimum."""
    state = np.where(top1 >= 100, "diverged", "finished")
    columns = {"index": np.arange(len(u)), "u_lr": u[:, 0], "u_wd": u[:, 1], "lr": u[:, 0]}
    points = pd.DataFrame(columns | {"weight_decay": u[:, 1], "top1_err": top1, "state": state})
    optimum = pd.DataFrame({"state": ["finished"] * len(seeds), "top1_err": seeds})
    lost = state == "diverged"
    return replace(
        base,
        design=design,
        points=points,
        finished=points[~lost],
        diverged=points[lost],
        optimum=optimum,
        optimum_errs=seeds,
    )


@functools.cache
def truth_of(models: str, recipes: int) -> tuple[Floats, Floats]:
    """Return the true score and the true loss of each model on each recipe."""
    scores, losses = (np.empty((len(MODELS[models]), recipes)) for _ in range(2))
    for (m, (higher, steeper)), r in itertools.product(enumerate(MODELS[models]), range(recipes)):
        every = many(SURFACES[r % len(SURFACES)], worse=steeper)
        scores[m, r] = score(every) + higher
        losses[m, r] = np.where(every >= 100, 8.0, np.clip(every - ZERO, 0.0, 8.0)).mean()
    return scores, losses


def study(models: str, recipes: int, design: str, n: int, shared: bool, rng: np.random.Generator) -> Lineup:
    """Draw a study."""
    base, u = template(), draw(design, 1, n, rng)[0]
    contenders = []
    for m, (higher, steeper) in enumerate(MODELS[models]):
        sweeps = []
        for r in range(recipes):
            u = u if shared else draw(design, 1, n, rng)[0]
            kind = SURFACES[r % len(SURFACES)]
            top1 = errors(u, kind, rng, worse=steeper, zero=ZERO + higher)
            sweeps.append(sweep_of(base, design, u, top1, ZERO + higher + rng.normal(0, NOISE, SEEDS)))
        contenders.append(Contender(name=str(m), sweeps=tuple(sweeps)))
    return Lineup(recipes=tuple(map(str, range(recipes))), contenders=tuple(contenders), left_out=())


def look(models: str, recipes: int, design: str, n: int, shared: bool, reps: int) -> Hits:
    """Simulate studies, and tell of each kind of limits how often they held."""
    rng = np.random.default_rng([list(MODELS).index(models), recipes, len(design), n, shared])
    hits: Hits = defaultdict(list)
    true_scores, true_losses = truth_of(models, recipes)
    tolerance = Tolerance.of(TOP1_ERROR, by_factor=False)
    behind = tolerance.behind(true_scores)
    areas = np.clip((8.0 - behind) / 8.0, 0.0, 1.0).mean(axis=1)
    for _ in range(reps):
        lineup = study(models, recipes, design, n, shared, rng)
        for profile in performance_profiles(lineup, resamples=RESAMPLES).profiles:
            m = int(profile.name)
            add(hits, "area under the profile", profile.area, areas[m])
            for step, interval in profile.within.items():
                add(hits, f"share within {step:g}", interval, float((behind[m] <= step).mean()))
            for r, interval in enumerate(profile.behind):
                add(hits, "behind the best", interval, behind[m, r])
        for m, contender in enumerate(lineup.contenders):
            for r, sweep in enumerate(contender.sweeps):
                add(hits, "loss", standing(sweep).loss, true_losses[m, r])
        common(hits, recipes, n, design, rng)
    return hits


def common(hits: Hits, recipes: int, n: int, design: str, rng: np.random.Generator) -> None:
    """Look at the cheapest common point of one model, whose optimum lies elsewhere on each recipe."""
    base, u = template(), draw(design, 1, n, rng)[0]

    def exact(at: Floats, r: int) -> Floats:
        return 20 * (at[..., 0] - CENTRES[r]) ** 2 + 3 * (at[..., 1] - 0.6) ** 2

    sweeps = []
    for r in range(recipes):
        top1 = ZERO + exact(u, r) + rng.normal(0, NOISE, n)
        sweeps.append(sweep_of(base, design, u, top1, ZERO + rng.normal(0, NOISE, SEEDS)))
    found = common_point(Contender(name="m", sweeps=tuple(sweeps)))
    assert found
    true = [float(exact(np.array(found.values, dtype=float), r)) for r in range(recipes)]
    for interval, cost in zip(found.costs, true, strict=True):
        add(hits, "cost of the common point", interval, cost)
    add(hits, "its mean cost", found.mean, float(np.mean(true)))


def add(hits: Hits, name: str, interval: Interval, truth: float) -> None:
    hits[name].append(bool(interval.low - 1e-9 <= truth <= interval.high + 1e-9))


def main(out: Path, reps: int) -> None:
    """Add the cases that a table lacks."""
    names = ["models", "recipes", "design", "n", "shared"]
    done = pd.read_csv(out) if out.exists() else pd.DataFrame(columns=names)
    known = set(done[names].itertuples(index=False, name=None))
    for models, study_of in itertools.product(MODELS, STUDIES):
        case = models, *study_of
        if case in known:
            continue
        hits = look(*case, reps)
        rows = [
            {**dict(zip(names, case, strict=True)), "name": k, "rate": float(np.mean(v)), "count": len(v)}
            for k, v in hits.items()
        ]
        pd.DataFrame(rows).to_csv(out, mode="a", header=not out.exists(), index=False)
        print(*case, flush=True)


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]) if len(sys.argv) > 2 else REPS)
