"""The figures: EDFs, and scatters of error against learning rate and weight decay.

Drawn with matplotlib's objects, without pyplot and without touching its global settings.
"""

import contextlib
import io
import itertools
import os
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import matplotlib
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.axis import Axis
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import FuncFormatter, LogLocator, MaxNLocator, NullFormatter
from numpy.typing import NDArray

from analysis.edf import Curve
from analysis.errors import AnalysisError
from analysis.layout import (
    CHAR_IN,
    Cell,
    Look,
    YAxis,
    finite_errors,
    grid,
    is_shared,
    looks_of,
    sweep_title,
    x_limits,
    y_axes,
)
from analysis.table import RESULTS, Sweep, read_sweeps, values

COLUMN_IN, PAGE_IN = 3.3, 6.9
"""Widths of a paper's column and page, in inches."""
SUFFIXES = (".pdf", ".svg", ".png")
DPI = 200

_FONT_PT, _SMALL_PT = 8.0, 7.0
_STYLE: dict[Any, Any] = {
    "font.size": _FONT_PT,
    "axes.titlesize": _FONT_PT,
    "axes.labelsize": _FONT_PT,
    "legend.fontsize": _SMALL_PT,
    "legend.title_fontsize": _FONT_PT,
    "xtick.labelsize": _SMALL_PT,
    "ytick.labelsize": _SMALL_PT,
    "axes.linewidth": 0.6,
    "xtick.major.width": 0.6,
    "ytick.major.width": 0.6,
    "xtick.minor.width": 0.4,
    "pdf.fonttype": 42,
    "svg.fonttype": "path",
    "svg.hashsalt": "analysis",
}
_FAINT = "0.8"


def cdf_figure(curves: Sequence[Curve], *, width_in: float | None = None) -> Figure:
    """Draw EDFs: a column for each panel, a row for each optimizer, a step curve for each sweep.

    A legend entry says n, and where there are any, the trials that diverged, those that lie right of the x
    axis, and those still missing. Diverged trials are no steps: what a curve lacks to 1 is they and the
    ones beyond the edge.

    Parameters
    ----------
    curves : sequence of Curve
        All relative or all absolute.
    width_in : float, optional
        Width in inches; a paper's column for one panel, its page for more.

    Raises
    ------
    AnalysisError
        If there is no curve, or relative and absolute ones are mixed.
    """
    _check_curves(curves)
    panels = len({curve.panel for curve in curves})
    width = width_in or (COLUMN_IN if panels == 1 else PAGE_IN)
    column = (width - 0.5) / panels
    limits = x_limits(curves)
    cells = grid(curves, limits[1], column - 0.45)
    flat = list(itertools.chain(*cells))
    shared = is_shared(flat)
    with matplotlib.rc_context(_STYLE):
        figure = _figure(width, _cdf_height(cells, column, shared=shared))
        axes = figure.subplots(len(cells), panels, sharex=True, sharey=True, squeeze=False)
        for ax, cell in zip(axes.flat, flat, strict=True):
            handles = _draw_cell(ax, cell, limits)
            _entitle(ax, cell, handles, shared=shared)
        if shared:
            columns = max(1, int((width - 0.3) / (0.6 + CHAR_IN * max(map(len, flat[0].entries)))))
            figure.legend(handles, flat[0].entries, loc="outside upper center", ncols=columns, frameon=False)
        figure.supxlabel("Δ top-1 error (points)" if curves[0].relative else "top-1 error (%)", size=_FONT_PT)
        figure.supylabel("share of trials", size=_FONT_PT)
    return figure


def _check_curves(curves: Sequence[Curve]) -> None:
    if not curves:
        raise AnalysisError("a figure needs at least one curve, got none: choose other sweeps.")
    if len({curve.relative for curve in curves}) > 1:
        raise AnalysisError("a figure's curves are all of Δ or all absolute, got both: draw two figures.")


def _figure(width: float, height: float) -> Figure:
    figure = Figure(figsize=(width, height), layout="constrained")
    FigureCanvasAgg(figure)
    return figure


def _cdf_height(cells: list[list[Cell]], column: float, *, shared: bool) -> float:
    """Height in inches that leaves each pair of axes its shape, whatever the legends need."""
    plot = min(max(0.72 * column, 1.3), 2.1)
    legends = 0.4 if shared else sum(0.125 * max(cell.lines for cell in row) for row in cells)
    return 0.35 + legends + len(cells) * (plot + 0.3)


