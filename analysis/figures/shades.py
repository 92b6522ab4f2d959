"""Shading around a curve: its confidence band, and its range until missing trials have run."""

from collections.abc import Iterable, Mapping

import numpy as np
from matplotlib.axes import Axes
from matplotlib.patches import Patch
from numpy.typing import NDArray

from analysis.bands import Band
from analysis.edf import Curve
from analysis.figure_layout import Look, finite_errors, fold
from analysis.names import known

Floats = NDArray[np.float64]
MISSING_LABEL = "trials still missing: best and worst case"
_BAND_ALPHA, _HATCH = 0.16, "//////"


def draw_band(ax: Axes, band: Band, look: Look, limits: tuple[float, float]) -> None:
    """Shade a confidence band between the limits of the x axis.

    Parameters
    ----------
    ax : matplotlib.axes.Axes
        Where to draw.
    band : Band
        The band.
    look : Look
        Gives the colour.
    limits : tuple of float
        The limits of the x axis.
    """
    x = _steps(band.x, limits)
    ax.fill_between(
        x,
        *band.at(x),
        step="post",
        color=look.color,
        alpha=_BAND_ALPHA,
        linewidth=0,
        zorder=1.5,
    )


def draw_missing(ax: Axes, curve: Curve, look: Look, limits: tuple[float, float]) -> None:
    """Hatch the range of the curve: from all missing trials being worst to all of them being best.

    Parameters
    ----------
    ax : matplotlib.axes.Axes
        Where to draw.
    curve : Curve
        A curve with missing trials.
    look : Look
        Gives the colour.
    limits : tuple of float
        The limits of the x axis.
    """
    errors, total = finite_errors(curve), curve.n + curve.missing
    x = _steps(errors, limits)
    below = np.searchsorted(errors, x, side="right")
    ax.fill_between(
        x,
        below / total,
        (below + curve.missing) / total,
        step="post",
        facecolor="none",
        edgecolor=look.color,
        hatch=_HATCH,
        alpha=0.45,
        linewidth=0,
        zorder=1.4,
    )


def _steps(x: Floats, limits: tuple[float, float]) -> Floats:
    """Return where step functions change within the axis, including its ends."""
    return np.unique(np.clip(x, *limits).tolist() + list(limits))


def shade_handles(curves: Iterable[Curve], bands: Mapping[str, Band], room: int) -> list[Patch]:
    """Return the legend of the shading, one patch per kind.

    Parameters
    ----------
    curves : iterable of Curve
        The curves that are drawn.
    bands : mapping of str to Band
        Sweep → band. With several kinds of band, each kind names its curves.
    room : int
        Letters in a line of the legend.
    """
    curves = list(curves)
    kinds: dict[str, list[str]] = {}
    for curve in curves:
        if curve.sweep in bands:
            kinds.setdefault(bands[curve.sweep].label, []).append(
                " ".join(known(curve.model + curve.setting, curve.optimizer))
            )
    handles = [
        Patch(
            facecolor="0.4",
            alpha=1.6 * _BAND_ALPHA,
            linewidth=0,
            label=fold([label] if len(kinds) == 1 else [label, *names], room),
        )
        for label, names in kinds.items()
    ]
    if any(curve.missing for curve in curves):
        handles.append(
            Patch(facecolor="none", edgecolor="0.4", hatch=_HATCH, linewidth=0, label=MISSING_LABEL)
        )
    return handles
