"""The style of all figures, and writing them to files."""

import contextlib
import io
import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import matplotlib
import numpy as np
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.axis import Axis
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.scale import SymmetricalLogScale
from matplotlib.ticker import FuncFormatter, LogLocator, MaxNLocator, NullFormatter, NullLocator
from numpy.typing import NDArray

from analysis.errors import AnalysisError
from analysis.figure_layout import Cell, YAxis
from analysis.metric import Metric

COLUMN_IN, PAGE_IN = 3.3, 6.9
"""Widths of a paper's column and page, in inches."""
SUFFIXES = (".pdf", ".svg", ".png")
DPI = 200

FONT_PT, SMALL_PT = 8.0, 7.0
STYLE: dict[Any, Any] = {
    "font.size": FONT_PT,
    "axes.titlesize": FONT_PT,
    "axes.labelsize": FONT_PT,
    "legend.fontsize": SMALL_PT,
    "legend.title_fontsize": FONT_PT,
    "xtick.labelsize": SMALL_PT,
    "ytick.labelsize": SMALL_PT,
    "axes.linewidth": 0.6,
    "xtick.major.width": 0.6,
    "ytick.major.width": 0.6,
    "xtick.minor.width": 0.4,
    "pdf.fonttype": 42,
    "svg.fonttype": "path",
    "svg.hashsalt": "analysis",
    "lines.linewidth": 1.3,
    "lines.markersize": 3.2,
    "grid.color": "0.92",
    "grid.linewidth": 0.5,
}
FAINT = "0.8"
_SIZES = (
    *(name for name, value in STYLE.items() if isinstance(value, float)),
    *(
        f"{axis}tick.{kind}.{size}"
        for axis in "xy"
        for kind in ("major", "minor")
        for size in ("size", "pad")
    ),
    *("axes.labelpad", "axes.titlepad", "hatch.linewidth"),
    *("figure.constrained_layout.w_pad", "figure.constrained_layout.h_pad"),
)
"""What is larger in a figure that is drawn at a larger scale."""


@dataclass(frozen=True, kw_only=True)
class Style:
    """What a figure is drawn for: the size of its page, its type and its curves."""

    column_in: float = COLUMN_IN
    """Width of a figure with one panel, in inches."""
    page_in: float = PAGE_IN
    """Width of a figure with several panels, in inches."""
    small_pt: float = SMALL_PT
    """Type of legends and ticks, in points. That of titles and labels is `FONT_PT`."""
    thick: float = 1.0
    """How many times thicker curves are drawn."""
    slide_in: float | None = None
    """Width of a page of 16:9, in inches, for which everything is enlarged; None for a figure in a text."""
    scale: float = 1.0
    """How many times larger everything is drawn."""

    @property
    def rc(self) -> dict[Any, Any]:
        """Matplotlib's settings."""
        small = dict.fromkeys(("legend.fontsize", "xtick.labelsize", "ytick.labelsize"), self.small_pt)
        curves = {name: self.thick * STYLE[name] for name in ("lines.linewidth", "lines.markersize")}
        settings = STYLE | small | curves
        return settings | {
            name: self.scale * settings.get(name, matplotlib.rcParamsDefault[name]) for name in _SIZES
        }

    @property
    def room(self) -> float:
        """How much of the default's text fits into a line."""
        return SMALL_PT / self.small_pt


STYLES = {
    "paper": Style(column_in=3.25, page_in=6.75, small_pt=FONT_PT),
    "slides": Style(thick=1.25, slide_in=40 / 3),
}
"""The column and page of a paper in two columns, with type of 8 points; a slide of 13.33 × 7.5 inches."""


def style_named(name: str | None) -> Style:
    """Return a style by its name; the default one without a name.

    Raises
    ------
    AnalysisError
        If there is none of this name.
    """
    if name is None:
        return Style()
    if name not in STYLES:
        raise AnalysisError(f"`style` is one of {', '.join(STYLES)}, got {name!r}.")
    return STYLES[name]


class StyledFigure(Figure):
    """A figure that is written in the style in which it was drawn."""

    style = Style()


def new_figure(width: float, height: float, style: Style | None = None) -> StyledFigure:
    """Return an empty figure; width and height are in inches, before it is enlarged."""
    style = style or Style()
    figure = StyledFigure(figsize=(style.scale * width, style.scale * height), layout="constrained")
    figure.style = style
    FigureCanvasAgg(figure)
    return figure


def put_ticks(axis: Axis, ratio: float) -> None:
    """Put few ticks on a logarithmic axis whose ends have this ratio, so that labels do not overlap."""
    subs = (1.0, 2.0, 5.0) if ratio < 100 else (1.0,)
    axis.set_major_locator(LogLocator(subs=subs, numticks=7) if ratio > 5 else MaxNLocator(4))
    axis.set_minor_formatter(NullFormatter())
    axis.set_major_formatter(FuncFormatter(short_number))


