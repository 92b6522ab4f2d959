"""What the figures of training lengths share: a panel a size, lengths along x, a line a model."""

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
    """What belongs to one entry of a legend: the trainings of one model."""

    name: str
    """Its family, or the model where its panel has several of the family."""
    look: Look
    outcomes: list[Outcome]
    """By optimizer and length."""


class Panel(NamedTuple):
    """One pair of axes: the models of one size."""

    title: str
    lines: list[Line]


def panels_of(found: Sequence[Outcome]) -> list[Panel]:
    """Part outcomes, in their order, into panels and lines.

    Raises
    ------
    AnalysisError
        If there are none.
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
    """A figure with a pair of axes for each panel, side by side."""

    figure: Figure
    axes: list[Axes]
    entries: list[list[str]]
    """Each panel's legend entries, folded to its width."""


def new_sheet(
    panels: Sequence[Panel], said: Sequence[Sequence[Sequence[str]]], width_in: float | None, below: int = 0
) -> Sheet:
    """Make a figure with room for its legends.

    Parameters
    ----------
    panels : sequence of Panel
        What will be drawn.
    said : sequence of sequence of sequence of str
        For each panel and line the parts of its legend entry.
    width_in : float or None
        Width in inches; a paper's column for one panel, its page for more.
    below : int
        Lines of a legend under all panels.
    """
    width = width_in or (COLUMN_IN if len(panels) == 1 else PAGE_IN)
    column = (width - 0.5) / len(panels)
    room = max(12, int((column - 0.45) / CHAR_IN))
    entries = [[fold(parts, room) for parts in panel] for panel in said]
    lines = max(sum(entry.count("\n") + 1 for entry in panel) for panel in entries)
    height = 0.65 + min(max(0.85 * column, 1.6), 2.4) + 0.125 * lines + 0.15 * below
    figure = new_figure(width, height)
    axes = list(figure.subplots(1, len(panels), sharey=True, squeeze=False)[0])
    return Sheet(figure, axes, entries)


def name_axes(figure: Figure, x: str, y: str) -> None:
    """Label a figure's axes: x under each panel, y once for all."""
    for ax in figure.axes:
        ax.set_xlabel(x)
    figure.supylabel(y, size=FONT_PT)


def put_lengths(ax: Axes, lengths: Sequence[int]) -> None:
    """Make x a logarithmic axis of training lengths, and name each of them."""
    ax.set_xscale("log", base=2)
    ax.set_xlim(lengths[0] / 1.3, lengths[-1] * 1.3)
    ax.xaxis.set_major_locator(FixedLocator(lengths))
    ax.xaxis.set_minor_locator(NullLocator())
    ax.xaxis.set_major_formatter("{x:g}")


def height_of(means: Floats, sds: Floats, *, log: bool, lost: bool, least: float = 5.0) -> YAxis:
    """Choose a y axis on which all means lie, with what is drawn of their spread; NaN are none."""
    means, spread = means[~np.isnan(means)], np.nan_to_num(sds[~np.isnan(means)])
    low = means - spread
    if log:  # a spread that reaches down to 0 has no place on it, and one that almost does takes all
        low = np.maximum(low, means / 2)
    return y_axis(np.concatenate([low, means + spread]), log=log, lost=lost, least=least)


def lengths_of(found: Sequence[Outcome]) -> list[int]:
    """Return the lengths of training that there are, ascending."""
    return sorted({outcome.schedule for outcome in found})


def lacks(outcomes: Sequence[Outcome]) -> list[str]:
    """Say in words what a line of trainings lacks, and how many seeds there are if not one."""
    seeds = max(len(outcome.errors) for outcome in outcomes)
    total = sum(len(outcome.errors) for outcome in outcomes)
    missing = sum(outcome.missing for outcome in outcomes)
    diverged = sum(outcome.diverged for outcome in outcomes)
    return (
        ([f"{seeds} seeds"] if seeds > 1 else [])
        + ([f"{diverged} of {total} diverged"] if diverged else [])
        + ([f"incomplete: {missing} of {total} missing"] if missing else [])
    )
