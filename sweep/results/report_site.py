"""A site of several reports, for a web server: files in a folder, and a page that leads to them."""

import hashlib
import html
import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from sweep.core.model_spec import slug
from sweep.errors import InputError
from sweep.results import report
from sweep.results.figures import with_places
from sweep.results.selection import Trials, comparison_warnings

if TYPE_CHECKING:
    from analysis.report.index import Entry

INDEX = "index.html"
_HEAD_BYTES = 8192
"""The title and the description of a report stand in its first bytes."""


def write_bundle(trials: Trials, folder: Path) -> list[Path]:
    """Write a report for each recipe, and the page that leads to all reports in the folder.

    Parameters
    ----------
    trials : Trials
        What the reports are on.
    folder : Path
        The site's folder. Reports on the same trials are replaced, all others remain.

    Returns
    -------
    list of Path
        What was written, the page that leads to the reports last.

    Raises
    ------
    InputError
        If a file cannot be written.
    """
    from analysis.report import report_html
    from analysis.report.index import index_html

    mark = hashlib.sha256(_origin(trials).encode()).hexdigest()[:6]
    pages = {
        folder / f"{slug(recipe)}-{mark}.html": report_html(
            with_places(own.to_compare), report.extras(own.sweeps, own.warnings, metric=own.metric)
        )
        for recipe, own in _by_recipe(trials)
    }
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise InputError(f"`bundle` {folder}: {error.strerror or error}") from error
    for path, page in pages.items():
        report.write(page, path)
    report.write(index_html(list(_entries(folder))), folder / INDEX)
    return [*pages, folder / INDEX]


def _origin(trials: Trials) -> str:
    """Return what tells these trials from others of the same recipe, whose report may lie there, too."""
    if trials.sweeps:
        return str(trials.sweeps[0].folder.parent.resolve())
    return ", ".join(sorted(map(str, trials.table["sweep"].unique())))


def _by_recipe(trials: Trials) -> Iterator[tuple[str, Trials]]:
    for recipe in sorted(trials.table["recipe"].unique()):
        sweeps = [sweep for sweep in trials.sweeps if sweep.plan.recipe.name == recipe]
        table = trials.table[trials.table["recipe"] == recipe].reset_index(drop=True)
        warnings = comparison_warnings(sweeps) if sweeps else trials.warnings
        yield recipe, replace(trials, table=table, sweeps=sweeps, warnings=warnings)


def _entries(folder: Path) -> "Iterator[Entry]":
    """Yield the reports in a folder; other files are none of ours."""
    from analysis.report.index import Entry

    for path in folder.glob("*.html"):
        with path.open("rb") as file:
            head = file.read(_HEAD_BYTES).decode(errors="replace")
        title = re.search(r"<title>(.*?)</title>", head, re.DOTALL)
        about = re.search(r'<meta name="description" content="([^"]*)">', head)
        if title and about and '<meta name="generator" content="sweep report">' in head:
            yield Entry(path.name, html.unescape(title[1]), html.unescape(about[1]))
