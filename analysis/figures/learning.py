"""The figure of learning curves: of the trials at the optimum, the best and the worst ones."""

import textwrap
from collections.abc import Sequence

import matplotlib
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import MaxNLocator

from analysis.errors import AnalysisError
from analysis.figure_layout import LOG_RATIO, TITLE_CHAR_IN, Look
from analysis.figures.style import FONT_PT, PAGE_IN, STYLE, new_figure, put_ticks
from analysis.learning import Example, examples
from analysis.names import known, optimizer_name
from analysis.sweep_trials import DIVERGED_ERR, SweepTrials, read_sweeps

_COLUMNS = 3
_ROW_IN = 1.75
EXAMPLE_LOOKS = {
    "optimum": Look("#000000", (0, ()), "*"),
    "best": Look("#0072B2", (0, (4.0, 1.5)), "o"),
    "worst finished": Look("#D55E00", (0, (5.0, 1.5, 1.0, 1.5)), "s"),
    "diverged": Look("#CC79A7", (0, (1.0, 1.0)), "x"),
}


def learning_figure(table: pd.DataFrame, learning: pd.DataFrame) -> Figure:
    """Draw the learning curves of each sweep's optimum, best, worst finished and first diverged trial.

    There is one subplot per sweep; y is the top-1 error after each epoch, on one scale for all, which is
    logarithmic if errors differ much. The curve of a diverged trial ends in a cross.

    Parameters
    ----------
    table : DataFrame
        One row per trial; see `analysis.read_sweeps`; with the additional column key.
    learning : DataFrame
        One row per epoch; see `analysis.learning.examples`.

    Raises
    ------
    AnalysisError
        If a table breaks a rule, or no chosen trial has a learning curve.
    """
    drawn = [(sweep, _curves(sweep, learning)) for sweep in read_sweeps(table, need=("key",))]
    drawn = [(sweep, curves) for sweep, curves in drawn if curves]
    if not drawn:
        raise AnalysisError("no trial has a learning curve: draw sweeps that were trained here.")
    columns = min(_COLUMNS, len(drawn))
    rows = -(-len(drawn) // columns)
    with matplotlib.rc_context(STYLE):
        figure = new_figure(0.4 + (PAGE_IN - 0.4) * columns / _COLUMNS, 0.5 + _ROW_IN * rows)
        axes = figure.subplots(rows, columns, sharey=True, squeeze=False)
        for ax in axes.flat[len(drawn) :]:
            ax.set_visible(False)
        for ax, (sweep, curves) in zip(axes.flat, drawn, strict=False):
            _draw_panel(ax, sweep, curves)
        _set_scale(axes.flat[0], [curve for _, curves in drawn for curve in curves])
        figure.supxlabel("epoch", size=FONT_PT)
        figure.supylabel("top-1 error (%)", size=FONT_PT)
        names = {curve.name for _, curves in drawn for curve in curves}
        handles = [_handle(name) for name in EXAMPLE_LOOKS if name in names]
        figure.legend(handles=handles, loc="outside upper left", ncols=len(handles), frameon=False)
    return figure


def _curves(sweep: SweepTrials, learning: pd.DataFrame) -> list[Example]:
    return [example for example in examples(sweep, learning) if len(example.epochs)]


def _draw_panel(ax: Axes, sweep: SweepTrials, curves: Sequence[Example]) -> None:
    title = ", ".join(known(sweep.model, optimizer_name(sweep.optimizer)))
    ax.set_title(textwrap.fill(title, int((PAGE_IN / _COLUMNS - 0.3) / TITLE_CHAR_IN)), loc="left")
    ax.grid(axis="y", color="0.92", linewidth=0.5)
    ax.set_axisbelow(True)
    ax.xaxis.set_major_locator(MaxNLocator(5, integer=True))
    for curve in reversed(curves):  # the optimum on top
        look = EXAMPLE_LOOKS[curve.name]
        ax.plot(
            curve.epochs,
            curve.errors,
            color=look.color,
            linestyle=look.dash,
            linewidth=1.2,
            marker=look.marker,
            markersize=7 if look.marker == "*" else 4,
            markevery=[len(curve.epochs) - 1],
        )


def _set_scale(ax: Axes, curves: Sequence[Example]) -> None:
    errors = np.concatenate([curve.errors for curve in curves])
    low, high = float(errors.min()), float(errors.max())
    if low > 0 and high > LOG_RATIO * low:
        ax.set(yscale="log", ylim=(0.8 * low, 1.25 * high))
        put_ticks(ax.yaxis, high / low)
    else:
        ax.set_ylim(0.0, min(1.08 * max(high, 1.0), DIVERGED_ERR + 4))


def _handle(name: str) -> Line2D:
    look = EXAMPLE_LOOKS[name]
    return Line2D(
        [], [], color=look.color, linestyle=look.dash, marker=look.marker, markersize=5, lw=1.2, label=name
    )
