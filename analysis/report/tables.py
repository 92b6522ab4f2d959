"""Tables: what a cell shows and what it is sorted by."""

import math
from collections.abc import Sequence
from typing import NamedTuple

from analysis.intervals import Interval
from analysis.report.html import Child, Html, joined, tag

NOTHING = "–"


class Cell(NamedTuple):
    """A cell of a table."""

    shown: Child
    sort: float | str | None = None
    """What it is sorted by; None: last."""

    @property
    def is_number(self) -> bool:
        """Whether it is sorted as a number, and stands on the right."""
        return isinstance(self.sort, int | float)


def word(text: object, shown: Child = None) -> Cell:
    """Return a cell with a text."""
    return Cell(shown or str(text), str(text))


def number(value: float | None, form: str = "{:.2f}") -> Cell:
    """Return a cell with a number, or a dash where there is none."""
    if value is None or math.isnan(value):
        return Cell(NOTHING)
    return Cell(form.format(value), float(value))


def estimate(interval: Interval, form: str = "{:.2f}") -> Cell:
    """Return a cell with an estimate and, on a line below, its limits where it has any."""
    if math.isnan(interval.value):
        return Cell(NOTHING)
    limits = [form.format(value) for value in interval[1:] if not math.isnan(value)]
    small = tag("span", f"({' to '.join(limits)})", class_="limits") if limits else None
    return Cell(joined([form.format(interval.value), " ", small]), float(interval.value))


def short(value: float) -> str:
    """Write a learning rate or weight decay to three digits: 0.0054, 1.3e-05."""
    return f"{value:.3g}"


def table(
    name: str, caption: str, head: Sequence[str], rows: Sequence[Sequence[Cell]], *, sortable: bool = False
) -> Html:
    """Return a table in a region that scrolls by itself; the first cell of each row is its header.

    Parameters
    ----------
    name : str
        The table's id.
    sortable : bool
        Whether a script, where there is one, makes buttons of the heads.
    """
    numeric = [any(row[place].is_number for row in rows) for place in range(len(head))]
    heads = [
        tag("th", text, scope="col", class_="number" if right else None)
        for text, right in zip(head, numeric, strict=True)
    ]
    body = joined(_row(row, numeric) for row in rows)
    caption_id = f"{name}-caption"
    inside = tag(
        "table",
        tag("caption", caption, id=caption_id),
        tag("thead", tag("tr", *heads)),
        tag("tbody", body),
        id=name,
        class_="sortable" if sortable else None,
    )
    return tag("div", inside, class_="scroll", role="region", aria_labelledby=caption_id, tabindex=0)


def _row(row: Sequence[Cell], numeric: Sequence[bool]) -> Html:
    cells = [
        tag(
            "td" if place else "th",
            cell.shown,
            scope=None if place else "row",
            class_="number" if right else None,
            data_v=_key(cell),
        )
        for place, (cell, right) in enumerate(zip(row, numeric, strict=True))
    ]
    return tag("tr", *cells)


def _key(cell: Cell) -> str | None:
    """Return what the script sorts by, where it is not what is shown."""
    if cell.sort is None:
        return ""
    key = repr(cell.sort) if cell.is_number else str(cell.sort)
    return None if key == cell.shown else key
