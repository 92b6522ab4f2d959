"""What `sweep knobs` prints."""

import math
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from rich.console import Console

from sweep.console.tables import new_table

if TYPE_CHECKING:
    from analysis.intervals import Interval
    from analysis.knobs import Cliff, Gain, Knob, Knobs

_ROOMY = 116
"""Letters in a line from which on every number has its interval."""


def print_knobs(found: "Sequence[Knobs]", console: Console) -> None:
    """Print a sentence on each sweep, a table of its hyperparameters, and what those that matter do."""
    from analysis.knobs import headline, sentences

    for place, each in enumerate(found):
        if place:
            console.print()
        console.print(headline(each), style="bold", markup=False)
        console.print(_table(each, roomy=console.width >= _ROOMY))
        for sentence in sentences(each):
            console.print(sentence, markup=False)
    console.print(f"\n{_legend(found[0])}", markup=False)


def _legend(found: "Knobs") -> str:
    """Say what the table's columns are."""
    terms = found.terms
    unit = f", in {terms.unit}" if terms.unit else ""
    return (
        f"explains: the share of the variance of {terms.variance} that the {terms.mean} at each value "
        f"makes up. Beyond a cliff the {terms.median} is more than "
        f"{found.sweep.metric.amount(found.drop)} worse than at the optimum, or at ~, where {terms.lowest}. "
        f"Best, worst tenth: the {terms.mean} at these values minus that of all trials{unit}. –: not shown. "
        "The other hyperparameters are free."
    )


def _table(found: "Knobs", *, roomy: bool) -> object:
    table = new_table(
        "explains", "cliff\nbelow", "optimum", "cliff\nabove", "best\ntenth", "worst\ntenth", names=("",)
    )
    for knob in found.knobs:
        table.add_row(
            knob.name,
            _share(knob),
            _cliff(knob, knob.below, roomy=roomy),
            _optimum(knob),
            _cliff(knob, knob.above, roomy=roomy),
            _change(found, knob, knob.best, roomy=roomy),
            _change(found, knob, knob.worst, roomy=roomy),
        )
    return table


def _share(knob: "Knob") -> str:
    from analysis.words import percent

    return percent(knob.share)


def _optimum(knob: "Knob") -> str:
    from analysis.knobs.words import number

    if math.isnan(knob.optimum):
        return "–"
    return number(knob.optimum) if knob.is_known else f"~{number(knob.optimum)}"


def _cliff(knob: "Knob", cliff: "Cliff | None", *, roomy: bool) -> str:
    from analysis.knobs.words import number

    if cliff is None or not cliff.is_shown or not knob.matters:
        return "–"
    return _with_limits(cliff.at, number, roomy=roomy)


def _change(found: "Knobs", knob: "Knob", gain: "Gain | None", *, roomy: bool) -> str:
    if gain is None or not knob.matters or gain.change.low <= 0 <= gain.change.high:
        return "–"
    digits = found.terms.cell_digits
    return _with_limits(
        found.scores.shown(gain.change),
        lambda value: f"{value:+.{digits}f}".replace("-", "−"),
        roomy=roomy,
    )


def _with_limits(interval: "Interval", write: "Callable[[float], str]", *, roomy: bool) -> str:
    limits = f" ({write(interval.low)} to {write(interval.high)})"
    return write(interval.value) + (limits if roomy else "")
