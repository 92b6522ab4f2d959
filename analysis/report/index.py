"""The first page of a site of several reports."""

from collections.abc import Sequence
from importlib import resources
from typing import NamedTuple

from analysis.report.html import Html, joined, tag

_POLICY = "default-src 'none'; style-src 'unsafe-inline'"


class Entry(NamedTuple):
    """A report of the site."""

    file: str
    """The name of its file."""
    title: str
    about: str
    """What it is a report on, and its ranking, in a few sentences."""


def index_html(entries: Sequence[Entry]) -> str:
    """Return a page that leads to reports, in the order of their files' names."""
    items = [_item(entry) for entry in sorted(entries)]
    head = joined(
        [
            Html('<head><meta charset="utf-8">'),
            Html(f'<meta http-equiv="Content-Security-Policy" content="{_POLICY}">'),
            Html('<meta name="viewport" content="width=device-width, initial-scale=1">'),
            Html('<meta name="color-scheme" content="light dark">'),
            tag("title", "Robustness sweeps"),
            tag("style", Html(resources.files("analysis.report").joinpath("report.css").read_text("utf-8"))),
            Html("</head>"),
        ]
    )
    body = tag("main", tag("h1", "Robustness sweeps"), tag("ul", *items, class_="reports"), class_="page")
    return f"<!DOCTYPE html>\n{tag('html', head, tag('body', body), lang='en')}\n"


def _item(entry: Entry) -> Html:
    return tag("li", tag("a", entry.title, href=entry.file), tag("p", entry.about, class_="about"))
