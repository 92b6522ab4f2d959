"""The figure of tuning curves: the expected error of the best of k random points."""

import itertools
import math
from collections.abc import Sequence

import matplotlib
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import FixedLocator, NullLocator

from analysis.edf import Curve, curve_of
from analysis.figure_layout import LOG_RATIO, Look, grid
from analysis.figures.style import (
    COLUMN_IN,
    FONT_PT,
    PAGE_IN,
    STYLE,
    entitle,
    new_figure,
    put_ticks,
)
from analysis.sweep_trials import read_sweeps
from analysis.tuning import TuningCurve, doublings, tuning_of

_BAND_ALPHA = 0.16


def tuning_figure(table: pd.DataFrame, *, width_in: float | None = None) -> Figure:
    """Draw tuning curves: a column for each panel, a row for each optimizer, a curve for each sweep.

    x is a budget of k trainings, on a logarithmic scale; y is the expected lowest error of k random points of
    the box, a diverged one at 100 %. The band of independent points is shaded; it may extend beyond the axes.

    Parameters
    ----------
    table : DataFrame
        One row per trial; see `analysis.read_sweeps`.
    width_in : float, optional
        Width in inches. Default: a paper's column for one panel, its page for more.

    Raises
    ------
    AnalysisError
        If the table breaks a rule of `read_sweeps`.
    """
    sweeps = read_sweeps(table)
    tuned = {sweep.sweep: tuning_of(sweep) for sweep in sweeps}
    panels = len({sweep.panel for sweep in sweeps})
    width = width_in or (COLUMN_IN if panels == 1 else PAGE_IN)
    column = (width - 0.5) / panels
    # No trial lies beyond the last budget, so that no legend entry counts any there.
    cells = grid([curve_of(sweep, absolute=True) for sweep in sweeps], math.inf, column - 0.45)
    heights = [0.125 * max(cell.lines for cell in row) for row in cells]
    with matplotlib.rc_context(STYLE):
        figure = new_figure(
            width, 0.35 + sum(heights) + len(cells) * (min(max(0.72 * column, 1.5), 2.1) + 0.3)
        )
        axes = figure.subplots(len(cells), panels, sharex=True, sharey=True, squeeze=False)
        for ax, cell in zip(axes.flat, itertools.chain(*cells), strict=True):
            pairs = zip(cell.curves, cell.looks, strict=True)
            entitle(ax, cell, [_draw(ax, curve, look, tuned) for curve, look in pairs], shared=False)
        _set_axes(axes.flat[0], list(tuned.values()))
        figure.supxlabel("budget k (random points tried)", size=FONT_PT)
        figure.supylabel("expected top-1 error of the best (%)", size=FONT_PT)
    return figure


def _draw(ax: Axes, curve: Curve, look: Look, tuned: dict[str, TuningCurve]) -> Line2D:
    k, expected, low, high = tuned[curve.sweep]
    if low is not None and high is not None:
        ax.fill_between(k, low, high, color=look.color, alpha=_BAND_ALPHA, linewidth=0)
    ax.grid(axis="y", color="0.92", linewidth=0.5)
    ax.set_axisbelow(True)
    (line,) = ax.plot(
        k,
        expected,
        color=look.color,
        linestyle=look.dash,
        linewidth=1.3,
        marker=look.marker,
        markersize=3.2,
        markevery=[int(place) for place in np.flatnonzero(np.isin(k, doublings(int(k[-1]))))],
    )
    return line


def _set_axes(ax: Axes, tuned: Sequence[TuningCurve]) -> None:
    """Set the axes so that all expected errors are visible; a far wider band may extend beyond them."""
    expected = np.concatenate([curve.expected for curve in tuned])
    budgets = doublings(max(len(curve.k) for curve in tuned))
    low, high = float(expected.min()), float(expected.max())
    ax.set_xscale("log", base=2)
    ax.set_xlim(0.93, 1.08 * max(2, max(len(curve.k) for curve in tuned)))
    ax.xaxis.set_major_locator(FixedLocator(budgets))
    ax.xaxis.set_minor_locator(NullLocator())
    ax.xaxis.set_major_formatter("{x:g}")
    if low > 0 and high > LOG_RATIO * low:
        ax.set(yscale="log", ylim=(0.6 * low, 1.4 * high))
        put_ticks(ax.yaxis, high / low)
    else:
        margin = max(0.25 * (high - low), 0.5)
        ax.set_ylim(max(0.0, low - margin), min(100.5, high + margin))
