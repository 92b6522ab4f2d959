"""What `sweep knobs` prints."""

import math
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from rich.console import Console
from rich.table import Table

from sweep.console.tables import new_table

if TYPE_CHECKING:
    from analysis.intervals import Interval
    from analysis.knobs import Cliff, Gain, Knob, Knobs

_LIMITS = ("everywhere", "of shares", "nowhere")
"""Which numbers of a table have their limits: as many as the line has room for."""
_UNLIMITED = 1000
"""Letters that no table has."""


def print_knobs(found: "Sequence[Knobs]", console: Console) -> None:
    """Print a sentence on each sweep, a table of its hyperparameters, and what those that matter do."""
    from analysis.knobs import among_good, headline, sentences

    for place, each in enumerate(found):
        if place:
            console.print()
        console.print(headline(each), style="bold", markup=False)
        console.print(_widest(each, console))
        for sentence in filter(None, [among_good(each), *sentences(each)]):
            console.print(sentence, markup=False)
    console.print(f"\n{_legend(found[0])}", markup=False)


def _legend(found: "Knobs") -> str:
    """Say what the table's columns are."""
    terms = found.terms
    unit = f", in {terms.unit}" if terms.unit else ""
    drop = found.sweep.metric.amount(found.drop)
    return (
        f"explains: the share of the variance of {terms.variance} that the {terms.mean} at each value makes "
        "up. Among good: the same of being in the best tenth, within the better half. Beyond a cliff the "
        f"{terms.median} is more than {drop} worse than at the optimum, or at ~, where {terms.lowest}. Best, "
        f"worst tenth: the {terms.mean} there minus that of all{unit}. Untuned: the best of four tries at a "
        "random value, minus that at the best values. –: not shown."
    )


def _widest(found: "Knobs", console: Console) -> Table:
    """Return the table with as many limits as a line has room for."""
    tables = [_table(found, limits) for limits in _LIMITS]
    unlimited = console.options.update(width=_UNLIMITED)
    widths = [console.measure(table, options=unlimited).maximum for table in tables]
    return next((t for t, width in zip(tables, widths, strict=True) if width <= console.width), tables[-1])


def _table(found: "Knobs", limits: str) -> Table:
    above = ("", "among", "cliff", "", "cliff", "best", "worst", "un-")
    below = ("explains", "good", "below", "optimum", "above", "tenth", "tenth", "tuned")
    table = new_table(*(f"{a}\n{b}" for a, b in zip(above, below, strict=True)), names=("",))
    roomy = limits == "everywhere"
    for knob in found.knobs:
        table.add_row(
            knob.name,
            _share(knob.share, limits),
            _share(knob.among_good, limits) if knob.leads_to_best else "–",
            _cliff(knob, knob.below, roomy=roomy),
            _optimum(knob),
            _cliff(knob, knob.above, roomy=roomy),
            _change(found, knob, knob.best, roomy=roomy),
            _change(found, knob, knob.worst, roomy=roomy),
            _untuned(found, knob, roomy=roomy),
        )
    return table


def _share(share: "Interval", limits: str) -> str:
    from analysis.words import percent

    return f"{100 * share.value:.0f} %" if limits == "nowhere" else percent(share)


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
    return _difference(found, found.scores.shown(gain.change), roomy=roomy)


def _untuned(found: "Knobs", knob: "Knob", *, roomy: bool) -> str:
    return _difference(found, knob.sensitivity, roomy=roomy) if knob.must_be_tuned else "–"


def _difference(found: "Knobs", interval: "Interval", *, roomy: bool) -> str:
    digits = found.terms.cell_digits
    return _with_limits(interval, lambda value: f"{value:+.{digits}f}".replace("-", "−"), roomy=roomy)


def _with_limits(interval: "Interval", write: "Callable[[float], str]", *, roomy: bool) -> str:
    limits = f" ({write(interval.low)} to {write(interval.high)})"
    return write(interval.value) + (limits if roomy else "")
