"""The figure of isolation curves: the errors at each value of each hyperparameter, the others free."""

import math
import textwrap
from collections.abc import Sequence

import matplotlib
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch
from matplotlib.ticker import FuncFormatter
from numpy.typing import NDArray

from analysis.errors import AnalysisError
from analysis.figure_layout import LOG_RATIO, TITLE_CHAR_IN, Y_LEAST, Look, YAxis, looks_of, y_axis
from analysis.figures.style import (
    FAINT,
    FONT_PT,
    PAGE_IN,
    STYLE,
    new_figure,
    put_divide,
    put_ticks,
    short_value,
    tick_format,
)
from analysis.knobs import Knob, Knobs
from analysis.metric import Metric

Floats = NDArray[np.float64]

_COLUMNS = 4
_ROW_IN = 1.75
_TITLE = int((PAGE_IN / _COLUMNS - 0.25) / TITLE_CHAR_IN)
"""Letters in a line of a subplot's title."""
_BAND_ALPHA = 0.16
_MOST_BANDS = 3
"""More sweeps than this are drawn without bands, which would hide each other."""


def knobs_figure(found: Sequence[Knobs]) -> Figure:
    """Draw isolation curves: a subplot for each hyperparameter, the one that explains most first.

    A line is the median error of the trials near a value, its band the limits; a thin line is what the best
    of four tries reaches in half of the cases. A vertical line is the optimum, where it is known. The title
    has the share of the errors' variance that the hyperparameter explains, of each sweep in their order.
    Another metric is drawn as in `scatter_figure`, worse above; at "div.", half of the trials diverged.

    Parameters
    ----------
    found : sequence of Knobs
        One of each sweep.

    Raises
    ------
    AnalysisError
        If there is none.
    """
    names = _names(found)
    if not names:
        raise AnalysisError("a figure needs at least one hyperparameter, got none: choose other sweeps.")
    looks, y = looks_of(each.sweep.name for each in found), _height(found)
    columns = min(_COLUMNS, len(names))
    rows = math.ceil(len(names) / columns)
    with matplotlib.rc_context(STYLE):
        width = 0.4 + (PAGE_IN - 0.4) * max(columns, 2) / _COLUMNS
        figure = new_figure(width, 0.7 + _ROW_IN * rows)
        axes = figure.subplots(rows, columns, sharey=True, squeeze=False)
        for ax in axes.flat[len(names) :]:
            ax.set_visible(False)
        for ax, name in zip(axes.flat, names, strict=False):
            _draw_panel(ax, name, found, looks, y)
        _put_metric(figure, list(axes.flat), found[0].sweep.metric, y)
        handles = _handles(found, looks)
        figure.legend(
            handles=handles, loc="outside upper left", ncols=len(handles) if width > 5 else 2, frameon=False
        )
    return figure


def _names(found: Sequence[Knobs]) -> list[str]:
    """Return all hyperparameters, by the greatest share that any sweep's explains."""
    shares: dict[str, float] = {}
    for knob in (knob for each in found for knob in each.knobs):
        shares[knob.name] = max(shares.get(knob.name, 0.0), knob.share.value)
    return sorted(shares, key=lambda name: -shares[name])


def _height(found: Sequence[Knobs]) -> YAxis:
    """Choose the y axis of all subplots, in costs."""
    metric = found[0].sweep.metric
    errors = np.array(
        [
            error
            for each in found
            for knob in each.knobs
            for b in knob.curve
            for error in (b.median.value, b.best_of_4.value)
        ]
    )
    if metric.is_top1_error:
        return _percent(errors)
    finite = errors[np.isfinite(errors)]
    log = bool(finite.size and finite.min() > 0 and finite.max() > LOG_RATIO * finite.min())
    return y_axis(finite, log=log, lost=len(finite) < len(errors), least=Y_LEAST * metric.step)


def _percent(errors: Floats) -> YAxis:
    room = max(0.05 * np.ptp(errors), 0.5)
    bottom, top = max(0.0, errors.min() - room), min(101.0, errors.max() + room)
    return YAxis(bottom=bottom, divide=top, diverged=top, top=top, log=False)


