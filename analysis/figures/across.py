"""The figure of models across recipes: the performance–sensitivity plane, and the performance profiles."""

import itertools
import math
from collections.abc import Iterator, Sequence

import matplotlib
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import FuncFormatter
from numpy.typing import NDArray

from analysis.across import Across, Profiles, Standing
from analysis.across.profile import TRIES
from analysis.figure_layout import LOG_RATIO, Dash
from analysis.figures.style import PAGE_IN, STYLE, new_figure, put_ticks, short_value
from analysis.metric import Metric

Floats = NDArray[np.float64]

_COLORS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#56B4E9", "#E69F00", "#000000")
"""Those of Okabe and Ito (2008), one a contender; a line of the next seven is dashed."""
_DASHES: tuple[Dash, ...] = ((0, ()), (0, (4.0, 1.5)), (0, (1.0, 1.0)))
_MARKERS = ("o", "s", "^", "D", "v", "P", "X")
"""One a recipe."""


def across_figure(found: Across) -> Figure:
    """Draw the performance–sensitivity plane, and beside it the performance profiles.

    In the plane, lower is better, and further left is less sensitive: a point has the error at the optimum,
    or the best one where none was trained (hollow), and how much worse a trial of the box is on average. Bars
    are limits. A profile is the share of the recipes on which a model is at most so far behind the best one;
    a broad line is the limits of where it steps.
    """
    contenders, recipes = [entry.contender.name for entry in found.entries], found.lineup.recipes
    with matplotlib.rc_context(STYLE):
        figure = new_figure(PAGE_IN, 2.7 + 0.14 * (len(contenders) + len(recipes)) / 2)
        plane, *rest = figure.subplots(1, 2 if found.profiles else 1, squeeze=False)[0]
        _draw_plane(plane, found)
        if found.profiles:
            _draw_profiles(rest[0], found.profiles, found.lineup.metric)
        lines = [
            Line2D([], [], color=color, linestyle=dash, label=name)
            for name, (color, dash) in zip(contenders, _looks(), strict=False)
        ]
        marks = [
            Line2D([], [], color="0.3", linestyle="", marker=marker, label=recipe)
            for recipe, marker in zip(recipes, itertools.cycle(_MARKERS), strict=False)
        ]
        figure.legend(handles=lines + marks, loc="outside upper left", ncols=3, frameon=False)
    return figure


def _looks() -> Iterator[tuple[str, Dash]]:
    """Return the colour and the line of each contender."""
    return itertools.cycle((color, dash) for dash in _DASHES for color in _COLORS)


def _draw_plane(ax: Axes, found: Across) -> None:
    metric = found.lineup.metric
    levels = np.array([at.level.value for entry in found.entries for at in entry.standings])
    finite = levels[np.isfinite(levels)]
    log = bool(finite.size and finite.min() > 0 and finite.max() > LOG_RATIO / 2 * finite.min())
    ax.set_yscale("log" if log else "linear")
    for entry, (color, _) in zip(found.entries, _looks(), strict=False):
        for at, marker in zip(entry.standings, itertools.cycle(_MARKERS), strict=False):
            if math.isfinite(at.level.value):
                _draw_standing(ax, at, color, marker)
    if log:
        put_ticks(ax.yaxis, float(finite.max() / finite.min()))
    elif metric.higher_better:
        ax.yaxis.set_major_formatter(FuncFormatter(short_value))
    ax.set_xlim(left=0)
    unit = f", {metric.delta_unit}" if metric.delta_unit else ""
    ax.set_xlabel(f"mean loss in the box{unit}, each at most {metric.area_to:g}")
    ax.set_ylabel(f"{metric.label} at the optimum{', better below' if metric.higher_better else ''}")
    ax.set_title("Performance and sensitivity", loc="left")


def _draw_standing(ax: Axes, at: Standing, color: str, marker: str) -> None:
    face = color if at.at_optimum else "white"
    ax.errorbar(
        at.loss.value,
        at.level.value,
        xerr=_bars(at.loss),
        yerr=_bars(at.level),
        color=color,
        marker=marker,
        ms=5,
        mfc=face,
        elinewidth=0.7,
    )


def _bars(interval: Sequence[float]) -> Floats | None:
    """Return how far the limits are from a value, as matplotlib takes it; None without limits."""
    value, low, high = interval
    return None if math.isnan(low) else np.array([[value - low], [high - value]])


def _draw_profiles(ax: Axes, profiles: Profiles, metric: Metric) -> None:
    to = profiles.tolerance.end
    for profile, (color, dash) in zip(profiles.profiles, _looks(), strict=False):
        behind = sorted(profile.behind)
        steps = [interval.value for interval in behind if interval.value <= to]
        shares = np.arange(len(steps) + 1) / profiles.recipes
        ax.step([0.0, *steps, to], [*shares, shares[-1]], where="post", color=color, linestyle=dash)
        for share, (_, low, high) in zip(shares[1:], behind, strict=False):
            ax.plot([low, min(high, to)], [share, share], color=color, linewidth=4, alpha=0.25)
    ax.set(xlim=(-0.02 * to, to), ylim=(-0.03, 1.03))
    ax.grid(color="0.92", linewidth=0.5)
    ax.set_axisbelow(True)
    unit = f" ({metric.delta_unit})" if metric.delta_unit else ""
    ax.set_xlabel(f"behind the best model{unit}")
    ax.set_ylabel("share of recipes")
    ax.set_title(f"Performance profile, best of {TRIES} trials", loc="left")
