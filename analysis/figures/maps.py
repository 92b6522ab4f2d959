"""The figure of maps: the errors of a model in the plane of learning rate and weight decay."""

import textwrap
from typing import Any

import matplotlib
import numpy as np
import pandas as pd
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.axis import Axis
from matplotlib.cm import ScalarMappable
from matplotlib.colors import LogNorm, Normalize
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Rectangle

from analysis.box_of_points import box_of
from analysis.figure_layout import LOG_RATIO, RIGHT_SHARE, TITLE_CHAR_IN, sweep_title
from analysis.figures.scatters import check_not_negative
from analysis.figures.style import PAGE_IN, STYLE, new_figure, put_ticks, put_zero
from analysis.sweep_trials import RESULTS, SweepTrials, read_sweeps, values

COLORS = "cividis"
"""The colour map of Nuñez, Anderton and Renslow (2018, PLOS ONE 13:e0199239). Colour-blind readers see the
same colours, and its lightness increases evenly, so that it can be read in grey."""
_COLUMNS = 3
_ROW_IN = 2.15


def map_figure(table: pd.DataFrame) -> Figure:
    """Draw every sweep's points in the plane of lr and wd, coloured by error: one subplot per sweep.

    Dark colours are low errors. Diverged points are crosses, points without a result empty circles, and the
    optimum is a star. The sampled box is dashed, if the relative points determine it. All subplots share one
    colour scale, which is logarithmic if errors differ much. The worst tenth of the errors may lie beyond the
    scale, which then ends in an arrow. An lr or weight decay of 0 lies at the border of its axis.

    Parameters
    ----------
    table : DataFrame
        One row per trial; see `analysis.read_sweeps`; with the additional columns lr and weight_decay.

    Raises
    ------
    AnalysisError
        If the table breaks a rule of `read_sweeps`, or an lr or weight_decay is negative or missing.
    """
    sweeps = read_sweeps(table, need=("lr", "weight_decay"))
    check_not_negative(table)
    scale, beyond = _scale(sweeps)
    columns = min(_COLUMNS, len(sweeps))
    rows = -(-len(sweeps) // columns)
    with matplotlib.rc_context(STYLE):
        figure = new_figure(0.7 + (PAGE_IN - 0.7) * columns / _COLUMNS, 0.3 + _ROW_IN * rows)
        axes = figure.subplots(rows, columns, squeeze=False)
        for ax in axes.flat[len(sweeps) :]:
            ax.set_visible(False)
        for ax, sweep in zip(axes.flat, sweeps, strict=False):
            _draw_map(ax, sweep, _missing(table, sweep), scale)
        _draw_scale(figure, axes, scale, beyond=beyond)
        figure.supxlabel("learning rate (lr)", size=matplotlib.rcParams["font.size"])
        figure.supylabel("weight decay (wd)", size=matplotlib.rcParams["font.size"])
        handles = _handles(sweeps)
        figure.legend(handles=handles, loc="outside upper left", ncols=len(handles), frameon=False)
    return figure


def _scale(sweeps: list[SweepTrials]) -> tuple[ScalarMappable, bool]:
    """Choose the colour scale, logarithmic if errors differ much; return whether some errors exceed it."""
    parts = [s.finished for s in sweeps] + [s.optimum[s.optimum["state"] == "finished"] for s in sweeps]
    errors = np.concatenate([values(rows, "top1_err") for rows in parts])
    if not errors.size:
        return ScalarMappable(Normalize(0.0, 100.0), COLORS), False
    low, high = float(errors.min()), float(np.quantile(errors, RIGHT_SHARE, method="higher"))
    norm = LogNorm if low > 0 and high > LOG_RATIO / 2 * low else Normalize
    return ScalarMappable(norm(low, max(high, low + 1.0)), COLORS), bool(errors.max() > high)


def _missing(table: pd.DataFrame, sweep: SweepTrials) -> pd.DataFrame:
    rows = table[(table["sweep"].map(str) == sweep.sweep) & (table["role"] == "point")]
    return rows[~rows["state"].isin(RESULTS)]


def _draw_map(ax: Axes, sweep: SweepTrials, missing: pd.DataFrame, scale: ScalarMappable) -> None:
    name, what, counts = sweep_title(sweep).rpartition(": n = ")
    room = int(((PAGE_IN - 0.7) / _COLUMNS - 0.35) / TITLE_CHAR_IN)  # tick labels stand between subplots
    lines = [textwrap.fill(part, room) for part in (name, what[2:] + counts)]
    ax.set_title("\n".join(lines), loc="left")
    ax.set(xscale="log", yscale="log")
    box = box_of(sweep.points)
    if box:
        corner, size = (box.lr_low, box.wd_low), (box.lr_high - box.lr_low, box.wd_high - box.wd_low)
        ax.add_patch(Rectangle(corner, *size, fill=False, edgecolor="0.5", linestyle="--", linewidth=0.8))
    for marker, rows in (("x", sweep.diverged), ("o", missing)):
        ax.plot(*_at(rows), marker, color="0.2", mfc="none", ms=3.5, mew=0.9 if marker == "x" else 0.5)
    ax.scatter(
        *_at(sweep.finished),
        s=18,
        c=scale.to_rgba(values(sweep.finished, "top1_err")),
        edgecolors="0.5",
        linewidths=0.4,
        zorder=3,
    )
    if not sweep.optimum.empty:
        ax.plot(*_at(sweep.optimum.head(1)), "*", color="white", ms=9, mec="black", mew=0.8, zorder=4)
    drawn = pd.concat([sweep.points, missing, sweep.optimum.head(1)])
    for axis, values_of in (("x", values(drawn, "lr")), ("y", values(drawn, "weight_decay"))):
        if not put_zero(ax, axis, values_of):
            _tick(ax.xaxis if axis == "x" else ax.yaxis)


def _tick(axis: Axis) -> None:
    low, high = axis.get_view_interval()
    put_ticks(axis, float(high / low))


def _draw_scale(figure: Figure, axes: np.ndarray, scale: ScalarMappable, *, beyond: bool) -> None:
    rows, extend = len(axes), "max" if beyond else "neither"
    bar = figure.colorbar(scale, ax=axes, label="top-1 error (%)", aspect=12 * rows, pad=0.015, extend=extend)
    low, high = scale.get_clim()
    if isinstance(scale.norm, LogNorm) and low and high:
        put_ticks(bar.ax.yaxis, high / low)


def _at(rows: pd.DataFrame) -> tuple[np.ndarray, np.ndarray]:
    return values(rows, "lr"), values(rows, "weight_decay")


def _handles(sweeps: list[SweepTrials]) -> list[Artist]:
    """Return the legend's markers, of what is drawn only."""
    marks: list[tuple[bool, str, dict[str, Any]]] = [
        (True, "finished", {"marker": "o", "mfc": "0.6", "mec": "0.5", "ms": 4}),
        (any(len(s.diverged) for s in sweeps), "diverged", {"marker": "x", "color": "0.2", "ms": 4}),
        (
            any(s.missing for s in sweeps),
            "no result",
            {"marker": "o", "mfc": "none", "mec": "0.2", "ms": 3.5},
        ),
        (
            any(len(s.optimum) for s in sweeps),
            "optimum",
            {"marker": "*", "mfc": "white", "mec": "black", "ms": 8},
        ),
    ]
    handles: list[Artist] = [
        Line2D([], [], linestyle="none", label=label, **look) for there, label, look in marks if there
    ]
    if any(box_of(s.points) for s in sweeps):
        handles.append(Line2D([], [], color="0.5", linestyle="--", linewidth=0.8, label="box"))
    return handles
