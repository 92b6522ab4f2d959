"""Shared parts of the figures of training lengths: a subplot per size, lengths along x, a line per model."""

import itertools
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FixedLocator, NullLocator
from numpy.typing import NDArray

from analysis.errors import AnalysisError
from analysis.figures.style import COLUMN_IN, FONT_PT, PAGE_IN, new_figure
from analysis.layout import CHAR_IN, Look, YAxis, fold, looks_of, y_axis
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
    """A figure with a subplot for each panel, side by side."""

    figure: Figure
    axes: list[Axes]
    entries: list[list[str]]
    """Each panel's legend entries, folded to its width."""


def new_sheet(
    panels: Sequence[Panel],
    parts_of: Sequence[Sequence[Sequence[str]]],
    width_in: float | None,
    below: int = 0,
) -> Sheet:
    """Return a figure with room for its legends.

    Parameters
    ----------
    panels : sequence of Panel
        The panels to draw.
    parts_of : sequence of sequence of sequence of str
        The parts of the legend entry, for each panel and line.
    width_in : float or None
        Width in inches. None: a paper's column for one panel, its page for more.
    below : int
        Lines of text in a legend below all panels.
    """
    width = width_in or (COLUMN_IN if len(panels) == 1 else PAGE_IN)
    column = (width - 0.5) / len(panels)
    room = max(12, int((column - 0.45) / CHAR_IN))
    entries = [[fold(parts, room) for parts in panel] for panel in parts_of]
    lines = max(sum(entry.count("\n") + 1 for entry in panel) for panel in entries)
    height = 0.65 + min(max(0.85 * column, 1.6), 2.4) + 0.125 * lines + 0.15 * below
    figure = new_figure(width, height)
    axes = list(figure.subplots(1, len(panels), sharey=True, squeeze=False)[0])
    return Sheet(figure, axes, entries)


def name_axes(figure: Figure, x: str, y: str) -> None:
    """Label the x axis of each subplot, and the y axis once for the whole figure."""
    for ax in figure.axes:
        ax.set_xlabel(x)
    figure.supylabel(y, size=FONT_PT)


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
        See `analysis.layout.y_axis`.
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
