"""Comparisons in plain words, and as a table."""

import math
from collections.abc import Sequence

import pandas as pd

from analysis.compare import LEVEL, Comparison
from analysis.intervals import Interval
from analysis.summaries import AREA_TO
from analysis.tuning import budget_for

MANY = 10_000
"""Trials that nobody will run: a need above this is called just that."""


def sentences(pair: Comparison) -> list[str]:
    """Say what a comparison shows: of the error, of Δ, which is robustness proper, and of the budget."""
    return [text for text in (_of_error(pair), _of_delta(pair), _of_budget(pair)) if text]


def _of_error(pair: Comparison) -> str:
    if pair.no_test:
        return f"{_both(pair)}: no test holds for the error. {_upper(pair.no_test)}."
    name, p = next(iter(pair.tests.items()))
    evidence = f"{name} p = {p_value(p)}, {p_value(pair.q)} after correction"
    if not pair.different:
        return f"{_both(pair)} are not distinguishable at n = {_n(pair)} ({evidence}); {_needed(pair)}."
    winner, loser, better, lead = _for_the_winner(pair)
    where = "at {} of the shared points" if pair.paired else "in {} of all pairs of trials"
    return (
        f"{winner} has the lower error {where.format(percent(better))}: it leads {loser} by {number(lead)} "
        f"points in the median ({evidence}){_dominance(pair, winner)}."
    )


def _dominance(pair: Comparison, winner: str) -> str:
    """Say where the EDFs cross, if they do: then which model is better depends on the error one asks for."""
    if pair.dominates == winner:
        return ", and its EDF is nowhere below the other"
    below = pair.gap_a if winner == pair.a.model else pair.gap_b
    return f"; but the EDFs cross: the other lies up to {below:.2f} above" if below > 0 else ""


def _of_delta(pair: Comparison) -> str:
    area = pair.area_diff
    if math.isnan(area.value):
        return f"Robustness (Δ) cannot be compared: {pair.no_delta}."
    more, less = (pair.a, pair.b) if area.value >= 0 else (pair.b, pair.a)
    difference = area if area.value >= 0 else negated(area)
    size = f"difference of the areas under the Δ curves up to {AREA_TO:g} points: {number(difference)}"
    if not pair.tests_delta:
        clear = difference.low > 0
        looks = f"In Δ {more.model} looks the more robust" if clear else "Neither looks the more robust in Δ"
        return f"{looks} ({size}); there is no test of it: {pair.no_delta}."
    name, p = next(iter(pair.tests_delta.items()))
    evidence = f"{size}; {name} on Δ p = {p_value(p)}"
    if p > LEVEL:
        return f"Neither is shown to be the more robust ({evidence})."
    return f"{more.model} is the more robust, {less.model} the less ({evidence})."


def _of_budget(pair: Comparison) -> str | None:
    """Say how few trials of the better model do what all of the other's did; None where it took as many."""
    if not pair.different:
        return None
    better, worse = (pair.a, pair.b) if pair.better.value >= 0.5 else (pair.b, pair.a)
    target = float(worse.points["top1_err"].min())
    k = budget_for(better.points["top1_err"], target)
    if k is None or k >= worse.n:
        return None
    trials = "1 random trial" if k == 1 else f"{k} random trials"
    return (
        f"Of {better.model}, {trials} can be expected to reach {target:.2f} %, "
        f"the best of {worse.n} of {worse.model}."
    )


def _both(pair: Comparison) -> str:
    return f"{pair.a.model} and {pair.b.model}"


def _n(pair: Comparison) -> str:
    return str(pair.n_a) if pair.n_a == pair.n_b else f"{pair.n_a} and {pair.n_b}"


def _needed(pair: Comparison) -> str:
    what = "shared points" if pair.paired else "trials of each"
    if math.isnan(pair.needed):
        return "no estimate of how many trials would be needed"
    if pair.needed > MANY:
        return f"to see so small a difference would take more than {MANY:,} {what}"
    return (
        f"to see a difference of this size in 4 of 5 studies would take some {math.ceil(pair.needed)} {what}"
    )


def _for_the_winner(pair: Comparison) -> tuple[str, str, Interval, Interval]:
    """Return winner, loser, how often the winner is better, and by how much."""
    if pair.better.value >= 0.5:
        return pair.a.model, pair.b.model, pair.better, negated(pair.median_diff)
    value, low, high = pair.better
    return pair.b.model, pair.a.model, Interval(1 - value, 1 - high, 1 - low), pair.median_diff


def negated(interval: Interval) -> Interval:
    """Return the interval of minus the estimate."""
    return Interval(-interval.value, -interval.high, -interval.low)


def _upper(text: str) -> str:
    return text[:1].upper() + text[1:]


def percent(share: Interval) -> str:
    """Write a share with its limits: 88 % (78–94)."""
    if math.isnan(share.low):
        return f"{100 * share.value:.0f} %"
    return f"{100 * share.value:.0f} % ({100 * share.low:.0f}–{100 * share.high:.0f})"


def number(estimate: Interval) -> str:
    """Write an estimate with its limits: 3.84 (3.02 to 5.20)."""
    if math.isnan(estimate.low):
        return f"{estimate.value:.2f}"
    return f"{estimate.value:.2f} ({estimate.low:.2f} to {estimate.high:.2f})"


def p_value(p: float) -> str:
    """Write a p-value to two digits: 0.032, 4e-07."""
    return f"{p:.2g}" if p >= 1e-3 else f"{p:.0e}"


def comparison_table(pairs: Sequence[Comparison]) -> pd.DataFrame:
    """Tabulate comparisons, one row a pair.

    Returns
    -------
    DataFrame
        a, b (models), optimizer, sweep_a, sweep_b, paired, n_a, n_b, left_out; for each effect X (mean_diff,
        median_diff, better, area_diff) X, X_low and X_high; test, p (the first test's), q (corrected),
        p_delta; p of every test in a column of its name; dominates, gap_a, gap_b, needed, verdict.
    """
    return pd.DataFrame([_row(pair) for pair in pairs])


def _row(pair: Comparison) -> dict[str, object]:
    test, p = next(iter(pair.tests.items()), ("none", math.nan))
    effects = {name: getattr(pair, name) for name in ("mean_diff", "median_diff", "better", "area_diff")}
    return {
        "a": pair.a.model,
        "b": pair.b.model,
        "optimizer": pair.a.optimizer,
        "sweep_a": pair.a.sweep,
        "sweep_b": pair.b.sweep,
        "paired": pair.paired,
        "n_a": pair.n_a,
        "n_b": pair.n_b,
        "left_out": pair.left_out,
        **{
            name + suffix: value
            for name, interval in effects.items()
            for suffix, value in zip(("", "_low", "_high"), interval, strict=True)
        },
        "test": test,
        "p": p,
        "q": pair.q,
        "p_delta": next(iter(pair.tests_delta.values()), math.nan),
        **{f"p {name}": value for name, value in pair.tests.items()},
        **{f"p {name}, Δ": value for name, value in pair.tests_delta.items()},
        "dominates": pair.dominates,
        "gap_a": pair.gap_a,
        "gap_b": pair.gap_b,
        "needed": pair.needed,
        "verdict": " ".join(sentences(pair)),
    }
