"""The figures of a search for an optimum: history, map and importances."""

from collections.abc import Mapping
from typing import Any

import matplotlib
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.colors import LogNorm, Normalize
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle
from matplotlib.ticker import FuncFormatter, MaxNLocator

from analysis.box_of_points import Box
from analysis.errors import AnalysisError
from analysis.figure_layout import LOG_RATIO
from analysis.figures.maps import COLORS
from analysis.figures.scatters import check_not_negative
from analysis.figures.style import COLUMN_IN, FONT_PT, STYLE, new_figure, put_ticks, short_value
from analysis.metric import TOP1_ERROR, Metric, fitted, in_costs
from analysis.sweep_trials import values

_LOOKS: dict[str, dict[str, Any]] = {
    "finished": {"marker": "o", "mfc": "#0072B2", "mec": "none", "ms": 4.0},
    "pruned": {"marker": "v", "mfc": "none", "mec": "0.45", "ms": 4.0, "mew": 0.7},
    "diverged": {"marker": "x", "mec": "0.2", "ms": 4.0, "mew": 0.9},
}
_NAMES = {"lr": "learning rate", "weight_decay": "weight decay"}


def search_history_figure(trials: pd.DataFrame) -> Figure:
    """Draw the errors of a search in the order in which its points were chosen.

    The line is the best error so far. Pruned trials are drawn at their last error. Repeats of the best points
    with other seeds are small grey dots, with wide bars at their means; the lowest bar is the optimum.

    Parameters
    ----------
    trials : DataFrame
        One row per trial: index (of its point), role (point or finalist), state, and top1_err in percent, or
        the columns of another metric; worse is above.

    Raises
    ------
    AnalysisError
        If no trial has a result.
    """
    trials, metric = _in_costs(trials)
    points, repeats = _points(trials), trials[(trials["role"] == "finalist") & trials["top1_err"].notna()]
    with matplotlib.rc_context(STYLE):
        figure = new_figure(COLUMN_IN * 1.3, 2.4)
        ax = figure.subplots()
        done = points[points["state"] != "pruned"].sort_values("index")
        best = np.minimum.accumulate(values(done, "top1_err"))
        ax.step(
            values(done, "index") + 1, best, where="post", color="0.6", linewidth=1.0, label="best so far"
        )
        for state, look in _LOOKS.items():
            rows = points[points["state"] == state]
            if len(rows):
                ax.plot(
                    values(rows, "index") + 1, values(rows, "top1_err"), linestyle="none", label=state, **look
                )
        if len(repeats):
            _draw_repeats(ax, repeats)
        _scale_errors(ax, values(points, "top1_err"))
        ax.xaxis.set_major_locator(MaxNLocator(integer=True))
        ax.set(xlabel="point", ylabel=_label(metric, metric.higher_better))
        if metric.higher_better:
            ax.yaxis.set_major_formatter(FuncFormatter(short_value))
        figure.legend(loc="outside upper left", ncols=3, frameon=False)
    return figure


def _draw_repeats(ax: Axes, repeats: pd.DataFrame) -> None:
    at = values(repeats, "index") + 1
    ax.plot(at, values(repeats, "top1_err"), ".", color="0.55", ms=2.5, label="other seeds")
    means = repeats.groupby("index")["top1_err"].mean()
    ax.hlines(means, means.index + 0.2, means.index + 1.8, color="#D55E00", linewidth=1.6, label="their mean")


def search_map_figure(
    trials: pd.DataFrame, searched: Box, *, optimum: tuple[float, float] | None, box: Box | None
) -> Figure:
    """Draw a search's points in the plane of lr and wd, coloured by error, and the box it found.

    Parameters
    ----------
    trials : DataFrame
        As of `search_history_figure`, with lr and weight_decay.
    searched : Box
        The ranges that were searched; dotted.
    optimum : tuple of float, or None
        The lr and weight decay found; a star.
    box : Box, or None
        What a sweep around it samples; dashed.

    Raises
    ------
    AnalysisError
        If no trial has a result, or an lr or weight_decay is negative or missing.
    """
    trials, metric = _in_costs(trials)
    points = _points(trials)
    check_not_negative(points)
    with matplotlib.rc_context(STYLE):
        figure = new_figure(COLUMN_IN * 1.3, 2.9)
        ax = figure.subplots()
        ax.set(xscale="log", yscale="log", xlabel="learning rate (lr)", ylabel="weight decay (wd)")
        _draw_points(figure, ax, points, metric)
        _draw_box(ax, searched, "searched", ec="0.6", ls=":", lw=0.8)
        if box:
            _draw_box(ax, box, "box found", ec="black", ls="--", lw=1.0)
        if optimum:
            ax.plot(*optimum, "*", color="white", ms=10, mec="black", mew=0.8, zorder=4, label="optimum")
        for axis in (ax.xaxis, ax.yaxis):
            low, high = axis.get_view_interval()
            put_ticks(axis, float(high / low))
        figure.legend(loc="outside upper left", ncols=3, frameon=False)
    return figure


