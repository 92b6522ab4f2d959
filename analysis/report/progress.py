"""Where running sweeps stand: what the script fills in, and what is there without it."""

from analysis.report.extras import Contents
from analysis.report.html import Child, tag

_NOTE = (
    "A hatched area shows where a curve may end. The folded parts below are those of the moment at which "
    "this page was opened."
)


def strip(contents: Contents) -> Child:
    """Return the line on how far the sweeps are; None for a report on sweeps as they are."""
    if contents.extras.progress is None:
        return None
    return tag(
        "div",
        tag("p", class_="state", role="status"),
        tag("div", class_="bars"),
        tag("div", class_="failures"),
        tag("p", _NOTE, class_="about"),
        id="progress",
    )
