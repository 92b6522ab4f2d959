"""Sentences on which hyperparameter matters."""

import math

from analysis.bands import CONFIDENCE
from analysis.intervals import Interval
from analysis.knobs.gains import Gain
from analysis.knobs.sweep_knobs import Knob, Knobs
from analysis.knobs.terms import Terms
from analysis.words import percent

_PAIRS = 3
"""Pairs that are named."""


def headline(found: Knobs) -> str:
    """Return one sentence on which hyperparameters matter, and how much of the spread they explain."""
    first, name, differ = found.knobs[0], found.sweep.name, found.terms.differ
    if math.isnan(first.p):
        return f"{name}: {first.name} explains most of {differ}, {percent(first.share)}."
    matter = [knob for knob in found.knobs if knob.matters]
    rest = [knob.name for knob in found.knobs if not knob.matters]
    if not matter:
        return f"{name}: of no hyperparameter is an effect shown."
    others = "".join(f", {knob.name} {percent(knob.share)}" for knob in matter[1:])
    return (
        f"{name}: {matter[0].name} matters most: by itself it explains {percent(matter[0].share)} of "
        f"{differ}{others}." + (f" No effect is shown of {_listed(rest)}." if rest else "")
    )


def among_good(found: Knobs) -> str | None:
    """Return one sentence on what leads from the good trials to the best; None if that is not known."""
    if not found.good or all(math.isnan(knob.among_good_p) for knob in found.knobs):
        return None
    best = f"the best tenth ({found.sweep.metric.level(found.good.limit)} or better)"
    shown = sorted((k for k in found.knobs if k.leads_to_best), key=lambda knob: -knob.among_good.value)
    if not shown:
        return f"Within the better half of the trials, no hyperparameter is shown to lead to {best}."
    shares = [
        f"{knob.name} {'explains ' * (not i)}{percent(knob.among_good)}" for i, knob in enumerate(shown)
    ]
    return f"Within the better half of the trials, {', '.join(shares)} of which ones are in {best}."


def sentences(found: Knobs) -> list[str]:
    """Return a sentence for each hyperparameter that matters: its cliffs, its best and its worst values.

    And what each costs that is left untuned, if that is shown.
    """
    each = [_sentence(found, knob) for knob in found.knobs if knob.matters]
    return [*each, *filter(None, [together(found), untuned(found)])]


def together(found: Knobs) -> str | None:
    """Return a sentence on the pairs that matter beyond what each does alone; None if that is not known."""
    if not found.surrogate:
        return None
    fit = f"a surrogate with all pairs explains {100 * found.surrogate.fit:.0f} % of {found.terms.differ}"
    shown = [pair for pair in found.surrogate.pairs if pair.p <= 1 - CONFIDENCE]
    if not shown:
        return (
            "Of no pair of hyperparameters is it shown that they matter together beyond what each does alone."
        )
    shares = [f"{pair.a} × {pair.b} {percent(pair.share)}" for pair in shown[:_PAIRS]]
    more = f" and {len(shown) - _PAIRS} more" if len(shown) > _PAIRS else ""
    return f"Together, beyond what each does alone, explain: {', '.join(shares)}{more}; {fit}."


def untuned(found: Knobs) -> str | None:
    """Return a sentence on what it costs to tune all hyperparameters but one; None if nothing is shown."""
    shown = sorted((k for k in found.knobs if k.must_be_tuned), key=lambda knob: -knob.sensitivity.value)
    if not shown:
        return None
    costs = [f"{knob.name} {_points(knob.sensitivity, found.terms)}" for knob in shown]
    return (
        "What it costs on average to leave one at a random value, the others tuned with four tries: "
        f"{', '.join(costs)}."
    )


def _sentence(found: Knobs, knob: Knob) -> str:
    parts = [_cliffs(found, knob)] if knob.below and knob.above else []
    if knob.best and knob.worst:
        parts.append(_tenths(found.terms, knob, knob.best, knob.worst))
    return f"{knob.name}: {'. '.join(parts)}." if parts else f"{knob.name} matters."


def _tenths(terms: Terms, knob: Knob, best: Gain, worst: Gain) -> str:
    is_better, is_worse = best.change.high < 0, worst.change.low > 0
    better = f"{_points(best.change, terms)} {terms.better} than over all values at {place(knob, best)}"
    worse = f"{_points(worst.change, terms)} {terms.worse}"
    if is_better:
        return f"{terms.subject} {better}" + (f", and {worse} at {place(knob, worst)}" if is_worse else "")
    if is_worse:
        text = f"{worse} than over all values at {place(knob, worst)}; no value is shown to be better"
        return f"{terms.subject} {text}"
    are = f"{terms.subject[0].lower()}{terms.subject[1:]} {terms.better} or {terms.worse}"
    return f"Of no tenth of its values is it shown that {are} there than over all"


def _cliffs(found: Knobs, knob: Knob) -> str:
    assert knob.below
    assert knob.above
    at = "at its optimum" if knob.is_known else f"where {found.terms.lowest}"
    sides = {"below": knob.below, "above": knob.above}
    shown = [f"{side} {_value(c.at)}{_factor(knob, c.at)}" for side, c in sides.items() if c.is_shown]
    if not shown:
        return f"no cliff is shown within the values tried; {at.removeprefix('at ')}: {number(knob.optimum)}"
    hidden = [f"; no such cliff is shown {side}" for side, c in sides.items() if not c.is_shown]
    worse = f"the {found.terms.median} is over {found.sweep.metric.amount(found.drop)} worse"
    return f"{' and '.join(shown)}, {worse} than {at} ({number(knob.optimum)}){''.join(hidden)}"


def _factor(knob: Knob, at: Interval) -> str:
    if not knob.setting.is_log:
        return ""
    factors = [max(x / knob.optimum, knob.optimum / x) for x in (at.value, *at[1:])]
    low, high = sorted(factors[1:])
    return f", {factors[0]:.2g} times ({low:.2g}–{high:.2g}) off"


def _value(interval: Interval) -> str:
    return f"{number(interval.value)} ({number(interval.low)}–{number(interval.high)})"


def _points(change: Interval, terms: Terms) -> str:
    low, high = sorted((abs(change.low), abs(change.high)))
    digits = terms.digits
    amount = f"{abs(change.value):.{digits}f} {terms.unit}".rstrip()
    return f"{amount} ({low:.{digits}f}–{high:.{digits}f})"


def place(knob: Knob, gain: Gain) -> str:
    """Return where a tenth of a hyperparameter's values lies: ``0.01–0.03``, ``512`` or ``flip``."""
    if gain.label or gain.low == gain.high:
        return gain.label or number(gain.low)
    return f"{number(gain.low)}–{number(gain.high)}"


def number(value: float) -> str:
    """Format a value of a hyperparameter with three digits."""
    return f"{value:.3g}" if abs(value) < 1e4 else f"{value:.4g}"


def _listed(names: list[str]) -> str:
    return " or ".join(filter(None, [", ".join(names[:-1]), names[-1]]))
