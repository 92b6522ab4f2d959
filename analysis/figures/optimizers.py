"""The figure of optimizer stability: the errors of AdamW and SGD for each training length."""

import itertools
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from analysis.figure_layout import LOG_RATIO, YAxis, optimizer_name
from analysis.figures.schedules import (
    SPREAD,
    Line,
    Panel,
    Sheet,
    draw_panels,
    height_of,
    lacks,
    lengths_of,
    panels_of,
)
from analysis.outcomes import Outcome, stand_in

_MARKERS = {"adamw": "^", "sgd": "v", "nadamw": "<", "lion": ">", "muon": "D", "adafactor": "s"}
_SPREAD = 0.2
"""The distance between models of one length, as a share of the step from one length to the next."""


class _Mark(NamedTuple):
    """One triangle: a training, or a shorter one that represents it."""

    y: float
    """Error in percent; NaN: at "div."."""
    sd: float
    """Standard deviation between seeds."""
    stands_in: bool
    """Whether it represents a diverged training."""


def optimizers_figure(found: Sequence[Outcome], *, width_in: float | None = None) -> Figure:
    """Draw top-1 error against training length: a subplot per size, a colour per model, a mark per optimizer.

    A bar joins the optimizers of a model and length; its length shows how much the choice of optimizer
    matters. For a diverged training, the best shorter one with that optimizer is drawn, hollow and dashed;
    without a shorter one, the triangle lies at the top, at "div.". With several seeds, a triangle is their
    mean, with a thin bar of ± 1 standard deviation; if one seed diverged, the training counts as diverged.

    Parameters
    ----------
    found : sequence of Outcome
        See `analysis.outcomes.outcomes`.
    width_in : float, optional
        Width in inches. Default: a paper's column for one panel, its page for more.

    Raises
    ------
    AnalysisError
        If there is no outcome.
    """
    lengths, panels = lengths_of(found), panels_of(found)
    marks = {id(row): mark for row in found if (mark := _mark(row, found))}
    y = _height(list(marks.values()))

    def draw(ax: Axes, panel: Panel) -> list[Line2D]:
        for line, shift in zip(panel.lines, _shifts(len(panel.lines), lengths), strict=True):
            _draw(ax, line, marks, y, shift)
        return [Line2D([], [], color=line.look.color, linewidth=3) for line in panel.lines]

    sheet = Sheet(
        y=y,
        y_label="top-1 error (%)",
        entry=lambda line: [line.name, *lacks(line.outcomes)],
        draw=draw,
        keys=_keys(found, list(marks.values())),
    )
    return draw_panels(panels, sheet, width_in)


def _mark(row: Outcome, found: Sequence[Outcome]) -> _Mark | None:
    """Return where a training is drawn; None without a result."""
    if row.missing == len(row.errors):
        return None
    if not row.diverged:
        return _Mark(row.mean, row.sd, False)
    other = stand_in(found, row)
    return _Mark(other.mean, other.sd, True) if other else _Mark(np.nan, np.nan, True)


def _height(marks: Sequence[_Mark]) -> YAxis:
    means, sds = np.array([mark.y for mark in marks]), np.array([mark.sd for mark in marks])
    known = means[~np.isnan(means)]
    log = bool(known.size and known.min() > 0 and known.max() > LOG_RATIO * known.min())
    return height_of(means, sds, log=log, lost=len(known) < len(means), least=2.0)


def _shifts(count: int, lengths: Sequence[int]) -> np.ndarray:
    """Return the factors of x that put models of one length beside each other."""
    ratios = [b / a for a, b in itertools.pairwise(lengths)] or [2.0]
    return min(2.0, *ratios) ** (_SPREAD * (np.arange(count) - (count - 1) / 2))


def _draw(ax: Axes, line: Line, marks: dict[int, _Mark], y: YAxis, shift: float) -> None:
    """Draw one model's triangles, and a bar between those of one length."""
    color = line.look.color
    for length in lengths_of(line.outcomes):
        here = [(row, marks[id(row)]) for row in line.outcomes if row.schedule == length and id(row) in marks]
        at = [y.diverged if np.isnan(mark.y) else mark.y for _, mark in here]
        dashed = any(mark.stands_in for _, mark in here)
        ax.plot(
            [length * shift] * len(at),
            at,
            color=color,
            lw=1.1,
            ls=(0, (2, 1.5)) if dashed else "-",
            alpha=0.6,
        )
        for (row, mark), place in zip(here, at, strict=True):
            ax.errorbar(
                [length * shift],
                [place],
                yerr=None if np.isnan(mark.sd) else [mark.sd],
                color=color,
                marker=_MARKERS.get(row.optimizer, "o"),
                markersize=5,
                mfc="white" if mark.stands_in else color,
                mew=0.9,
                elinewidth=0.7,
                zorder=3,
            )


def _keys(found: Sequence[Outcome], marks: Sequence[_Mark]) -> list[Line2D]:
    """Return the legend of the marks that occur."""

    def key(label: str, **looks: Any) -> Line2D:
        style: dict[str, Any] = {"color": "0.3", "ms": 5, "ls": ""} | looks
        return Line2D([], [], label=label, **style)

    keys = [
        key(optimizer_name(name), marker=marker)
        for name, marker in _MARKERS.items()
        if any(row.optimizer == name for row in found)
    ]
    if any(not np.isnan(mark.sd) for mark in marks):
        keys.append(key(SPREAD, marker="|", ms=8))
    if any(mark.stands_in for mark in marks):
        keys.append(key("diverged: best shorter one stands in", marker="^", mfc="white", ls=(0, (2, 1.5))))
    return keys
