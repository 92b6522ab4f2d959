"""HTML tables, whose cells have a text and a sort key."""

import math
from collections.abc import Sequence
from typing import NamedTuple

from analysis.intervals import Interval
from analysis.report.html import Child, Html, joined, tag

NOTHING = "–"
DIVERGED = "div."
"""What is written of a result that is worse than everything."""


class Cell(NamedTuple):
    """A cell of an HTML table."""

    shown: Child
    """The visible content."""
    sort: float | str | None = None
    """The sort key; None sorts last."""

    @property
    def is_number(self) -> bool:
        """Whether it sorts as a number, and is aligned to the right."""
        return isinstance(self.sort, int | float)


def word(text: object, shown: Child = None) -> Cell:
    """Return a cell with a text."""
    return Cell(shown or str(text), str(text))


def number(value: float | None, form: str = "{:.2f}") -> Cell:
    """Return a cell with a number; a dash for None or NaN, `DIVERGED` for an infinite one."""
    if value is None or math.isnan(value):
        return Cell(NOTHING)
    if math.isinf(value):
        return Cell(DIVERGED)
    return Cell(form.format(value), float(value))


def estimate(interval: Interval, form: str = "{:.2f}") -> Cell:
    """Return a cell with an estimate and, if it has them, its limits on a second line."""
    if math.isnan(interval.value):
        return Cell(NOTHING)
    if math.isinf(interval.value):
        return Cell(DIVERGED)
    limits = [_limit(value, form) for value in interval[1:] if not math.isnan(value)]
    small = tag("span", f"({' to '.join(limits)})", class_="limits") if limits else None
    return Cell(joined([form.format(interval.value), " ", small]), float(interval.value))


def _limit(value: float, form: str) -> str:
    if math.isinf(value):
        return "∞" if value > 0 else "−∞"
    return form.format(value)


def short(value: float) -> str:
    """Format a learning rate or weight decay to three digits: 0.0054, 1.3e-05."""
    return f"{value:.3g}"


def table(
    name: str, caption: str, head: Sequence[str], rows: Sequence[Sequence[Cell]], *, sortable: bool = False
) -> Html:
    """Return a table in a scrollable region; the first cell of each row is its header.

    Parameters
    ----------
    name : str
        The table's id.
    caption : str
        The text above the table.
    head : sequence of str
        The column headers.
    rows : sequence of sequence of Cell
        The rows.
    sortable : bool
        Whether the page's script turns the column headers into buttons that sort.

    A column without any text, such as that of optimizers that are not known, is left out.
    """
    shown = [column for column in range(len(head)) if not rows or any(row[column].shown for row in rows)]
    head, rows = [head[column] for column in shown], [[row[column] for column in shown] for row in rows]
    numeric = [any(row[column].is_number for row in rows) for column in range(len(head))]
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
            "td" if column else "th",
            cell.shown,
            scope=None if column else "row",
            class_="number" if right else None,
            data_v=_key(cell),
        )
        for column, (cell, right) in enumerate(zip(row, numeric, strict=True))
    ]
    return tag("tr", *cells)


def _key(cell: Cell) -> str | None:
    """Return the key that the script sorts by, if it differs from the visible text."""
    if cell.sort is None:
        return ""
    key = repr(cell.sort) if cell.is_number else str(cell.sort)
    return None if key == cell.shown else key
