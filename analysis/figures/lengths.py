"""The figure of training-length stability: the error lost by shorter trainings."""

import math
from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.container import ErrorbarContainer
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from analysis.errors import AnalysisError
from analysis.figure_layout import YAxis, optimizer_name
from analysis.figures.schedules import (
    SPREAD,
    Line,
    Panel,
    Sheet,
    draw_panels,
    height_of,
    lacks,
    lengths_of,
    panels_of,
)
from analysis.figures.style import FAINT
from analysis.outcomes import Delta, Outcome, delta, longest


def lengths_figure(found: Sequence[Outcome], *, width_in: float | None = None) -> Figure:
    """Draw the difference in error to the longest training against the training length.

    There is one subplot per size, with a line for each model. With several seeds, a point is the mean of
    their differences, with a bar of ± 1 standard deviation. A diverged training is a cross at the top, at
    "div.". If the longest training has no result or diverged, the model has no Δ, and the legend says so.

    Parameters
    ----------
    found : sequence of Outcome
        With one optimizer per model; see `analysis.outcomes.outcomes`.
    width_in : float, optional
        Width in inches. Default: a paper's column for one panel, its page for more.

    Raises
    ------
    AnalysisError
        If there are fewer than two lengths.
    """
    lengths, panels = lengths_of(found), panels_of(found)
    if len(lengths) < 2:
        raise AnalysisError(f"Δ is taken to the longest training: two lengths are needed, got {lengths}.")
    changes = {id(row): delta(row, longest(found, row)) for row in found}
    y = _height(found, changes)
    spread = any(not math.isnan(change.sd) for change in changes.values())

    def draw(ax: Axes, panel: Panel) -> list[ErrorbarContainer]:
        ax.axhline(0.0, color=FAINT, linewidth=0.8, zorder=1)
        shifts = 1.05 ** (np.arange(len(panel.lines)) - (len(panel.lines) - 1) / 2)
        return [_draw(ax, line, changes, y, shift) for line, shift in zip(panel.lines, shifts, strict=True)]

    sheet = Sheet(
        y=y,
        y_label=f"Δ top-1 error to {lengths[-1]} epochs (points)",
        entry=_entry,
        draw=draw,
        keys=[Line2D([], [], color="0.3", marker="|", ms=8, ls="", label=SPREAD)] if spread else [],
    )
    return draw_panels(panels, sheet, width_in)


def _height(found: Sequence[Outcome], changes: dict[int, Delta]) -> YAxis:
    values = np.array([changes[id(row)] for row in found], dtype=float)
    means = np.append(values[:, 0], 0.0)
    lost = any(row.diverged for row in found)
    return height_of(means, np.append(values[:, 1], 0.0), log=False, lost=lost, least=2.0)


def _entry(line: Line) -> list[str]:
    """Return the parts of a legend entry: the line's name, and the trainings that are not drawn."""
    last = longest(line.outcomes, line.outcomes[0])
    name = f"{line.name} ({optimizer_name(last.optimizer)})"
    state = "diverged" if last.diverged else "" if last.converged else "no result"
    return [name, *([f"{state} at {last.schedule} epochs: no Δ"] if state else []), *lacks(line.outcomes)]


def _draw(ax: Axes, line: Line, changes: dict[int, Delta], y: YAxis, shift: float) -> ErrorbarContainer:
    """Draw one model's line and, at the top, the lengths at which it diverged."""
    x = np.array([row.schedule * shift for row in line.outcomes])
    means, sds = np.array([changes[id(row)] for row in line.outcomes], dtype=float).T
    lost = np.array([row.diverged > 0 for row in line.outcomes])
    ax.plot(x[lost], np.full(lost.sum(), y.diverged), "x", color=line.look.color, ms=4, mew=1.1)
    return ax.errorbar(
        x,
        means,
        yerr=None if all(map(math.isnan, sds)) else sds,
        color=line.look.color,
        linestyle=line.look.dash,
        linewidth=1.3,
        marker=line.look.marker,
        markersize=4,
        capsize=2,
        elinewidth=0.8,
    )
