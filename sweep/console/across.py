"""What `sweep compare --across recipe` prints."""

import math
from typing import TYPE_CHECKING, Any

from rich.console import Console

from sweep.console.tables import new_table
from sweep.utils.text import listed

if TYPE_CHECKING:
    from analysis.across import Across, Entry
    from analysis.intervals import Interval

_ROOMY = 116
"""Letters in a line from which on both limits of each number are shown."""


def print_across(found: "Across", console: Console) -> None:
    """Print what is found in sentences, then a row for each model and recipe."""
    from analysis.across import headlines
    from analysis.across.words import COVERED

    first, *rest = headlines(found)
    console.print(first, style="bold", markup=False)
    for line in rest:
        console.print(line, markup=False)
    console.print()
    console.print(_table(found, roomy=console.width >= _ROOMY))
    console.print(f"{_legend(found)} {COVERED}", markup=False)
    if found.lineup.left_out:
        left_out = listed(list(found.lineup.left_out))
        console.print(f"Left out, as missing on another recipe: {left_out}", markup=False)
    if found.profiles and found.profiles.no_limits:
        console.print(f"No limits of what is behind: {found.profiles.no_limits}.", markup=False)


def across_json(found: "Across") -> dict[str, Any]:
    """Return what `sweep compare --across recipe` prints, as data."""
    from analysis.across import across_table, headlines
    from sweep.workspace.trial_table import records

    return {
        "answer": headlines(found),
        "recipes": list(found.lineup.recipes),
        "left_out": list(found.lineup.left_out),
        "table": records(across_table(found)),
    }


def _table(found: "Across", *, roomy: bool) -> object:
    common = any(entry.common for entry in found.entries)
    words = ["at\noptimum", "loses", "best\nof 5", "behind"]
    table = new_table(*words, *(["one\nfor all"] if common else []), names=("model", "recipe"))
    for entry in found.entries:
        for place, recipe in enumerate(found.lineup.recipes):
            cells = _cells(found, entry, place, roomy=roomy)
            table.add_row("" if place else entry.contender.name, recipe, *cells[: 4 + common])
    return table


def _cells(found: "Across", entry: "Entry", place: int, *, roomy: bool) -> list[str]:
    """Return the numbers of a model on a recipe."""
    from analysis.intervals import NOTHING
    from analysis.summaries import own_values

    at, profile, metric = entry.standings[place], entry.profile, found.lineup.metric

    def cell(interval: "Interval") -> str:
        return _estimate(interval, metric.decimals, roomy=roomy)

    score = metric.cost(profile.scores[place]) if profile else math.nan
    return [
        cell(own_values(metric, at.level)) + ("" if at.at_optimum else "*"),
        cell(at.loss),
        _number(score, metric.decimals),
        cell(profile.behind[place] if profile else NOTHING),
        cell(entry.common.costs[place] if entry.common else NOTHING),
    ]


def _estimate(interval: "Interval", digits: int, *, roomy: bool) -> str:
    """Write an estimate with its limits, or with the farther one of them."""
    value, low, high = interval
    text = _number(value, digits)
    if not math.isfinite(value) or math.isnan(low):
        return text
    if roomy:
        return f"{text} ({low:.{digits}f} to {high:.{digits}f})"
    return f"{text} ± {max(value - low, high - value):.{digits}f}"


def _number(value: float, digits: int) -> str:
    if math.isinf(value):
        return "div."
    return "–" if math.isnan(value) else f"{value:.{digits}f}"


def _legend(found: "Across") -> str:
    """Say what the table's columns are."""
    metric = found.lineup.metric
    unit = "Errors in %, differences in points" if metric.is_top1_error else str(metric)
    best = any(not at.at_optimum for entry in found.entries for at in entry.standings)
    star = " *: none was trained there, so it is the best of the points." if best else ""
    common = any(entry.common for entry in found.entries)
    one = " One for all: how much worse the cheapest common hyperparameters are." if common else ""
    return (
        f"{unit}; ± is the farther confidence limit. Loses: how much worse than at the optimum a trial of "
        f"the box is on average, each counted as {metric.amount(metric.area_to)} at most. Best of 5: the "
        "median of the best of five random trials; behind: how much worse that is than the best model's."
        f"{one}{star}"
    )