def _draw_cell(ax: Axes, cell: Cell, limits: tuple[float, float]) -> list[Line2D]:
    """Draw a cell's curves."""
    ax.set(xlim=limits, ylim=(-0.02, 1.02), yticks=np.linspace(0, 1, 6))
    ax.grid(axis="y", color="0.92", linewidth=0.5)
    ax.set_axisbelow(True)
    if any(curve.relative for curve in cell.curves):
        ax.axvline(0.0, color=_FAINT, linewidth=0.8, zorder=1)
    pairs = enumerate(zip(cell.curves, cell.looks, strict=True))
    return [_draw_curve(ax, curve, look, limits, place) for place, (curve, look) in pairs]


def _draw_curve(ax: Axes, curve: Curve, look: Look, limits: tuple[float, float], place: int) -> Line2D:
    """Draw one step curve, from the left axis at 0 flat to the right edge."""
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
    """Choose the steps that bear a marker: few, and others on each curve, so that none hides another's."""
    if not y.size:
        return []
    levels = (np.arange(4) + 0.3 + 0.25 * (place % 3)) / 4 * y[-1]
    return sorted({int(step) + 1 for step in np.searchsorted(y, levels)})


def _entitle(ax: Axes, cell: Cell, handles: list[Line2D], *, shared: bool) -> None:
    """Write title and legend above the axes, where no curve can run under them."""
    if not cell.curves:
        ax.text(0.5, 0.5, "no sweep", transform=ax.transAxes, ha="center", va="center", color="0.5")
    if shared or not cell.curves:
        ax.set_title(cell.title, loc="left")
        return
    ax.legend(
        handles,
        cell.entries,
        title=cell.title,
        alignment="left",
        loc="lower left",
        bbox_to_anchor=(0.0, 1.0),
        frameon=False,
        borderaxespad=0.25,
        borderpad=0.1,
        handlelength=2.6,
        labelspacing=0.25,
    )


def scatter_figure(table: pd.DataFrame) -> Figure:
    """Draw top-1 error against lr, wd and lr·wd: a row for each model and optimizer.

    A bar stands at the optimum's value and a star at each of its trials. Diverged trials are crosses at the
    top, at "div.". Rows of one panel share their y axis.

    Parameters
    ----------
    table : DataFrame
        One row a trial; see `analysis.table.read_sweeps`; with lr and weight_decay besides.

    Raises
    ------
    AnalysisError
        If the table breaks a rule of `read_sweeps`, or an lr or weight_decay is not above 0.
    """
    sweeps = read_sweeps(table, need=("lr", "weight_decay"))
    _check_positive(table)
    heights = y_axes(sweeps)
    looks = looks_of(sweep.family for sweep in sweeps)
    with matplotlib.rc_context(_STYLE):
        figure = _figure(PAGE_IN, 0.3 + 1.5 * len(sweeps))
        axes = figure.subplots(len(sweeps), len(_AXES), sharey="row", squeeze=False)
        for row, sweep in zip(axes, sweeps, strict=True):
            row[0].set_title(sweep_title(sweep), loc="left")
            for ax, read in zip(row, _AXES.values(), strict=True):
                _draw_scatter(ax, sweep, read, heights[sweep.panel], looks[sweep.family].color)
        for ax, label in zip(axes[-1], _AXES, strict=True):
            ax.set_xlabel(label)
        figure.supylabel("top-1 error (%)", size=_FONT_PT)
    return figure


Reader = Callable[[pd.DataFrame], NDArray[np.float64]]
_AXES: dict[str, Reader] = {
    "learning rate (lr)": lambda rows: values(rows, "lr"),
    "weight decay (wd)": lambda rows: values(rows, "weight_decay"),
    "lr · wd": lambda rows: values(rows, "lr") * values(rows, "weight_decay"),
}


def _check_positive(table: pd.DataFrame) -> None:
    for column in ("lr", "weight_decay"):
        wrong = table[~(pd.to_numeric(table[column], errors="coerce") > 0)]
        if len(wrong):
            raise AnalysisError(
                f"a scatter's axes are logarithmic: {column} must be above 0, got {wrong[column].iloc[0]} in "
                f"sweep {wrong['sweep'].iloc[0]} ({len(wrong)} trials). Choose other sweeps with --sweep ID."
            )


