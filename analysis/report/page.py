"""The report as one self-contained HTML page."""

import base64
import hashlib
from collections.abc import Callable
from importlib import resources

import pandas as pd

from analysis.compare import Comparison, compare_pairs
from analysis.errors import AnalysisError
from analysis.pairing import Pair, pairs_of
from analysis.report import pictures, sections, verdict
from analysis.report.extras import ACROSS, Contents, Extras
from analysis.report.glossary import glossary
from analysis.report.html import Child, Html, joined, tag
from analysis.summaries import summarise
from analysis.table import RESULTS, SweepTrials, read_sweeps
from analysis.verdicts import verdicts


def _of(*parts: Callable[[Contents], Child]) -> Callable[[Contents], Child]:
    return lambda contents: joined(part(contents) for part in parts)


Section = tuple[str, str, Callable[[Contents], Child]]
SECTIONS: list[Section] = [
    ("run", "What was run", sections.what_was_run),
    ("state", "States of the trials", _of(sections.states, sections.missing_sweeps)),
    ("robustness", "How robust the models are", _of(sections.summary, verdict.problems, pictures.edfs)),
    ("scatters", "Error against learning rate and weight decay", pictures.scatters),
    ("maps", "Where in the box a model trains well", pictures.maps),
    ("budget", "What a budget of trials buys", pictures.tuning),
    ("comparison", "Which model is better, and how certain that is", sections.comparisons),
    ("noise", "What makes the errors differ", _of(sections.variance, sections.repeats)),
    ("examples", "Best and worst trials", _of(sections.best_and_worst, pictures.learning)),
    ("trials", "Every trial", sections.every_trial),
    ("glossary", "What the words mean", lambda _: glossary()),
]


def report_html(table: pd.DataFrame, extras: Extras | None = None) -> str:
    """Return a report on sweeps as one HTML page.

    Parameters
    ----------
    table : DataFrame
        One row per trial; see `analysis.table.read_sweeps`; with the additional columns lr, weight_decay and
        key. Sweeps without a result are named, but no number counts them.
    extras : Extras, optional
        Further information; sections say what is missing.

    Returns
    -------
    str
        Depends on the arguments only. The page loads nothing, and texts of the table are escaped.

    Raises
    ------
    AnalysisError
        If the table breaks a rule of `read_sweeps`, or no sweep has a result.
    """
    contents = _contents(table, extras or Extras())
    title = f"How hard to train? {', '.join(dict.fromkeys(s.model for s in contents.sweeps))}"
    body = joined(
        tag("section", tag("h2", name, id=f"{key}-h"), show(contents), id=key, aria_labelledby=f"{key}-h")
        for key, name, show in SECTIONS
    )
    links = joined(tag("li", tag("a", name, href=f"#{key}")) for key, name, _ in SECTIONS)
    page = joined(
        [
            tag("a", "Skip to the report", href="#report", class_="skip"),
            tag(
                "div",
                tag("nav", tag("ol", links), aria_label="Sections"),
                _main(title, contents, body),
                class_="page",
            ),
            tag("script", Html(_asset("report.js"))),
        ]
    )
    return f"<!DOCTYPE html>\n{tag('html', _head(title), tag('body', page), lang='en')}\n"


def _contents(table: pd.DataFrame, extras: Extras) -> Contents:
    finished = table["state"].isin(RESULTS) & (table["role"] == "point")
    with_result = set(table.loc[finished, "sweep"])
    kept = table[table["sweep"].isin(with_result)]
    if kept.empty:
        raise AnalysisError("no sweep has a finished or diverged point yet: go on with `sweep run`.")
    sweeps = read_sweeps(kept, need=("key", "lr", "weight_decay"))
    return Contents(
        table=table,
        sweeps=sweeps,
        summaries=[summarise(sweep) for sweep in sweeps],
        pairs=_pairs(sweeps),
        warnings=[*extras.warnings, *verdicts(sweeps, extras.learning)],
        extras=extras,
    )


def _pairs(sweeps: list[SweepTrials]) -> dict[str, list[Comparison]]:
    """Compare the sweeps of each optimizer that has more than one, and those of different optimizers."""
    groups: dict[str, list[Pair]] = {}
    for a, b in pairs_of(sweeps):
        groups.setdefault(a.optimizer if a.optimizer == b.optimizer else ACROSS, []).append((a, b))
    return {name: compare_pairs(pairs) for name, pairs in groups.items()}


def _main(title: str, contents: Contents, body: Html) -> Html:
    footer = tag(
        "footer", tag("p", "Made by sweep report. This page loads nothing: it can be kept and sent as it is.")
    )
    return tag("main", tag("h1", title), verdict.verdict(contents), body, footer, id="report")


def _head(title: str) -> Html:
    """Return the head. Its security policy allows the page's own script only, and no loading."""
    digest = base64.b64encode(hashlib.sha256(_asset("report.js").encode()).digest()).decode()
    policy = f"default-src 'none'; style-src 'unsafe-inline'; img-src data:; script-src 'sha256-{digest}'"
    return joined(
        [
            Html('<head><meta charset="utf-8">'),
            Html(f'<meta http-equiv="Content-Security-Policy" content="{policy}">'),
            Html('<meta name="viewport" content="width=device-width, initial-scale=1">'),
            Html('<meta name="color-scheme" content="light dark">'),
            tag("title", title),
            tag("style", Html(_asset("report.css"))),
            Html("</head>"),
        ]
    )


def _asset(name: str) -> str:
    return resources.files("analysis.report").joinpath(name).read_text(encoding="utf-8")
