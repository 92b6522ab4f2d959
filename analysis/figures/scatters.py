"""The figure of error against learning rate and weight decay."""

from collections.abc import Callable

import matplotlib
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter
from numpy.typing import NDArray

from analysis.errors import AnalysisError
from analysis.figure_layout import YAxis, looks_of, sweep_title, y_axes
from analysis.figures.style import (
    FONT_PT,
    PAGE_IN,
    STYLE,
    new_figure,
    put_divide,
    put_ticks,
    put_zero,
    short_value,
    tick_format,
)
from analysis.sweep_trials import RESULTS, SweepTrials, read_sweeps, values


def scatter_figure(table: pd.DataFrame) -> Figure:
    """Draw top-1 error, or another metric, against lr, wd and lr·wd: a row for each model and optimizer.

    A line marks the optimum, and a star each of its trials. Diverged trials are crosses at the top, at
    "div.". Rows of one panel share their y axis. Worse is above: where more is better, values rise downwards.

    Parameters
    ----------
    table : DataFrame
        One row per trial; see `analysis.read_sweeps`; with the additional columns lr and weight_decay.

    Raises
    ------
    AnalysisError
        If the table breaks a rule of `read_sweeps`, or an lr or weight_decay is negative or missing.
    """
    sweeps = read_sweeps(table, need=("lr", "weight_decay"), any_metric=True)
    metric = sweeps[0].metric
    check_not_negative(table)
    heights = y_axes(sweeps)
    looks = looks_of(sweep.family for sweep in sweeps)
    with matplotlib.rc_context(STYLE):
        figure = new_figure(PAGE_IN, 0.3 + 1.5 * len(sweeps))
        axes = figure.subplots(len(sweeps), len(_AXES), sharey="row", squeeze=False)
        for row, sweep in zip(axes, sweeps, strict=True):
            row[0].set_title(sweep_title(sweep), loc="left")
            for ax, read in zip(row, _AXES.values(), strict=True):
                _draw_scatter(ax, sweep, read, heights[sweep.panel], looks[sweep.family].color)
        for ax, label in zip(axes[-1], _AXES, strict=True):
            ax.set_xlabel(label)
        label = f"{metric.label}, better below" if metric.higher_better else metric.label
        figure.supylabel(label, size=FONT_PT)
    return figure


Reader = Callable[[pd.DataFrame], NDArray[np.float64]]
_AXES: dict[str, Reader] = {
    "learning rate (lr)": lambda rows: values(rows, "lr"),
    "weight decay (wd)": lambda rows: values(rows, "weight_decay"),
    "lr · wd": lambda rows: values(rows, "lr") * values(rows, "weight_decay"),
}


def check_not_negative(table: pd.DataFrame) -> None:
    """Refuse an lr or weight_decay without a place on a logarithmic axis, which has one for 0."""
    for column in ("lr", "weight_decay"):
        wrong = table[~(pd.to_numeric(table[column], errors="coerce") >= 0)]
        if len(wrong):
            raise AnalysisError(
                f"axes are logarithmic: {column} must not be negative, got {wrong[column].iloc[0]} in "
                f"sweep {wrong['sweep'].iloc[0]} ({len(wrong)} trials). Choose other sweeps with `sweep` ID."
            )


def _draw_scatter(ax: Axes, sweep: SweepTrials, read: Reader, y: YAxis, color: str) -> None:
    """Draw one sweep against one axis."""
    ax.set(yscale="log" if y.log else "linear", ylim=(y.bottom, y.top))
    x = np.concatenate([read(rows) for rows in (sweep.finished, sweep.diverged, sweep.optimum)])
    if not put_zero(ax, "x", x):
        ax.set_xscale("log")
        put_ticks(ax.xaxis, float(x.max() / x.min()))
    if y.log:
        put_ticks(ax.yaxis, y.top / y.bottom)
    elif sweep.metric.higher_better:
        ax.yaxis.set_major_formatter(FuncFormatter(short_value))
    if not sweep.optimum.empty:
        ax.axvline(read(sweep.optimum)[0], color="0.6", linewidth=1.2, zorder=1)
    ax.plot(read(sweep.finished), values(sweep.finished, "top1_err"), "o", color=color, ms=3.2, mew=0)
    if y.top > y.divide:
        _draw_diverged(ax, read(sweep.diverged), y, tick_format(sweep.metric))
    _draw_optimum(ax, sweep, read, y)


def _draw_optimum(ax: Axes, sweep: SweepTrials, read: Reader, y: YAxis) -> None:
    """Draw a star for each trial at the optimum that has a result."""
    rows = sweep.optimum[sweep.optimum["state"].isin(RESULTS)]
    if rows.empty:
        return
    at = np.where(rows["state"] == "diverged", y.diverged, values(rows, "top1_err"))
    ax.plot(read(rows), at, "*", color="black", ms=8, mec="white", mew=0.6, zorder=4)


def _draw_diverged(ax: Axes, x: NDArray[np.float64], y: YAxis, shown: Callable[[float], str]) -> None:
    """Draw crosses above the end of the scale."""
    put_divide(ax, y, shown)
    ax.plot(x, np.full(len(x), y.diverged), "x", color="0.2", ms=3.5, mew=0.9)
