"""The report's first screen in words: the ranking of the models, the findings, and warnings if any."""

from collections.abc import Sequence

from analysis.figure_layout import Look
from analysis.findings import FAIR_FROM, ROBUST_FROM, Rank, findings, listed, ranking
from analysis.names import of_stage, optimizer_name
from analysis.report.extras import NO_OPTIMIZER, Contents, model_of, without_result
from analysis.report.html import Html, bullets, joined, prose, tag
from analysis.report.payload import color, dash, looks
from analysis.summaries import Summary
from analysis.words import counted

_WORDS = (
    f"Robust: {100 * ROBUST_FROM:.0f} % of the trials or more. Less robust: {100 * FAIR_FROM:.0f} % or more. "
    "Sensitive: fewer."
)


def title(contents: Contents) -> str:
    """Return the page's title."""
    models = list(dict.fromkeys(str(model) for model in contents.table["model"]))
    return f"How hard to train: {listed(models)}?"


def in_short(contents: Contents) -> str:
    """Return how many trials there are and the ranking, for a list of reports."""
    ranks = [
        f"{rank.summary.sweep.name} {100 * rank.summary.near.value:.0f} % ({rank.word})"
        for rank in ranking(contents.summaries)
    ]
    metric = contents.metric
    near = f"{metric.amount(metric.near)} of the {contents.wording.error} at the optimum"
    within = f" Trials within {near}: {', '.join(ranks)}." if ranks else ""
    return _size(contents) + within


def size(contents: Contents) -> Html:
    """Return how many trials there are, and whether all have a result."""
    return tag("p", _size(contents), class_="size")


def _size(contents: Contents) -> str:
    table = contents.table
    count = {state: int((table["state"] == state).sum()) for state in ("finished", "diverged")}
    missing, sweeps = without_result(table), table["sweep"].nunique()
    on_recipe = f" on the recipe {contents.recipe}" if contents.recipe else ""
    optima = int((table["role"] == "optimum").sum())
    text = (
        f"{counted(len(table), 'trial')} in {counted(sweeps, 'sweep')}{on_recipe}"
        f"{f', {optima:,} of them at the optima' if optima else ''}: "
        f"{count['finished']:,} finished, {count['diverged']:,} diverged"
    )
    if missing:
        end = f". Incomplete: {missing:,} have no result yet, and what follows may change."
    else:
        end = "; every trial has a result."
    return text + end


def ranking_list(contents: Contents) -> Html:
    """Return a line a model, the most robust first, for each optimizer."""
    shown = looks(contents)
    optimizers = list(dict.fromkeys(map(str, contents.table["optimizer"])))
    parts = []
    for optimizer in optimizers:
        own = [s for s in contents.summaries if s.sweep.optimizer == optimizer]
        names = [name for name in contents.names if contents.optimizer(name) == optimizer]
        lines = _lines(contents, own, names)
        name = optimizer_name(optimizer)
        head = tag("h2", f"With {name}" if name else NO_OPTIMIZER) if len(optimizers) > 1 else None
        items = [_line(contents.model(name), shown[name], name, text) for name, text in lines]
        parts.append(tag("div", head, tag("ol", *items, class_="ranking")))
    words = tag("p", _WORDS, class_="size") if ranking(contents.summaries) else None
    return tag("div", *parts, words, class_="ranks")


def _lines(contents: Contents, summaries: Sequence[Summary], names: Sequence[str]) -> list[tuple[str, Html]]:
    """Return each sweep with its sentence: the ranked ones, then those without a Δ or a result."""
    ranked = [(rank.summary.sweep.sweep, _ranked(rank, contents.warnings)) for rank in ranking(summaries)]
    with_results = {s.sweep.sweep for s in summaries}
    done = {name for name, _ in ranked}
    rest = [
        (name, prose("no result at its optimum, so no Δ" if name in with_results else "no result yet"))
        for name in names
        if name not in done
    ]
    return [*ranked, *rest]


def _ranked(rank: Rank, warnings: Sequence[str]) -> Html:
    sweep = rank.summary.sweep
    doubted = any(
        text.startswith(f"{of_stage(model_of(sweep), sweep.panel, sweep.optimizer)}:") for text in warnings
    )
    doubt = tag("a", "see the warning", href="#warnings", class_="doubt") if doubted else None
    note = tag("span", rank.note, "; " if doubt else None, doubt, class_="limits")
    return joined([tag("strong", rank.word), f": {rank.text}", note])


def _line(model: str, look: Look, name: str, text: Html) -> Html:
    line = tag(
        "line",
        x1=1,
        y1=5,
        x2=27,
        y2=5,
        stroke=color(look),
        stroke_width=3,
        stroke_dasharray=dash(look) or None,
    )
    swatch = tag("svg", line, width=28, height=10, aria_hidden="true", class_="swatch")
    return tag("li", tag("span", swatch, model, class_="model", data_sweep=name), " ", text)


def findings_list(contents: Contents) -> Html | None:
    """Return the findings; None before there is a result."""
    found = findings(contents.summaries, contents.pairs)
    if not found:
        return None
    known = len(contents.table) - without_result(contents.table)
    running = contents.extras.progress is not None and known < len(contents.table)
    what = f"the first {counted(known, 'trial')}" if running else "the trials"
    return joined([tag("h2", f"What {what} show", id="findings-h"), bullets(found)])


def warning_strip(contents: Contents) -> Html | None:
    """Return the warnings; None if nothing is wrong."""
    if not contents.warnings:
        return None
    texts = [text.replace("`absolute`", f"the {contents.wording.error} itself") for text in contents.warnings]
    return tag("div", tag("h2", "Warnings"), bullets(texts), class_="warnings", id="warnings", role="note")


def problems(contents: Contents) -> Html | None:
    """Return which sweeps have no intervals or no Δ, and why."""
    texts = [f"No intervals: {s.no_intervals}." for s in contents.summaries if s.no_intervals]
    texts += [
        f"No Δ: {of_stage(model_of(s), '', s.optimizer)} has no finished trial at its optimum, or one there "
        "diverged."
        for s in contents.sweeps
        if s.optimum_state != "finished"
    ]
    return joined(tag("p", prose(text)) for text in texts) if texts else None
