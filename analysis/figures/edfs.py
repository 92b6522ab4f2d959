"""The figure of EDFs."""

import itertools
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, NamedTuple

import matplotlib
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch
from matplotlib.ticker import FuncFormatter, MaxNLocator
from numpy.typing import NDArray

from analysis.bands import Band
from analysis.edf import Curve
from analysis.errors import AnalysisError
from analysis.figure_layout import CHAR_IN, Cell, Look, XAxis, finite_errors, grid, is_shared, x_axis
from analysis.figures.shades import draw_band, draw_missing, shade_handles
from analysis.figures.style import FAINT, Style, entitle, new_figure, short_number, short_value, style_named
from analysis.metric import Metric

_SIXTEEN_NINTHS = 16 / 9
_CHANCE = "0.6"
"""The colour of the line at chance."""
_SLIDE_WIDTHS = np.arange(4.0, 16.0, 0.1)
"""Widths of a slide's layout, in inches at a type of 8 points; it is enlarged to the width of the slide."""


class _Sheet(NamedTuple):
    """What is drawn where, computed before anything is drawn; lengths in inches, before it is enlarged."""

    width: float
    height: float
    cells: list[list[Cell]]
    """By row, then by column."""
    legend_columns: int
    """Columns of the one legend of all subplots; 0 if each has its own."""
    shades: list[Patch]
    """The legend of the shading."""


