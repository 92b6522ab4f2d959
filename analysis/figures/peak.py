"""The figure of peak performance: a model's error against the time of an epoch."""

from collections.abc import Sequence
from typing import Any

import matplotlib
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from analysis.errors import AnalysisError
from analysis.figure_layout import CHAR_IN, Look, fold, looks_of
from analysis.figures.schedules import lacks, lengths_of
from analysis.figures.style import SMALL_PT, STYLE, new_figure, put_ticks
from analysis.outcomes import Outcome, best_within

_WIDTH_IN, _HEIGHT_IN = 5.2, 3.0
_DOTTED = (0, (1.0, 1.5))
_RING: dict[str, Any] = {
    "marker": "o",
    "ms": 9,
    "mfc": "none",
    "mec": "black",
    "mew": 1.0,
    "ls": "",
    "zorder": 5,
}
_FAR = 4.0
"""A limit beyond this times the slowest model is given in words: its line would compress the figure."""


def peak_figure(
    found: Sequence[Outcome],
    *,
    limit_s: float,
    published: Sequence[Outcome] = (),
    width_in: float = _WIDTH_IN,
) -> Figure:
    """Draw top-1 error against the time of an epoch: a line along the sizes of each family and length.

    Longer trainings are drawn darker. A ring marks the best model whose epochs stay within the limit. With
    several seeds, a point is their mean, with a bar of ± 1 standard deviation. Trainings that diverged or
    have no result have no point; legend entries count them.

    Parameters
    ----------
    found : sequence of Outcome
        See `analysis.outcomes.outcomes`.
    limit_s : float
        The limit of an epoch's time for the ring, in seconds.
    published : sequence of Outcome, optional
        Published results, drawn hollow and dotted.
    width_in : float, optional
        Width in inches.

    Raises
    ------
    AnalysisError
        If no training has finished.
    """
    shown = [row for row in found if row.converged]
    if not shown:
        raise AnalysisError(f"none of {len(found)} trainings has finished: there is nothing to draw.")
    looks = looks_of(row.family for row in (*found, *published))
    unit_s, unit = _unit([*shown, *published])
    keys = _keys(found, published, looks, limit_s)
    lines = sum(str(key.get_label()).count("\n") + 1 for key in keys)
    with matplotlib.rc_context(STYLE):
        figure = new_figure(width_in, _HEIGHT_IN + 0.15 * lines)
        ax = figure.subplots()
        ax.set_xscale("log")
        for rows, hollow in ((published, True), (shown, False)):
            for family, look in looks.items():
                _draw(ax, [row for row in rows if row.family == family], look, unit_s, hollow=hollow)
        _draw_limit(ax, shown, limit_s, unit_s)
        put_ticks(ax.xaxis, ax.get_xlim()[1] / ax.get_xlim()[0])
        ax.set(xlabel=f"time of an epoch ({unit})", ylabel="top-1 error (%)")
        figure.legend(handles=keys, loc="outside upper left", frameon=False)
    return figure


def _unit(rows: Sequence[Outcome]) -> tuple[float, str]:
    """Choose the unit of time: its length in seconds, and its name."""
    return (60.0, "min") if max(row.epoch_s for row in rows) >= 60 else (1.0, "s")


def _draw(ax: Axes, rows: Sequence[Outcome], look: Look, unit_s: float, *, hollow: bool) -> None:
    """Draw a family's lines, the longest training darkest."""
    lengths = lengths_of(rows)
    for place, length in enumerate(lengths):
        line = sorted((row for row in rows if row.schedule == length), key=lambda row: row.epoch_s)
        sds = [row.sd for row in line]
        ax.errorbar(
            [row.epoch_s / unit_s for row in line],
            [row.mean for row in line],
            yerr=None if np.isnan(sds).all() else sds,
            color=look.color,
            linestyle=_DOTTED if hollow else look.dash,
            linewidth=0.8 if hollow else 1.3,
            marker=look.marker,
            markersize=4,
            mfc="white" if hollow else look.color,
            mew=0.8,
            elinewidth=0.8,
            capsize=2,
            alpha=0.3 + 0.7 * (place + 1) / len(lengths),
        )


def _draw_limit(ax: Axes, shown: Sequence[Outcome], limit_s: float, unit_s: float) -> None:
    """Draw the limit of an epoch's time, or name it in the title, and mark the best model within it."""
    words, at = f"{limit_s / 60:g} min an epoch", limit_s / unit_s
    low, high = ax.get_xlim()
    if low < at < _FAR * high:
        ax.axvline(at, color="0.4", linewidth=0.9, linestyle=(0, (4, 2)), zorder=1)
        ax.text(at, 0.98, f" {words}", transform=ax.get_xaxis_transform(), va="top", size=SMALL_PT)
        ax.set_xlim(low, max(high, 1.6 * at))
    else:
        text = f"{words} is far to the {'right' if at > high else 'left'}"
        ax.set_title(text, loc="right", size=SMALL_PT)
    if best := best_within(shown, limit_s):
        ax.plot([best.epoch_s / unit_s], [best.mean], **_RING)


def _keys(
    found: Sequence[Outcome], published: Sequence[Outcome], looks: dict[str, Look], limit_s: float
) -> list[Line2D]:
    """Return the legend: the families, and whatever else is drawn."""
    room = int((_WIDTH_IN - 1.2) / CHAR_IN)

    def key(parts: list[str], **style: Any) -> Line2D:
        return Line2D([], [], label=fold(parts, room), **({"lw": 1.3, "ms": 4} | style))

    keys = []
    for family in dict.fromkeys(row.family for row in found):
        look = looks[family]
        parts = [family, *lacks([row for row in found if row.family == family])]
        keys.append(key(parts, color=look.color, ls=look.dash, marker=look.marker))
    lengths = ", ".join(map(str, lengths_of(found)))
    keys.append(key([f"light to dark: {lengths} epochs"], color="0.3", alpha=0.5))
    if published:
        dotted: dict[str, Any] = {"ls": _DOTTED, "marker": "s", "mfc": "white", "lw": 0.8}
        keys.append(key(["published (arXiv:2106.14881, on 8 V100)"], color="0.3", **dotted))
    if best := best_within(found, limit_s):
        text = f"best within {limit_s / 60:g} min an epoch: {best.model}, {best.mean:.1f} %"
        keys.append(key([text], **_RING))
    return keys
