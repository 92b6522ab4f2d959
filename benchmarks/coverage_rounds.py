"""What `sweep run --until settled` costs and claims: how often a sweep that is looked at round after round
ends with a wrong claim, how many trials it saves, and what it misses of what all of them would show.

Whole studies are played: two models are trained in rounds, compared as `sweep compare` compares them, and
stopped as the driver stops them.
"""

import functools
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
from coverage_claims import CASES, Model, Rows, _seen, _sweep, _Truth
from surfaces import Floats, errors

from analysis import Comparison, Look, Rounds, SweepTrials, compare, look, permutation

REPS = 100
ALIKE_REPS = 400
"""Where a rate of 5 % is to be told from more: its standard error is 1.1 %."""
DRAWS = 1_999
"""Random relabellings: fewer than in use, for speed."""
PAIRS = 400_000
MOST = 256
Studies = tuple[SweepTrials, SweepTrials]


def studies(rng: np.random.Generator, reps: int | None, case: str, first: int, shared: bool) -> Rows:
    """Play many studies of two models, each until it is settled, and each with all trials at once."""
    permutation.DRAWS = DRAWS
    truth, rounds = _Truth(case), Rounds(first=first, most=MOST)
    found = []
    for _ in range(reps or (ALIKE_REPS if case.startswith("alike") else REPS)):
        both = _drawn(CASES[case], rng, shared=shared)
        found.append(_played(both, rounds, truth, case, shared=shared))
    return _rows(pd.DataFrame(found), case, rounds, shared=shared)


def _drawn(models: tuple[Model, Model], rng: np.random.Generator, *, shared: bool) -> Studies:
    u = rng.random((MOST, 2))
    a, b = (
        _sweep(name, model, at, rng)
        for name, model, at in zip("ab", models, (u, u if shared else rng.random((MOST, 2))), strict=True)
    )
    return a, b


def _played(
    both: Studies, rounds: Rounds, truth: _Truth, case: str, *, shared: bool
) -> dict[str, bool | float]:
    test = "auto" if shared else "unpaired"
    end = next(seen for n in rounds.sizes if (seen := _look(both, n, rounds, test)).is_last)
    (pair,), (whole,) = end.pairs, compare(both, test=test)
    claims, all_claims = _seen(pair, truth), _seen(whole, truth)
    row: dict[str, bool | float] = {
        "any wrong claim in rounds": truth.judge(pair)["wrong"],
        "any wrong claim, all at once": truth.judge(whole)["wrong"],
        "saved": 1 - end.n / rounds.most,
        "settled": end.settled,
        "better holds": _holds(pair, case, shared=shared),
    }
    for name in ("which to take", "more robust"):
        row |= {f"{name}, in rounds": claims[name], f"{name}, all at once": all_claims[name]}
    return row


def _look(both: Studies, n: int, rounds: Rounds, test: str) -> Look:
    return look(compare([_first(each, n, rounds) for each in both], test=test), n, rounds)


def _first(sweep: SweepTrials, n: int, rounds: Rounds) -> SweepTrials:
    points = sweep.points[:n]
    finished = points["top1_err"] < 100.0
    return replace(sweep, points=points, finished=points[finished], diverged=points[~finished], rounds=rounds)


def _holds(pair: Comparison, case: str, *, shared: bool) -> bool:
    _, low, high = pair.better
    return bool(low <= _true_better(case, shared=shared) <= high)


@functools.cache
def _true_better(case: str, *, shared: bool) -> float:
    """Return how often A is better at the same point, or at any two; ties count half."""
    rng = np.random.default_rng(13)
    u = rng.random((PAIRS, 2))
    a, b = (
        _errors(model, at, rng)
        for model, at in zip(CASES[case], (u, u if shared else rng.random((PAIRS, 2))), strict=True)
    )
    return float(((a < b) + 0.5 * (a == b)).mean())


def _errors(model: Model, u: Floats, rng: np.random.Generator) -> Floats:
    surface, worse, zero, noise = model
    return np.round(errors(u, surface, rng, rounded=True, worse=worse, noise=noise, zero=zero), 9)


def _rows(table: pd.DataFrame, case: str, rounds: Rounds, *, shared: bool) -> Rows:
    words = {"design": "iid", "n": rounds.first, "surface": case, "rounded": True, "reps": len(table)}
    where = "shared points" if shared else "other points"
    promises: dict[str, str] = {"any wrong claim in rounds": "rejects", "better holds": "holds"}
    rows: list[dict[str, Any]] = [
        words
        | {"name": f"{name}, {where}", "promise": promises.get(name, "sees"), "rate": table[name].mean()}
        for name in table.columns
    ]
    return [
        *rows,
        words | {"name": f"saved at the median, {where}", "promise": "sees", "rate": table["saved"].median()},
    ]


STUDIES: list[Any] = [
    *((studies, (case, 16, True)) for case in CASES),
    *((studies, (case, 16, False)) for case in CASES if case.startswith("alike")),
]