def cdf_figure(
    curves: Sequence[Curve],
    bands: Mapping[str, Band] | None = None,
    *,
    width_in: float | None = None,
    style: str | None = None,
    chances: Mapping[str, float] | None = None,
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
    style : str, optional
        ``paper``: as wide as a column of a paper in two columns, with type of 8 points throughout.
        ``slides``: 16:9, with large type and thick lines.
    chances : mapping of str to float, optional
        Sweep → the metric's value that chance gives. A figure of absolute values has a dotted line there.

    Raises
    ------
    AnalysisError
        If there is no curve, relative and absolute curves or two metrics are mixed, or there is no such
        style.

    Examples
    --------
    >>> save(cdf_figure(curves(table)), "cdf.pdf")
    """
    _check_curves(curves)
    look, axis = style_named(style), x_axis(curves)
    sheet = _sheet(curves, bands or {}, axis, width_in, look)
    if look.slide_in:
        look = replace(look, scale=look.slide_in / sheet.width)
    with matplotlib.rc_context(look.rc):
        figure = new_figure(sheet.width, sheet.height, look)
        _draw(figure, sheet, bands or {}, axis)
        for ax, cell in zip(figure.axes, itertools.chain(*sheet.cells), strict=True):
            _draw_chance(ax, cell.curves, chances or {})
        columns = len(sheet.cells[-1])
        for ax in figure.axes[-columns:]:
            ax.set_xlabel(_x_label(curves[0].metric, relative=curves[0].relative, columns=columns))
        figure.supylabel("share of trials", size=matplotlib.rcParams["font.size"])
    return figure


def _sheet(
    curves: Sequence[Curve], bands: Mapping[str, Band], axis: XAxis, width_in: float | None, style: Style
) -> _Sheet:
    """Choose the layout of a figure; that of a slide is as small as is high enough, so that type is large."""
    if width_in or not style.slide_in:
        panels = len({curve.panel for curve in curves})
        width = width_in or (style.column_in if panels == 1 else style.page_in)
        return _arranged(curves, bands, axis, width, style)
    for width in _SLIDE_WIDTHS:
        sheet = _arranged(curves, bands, axis, float(width), style)
        if sheet.height <= width / _SIXTEEN_NINTHS:
            break
    return sheet._replace(height=sheet.width / _SIXTEEN_NINTHS)


def _arranged(
    curves: Sequence[Curve], bands: Mapping[str, Band], axis: XAxis, width: float, style: Style
) -> _Sheet:
    """Return the layout of a figure of a width; legends of any length leave each plot its shape."""
    column = (width - 0.5) / len({curve.panel for curve in curves})
    cells = grid(curves, axis.fold, style.room * (column - 0.45))
    shades = shade_handles(curves, bands, int(style.room * (width - 0.9) / CHAR_IN))
    shared = is_shared([cell for row in cells for cell in row])
    longest = max(map(len, "\n".join(cells[0][0].entries).split("\n")))
    columns = max(1, int(style.room * (width - 0.3) / (0.6 + CHAR_IN * longest))) if shared else 0
    lines = sum(str(shade.get_label()).count("\n") + 1 for shade in shades)
    legends = 0.4 if shared else sum(0.125 * max(cell.lines for cell in row) for row in cells)
    plot = 1.4 if style.slide_in else min(max(0.72 * column, 1.3), 2.1)
    height = 0.35 + (legends + 0.15 * lines) / style.room + len(cells) * (plot + 0.3)
    return _Sheet(width, height, cells, columns, shades)


def _draw(figure: Figure, sheet: _Sheet, bands: Mapping[str, Band], axis: XAxis) -> None:
    """Draw the subplots and the legends."""
    shape = len(sheet.cells), len(sheet.cells[0])
    axes = figure.subplots(*shape, sharex=True, sharey=True, squeeze=False)
    for ax, cell in zip(axes.flat, itertools.chain(*sheet.cells), strict=True):
        handles = _draw_cell(ax, cell, bands, axis)
        entitle(ax, cell, handles, shared=sheet.legend_columns > 0)
    if columns := sheet.legend_columns:
        figure.legend(handles, cell.entries, loc="outside upper center", ncols=columns, frameon=False)
    if sheet.shades:
        figure.legend(handles=sheet.shades, loc="outside lower center", frameon=False)


def _x_label(metric: Metric, *, relative: bool, columns: int) -> str:
    """Return the label of an axis; of a metric of which more is better, values fall to the right."""
    if not relative:
        return f"{metric.label}, better to the left" if metric.higher_better else metric.label
    unit = f" ({metric.delta_unit})" if metric.delta_unit else ""
    if metric.relative:
        unit = " (% of it)" if columns == 1 or metric.higher_better else " (% of the optimum's)"
    if metric.higher_better:
        return f"{metric.name} below the optimum's{unit}"
    return f"Δ {metric.name} to the optimum{unit}" if columns == 1 else f"Δ {metric.name}{unit}"


def _check_curves(curves: Sequence[Curve]) -> None:
    if not curves:
        raise AnalysisError("a figure needs at least one curve, got none: choose other sweeps.")
    if len({curve.relative for curve in curves}) > 1:
        raise AnalysisError("a figure's curves are all of Δ or all absolute, got both: draw two figures.")
    if len({curve.metric for curve in curves}) > 1:
        raise AnalysisError("a figure's curves have one metric, got several: draw a figure of each.")


def _draw_cell(ax: Axes, cell: Cell, bands: Mapping[str, Band], axis: XAxis) -> list[Line2D]:
    """Draw a subplot's curves, bands and hatching."""
    limits = axis.left, axis.right
    ax.set(xlim=limits, ylim=(-0.02, 1.02), yticks=np.linspace(0, 1, 6))
    if axis.is_folded:
        _fold(ax, axis)
    ax.grid(axis="y")
    ax.set_axisbelow(True)
    if cell.curves and not cell.curves[0].relative and cell.curves[0].metric.higher_better:
        ax.xaxis.set_major_formatter(FuncFormatter(short_value))
    if any(curve.relative for curve in cell.curves):
        ax.axvline(0.0, color=FAINT, linewidth=matplotlib.rcParams["axes.linewidth"], zorder=1)
    for curve, look in zip(cell.curves, cell.looks, strict=True):
        if curve.sweep in bands:
            draw_band(ax, bands[curve.sweep], look, limits)
        if curve.missing:
            draw_missing(ax, curve, look, limits)
    pairs = enumerate(zip(cell.curves, cell.looks, strict=True))
    return [_draw_curve(ax, curve, look, limits, place) for place, (curve, look) in pairs]


def _draw_chance(ax: Axes, curves: Sequence[Curve], chances: Mapping[str, float]) -> None:
    """Mark what chance gives, where the axis shows values and comes that far."""
    shown = [curve for curve in curves if not curve.relative and curve.sweep in chances]
    left, right = ax.get_xlim()
    for x in sorted({curve.metric.cost(chances[curve.sweep]) for curve in shown}):
        if left < x < right:
            ax.axvline(x, color=_CHANCE, linestyle=":", zorder=1)
            at: Any = {"xytext": (-1, 1), "textcoords": "offset points", "rotation": 90, "ha": "right"}
            ax.annotate("chance", (x, 0.0), color=_CHANCE, **at)


def _fold(ax: Axes, axis: XAxis) -> None:
    """Compress the x axis from the fold on, shade that part, and label its end."""
    ax.set_xscale("function", functions=(axis.place, axis.error))
    ax.set_xlim(axis.left, axis.right)
    ticks = MaxNLocator(5, steps=[1, 2, 5, 10]).tick_values(axis.left, axis.fold)
    room = 0.06 * (axis.fold - axis.left)
    ax.set_xticks([*(tick for tick in ticks if axis.left <= tick <= axis.fold - room), axis.fold, axis.right])
    ax.xaxis.set_major_formatter(FuncFormatter(short_number))
    ax.axvspan(axis.fold, axis.right, color="0.95", linewidth=0, zorder=0)
    ax.axvline(axis.fold, color=FAINT, linewidth=matplotlib.rcParams["axes.linewidth"], zorder=1)
    _draw_break(ax, axis.fold)


def _draw_break(ax: Axes, x: float) -> None:
    """Break the x axis visibly, as its scale changes there."""
    at: dict[str, Any] = {"transform": ax.get_xaxis_transform(), "ha": "center", "va": "center"}
    ax.text(x, 0.0, "//", bbox={"color": "white", "pad": 0.2}, clip_on=False, zorder=5, **at)


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
        marker=look.marker,
        markevery=_marked(y[seen], place),
    )
    return line


def _marked(y: NDArray[np.float64], place: int) -> list[int]:
    """Choose the steps with a marker: few, and different ones on each curve to avoid overlaps."""
    if not y.size:
        return []
    levels = (np.arange(4) + 0.3 + 0.25 * (place % 3)) / 4 * y[-1]
    return sorted({int(step) + 1 for step in np.searchsorted(y, levels)})
