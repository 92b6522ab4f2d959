"""The layout of figures, computed before anything is drawn: subplots, looks, legends and axis limits."""

import itertools
import textwrap
from collections.abc import Iterable, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from analysis.edf import Curve
from analysis.metric import Metric
from analysis.names import known, optimizer_name
from analysis.sweep_trials import FAMILIES, OPTIMIZERS, SweepTrials, panel_order, values, word_order

RIGHT_SHARE = 0.9
"""The x axis reaches this quantile of each curve's finite errors: outliers do not compress the rest."""
RIGHT_LEAST, RIGHT_MOST = 5.0, 25.0
"""Least and greatest length of the x axis, in points, or steps of another metric. Models that never converge
end 70 or more points off: on that scale, steps of a few points would be invisible. The legend counts the
trials beyond the axis."""
FOLDED_SHARE = 0.16
"""The share of the x axis in which what lies beyond its informative part is compressed."""
CHAR_IN = 0.051
"""Mean width of a letter in a legend, at 7 pt, in inches."""
TITLE_CHAR_IN = 0.058
"""Mean width of a letter in a title, at 8 pt, in inches."""
Y_LEAST = 5.0
"""Least length of a linear y axis, in points, or steps of another metric."""
LOG_RATIO = 20.0
"""A y axis is logarithmic if its largest error is more than this times its smallest."""

Dash = tuple[int, tuple[float, ...]]


class Look(NamedTuple):
    """How a curve is drawn: curves differ in colour, dash and marker."""

    color: str
    dash: Dash
    marker: str


_SOLID: Dash = (0, ())
_DASHED: Dash = (0, (4.0, 1.5))
_DOTTED: Dash = (0, (1.0, 1.0))
LOOKS = {
    "ViT_P": Look("#D55E00", _DASHED, "o"),
    "ViT_C": Look("#0072B2", _SOLID, "s"),
    "RegNetY": Look("#009E73", (0, (5.0, 1.5, 1.0, 1.5)), "^"),
}
"""Colours of Okabe and Ito (2008), distinguishable by colour-blind readers; the same in every figure."""
_OTHER_LOOKS = [
    Look(color, dash, marker)
    for dash in (_DOTTED, _SOLID, _DASHED)
    for color, marker in (("#CC79A7", "D"), ("#56B4E9", "v"), ("#E69F00", "P"), ("#000000", "X"))
]


class Cell(NamedTuple):
    """One subplot: a panel under one optimizer."""

    title: str
    curves: list[Curve]
    looks: list[Look]
    entries: list[str]
    """Legend entries, one per curve."""

    @property
    def lines(self) -> int:
        """Lines of text in the legend."""
        return sum(entry.count("\n") + 1 for entry in self.entries)


class YAxis(NamedTuple):
    """A scatter's y axis, in percent."""

    bottom: float
    divide: float
    """The end of the scale; diverged trials are drawn above it. The top if there are none."""
    diverged: float
    """Where diverged trials are drawn."""
    top: float
    log: bool
    """Whether the scale is logarithmic."""


def grid(curves: Sequence[Curve], right: float, width: float) -> list[list[Cell]]:
    """Arrange curves in rows (optimizers) and columns (panels).

    Parameters
    ----------
    curves : sequence of Curve
        All relative, or all absolute.
    right : float
        The end of the x axis; legends count the trials beyond.
    width : float
        Room for the text of a legend entry, in inches.

    Returns
    -------
    list of list of Subplot
        By optimizer, then by panel (size).
    """
    names = labels_of(curves)
    looks = looks_of(names.values())

    def cell(panel: str, optimizer: str) -> Cell:
        members = [curve for curve in curves if (curve.panel, curve.optimizer) == (panel, optimizer)]
        members.sort(key=lambda curve: word_order(names[curve.sweep], FAMILIES))
        return Cell(
            title=", ".join(known(panel, optimizer_name(optimizer))),
            curves=members,
            looks=[looks[names[curve.sweep]] for curve in members],
            entries=[_entry(curve, names[curve.sweep], right, width) for curve in members],
        )

    panels = sorted({curve.panel for curve in curves}, key=panel_order)
    optimizers = sorted({curve.optimizer for curve in curves}, key=lambda name: word_order(name, OPTIMIZERS))
    return [[cell(panel, optimizer) for panel in panels] for optimizer in optimizers]


class Named(NamedTuple):
    """What tells a sweep from the others of a figure, whether or not it has results."""

    sweep: str
    model: str
    family: str
    panel: str
    optimizer: str
    setting: str


