"""Comparisons as sentences, and as a table."""

import math
from collections.abc import Sequence

import pandas as pd

from analysis.compare import Comparison
from analysis.intervals import Interval
from analysis.pairing import ASPECTS, aspects
from analysis.repeats import Repeated
from analysis.summaries import AREA_TO, interval_columns
from analysis.tuning import budget_for

MANY = 10_000
"""If more trials than this would be needed, the sentence gives this number instead."""

LEAST_TO_PLAN = 8
"""Trials from which the number of trials needed is estimated."""


def sentences(pair: Comparison) -> list[str]:
    """Return what a comparison shows, one text each about the error, robustness (Δ) and the tuning budget."""
    return [text for text in (_of_error(pair), _of_delta(pair), of_budget(pair)) if text]


def _of_error(pair: Comparison) -> str:
    if pair.no_test:
        return f"{_both(pair)}: no test holds for the error. {_upper(pair.no_test)}.{_left_out(pair)}"
    evidence = _evidence(pair.tests, pair.q)
    if not pair.different:
        text = f"{_both(pair)} are not distinguishable at n = {_n(pair)} ({evidence}); {_needed(pair)}"
        return f"{text}.{_left_out(pair)}"
    winner, loser, better, lead = _for_the_winner(pair)
    where = ("at {} of the shared points" if pair.paired else "in {} of all pairs of trials").format(
        percent(better)
    )
    by = (
        f"it leads {loser} by {_points(lead)} in the median"
        if lead.value > 0
        else f"the median difference is {_points(lead)}"
    )
    if better.value < 0.5 or lead.value < 0:
        text = f"{winner} has the lower errors once their sizes count ({evidence}), though only {where}; {by}"
    else:
        text = f"{winner} has the lower error {where}: {by} ({evidence}){_dominance(pair, winner)}"
    return f"{text}.{_left_out(pair)}"


def _evidence(tests: dict[str, float], q: float) -> str:
    """Return the first test's p-value with its correction, then those of the other tests."""
    (name, p), *others = tests.items()
    more = "".join(f"; {other} p = {p_value(value)}" for other, value in others)
    return f"{name} p = {p_value(p)}, {p_value(q)} after correction{more}"


def _left_out(pair: Comparison) -> str:
    if not pair.left_out:
        return ""
    return f" {counted(pair.left_out, 'trial')} of either without a partner at the same point left out."


def _dominance(pair: Comparison, winner: str) -> str:
    """Return how far the EDFs cross, if they do: the better model then depends on the error of interest."""
    if pair.dominates == winner:
        return ", and its EDF is nowhere below the other"
    below = pair.gap_a if winner == pair.a.name else pair.gap_b
    return f"; but the EDFs cross: the other lies up to {below:.2f} above" if below > 0 else ""


def _of_delta(pair: Comparison) -> str:
    area = pair.area_diff
    if math.isnan(area.value):
        return f"Robustness (Δ) cannot be compared: {pair.no_delta}."
    more, less = (pair.a, pair.b) if area.value >= 0 else (pair.b, pair.a)
    difference = area if area.value >= 0 else negated(area)
    size = f"difference of the areas under the Δ curves up to {AREA_TO:g} points: {number(difference)}"
    if math.isnan(pair.q_area):
        return f"{_looks(more.name, difference)} ({size}); there is no test of it: {pair.no_delta}."
    evidence = f"{size}, p = {p_value(pair.p_area)}, {p_value(pair.q_area)} after correction"
    if pair.tests_delta:
        tests = ", ".join(f"{name} p = {p_value(p)}" for name, p in pair.tests_delta.items())
        evidence += f"; of Δ itself, uncorrected: {tests}"
    if pair.more_robust:
        return f"{more.name} is the more robust, {less.name} the less ({evidence})."
    return f"Neither is shown to be the more robust ({evidence})."


def _looks(model: str, difference: Interval) -> str:
    """Return what an interval alone shows, without a test."""
    if math.isnan(difference.low):
        return "How certain it is which one is the more robust in Δ is unknown"
    return (
        f"In Δ {model} looks the more robust" if difference.low > 0 else "Neither looks the more robust in Δ"
    )


def of_budget(pair: Comparison) -> str | None:
    """Return how few trials of the better model match the best of the other; None if it takes as many."""
    if not pair.different:
        return None
    better, worse = (pair.a, pair.b) if pair.favoured_sign < 0 else (pair.b, pair.a)
    target = float(worse.points["top1_err"].min())
    k = budget_for(better.points["top1_err"], target)
    if k is None or k >= worse.n:
        return None
    trials = "1 random trial" if k == 1 else f"{k} random trials"
    return (
        f"Of {better.name}, {trials} can be expected to reach {target:.2f} %, "
        f"the best of {worse.n} of {worse.name}."
    )


def _both(pair: Comparison) -> str:
    return f"{pair.a.name} and {pair.b.name}"


def _n(pair: Comparison) -> str:
    return str(pair.n_a) if pair.n_a == pair.n_b else f"{pair.n_a} and {pair.n_b}"


