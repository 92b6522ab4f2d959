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
    console.print(
        "\nexplains: the share of the variance of the errors, diverged trials at 100 %, that the mean error "
        "at each value makes up. Beyond a cliff the median error is more than "
        f"{found[0].drop:g} points worse than at the optimum, or at ~, where the mean error is lowest. Best, "
        "worst tenth: the mean error at these values minus that of all trials, in points. –: not shown. "
        "The other hyperparameters are free.",
        markup=False,
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
            _change(knob, knob.best, roomy=roomy),
            _change(knob, knob.worst, roomy=roomy),
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


def _change(knob: "Knob", gain: "Gain | None", *, roomy: bool) -> str:
    if gain is None or not knob.matters or gain.change.low <= 0 <= gain.change.high:
        return "–"
    return _with_limits(gain.change, _signed, roomy=roomy)


def _signed(value: float) -> str:
    return f"{value:+.1f}".replace("-", "−")


def _with_limits(interval: "Interval", write: "Callable[[float], str]", *, roomy: bool) -> str:
    limits = f" ({write(interval.low)} to {write(interval.high)})"
    return write(interval.value) + (limits if roomy else "")