def put_zero(ax: Axes, name: str, values: NDArray[np.float64]) -> bool:
    """Make an axis logarithmic with a place for 0 at its border, if there is a 0; return whether there is.

    Parameters
    ----------
    ax : matplotlib.axes.Axes
        The axes.
    name : str
        ``x`` or ``y``.
    values : ndarray
        What is drawn along it; none is negative.
    """
    positive = values[values > 0]
    if len(positive) == len(values):
        return False
    least, most = (float(positive.min()), float(positive.max())) if len(positive) else (1.0, 10.0)
    decades = 10.0 ** np.arange(np.ceil(np.log10(least)), np.floor(np.log10(most)) + 1)
    axis = ax.xaxis if name == "x" else ax.yaxis
    ax.set(**{f"{name}scale": SymmetricalLogScale(axis, linthresh=least, linscale=0.5)})
    axis.set_ticks([0.0, *decades[:: 1 + len(decades) // 5]])
    axis.set_minor_locator(NullLocator())
    axis.set_major_formatter(FuncFormatter(short_number))
    ax.set(**{f"{name}lim": (-0.15 * least, most * 1.6)})
    return True


def short_number(value: float, position: int | None = None) -> str:
    """Format a tick's value: 5e-4, 0.02, 10. Matplotlib also passes the tick's position."""
    if 0 < value < 0.01:
        mantissa, exponent = f"{value:.6e}".split("e")
        return f"{float(mantissa):g}e{int(exponent)}"
    return f"{value:g}"


def short_value(cost: float, position: int | None = None) -> str:
    """Format a tick of a metric of which more is better, by its cost; see `short_number`."""
    return short_number(0.0 - cost, position)


def tick_format(metric: Metric) -> Callable[[float], str]:
    """Return what formats a tick at a cost of a metric."""
    return short_value if metric.higher_better else short_number


def put_divide(ax: Axes, y: YAxis, shown: Callable[[float], str] = short_number) -> None:
    """Draw the line that separates a y axis from the diverged trials above it, and label these "div."."""
    ax.axhline(y.divide, color=FAINT, linewidth=0.6, zorder=1)
    ticks = [tick for tick in ax.get_yticks() if y.bottom <= tick <= y.divide - 0.5 * (y.top - y.divide)]
    ax.set_yticks([*ticks, y.diverged], [*map(shown, ticks), "div."])


def entitle(ax: Axes, cell: Cell, handles: Sequence[Artist], *, shared: bool) -> None:
    """Write the title and the legend of a subplot above its axes, where they hide no curve.

    Parameters
    ----------
    ax : matplotlib.axes.Axes
        The subplot's axes.
    cell : Cell
        The subplot's contents.
    handles : sequence of Artist
        One per curve.
    shared : bool
        Whether the figure has one legend for all subplots, so that only the title is written.
    """
    if not cell.curves:
        ax.text(0.5, 0.5, "no sweep", transform=ax.transAxes, ha="center", va="center", color="0.5")
    if shared or not cell.curves:
        ax.set_title(cell.title, loc="left")
        return
    put_legend(ax, cell.title, handles, cell.entries)


def put_legend(ax: Axes, title: str, handles: Sequence[Any], entries: Sequence[str]) -> None:
    """Write a title and a legend above the axes.

    Parameters
    ----------
    ax : matplotlib.axes.Axes
        The axes.
    title : str
        The title.
    handles : sequence of Artist
        The legend's symbols.
    entries : sequence of str
        Their texts.
    """
    ax.legend(
        handles,
        entries,
        title=title,
        alignment="left",
        loc="lower left",
        bbox_to_anchor=(0.0, 1.0),
        frameon=False,
        borderaxespad=0.25,
        borderpad=0.1,
        handlelength=2.6,
        labelspacing=0.25,
    )


def save(figure: Figure, path: str | os.PathLike[str]) -> Path:
    """Write a figure to a file, atomically; the same figure gives the same bytes.

    Parameters
    ----------
    figure : Figure
        A figure of this package.
    path : path
        Ends in .pdf (text as TrueType), .svg (text as outlines) or .png (200 dpi).

    Returns
    -------
    Path
        The written file.

    Raises
    ------
    AnalysisError
        If the suffix is another one, or the file cannot be written; no partial file remains.
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
    """Return the bytes of a figure as a .pdf, .svg or .png file; raise `AnalysisError` for other suffixes."""
    kind = suffix.lower()
    if kind not in SUFFIXES:
        raise AnalysisError(f"a figure is written as {', '.join(SUFFIXES)}, got {suffix or 'no suffix'}.")
    undated: dict[str, dict[str, None]] = {".pdf": {"CreationDate": None}, ".svg": {"Date": None}, ".png": {}}
    buffer = io.BytesIO()
    style = figure.style if isinstance(figure, StyledFigure) else Style()
    with matplotlib.rc_context(style.rc):
        figure.savefig(buffer, format=kind[1:], dpi=DPI, metadata=undated[kind])
    return buffer.getvalue()
