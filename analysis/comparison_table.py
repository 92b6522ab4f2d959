"""Comparisons as a table."""

import math
from collections.abc import Sequence

import pandas as pd

from analysis.comparison import Comparison
from analysis.comparison_sentences import sentences
from analysis.pairing import aspects
from analysis.summaries import interval_columns

_EFFECTS = ("mean_diff", "median_diff", "better", "diverged_diff", "area_diff", "area_around_diff")


def comparison_table(pairs: Sequence[Comparison]) -> pd.DataFrame:
    """Return a table of comparisons, one row per pair.

    Returns
    -------
    DataFrame
        a, b (names: the models, if only those differ), optimizer, recipe (both with a dash, if they differ),
        differ_in (model, optimizer, recipe; empty if only points or seeds do), sweep_a, sweep_b, paired, n_a,
        n_b, left_out; for each effect X (mean_diff, median_diff, better, diverged_diff, area_diff,
        area_around_diff) X, X_low and X_high; test and p (of the first test), q (corrected); p_area,
        p_area_around, q_robust (of robustness); more_robust (a name, if significant); take (which is claimed
        to be better at which budgets); the p-value of each test in a column of its name; dominates, gap_a,
        gap_b, needed, needed_robust, verdict.
    """
    return pd.DataFrame([_row(pair) for pair in pairs])


def _row(pair: Comparison) -> dict[str, object]:
    test, p = next(iter(pair.tests.items()), ("none", math.nan))
    effects = {name: getattr(pair, name) for name in _EFFECTS}
    return {
        "a": pair.a.name,
        "b": pair.b.name,
        **{aspect: _both_of(pair, aspect) for aspect in ("optimizer", "recipe")},
        "differ_in": ", ".join(aspects(pair.a, pair.b)),
        "sweep_a": pair.a.sweep,
        "sweep_b": pair.b.sweep,
        "paired": pair.paired,
        "n_a": pair.n_a,
        "n_b": pair.n_b,
        "left_out": pair.left_out,
        **interval_columns(effects),
        "test": test,
        "p": p,
        "q": pair.q,
        "p_area": pair.p_area,
        "p_area_around": pair.p_area_around,
        "q_robust": pair.q_robust,
        "more_robust": pair.more_robust.name if pair.more_robust else None,
        "take": ", ".join(f"{model.name} at {k}" for k, model in pair.better_at if model) or None,
        **{f"p {name}": value for name, value in pair.tests.items()},
        "dominates": pair.dominates,
        "gap_a": pair.gap_a,
        "gap_b": pair.gap_b,
        **_alike(pair),
        "needed": pair.needed,
        "needed_robust": pair.needed_robust,
        "verdict": " ".join(sentences(pair)),
    }


def _alike(pair: Comparison) -> dict[str, object]:
    if pair.alike is None:
        return {}
    found = pair.alike
    return {
        "margin": found.margin.size,
        "margin_of": found.margin.label,
        **interval_columns({"margin_diff": found.difference}),
        "equivalent": found.equivalent,
        "a_not_worse": found.a_not_worse,
        "b_not_worse": found.b_not_worse,
    }


def _both_of(pair: Comparison, aspect: str) -> str:
    """Return an aspect of both sweeps; once if it is the same."""
    return " – ".join(dict.fromkeys(str(getattr(sweep, aspect)) for sweep in (pair.a, pair.b)))