def labels_of(curves: Sequence[Curve] | Sequence[Named]) -> dict[str, str]:
    """Name each sweep by its family, or by its model if two models of a family share a subplot."""
    models: dict[tuple[str, str, str], set[str]] = {}
    for curve in curves:
        models.setdefault((curve.panel, curve.optimizer, curve.family), set()).add(curve.model)
    twice = {family for (*_, family), several in models.items() if len(several) > 1}
    return {c.sweep: (c.model if c.family in twice else c.family) + c.setting for c in curves}


def looks_of(names: Iterable[str]) -> dict[str, Look]:
    """Give every name a look: the study's families always the same one, other names the next free one."""
    others = itertools.cycle(_OTHER_LOOKS)
    ordered = sorted(set(names), key=lambda name: word_order(name, FAMILIES))
    return {name: LOOKS[name] if name in LOOKS else next(others) for name in ordered}


def _entry(curve: Curve, name: str, right: float, width: float) -> str:
    """Return a legend entry: the curve's name, and counts of the trials that are not drawn."""
    parts = [f"{name}, n = {curve.n}"]
    if curve.diverged:
        parts.append(f"{curve.diverged} diverged")
    beyond = int((finite_errors(curve) > right).sum())
    if beyond:
        shown = right if curve.relative else curve.metric.cost(right)
        parts.append(f"{beyond} beyond x = {shown:g}")
    parts += _lacks(curve.missing, curve.n, curve.optimum_missing, len(curve.zeros))
    return fold(parts, max(12, int(width / CHAR_IN)))


def _lacks(missing: int, n: int, optimum_missing: int, k: int) -> list[str]:
    """Return how many points and trials at the optimum have no result; n and k of them have one."""
    parts = [f"{missing} of {n + missing} missing"] if missing else []
    if optimum_missing:
        parts.append(f"{optimum_missing} of {k + optimum_missing} at the optimum missing")
    return [f"incomplete: {parts[0]}", *parts[1:]] if parts else []


def fold(parts: Sequence[str], room: int) -> str:
    """Join parts with commas into lines of at most ``room`` letters, broken between parts where possible."""
    lines = [parts[0]]
    for part in parts[1:]:
        if len(lines[-1]) + len(part) + 2 <= room:
            lines[-1] += f", {part}"
        else:
            lines[-1] += ","
            lines.append(part)
    return "\n".join(textwrap.fill(line, room, break_on_hyphens=False) for line in lines)


def is_shared(cells: Sequence[Cell]) -> bool:
    """Return whether one legend fits all of several subplots."""
    return len(cells) > 1 and all(cell.entries == cells[0].entries for cell in cells)


def finite_errors(curve: Curve) -> NDArray[np.float64]:
    """Return the finished trials' errors on the curve's scale, ascending, shape (n - diverged,)."""
    counts = np.diff(np.round(curve.edf.y * curve.n), prepend=0).astype(int)
    return np.repeat(curve.edf.x, counts)[: curve.n - curve.diverged]


def x_limits(curves: Sequence[Curve]) -> tuple[float, float]:
    """Choose the x axis of EDFs, from the lowest error to where the curves stop being informative."""
    relative, metric = curves[0].relative, curves[0].metric
    step = metric.step
    samples = [sample for sample in map(finite_errors, curves) if sample.size]
    if not samples:
        return (-0.1, RIGHT_LEAST) if relative else _ends(metric)
    lowest = min(float(sample[0]) for sample in samples)
    base = 0.0 if relative else lowest
    most = max(RIGHT_MOST * step, min(float(np.median(sample)) for sample in samples) - base)
    reach = max(float(np.quantile(sample, RIGHT_SHARE, method="lower")) for sample in samples) - base
    right = _ceil(base + min(max(1.05 * reach, RIGHT_LEAST * step), most), metric)
    left = min(base, lowest)
    left -= 0.02 * (right - left)
    return (left, right) if relative else (max(metric.best, left), min(right, metric.worst))


def _ends(metric: Metric) -> tuple[float, float]:
    """Return the ends of an axis without a finished trial on it."""
    low = metric.best if np.isfinite(metric.best) else 0.0
    return low, metric.worst if np.isfinite(metric.worst) else low + RIGHT_LEAST


def _ceil(error: float, metric: Metric) -> float:
    """Round an error up to whole points, or to whole steps of another metric."""
    return float(np.ceil(error / metric.step)) * metric.step


