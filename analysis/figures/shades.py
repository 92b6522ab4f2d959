"""What is shaded beside a curve: its band, and where it may lie once missing trials have run."""

from collections.abc import Iterable, Mapping

import numpy as np
from matplotlib.axes import Axes
from matplotlib.patches import Patch
from numpy.typing import NDArray

from analysis.bands import Band
from analysis.edf import Curve
from analysis.layout import Look, finite_errors, fold

Floats = NDArray[np.float64]
MISSING_LABEL = "trials still missing: best and worst case"
_BAND_ALPHA, _HATCH = 0.16, "//////"


def draw_band(ax: Axes, band: Band, look: Look, limits: tuple[float, float]) -> None:
    """Shade a confidence band, from edge to edge."""
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
    """Hatch between the curve if all missing trials were worse than any, and if all were better than any."""
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
    """Return where step functions change within the axis, its ends among them."""
    return np.unique(np.clip(x, *limits).tolist() + list(limits))


def shade_handles(curves: Iterable[Curve], bands: Mapping[str, Band], room: int) -> list[Patch]:
    """Return a legend's patches: one for each kind of shade there is, in lines of `room` letters.

    Where there are several kinds of band, each names its curves.
    """
    curves = list(curves)
    kinds: dict[str, list[str]] = {}
    for curve in curves:
        if curve.sweep in bands:
            kinds.setdefault(bands[curve.sweep].label, []).append(f"{curve.model} {curve.optimizer}")
    handles = [
        Patch(
            facecolor="0.4",
            alpha=1.6 * _BAND_ALPHA,
            linewidth=0,
            label=label if len(kinds) == 1 else fold([label, *names], room),
        )
        for label, names in kinds.items()
    ]
    if any(curve.missing for curve in curves):
        handles.append(
            Patch(facecolor="none", edgecolor="0.4", hatch=_HATCH, linewidth=0, label=MISSING_LABEL)
        )
    return handles