def _draw_box(ax: Axes, box: Box, label: str, **look: Any) -> None:
    corner, size = (box.lr_low, box.wd_low), (box.lr_high - box.lr_low, box.wd_high - box.wd_low)
    ax.add_patch(Rectangle(corner, *size, fill=False, label=label, **look))


def _draw_points(figure: Figure, ax: Axes, points: pd.DataFrame, metric: Metric) -> None:
    errors = values(points, "top1_err")
    low, high = float(errors.min()), float(np.quantile(errors, 0.9))
    norm = LogNorm if low > 0 and high > LOG_RATIO / 2 * low else Normalize
    scale = ScalarMappable(norm(low, max(high, low + metric.step)), COLORS)
    for state, marker, size in (("finished", "o", 22.0), ("pruned", "v", 16.0), ("diverged", "x", 16.0)):
        rows = points[points["state"] == state]
        if rows.empty:
            continue
        edge: dict[str, Any] = {} if marker == "x" else {"edgecolors": "0.4", "linewidths": 0.4}
        colors = ["0.2"] * len(rows) if marker == "x" else scale.to_rgba(values(rows, "top1_err"))
        at = values(rows, "lr"), values(rows, "weight_decay")
        ax.scatter(*at, s=size, c=colors, marker=marker, zorder=3, label=state, **edge)
    bar = figure.colorbar(scale, ax=ax, label=_label(metric), pad=0.02, extend="max")
    if norm is LogNorm:
        put_ticks(bar.ax.yaxis, high / low)
    elif metric.higher_better:
        bar.ax.yaxis.set_major_formatter(FuncFormatter(short_value))


def _in_costs(trials: pd.DataFrame) -> tuple[pd.DataFrame, Metric]:
    """Return trials with costs as errors, and their metric.

    A diverged trial that nothing bounds is drawn above all others, whose costs it does not change.
    """
    if "metric" not in trials:
        return trials, TOP1_ERROR
    found, metric = in_costs(trials)
    if metric.is_top1_error:
        return trials, metric
    known = metric.cost(pd.to_numeric(trials["value"], errors="coerce").astype(float))
    costs = found["top1_err"].where(trials["state"] != "pruned", known)
    finite = costs[np.isfinite(costs)].to_numpy(dtype=float)
    if not finite.size:
        return found.assign(top1_err=costs.replace(np.inf, 0.0)), metric
    above = finite.max() + 0.15 * (np.ptp(finite) or metric.step)
    metric = fitted(metric, finite - np.median(finite))
    return found.assign(top1_err=costs.replace(np.inf, above)), metric


def _label(metric: Metric, better_below: bool = False) -> str:
    below = ", better below" if better_below else ""
    if metric.unit:
        return f"{metric.name} on minival{below} ({metric.unit})"
    return f"{metric.name} on minival{below}"


def importance_figure(importances: Mapping[str, float], of: str = "log error") -> Figure:
    """Draw the shares of the errors' variance that lr and weight decay explain, as bars.

    Parameters
    ----------
    importances : mapping
        ``lr`` and ``weight_decay`` → share, from 0 to 1.
    of : str
        What the search minimised: the logarithm of the error, or another metric.
    """
    with matplotlib.rc_context(STYLE):
        figure = new_figure(COLUMN_IN, 1.1)
        ax = figure.subplots()
        names = sorted(importances, key=lambda name: importances[name])
        bars = ax.barh([_NAMES.get(name, name) for name in names], [importances[name] for name in names])
        ax.bar_label(bars, fmt="%.2f", padding=3, fontsize=FONT_PT)
        ax.set(xlim=(0, 1.12), xlabel=f"share of the variance of {of} (fANOVA)")
    return figure


def _points(trials: pd.DataFrame) -> pd.DataFrame:
    """Return the points that have an error."""
    points = trials[(trials["role"] == "point") & trials["top1_err"].notna()]
    if points[points["state"] != "pruned"].empty:
        raise AnalysisError("no trial of the search has a result: there is nothing to draw.")
    return points


def _scale_errors(ax: Axes, errors: np.ndarray) -> None:
    if errors.min() > 0 and errors.max() > LOG_RATIO * errors.min():
        ax.set_yscale("log")
        put_ticks(ax.yaxis, float(errors.max() / errors.min()))