def _put_metric(figure: Figure, axes: Sequence[Axes], metric: Metric, y: YAxis) -> None:
    """Scale and label the y axis that all subplots share."""
    first = axes[0]
    first.set(yscale="log" if y.log else "linear", ylim=(y.bottom, y.top))
    if y.log:
        put_ticks(first.yaxis, y.top / y.bottom)
    elif metric.higher_better:
        first.yaxis.set_major_formatter(FuncFormatter(short_value))
    if y.top > y.divide:
        for ax in axes:
            put_divide(ax, y, tick_format(metric))
    label = f"{metric.label}, better below" if metric.higher_better else metric.label
    figure.supylabel(label, size=FONT_PT)


def _draw_panel(ax: Axes, name: str, found: Sequence[Knobs], looks: dict[str, Look], y: YAxis) -> None:
    drawn = [(each, knob) for each in found for knob in each.knobs if knob.name == name]
    first = drawn[0][1].setting
    for each, knob in drawn:
        _draw(ax, knob, looks[each.sweep.name], y, band=len(found) <= _MOST_BANDS)
    ax.grid(axis="y", color="0.92", linewidth=0.5)
    ax.set_axisbelow(True)
    shares = ", ".join(f"{100 * knob.share.value:.0f}" for _, knob in drawn)
    ax.set_title(textwrap.fill(f"{name}: {shares} %", _TITLE, break_on_hyphens=False), loc="left")
    if first.labels:
        ax.set_xticks(range(len(first.labels)), first.labels)
    elif first.is_logit and first.is_range:
        _put_logit_ticks(ax)
    elif first.is_log and first.is_range:
        low, high = ax.get_xlim()
        put_ticks(ax.xaxis, high / low)
    elif not first.is_range:
        values = np.unique(np.concatenate([knob.setting.values for _, knob in drawn]))
        ax.set_xticks(values, [f"{value:g}" for value in values])
        ax.minorticks_off()


def _draw(ax: Axes, knob: Knob, look: Look, y: YAxis, *, band: bool) -> None:
    if knob.setting.is_logit:
        ax.set_xscale("logit")
    elif knob.setting.is_log:
        ax.set_xscale("log")
    x = np.array([b.middle for b in knob.curve])
    median, best = (
        np.nan_to_num(levels, nan=np.nan, posinf=y.diverged, neginf=y.bottom)
        for levels in (
            np.array([b.median for b in knob.curve]),
            np.array([b.best_of_4.value for b in knob.curve]),
        )
    )
    if band and not np.isnan(median[:, 1]).any():
        ax.fill_between(x, median[:, 1], median[:, 2], color=look.color, alpha=_BAND_ALPHA, linewidth=0)
    ax.plot(x, median[:, 0], color=look.color, linewidth=1.3, marker=look.marker, ms=2.6)
    ax.plot(x, best, color=look.color, linewidth=0.6)
    if knob.is_known:
        ax.axvline(knob.optimum, color=FAINT, linewidth=0.8, zorder=1)


def _put_logit_ticks(ax: Axes) -> None:
    """Label 0.5, 0.9, 0.99 … and 0.1, 0.01 …, as far as they are in view."""
    low, high = ax.get_xlim()
    nines = [1 - 10.0**-power for power in range(1, 9)]
    ticks = [tick for tick in (*(1 - nine for nine in nines), 0.5, *nines) if low <= tick <= high]
    ax.set_xticks(ticks, [f"{tick:.8f}".rstrip("0") for tick in ticks])
    ax.minorticks_off()


def _handles(found: Sequence[Knobs], looks: dict[str, Look]) -> list[Line2D | Patch]:
    handles: list[Line2D | Patch] = [
        Line2D([], [], color=look.color, marker=look.marker, ms=2.6, label=name)
        for name, look in looks.items()
    ]
    handles.append(Line2D([], [], color="0.3", linewidth=1.3, label="median"))
    handles.append(Line2D([], [], color="0.3", linewidth=0.6, label="best of 4 tries"))
    ranks = " of ranks" if found[0].scores.are_ranks else ""
    handles.append(Line2D([], [], linestyle="", label=f"%: of the variance{ranks} explained"))
    if len(found) <= _MOST_BANDS and not math.isnan(found[0].knobs[0].share.low):
        label = f"{100 * found[0].confidence:g} % limits"
        handles.append(Patch(color="0.3", alpha=_BAND_ALPHA, linewidth=0, label=label))
    return handles