def _draw_scatter(ax: Axes, sweep: Sweep, read: Reader, y: YAxis, color: str) -> None:
    """Draw one sweep against one axis."""
    ax.set(xscale="log", yscale="log" if y.log else "linear", ylim=(y.bottom, y.top))
    x = np.concatenate([read(rows) for rows in (sweep.finished, sweep.diverged, sweep.optimum)])
    _tick(ax.xaxis, float(x.max() / x.min()))
    if y.log:
        _tick(ax.yaxis, y.top / y.bottom)
    if not sweep.optimum.empty:
        ax.axvline(read(sweep.optimum)[0], color="0.6", linewidth=1.2, zorder=1)
    ax.plot(read(sweep.finished), values(sweep.finished, "top1_err"), "o", color=color, ms=3.2, mew=0)
    if y.top > y.divide:
        _draw_diverged(ax, read(sweep.diverged), y)
    _draw_optimum(ax, sweep, read, y)


def _draw_optimum(ax: Axes, sweep: Sweep, read: Reader, y: YAxis) -> None:
    """Draw a star for each trial at the optimum that has a result."""
    rows = sweep.optimum[sweep.optimum["state"].isin(RESULTS)]
    if rows.empty:
        return
    at = np.where(rows["state"] == "diverged", y.diverged, values(rows, "top1_err"))
    ax.plot(read(rows), at, "*", color="black", ms=8, mec="white", mew=0.6, zorder=4)


def _tick(axis: Axis, ratio: float) -> None:
    """Put few ticks on a logarithmic axis, so that their labels do not run into each other."""
    subs = (1.0, 2.0, 5.0) if ratio < 100 else (1.0,)
    axis.set_major_locator(LogLocator(subs=subs, numticks=7) if ratio > 5 else MaxNLocator(4))
    axis.set_minor_formatter(NullFormatter())
    axis.set_major_formatter(FuncFormatter(_number))


def _draw_diverged(ax: Axes, x: NDArray[np.float64], y: YAxis) -> None:
    """Draw crosses on a line of their own, which is on no scale."""
    ax.axhline(y.divide, color=_FAINT, linewidth=0.6, zorder=1)
    ax.plot(x, np.full(len(x), y.diverged), "x", color="0.2", ms=3.5, mew=0.9)
    ticks = [tick for tick in ax.get_yticks() if y.bottom <= tick <= y.divide - 0.5 * (y.top - y.divide)]
    ax.set_yticks([*ticks, y.diverged], [*map(_number, ticks), "div."])


def _number(value: float, place: int | None = None) -> str:
    """Write a tick's value shortly: 5e-4, 0.02, 10. Ticks also tell their place."""
    if 0 < value < 0.01:
        mantissa, exponent = f"{value:.6e}".split("e")
        return f"{float(mantissa):g}e{int(exponent)}"
    return f"{value:g}"


def save(figure: Figure, path: str | os.PathLike[str]) -> Path:
    """Write a figure: whole or not at all, and the same bytes each time.

    Parameters
    ----------
    figure : Figure
        One of this module's.
    path : path
        Ends in .pdf or .svg (text as TrueType and as outlines) or .png (200 dpi).

    Returns
    -------
    Path
        What was written.

    Raises
    ------
    AnalysisError
        If the suffix is another one, or the file cannot be written; nothing is left behind then.
    """
    target = Path(path)
    content = render(figure, target.suffix)
    beside = target.with_name(f".{target.name}.{os.getpid()}.tmp")
    try:
        beside.write_bytes(content)
        os.replace(beside, target)
    except OSError as error:
        with contextlib.suppress(OSError):
            beside.unlink()
        raise AnalysisError(
            f"cannot write {target}: {error.strerror or error}. Name a file in a folder that exists and in "
            "which you may write."
        ) from error
    return target


def render(figure: Figure, suffix: str) -> bytes:
    """Return a figure as a .pdf, .svg or .png file's bytes; any other suffix is an `AnalysisError`."""
    kind = suffix.lower()
    if kind not in SUFFIXES:
        raise AnalysisError(f"a figure is written as {', '.join(SUFFIXES)}, got {suffix or 'no suffix'}.")
    undated: dict[str, dict[str, None]] = {".pdf": {"CreationDate": None}, ".svg": {"Date": None}, ".png": {}}
    buffer = io.BytesIO()
    with matplotlib.rc_context(_STYLE):
        figure.savefig(buffer, format=kind[1:], dpi=DPI, metadata=undated[kind])
    return buffer.getvalue()