def _needed(pair: Comparison) -> str:
    what = "shared points" if pair.paired else "trials of each"
    if math.isnan(pair.needed) or math.isinf(pair.needed) or min(pair.n_a, pair.n_b) < LEAST_TO_PLAN:
        return f"these trials do not show how many {what} would be needed"
    if pair.needed <= min(pair.n_a, pair.n_b):
        return "at this n, chance decides whether a difference of this size is detected"
    if pair.needed > MANY:
        return f"detecting so small a difference would take more than {MANY:,} {what}"
    return (
        f"detecting a difference of this size in 4 of 5 studies would take about {math.ceil(pair.needed)} "
        f"{what}"
    )


def _for_the_winner(pair: Comparison) -> tuple[str, str, Interval, Interval]:
    """Return winner, loser, the probability that the winner is better, and the median difference."""
    if pair.favoured_sign < 0:
        return pair.a.name, pair.b.name, pair.better, negated(pair.median_diff)
    value, low, high = pair.better
    return pair.b.name, pair.a.name, Interval(1 - value, 1 - high, 1 - low), pair.median_diff


def negated(interval: Interval) -> Interval:
    """Return the interval of the negated estimate."""
    return Interval(-interval.value, -interval.high, -interval.low)


def _upper(text: str) -> str:
    return text[:1].upper() + text[1:]


def of_repeats(point: Repeated) -> str:
    """Return a sentence with the results of a chosen point with other seeds."""
    where = f"point {point.index} (lr {point.lr:.3g}, wd {point.weight_decay:.3g})"
    seeds = counted(len(point.errors), "other seed")
    if point.missing:
        seeds += f" ({point.missing} without a result)"
    if not len(point.errors):
        return f"{where} has no result with other seeds yet."
    text = f"{where} with {seeds}: {number(point.mean)} %"
    text += f", {point.diverged} of them diverged" if point.diverged else ""
    text += "" if math.isnan(point.spread) else f", standard deviation {point.spread:.2f}"
    text += "" if math.isnan(point.first) else f"; its own trial gave {point.first:.2f} %"
    if math.isnan(point.delta.value):
        return f"{text}. The optimum has no finite error to compare it with."
    return f"{text}. That minus the mean at the optimum: {number(point.delta)} points."


def counted(n: int, what: str) -> str:
    """Format a count with its noun: 1 trial, 12 trials."""
    return f"{n:,} {what}{'' if n == 1 else 's'}"


def percent(share: Interval) -> str:
    """Format a share with its limits: 88 % (78–94)."""
    if math.isnan(share.low):
        return f"{100 * share.value:.0f} %"
    return f"{100 * share.value:.0f} % ({100 * share.low:.0f}–{100 * share.high:.0f})"


def number(estimate: Interval) -> str:
    """Format an estimate with its limits: 3.84 (3.02 to 5.20)."""
    if math.isnan(estimate.low):
        return f"{estimate.value:.2f}"
    return f"{estimate.value:.2f} ({estimate.low:.2f} to {estimate.high:.2f})"


def _points(estimate: Interval) -> str:
    """Write a difference in points; what would be rounded to none is said to be less than the least shown."""
    if not 0 < abs(estimate.value) < 0.005:
        return f"{number(estimate)} points"
    limits = "" if math.isnan(estimate.low) else f" ({estimate.low:.2f} to {estimate.high:.2f})"
    return f"less than 0.01 points{limits}"


def p_value(p: float) -> str:
    """Format a p-value: 0.032, 4e-07."""
    return f"{p:.2g}" if p >= 1e-3 else f"{p:.0e}"


def comparison_table(pairs: Sequence[Comparison]) -> pd.DataFrame:
    """Return a table of comparisons, one row per pair.

    Returns
    -------
    DataFrame
        a, b (names: the models, if only those differ), optimizer, recipe (both with a dash, if they differ),
        differ_in (model, optimizer, recipe; empty if only points or seeds do), sweep_a, sweep_b, paired, n_a,
        n_b, left_out; for each effect X (mean_diff,
        median_diff, better, area_diff) X, X_low and X_high; test and p (of the first test), q (corrected);
        p_area, q_area (of robustness); more_robust (a model, if significant); the p-value of each test in a
        column of its name; dominates, gap_a, gap_b, needed, verdict.
    """
    return pd.DataFrame([_row(pair) for pair in pairs])


def _row(pair: Comparison) -> dict[str, object]:
    test, p = next(iter(pair.tests.items()), ("none", math.nan))
    effects = {name: getattr(pair, name) for name in ("mean_diff", "median_diff", "better", "area_diff")}
    return {
        "a": pair.a.name,
        "b": pair.b.name,
        **{aspect: _both_of(pair, aspect) for aspect in ASPECTS[1:]},
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
        "q_area": pair.q_area,
        "more_robust": pair.more_robust.name if pair.more_robust else None,
        **{f"p {name}": value for name, value in pair.tests.items()},
        **{f"p {name}, Δ": value for name, value in pair.tests_delta.items()},
        "dominates": pair.dominates,
        "gap_a": pair.gap_a,
        "gap_b": pair.gap_b,
        "needed": pair.needed,
        "verdict": " ".join(sentences(pair)),
    }


def _both_of(pair: Comparison, aspect: str) -> str:
    """Return an aspect of both sweeps; once if it is the same."""
    return " – ".join(dict.fromkeys(str(getattr(sweep, aspect)) for sweep in (pair.a, pair.b)))
