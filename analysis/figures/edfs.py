"""The figure of EDFs."""

import itertools
from collections.abc import Mapping, Sequence

import matplotlib
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import FuncFormatter, MaxNLocator
from numpy.typing import NDArray

from analysis.bands import Band
from analysis.edf import Curve
from analysis.errors import AnalysisError
from analysis.figures.shades import draw_band, draw_missing, shade_handles
from analysis.figures.style import (
    COLUMN_IN,
    FAINT,
    FONT_PT,
    PAGE_IN,
    STYLE,
    entitle,
    new_figure,
    short_number,
)
from analysis.layout import CHAR_IN, Cell, Look, XAxis, finite_errors, grid, is_shared, x_axis


def cdf_figure(
    curves: Sequence[Curve], bands: Mapping[str, Band] | None = None, *, width_in: float | None = None
) -> Figure:
    """Draw EDFs: a column for each panel, a row for each optimizer, a step curve for each sweep.

    What lies far beyond the good trials is compressed in a grey strip at the right, so that one sees where
    each curve ends and where curves cross. A legend entry gives n, and the numbers of trials that diverged,
    lie in the strip or are missing. Diverged trials are no steps: a curve ends below 1 by their share.
    Hatching shows where the curve would be if all missing trials were better, or worse, than all others.

    Parameters
    ----------
    curves : sequence of Curve
        All relative, or all absolute.
    bands : mapping of str to Band, optional
        Sweep → the confidence band of its curve; see `analysis.curve_band`. The legend names each kind.
    width_in : float, optional
        Width in inches. Default: a paper's column for one panel, its page for more.

    Raises
    ------
    AnalysisError
        If there is no curve, or relative and absolute curves are mixed.

    Examples
    --------
    >>> save(cdf_figure(curves(table)), "cdf.pdf")
    """
    _check_curves(curves)
    panels = len({curve.panel for curve in curves})
    width = width_in or (COLUMN_IN if panels == 1 else PAGE_IN)
    column = (width - 0.5) / panels
    axis = x_axis(curves)
    cells = grid(curves, axis.fold, column - 0.45)
    flat = list(itertools.chain(*cells))
    shared, shades = is_shared(flat), shade_handles(curves, bands or {}, int((width - 0.9) / CHAR_IN))
    lines = sum(str(shade.get_label()).count("\n") + 1 for shade in shades)
    with matplotlib.rc_context(STYLE):
        figure = new_figure(width, _cdf_height(cells, column, shared=shared) + 0.15 * lines)
        axes = figure.subplots(len(cells), panels, sharex=True, sharey=True, squeeze=False)
        for ax, cell in zip(axes.flat, flat, strict=True):
            handles = _draw_cell(ax, cell, bands or {}, axis)
            entitle(ax, cell, handles, shared=shared)
        if shared:
            columns = max(1, int((width - 0.3) / (0.6 + CHAR_IN * max(map(len, flat[0].entries)))))
            figure.legend(handles, flat[0].entries, loc="outside upper center", ncols=columns, frameon=False)
        for ax in axes[-1]:
            ax.set_xlabel("Δ top-1 error (points)" if curves[0].relative else "top-1 error (%)")
        figure.supylabel("share of trials", size=FONT_PT)
        if shades:
            figure.legend(handles=shades, loc="outside lower center", frameon=False)
    return figure


def _check_curves(curves: Sequence[Curve]) -> None:
    if not curves:
        raise AnalysisError("a figure needs at least one curve, got none: choose other sweeps.")
    if len({curve.relative for curve in curves}) > 1:
        raise AnalysisError("a figure's curves are all of Δ or all absolute, got both: draw two figures.")


def _cdf_height(cells: list[list[Cell]], column: float, *, shared: bool) -> float:
    """Return the height in inches at which legends of any length leave each subplot its shape."""
    plot = min(max(0.72 * column, 1.3), 2.1)
    legends = 0.4 if shared else sum(0.125 * max(cell.lines for cell in row) for row in cells)
    return 0.35 + legends + len(cells) * (plot + 0.3)


def _draw_cell(ax: Axes, cell: Cell, bands: Mapping[str, Band], axis: XAxis) -> list[Line2D]:
    """Draw a subplot's curves, bands and hatching."""
    limits = axis.left, axis.right
    ax.set(xlim=limits, ylim=(-0.02, 1.02), yticks=np.linspace(0, 1, 6))
    if axis.is_folded:
        _fold(ax, axis)
    ax.grid(axis="y", color="0.92", linewidth=0.5)
    ax.set_axisbelow(True)
    if any(curve.relative for curve in cell.curves):
        ax.axvline(0.0, color=FAINT, linewidth=0.8, zorder=1)
    for curve, look in zip(cell.curves, cell.looks, strict=True):
        if curve.sweep in bands:
            draw_band(ax, bands[curve.sweep], look, limits)
        if curve.missing:
            draw_missing(ax, curve, look, limits)
    pairs = enumerate(zip(cell.curves, cell.looks, strict=True))
    return [_draw_curve(ax, curve, look, limits, place) for place, (curve, look) in pairs]


def _fold(ax: Axes, axis: XAxis) -> None:
    """Compress the x axis from the fold on, shade that part, and label its end."""
    ax.set_xscale("function", functions=(axis.place, axis.error))
    ax.set_xlim(axis.left, axis.right)
    ticks = MaxNLocator(5, steps=[1, 2, 5, 10]).tick_values(axis.left, axis.fold)
    room = 0.06 * (axis.fold - axis.left)
    ax.set_xticks([*(tick for tick in ticks if axis.left <= tick <= axis.fold - room), axis.fold, axis.right])
    ax.xaxis.set_major_formatter(FuncFormatter(short_number))
    ax.axvspan(axis.fold, axis.right, color="0.95", linewidth=0, zorder=0)
    ax.axvline(axis.fold, color=FAINT, linewidth=0.6, zorder=1)


def _draw_curve(ax: Axes, curve: Curve, look: Look, limits: tuple[float, float], place: int) -> Line2D:
    """Draw one step curve, from 0 at the left axis to the right edge."""
    errors = finite_errors(curve)
    x, counts = np.unique(errors, return_counts=True)
    y = np.cumsum(counts) / curve.n
    seen = x <= limits[1]
    last = y[seen][-1] if seen.any() else 0.0
    (line,) = ax.step(
        np.concatenate([[limits[0]], x[seen], [limits[1]]]),
        np.concatenate([[0.0], y[seen], [last]]),
        where="post",
        color=look.color,
        linestyle=look.dash,
        linewidth=1.3,
        marker=look.marker,
        markersize=3.2,
        markevery=_marked(y[seen], place),
    )
    return line


def _marked(y: NDArray[np.float64], place: int) -> list[int]:
    """Choose the steps with a marker: few, and different ones on each curve to avoid overlaps."""
    if not y.size:
        return []
    levels = (np.arange(4) + 0.3 + 0.25 * (place % 3)) / 4 * y[-1]
    return sorted({int(step) + 1 for step in np.searchsorted(y, levels)})
