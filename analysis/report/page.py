"""The report as one self-contained HTML page."""

import base64
import hashlib
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from importlib import resources

import pandas as pd

from analysis.compare import compare_pairs
from analysis.comparison import Comparison
from analysis.errors import AnalysisError
from analysis.metric import in_costs
from analysis.names import known
from analysis.pairing import Pair, pairs_of
from analysis.report import charts, headline, progress, sections
from analysis.report.extras import ACROSS, Contents, Extras
from analysis.report.glossary import glossary
from analysis.report.html import Child, Html, escape, joined, tag
from analysis.report.payload import embedded
from analysis.summaries import summarise
from analysis.sweep_trials import RESULTS, SweepTrials, read_sweeps
from analysis.verdicts import verdicts

Part = Callable[[Contents], Child]


@dataclass(frozen=True, slots=True)
class Section:
    """A part of the page below the first screen."""

    key: str
    """The id of its element."""
    name: str
    """Its heading; see `title`."""
    parts: tuple[Part, ...]
    """What it shows, one below the other."""
    folded: bool = True
    """Whether it is closed at first."""
    printed: bool = True
    """Whether it is printed though it is closed; if not, a page that is served lacks it, as it is long."""
    of_results: bool = True
    """Whether there is nothing to show before a point has a result."""

    def title(self, contents: Contents) -> str:
        """Return its heading, which names the metric."""
        return self.name.format(errors=contents.wording.errors)


SECTIONS = (
    Section("explore", "Around the optimum", (charts.explorer,), folded=False, of_results=False),
    Section(
        "numbers",
        "Numbers, with intervals",
        (
            sections.summary,
            headline.problems,
        ),
    ),
    Section("comparison", "Comparisons and p-values", (sections.comparisons,)),
    Section("budget", "What a budget of trials buys", (charts.tuning,)),
    Section(
        "noise",
        "What makes {errors} differ",
        (
            sections.variance,
            sections.repeats,
        ),
    ),
    Section(
        "examples",
        "Best and worst trials",
        (
            sections.best_and_worst,
            charts.learning,
        ),
    ),
    Section(
        "state",
        "States of the trials",
        (
            sections.states,
            sections.missing_sweeps,
        ),
        of_results=False,
    ),
    Section("run", "What was run, and its cost", (sections.what_was_run,), of_results=False),
    Section("trials", "Every trial", (sections.every_trial,), printed=False, of_results=False),
    Section("glossary", "What the words mean", (glossary,), of_results=False),
)
_VENDORED = ("d3.min.js", "plot.min.js")
_SCRIPT = (
    "data.js",
    "charts.js",
    "points.js",
    "edf.js",
    "maps.js",
    "curves.js",
    "tables.js",
    "progress.js",
    "page.js",
)


def report_html(table: pd.DataFrame, extras: Extras | None = None) -> str:
    """Return a report on sweeps as one HTML page.

    Parameters
    ----------
    table : DataFrame
        One row per trial; see `analysis.read_sweeps`; with the additional columns lr, weight_decay and
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
        If the table breaks a rule of `read_sweeps`, or no sweep has a result and ``extras`` has no progress.
    """
    contents = _contents(table, extras or Extras())
    title = headline.title(contents)
    page = joined(
        [
            tag("a", "Skip to the report", href="#report", class_="skip"),
            tag("div", _navigation(contents), _main(title, contents), class_="page"),
            embedded(contents),
            *(tag("script", script) for script in _scripts()),
        ]
    )
    head = _head(
        ": ".join(known(contents.recipe, title)), headline.in_short(contents), served=contents.is_served
    )
    return f"<!DOCTYPE html>\n{tag('html', head, tag('body', page), lang='en')}\n"


def _contents(table: pd.DataFrame, extras: Extras) -> Contents:
    table = _in_costs(table)
    finished = table["state"].isin(RESULTS) & (table["role"] == "point")
    with_result = set(table.loc[finished, "sweep"])
    kept = table[table["sweep"].isin(with_result)]
    if kept.empty and extras.progress is None:
        raise AnalysisError(
            "no sweep has a finished or diverged point yet: this folder's go on with `sweep run`."
        )
    needed = ("key", "lr", "weight_decay")
    sweeps = [] if kept.empty else read_sweeps(kept, need=needed, any_metric=True)
    return Contents(
        table=table,
        sweeps=sweeps,
        summaries=[summarise(sweep) for sweep in sweeps],
        pairs=_pairs(sweeps),
        warnings=[*extras.warnings, *verdicts(sweeps, extras.learning)],
        extras=extras,
    )