class XAxis(NamedTuple):
    """The x axis of EDFs: linear up to a fold, and compressed from there to the largest error."""

    left: float
    fold: float
    """Where the linear part ends. The end, if no curve goes on."""
    right: float

    @property
    def is_folded(self) -> bool:
        """Whether a part is compressed."""
        return self._squeeze > 1

    def place(self, x: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return where errors lie on the paper, in units of the linear part."""
        return np.where(x > self.fold, self.fold + (x - self.fold) / self._squeeze, x)

    def error(self, place: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return the errors that lie at places on the paper; the inverse of `place`."""
        return np.where(place > self.fold, self.fold + (place - self.fold) * self._squeeze, place)

    @property
    def _squeeze(self) -> float:
        room = FOLDED_SHARE / (1 - FOLDED_SHARE) * (self.fold - self.left)
        return (self.right - self.fold) / room


def x_axis(curves: Sequence[Curve]) -> XAxis:
    """Choose the x axis of EDFs, so that the end of each curve is on it."""
    left, fold = x_limits(curves)
    largest = max((float(sample[-1]) for sample in map(finite_errors, curves) if sample.size), default=fold)
    axis = XAxis(left, fold, max(fold, min(_ceil(largest, curves[0].metric), _most(curves[0]))))
    return axis if axis.is_folded else XAxis(left, axis.right, axis.right)


def _most(curve: Curve) -> float:
    """Return the greatest error that an axis may show."""
    return np.inf if curve.relative or curve.metric.is_top1_error else curve.metric.worst


def y_axes(sweeps: Sequence[SweepTrials]) -> dict[str, YAxis]:
    """Choose the y axes of scatters, one per panel, with all errors on them and "div." above.

    All are linear, or all logarithmic if errors differ so much that the good ones would lie on one line.
    """
    errors = {sweep.panel: _errors([s for s in sweeps if s.panel == sweep.panel]) for sweep in sweeps}
    every = np.concatenate(list(errors.values()))
    log = bool(every.size and every.min() > 0 and every.max() > LOG_RATIO * every.min())
    lost = {s.panel for s in sweeps if len(s.diverged) or s.optimum_state == "diverged"}
    least = Y_LEAST * sweeps[0].metric.step
    return {
        panel: y_axis(sample, log=log, lost=panel in lost, least=least) for panel, sample in errors.items()
    }


def _errors(sweeps: Sequence[SweepTrials]) -> NDArray[np.float64]:
    """Return the errors of all finished points and trials at the optimum, in percent."""
    optima = [s.optimum[s.optimum["state"] == "finished"] for s in sweeps]
    return np.concatenate([values(rows, "top1_err") for rows in (*optima, *(s.finished for s in sweeps))])


def y_axis(errors: NDArray[np.float64], *, log: bool, lost: bool, least: float = Y_LEAST) -> YAxis:
    """Choose a y axis for errors.

    Parameters
    ----------
    errors : ndarray
        Finite errors, in percent or points.
    log : bool
        Whether the scale is logarithmic.
    lost : bool
        Whether to leave room for diverged trials above the scale.
    least : float
        Least length of a linear scale, in points.
    """
    low, high = (float(errors.min()), float(errors.max())) if errors.size else (1.0, 100.0)
    if log:
        low, high = np.log10(low), np.log10(high)
    # If all errors are about the same, the axis still needs room for a tick or two.
    high = max(high, low + (0.7 if log else least))
    margin = 0.06 * (high - low)
    ends = np.array(
        [low - margin, high + margin, high + 2.1 * margin, high + (3.2 if lost else 1.0) * margin]
    )
    bottom, divide, diverged, top = map(float, 10**ends if log else ends)
    return YAxis(bottom=bottom, divide=divide, diverged=diverged, top=top, log=log)


def sweep_title(sweep: SweepTrials) -> str:
    """Return the title of a sweep's scatters: what they show, and how many trials have no result."""
    name = [sweep.family + sweep.setting, *known(sweep.panel, optimizer_name(sweep.optimizer))]
    parts = [f"{', '.join(name)}: n = {sweep.n}"]
    if len(sweep.diverged):
        parts.append(f"{len(sweep.diverged)} diverged")
    k = len(sweep.optimum_errs)
    parts += _lacks(sweep.missing, sweep.n, sweep.optimum_missing if k else 0, k)
    if not k:
        parts.append("no result at the optimum")
    return ", ".join(parts)
