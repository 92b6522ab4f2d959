"""Shared parts of the figures of training lengths: a subplot per size, lengths along x, a line per model."""

import itertools
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import matplotlib
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import FixedLocator, NullLocator
from numpy.typing import NDArray

from analysis.errors import AnalysisError
from analysis.figure_layout import CHAR_IN, Look, YAxis, fold, looks_of, y_axis
from analysis.figures.style import (
    COLUMN_IN,
    FONT_PT,
    PAGE_IN,
    STYLE,
    new_figure,
    put_divide,
    put_legend,
    put_ticks,
)
from analysis.outcomes import Outcome

Floats = NDArray[np.float64]
SPREAD = "± 1 standard deviation between seeds"


class Line(NamedTuple):
    """The trainings of one model, which share a legend entry."""

    name: str
    """Its family, or the model if its panel has several models of the family."""
    look: Look
    outcomes: list[Outcome]
    """By optimizer and length."""


class Panel(NamedTuple):
    """One subplot: the models of one size."""

    title: str
    lines: list[Line]


def panels_of(found: Sequence[Outcome]) -> list[Panel]:
    """Group outcomes, in their order, into panels and lines.

    Raises
    ------
    AnalysisError
        If there are no outcomes.
    """
    if not found:
        raise AnalysisError("a figure needs at least one training, got none.")
    panels = {title: list(rows) for title, rows in itertools.groupby(found, lambda row: row.panel)}
    names = {row.model: _name(row, panels[row.panel]) for row in found}
    looks = looks_of(names.values())
    return [
        Panel(
            title,
            [
                Line(names[model], looks[names[model]], [row for row in rows if row.model == model])
                for model in dict.fromkeys(row.model for row in rows)
            ],
        )
        for title, rows in panels.items()
    ]


def _name(outcome: Outcome, rows: Sequence[Outcome]) -> str:
    models = {row.model for row in rows if row.family == outcome.family}
    return outcome.family if len(models) == 1 else outcome.model


class Sheet(NamedTuple):
    """How the panels of a figure are drawn."""

    y: YAxis
    """The y axis of all panels."""
    y_label: str
    entry: Callable[[Line], Sequence[str]]
    """Returns the parts of a line's legend entry."""
    draw: Callable[[Axes, Panel], Sequence[Any]]
    """Draws a panel; returns the symbols of its legend, one per line."""
    keys: Sequence[Line2D]
    """The legend below all panels."""


def draw_panels(panels: Sequence[Panel], sheet: Sheet, width_in: float | None) -> Figure:
    """Draw panels side by side, with room for their legends.

    Parameters
    ----------
    panels : sequence of Panel
        The panels.
    sheet : Sheet
        How they are drawn.
    width_in : float or None
        Width in inches. None: a paper's column for one panel, its page for more.
    """
    lengths = lengths_of([row for panel in panels for line in panel.lines for row in line.outcomes])
    with matplotlib.rc_context(STYLE):
        figure, entries = _new_figure(panels, sheet, width_in)
        for ax, panel, texts in zip(figure.axes, panels, entries, strict=True):
            put_lengths(ax, lengths)
            ax.set(yscale="log" if sheet.y.log else "linear", ylim=(sheet.y.bottom, sheet.y.top))
            put_legend(ax, panel.title, sheet.draw(ax, panel), texts)
        for ax in figure.axes:
            if sheet.y.log:
                put_ticks(ax.yaxis, sheet.y.top / sheet.y.bottom)
            if sheet.y.top > sheet.y.divide:
                put_divide(ax, sheet.y)
            ax.set_xlabel("epochs")
        figure.supylabel(sheet.y_label, size=FONT_PT)
        if sheet.keys:
            columns = 1 if len(panels) == 1 else 2
            figure.legend(handles=sheet.keys, loc="outside lower center", frameon=False, ncols=columns)
    return figure


def _new_figure(
    panels: Sequence[Panel], sheet: Sheet, width_in: float | None
) -> tuple[Figure, list[list[str]]]:
    """Return a figure with a subplot for each panel, and their legend entries, folded to its width."""
    width = width_in or (COLUMN_IN if len(panels) == 1 else PAGE_IN)
    column = (width - 0.5) / len(panels)
    room = max(12, int((column - 0.45) / CHAR_IN))
    entries = [[fold(sheet.entry(line), room) for line in panel.lines] for panel in panels]
    lines = max(sum(entry.count("\n") + 1 for entry in panel) for panel in entries)
    height = 0.65 + min(max(0.85 * column, 1.6), 2.4) + 0.125 * lines + 0.15 * len(sheet.keys)
    figure = new_figure(width, height)
    figure.subplots(1, len(panels), sharey=True, squeeze=False)
    return figure, entries


def put_lengths(ax: Axes, lengths: Sequence[int]) -> None:
    """Make x a logarithmic axis with a tick at each training length."""
    ax.set_xscale("log", base=2)
    ax.set_xlim(lengths[0] / 1.3, lengths[-1] * 1.3)
    ax.xaxis.set_major_locator(FixedLocator(lengths))
    ax.xaxis.set_minor_locator(NullLocator())
    ax.xaxis.set_major_formatter("{x:g}")


def height_of(means: Floats, sds: Floats, *, log: bool, lost: bool, least: float = 5.0) -> YAxis:
    """Choose a y axis for means and their error bars.

    Parameters
    ----------
    means : ndarray
        Means in percent or points; NaN are ignored.
    sds : ndarray
        Their standard deviations; NaN counts as 0.
    log, lost, least
        See `analysis.figure_layout.y_axis`.
    """
    means, spread = means[~np.isnan(means)], np.nan_to_num(sds[~np.isnan(means)])
    low = means - spread
    if log:  # a bar that reaches down to 0 or almost to 0 does not fit on a logarithmic axis
        low = np.maximum(low, means / 2)
    return y_axis(np.concatenate([low, means + spread]), log=log, lost=lost, least=least)


def lengths_of(found: Sequence[Outcome]) -> list[int]:
    """Return the different training lengths, ascending."""
    return sorted({outcome.schedule for outcome in found})


def lacks(outcomes: Sequence[Outcome]) -> list[str]:
    """Return the parts of a legend entry that count seeds, diverged and missing trainings."""
    seeds = max(len(outcome.errors) for outcome in outcomes)
    total = sum(len(outcome.errors) for outcome in outcomes)
    missing = sum(outcome.missing for outcome in outcomes)
    diverged = sum(outcome.diverged for outcome in outcomes)
    return (
        ([f"{seeds} seeds"] if seeds > 1 else [])
        + ([f"{diverged} of {total} diverged"] if diverged else [])
        + ([f"incomplete: {missing} of {total} missing"] if missing else [])
    )