def _in_costs(table: pd.DataFrame) -> pd.DataFrame:
    """Return the trials with costs in the place of errors, if they have another metric."""
    if "metric" not in table or table["metric"].isna().all():
        return table
    costs, metric = in_costs(table)
    if metric.is_top1_error:
        return table
    if "best_value" not in table:
        return costs
    best = pd.to_numeric(table["best_value"], errors="coerce").astype(float)
    return costs.assign(best_top1_err=metric.cost(best))


def _pairs(sweeps: list[SweepTrials]) -> dict[str, list[Comparison]]:
    """Compare the sweeps of each optimizer that has more than one, and those of different optimizers."""
    groups: dict[str, list[Pair]] = {}
    for a, b in pairs_of(sweeps):
        groups.setdefault(a.optimizer if a.optimizer == b.optimizer else ACROSS, []).append((a, b))
    return {name: compare_pairs(pairs) for name, pairs in groups.items()}


def _shown(contents: Contents) -> list[Section]:
    known = [each for each in SECTIONS if contents.sweeps or not each.of_results]
    return [each for each in known if each.printed or not contents.is_served]


def _navigation(contents: Contents) -> Html:
    links = joined(
        tag("li", tag("a", each.title(contents), href=f"#{each.key}")) for each in _shown(contents)
    )
    return tag("nav", tag("ol", links), aria_label="Sections")


def _main(title: str, contents: Contents) -> Html:
    kept = "Made by sweep report. This page loads nothing: it can be kept and sent as it is."
    footer = tag("footer", tag("p", "Served by sweep watch." if contents.is_served else kept))
    body = joined(_section(each, contents) for each in _shown(contents))
    return tag("main", tag("h1", title), _first_screen(contents), body, footer, id="report")


def _first_screen(contents: Contents) -> Html:
    """Return the ranking, the EDFs and the findings; beside each other, where they are few."""
    few = "few" if len(contents.cells) == 1 else "many"
    standing = (headline.size, headline.ranking_list, progress.strip)
    found = (headline.warning_strip, headline.findings_list)
    return tag(
        "div",
        tag(
            "div",
            tag("div", *(part(contents) for part in standing), class_="rank"),
            tag("div", *(part(contents) for part in found), class_="found"),
            class_="column",
        ),
        tag(
            "div",
            *(tag("div", charts.edfs(contents, of), class_=f"charts {of}") for of in ("delta", "error")),
            class_="column",
        ),
        class_=f"first {few}",
    )


def _section(section: Section, contents: Contents) -> Html:
    name = section.title(contents)
    head = tag("h2", name, id=f"{section.key}-h")
    body = joined(part(contents) for part in section.parts)
    if section.folded:
        head, body = Html(""), tag("details", tag("summary", head), body)
    mark = None if section.printed else "unprinted"
    return tag("section", head, body, id=section.key, class_=mark, aria_labelledby=f"{section.key}-h")


def _head(title: str, about: str, *, served: bool) -> Html:
    """Return the head. Its security policy allows the page's own scripts only, and no loading.

    A page that is served may ask its server what has changed.
    """
    allowed = " ".join(f"'sha256-{_digest(script)}'" for script in _scripts())
    policy = f"default-src 'none'; style-src 'unsafe-inline'; img-src data:; script-src {allowed}"
    if served:
        policy += "; connect-src 'self'"
    return joined(
        [
            Html('<head><meta charset="utf-8">'),
            Html(f'<meta http-equiv="Content-Security-Policy" content="{policy}">'),
            Html('<meta name="viewport" content="width=device-width, initial-scale=1">'),
            Html('<meta name="color-scheme" content="light dark">'),
            tag("title", title),
            Html('<meta name="generator" content="sweep report">'),
            Html(f'<meta name="description" content="{escape(about)}">'),
            tag("style", Html(_asset("report.css"))),
            Html("</head>"),
        ]
    )


def _digest(script: str) -> str:
    return base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()


def _scripts() -> Iterable[Html]:
    """Return the libraries, then the page's own script."""
    own = "".join(_asset(name, "script") for name in _SCRIPT)
    return [*(Html(_asset(name, "vendor")) for name in _VENDORED), Html(f"(() => {{\n{own}}})();")]


def _asset(name: str, *folder: str) -> str:
    return resources.files("analysis.report").joinpath(*folder, name).read_text(encoding="utf-8")
