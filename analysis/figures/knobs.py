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

from analysis.errors import AnalysisError
from analysis.figure_layout import TITLE_CHAR_IN, Look, looks_of
from analysis.figures.style import FAINT, FONT_PT, PAGE_IN, STYLE, new_figure, put_ticks
from analysis.knobs import Knob, Knobs

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
    looks = looks_of(each.sweep.name for each in found)
    columns = min(_COLUMNS, len(names))
    rows = math.ceil(len(names) / columns)
    with matplotlib.rc_context(STYLE):
        width = 0.4 + (PAGE_IN - 0.4) * max(columns, 2) / _COLUMNS
        figure = new_figure(width, 0.7 + _ROW_IN * rows)
        axes = figure.subplots(rows, columns, sharey=True, squeeze=False)
        for ax in axes.flat[len(names) :]:
            ax.set_visible(False)
        for ax, name in zip(axes.flat, names, strict=False):
            _draw_panel(ax, name, found, looks)
        axes.flat[0].set_ylim(*_limits(found))
        figure.supylabel("top-1 error (%)", size=FONT_PT)
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


def _limits(found: Sequence[Knobs]) -> tuple[float, float]:
    errors = [
        error
        for each in found
        for knob in each.knobs
        for b in knob.curve
        for error in (b.median.value, b.best_of_4.value)
    ]
    room = max(0.05 * (max(errors) - min(errors)), 0.5)
    return max(0.0, min(errors) - room), min(101.0, max(errors) + room)


def _draw_panel(ax: Axes, name: str, found: Sequence[Knobs], looks: dict[str, Look]) -> None:
    drawn = [(each, knob) for each in found for knob in each.knobs if knob.name == name]
    first = drawn[0][1].setting
    for each, knob in drawn:
        _draw(ax, knob, looks[each.sweep.name], band=len(found) <= _MOST_BANDS)
    ax.grid(axis="y", color="0.92", linewidth=0.5)
    ax.set_axisbelow(True)
    shares = ", ".join(f"{100 * knob.share.value:.0f}" for _, knob in drawn)
    ax.set_title(textwrap.fill(f"{name}: {shares} %", _TITLE, break_on_hyphens=False), loc="left")
    if first.labels:
        ax.set_xticks(range(len(first.labels)), first.labels)
    elif first.is_log and first.is_range:
        low, high = ax.get_xlim()
        put_ticks(ax.xaxis, high / low)
    elif not first.is_range:
        values = np.unique(np.concatenate([knob.setting.values for _, knob in drawn]))
        ax.set_xticks(values, [f"{value:g}" for value in values])
        ax.minorticks_off()


def _draw(ax: Axes, knob: Knob, look: Look, *, band: bool) -> None:
    if knob.setting.is_log:
        ax.set_xscale("log")
    x = np.array([b.middle for b in knob.curve])
    median = np.array([b.median for b in knob.curve])
    best = np.array([b.best_of_4.value for b in knob.curve])
    if band and not np.isnan(median[:, 1]).any():
        ax.fill_between(x, median[:, 1], median[:, 2], color=look.color, alpha=_BAND_ALPHA, linewidth=0)
    ax.plot(x, median[:, 0], color=look.color, linewidth=1.3, marker=look.marker, ms=2.6)
    ax.plot(x, best, color=look.color, linewidth=0.6)
    if knob.is_known:
        ax.axvline(knob.optimum, color=FAINT, linewidth=0.8, zorder=1)


def _handles(found: Sequence[Knobs], looks: dict[str, Look]) -> list[Line2D | Patch]:
    handles: list[Line2D | Patch] = [
        Line2D([], [], color=look.color, marker=look.marker, ms=2.6, label=name)
        for name, look in looks.items()
    ]
    handles.append(Line2D([], [], color="0.3", linewidth=1.3, label="median"))
    handles.append(Line2D([], [], color="0.3", linewidth=0.6, label="best of 4 tries"))
    handles.append(Line2D([], [], linestyle="", label="%: of the variance explained"))
    if len(found) <= _MOST_BANDS and not math.isnan(found[0].knobs[0].share.low):
        label = f"{100 * found[0].confidence:g} % limits"
        handles.append(Patch(color="0.3", alpha=_BAND_ALPHA, linewidth=0, label=label))
    return handles
