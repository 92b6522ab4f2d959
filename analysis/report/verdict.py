"""The report's first paragraphs: the results in plain words."""

from collections.abc import Sequence

from analysis.compare import Comparison
from analysis.findings import sentences
from analysis.intervals import Interval
from analysis.layout import optimizer_name
from analysis.report.extras import ACROSS, Contents, model_of, without_result
from analysis.report.html import Html, bullets, joined, paragraphs, prose, tag
from analysis.summaries import AREA_TO, Summary
from analysis.words import counted

_FEW = 3
"""Up to this many pairs, the first paragraphs describe each pair; more are left to the table."""


def verdict(contents: Contents) -> Html:
    """Return the number of trials, the ranking of the models by robustness, and the warnings."""
    lead = [_size(contents)]
    for optimizer in dict.fromkeys(sweep.optimizer for sweep in contents.sweeps):
        members = [s for s in contents.summaries if s.sweep.optimizer == optimizer]
        lead.append(_ranking(optimizer, members))
        lead += _comparisons(contents.pairs.get(optimizer, []))
    lead += _comparisons(contents.pairs.get(ACROSS, []))
    return joined([paragraphs(lead, class_="lead"), _warnings(contents.warnings)])


def _size(contents: Contents) -> str:
    table = contents.table
    count = {state: int((table["state"] == state).sum()) for state in ("finished", "diverged")}
    missing, sweeps = without_result(table), table["sweep"].nunique()
    text = (
        f"{counted(len(table), 'trial')} in {counted(sweeps, 'sweep')} on the recipe {contents.recipe}: "
        f"{count['finished']:,} finished, {count['diverged']:,} diverged"
    )
    if missing:
        return f"{text}. Incomplete: {missing:,} have no result yet, and what follows may change."
    return f"{text}; every trial has a result."


def _ranking(optimizer: str, summaries: Sequence[Summary]) -> str:
    known = sorted((s for s in summaries if s.sweep.optimum_state == "finished"), key=lambda s: -s.area.value)
    parts = [
        f"{model_of(s.sweep)} {_limits(s.area)} at an optimum of {s.sweep.optimum_err:.1f} % error"
        for s in known
    ]
    parts += [f"{model_of(s.sweep)} has no Δ" for s in summaries if s not in known]
    return (
        f"With {optimizer_name(optimizer)}, robustness as the area under the EDF of Δ up to {AREA_TO:g} "
        f"points (1: every trial is as good as the optimum): {'; '.join(parts)}."
    )


def _limits(interval: Interval) -> str:
    value, low, high = interval
    return f"{value:.2f} ({low:.2f} to {high:.2f})" if low == low else f"{value:.2f}"


def _comparisons(pairs: Sequence[Comparison]) -> list[str]:
    if len(pairs) <= _FEW:
        return [" ".join(sentences(pair)) for pair in pairs]
    different = sum(pair.different for pair in pairs)
    robust = sum(pair.more_robust is not None for pair in pairs)
    return [
        f"After correction for {len(pairs)} pairs, {different} differ in their error and {robust} "
        "in robustness (Δ); see the comparisons."
    ]


def _warnings(warnings: Sequence[str]) -> Html | None:
    if not warnings:
        return None
    return tag("div", tag("h2", "Warnings"), bullets(warnings), class_="warnings", role="note")


def problems(contents: Contents) -> Html | None:
    """Return which sweeps have no intervals or no Δ, and why."""
    texts = [f"No intervals: {s.no_intervals}." for s in contents.summaries if s.no_intervals]
    texts += [
        f"No Δ: {model_of(s)} ({s.optimizer}) has no finished trial at its optimum, or one there diverged."
        for s in contents.sweeps
        if s.optimum_state != "finished"
    ]
    return joined(tag("p", prose(text)) for text in texts) if texts else None
