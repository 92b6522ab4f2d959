"""Warnings about Δ curves that look more robust than their model is."""

import math
from collections.abc import Iterable, Sequence

import numpy as np
import pandas as pd

from analysis.edf import Curve, curve_of, share_within
from analysis.metric import Metric
from analysis.names import of_stage
from analysis.sweep_trials import SweepTrials

FLATTERY_GAP = 4.0
"""An optimum is suspected if it is this many points worse than the best of its panel. Run-to-run noise is
0.1-0.2 points, and the study's stems of equal complexity differ by less than 4 points at their optimum with
AdamW (27.7 and 24.0 %)."""
FLATTERY_WITHIN = 4.0
"""The shares of two Δ curves are compared at this Δ, in points, like Xiao et al. compare theirs."""
FLATTERY_SLACK = 0.05
"""A share lower by at most this still looks as robust: 3 trials of 64, well within sampling noise."""
UNDERTRAINED_ERR = 30.0
"""An optimum with a higher error, in percent, is suspected: its points cannot be much worse, so that all lie
near it. In a short training, a model at 60 % had as steep a Δ curve as a far better one. Difficult data can
be a legitimate reason."""
OUTDONE_BY, OUTDONE_SHARE = 1.0, 0.25
"""Δ has a wrong zero if more than this share of the points beats the optimum by more than so many points."""
FALLING_BY, FALLING_OVER = 1.0, 0.25
"""A schedule is too short if the error at the optimum falls by more than this many points over this last part
of it. On digits, ViT_P's error fell over that part by 5.8 points in a schedule of 5 epochs, by 3.0 in 10, 1.8
in 25 and 0.0 in 60, to 64, 27, 6.4 and 3.8 %. The last epochs alone show nothing: there, the cosine schedule
has brought learning to a halt."""


def verdicts(sweeps: Sequence[SweepTrials], learning: pd.DataFrame | None = None) -> list[str]:
    """Return warnings about sweeps whose Δ does not measure robustness; see `flattery` and `too_short`.

    Parameters
    ----------
    sweeps : sequence of SweepTrials
        Sweeps without a finished trial at their optimum have no Δ and are ignored.
    learning : DataFrame, optional
        Learning curves; see `too_short`.
    """
    relative = [curve_of(sweep, absolute=False) for sweep in sweeps if sweep.optimum_state == "finished"]
    return flattery(relative) + ([] if learning is None else too_short(sweeps, learning))


def flattery(curves: Sequence[Curve]) -> list[str]:
    """Return warnings about Δ curves that look more robust than the model is.

    A model that is equally bad everywhere has a steep Δ curve. There are three signs of that:

    - The optimum is more than `FLATTERY_GAP` points worse than the best of its panel, while the share within
      `FLATTERY_WITHIN` points is about as high as that of a model with a better optimum, or higher.
    - The error at the optimum is above `UNDERTRAINED_ERR`.
    - More than `OUTDONE_SHARE` of the points beat the optimum by more than `OUTDONE_BY` points.

    Parameters
    ----------
    curves : sequence of Curve
        Absolute curves are ignored.

    Returns
    -------
    list of str
        One or two sentences per warning, in the order of the curves.
    """
    relative = [curve for curve in curves if curve.relative and curve.optimum_err is not None]
    found = [(_outshines(curve, relative), _undertrained(curve), _outdone(curve)) for curve in relative]
    return [text for pair in found for text in pair if text]


def _outshines(curve: Curve, others: Sequence[Curve]) -> str | None:
    """Return a warning if a curve with a poor optimum looks as robust as one with a better optimum."""
    peers = [c for c in others if _stage(c) == _stage(curve)]
    if _optimum(curve) - min(map(_optimum, peers)) <= FLATTERY_GAP * curve.metric.step:
        return None
    mine = _near(curve)
    beaten = [c for c in peers if _optimum(c) < _optimum(curve) and mine >= _near(c) - FLATTERY_SLACK]
    if not beaten:
        return None
    peer = min(beaten, key=_optimum)
    near = curve.metric.amount(FLATTERY_WITHIN * curve.metric.step)
    return (
        f"{_named(curve)}: Δ flatters it. Its optimum stands at "
        f"{curve.metric.level(_optimum(curve))}, that of {peer.name} at {_short(peer)}, yet {mine:.2f} of "
        f"its trials lie within {near} of it, against {_near(peer):.2f}: "
        "look at `absolute` too."
    )


def _short(curve: Curve) -> str:
    return curve.metric.level(_optimum(curve)).removesuffix(" error").removeprefix(f"{curve.metric.name} ")


def _named(of: Curve | SweepTrials) -> str:
    return of_stage(of.model + of.setting, of.panel, of.optimizer)


def _stage(curve: Curve) -> tuple[str, str, str]:
    """Return what two curves must share to be compared by their optima."""
    return curve.panel, curve.optimizer, curve.recipe


def _undertrained(curve: Curve) -> str | None:
    """Return a warning if the optimum itself is poor, which only a top-1 error tells."""
    if not curve.metric.is_top1_error or _optimum(curve) <= UNDERTRAINED_ERR:
        return None
    return (
        f"{_named(curve)}: its optimum stands at {_optimum(curve):.1f} % "
        f"error, over {UNDERTRAINED_ERR:g} %, so it is likely under-trained and a steep Δ curve says little: "
        "train for longer, or look at `absolute`."
    )


def _outdone(curve: Curve) -> str | None:
    """Return a warning if many points beat the optimum, so that Δ has a wrong zero."""
    by = OUTDONE_BY * curve.metric.step
    share = float(curve.edf.share(-by - 0.5 * 10.0**-curve.metric.delta_decimals))
    if share <= OUTDONE_SHARE:
        return None
    k = len(curve.zeros)
    optimum = "its optimum" if k == 1 else f"the mean of the {k} trials at its optimum"
    cause = (
        "either that is not the optimum or its one trial was unlucky"
        if k == 1
        else "that is likely no optimum"
    )
    amount = "1 point" if curve.metric.is_top1_error else curve.metric.amount(by)
    return (
        f"{_named(curve)}: {share:.2f} of its trials beat {optimum} by "
        f"more than {amount}, so {cause}, and Δ flatters the model: look at `absolute` too."
    )


def _optimum(curve: Curve) -> float:
    return float("nan") if curve.optimum_err is None else curve.optimum_err


def _near(curve: Curve) -> float:
    return float(share_within(curve, FLATTERY_WITHIN * curve.metric.step))


def too_short(sweeps: Iterable[SweepTrials], learning: pd.DataFrame) -> list[str]:
    """Return warnings about schedules that are too short for a model to converge even at its optimum.

    Δ then measures learning speed as well as robustness.

    Parameters
    ----------
    sweeps : iterable of SweepTrials
        Their trials need a column key.
    learning : DataFrame
        One row per epoch: key (of the trial), epoch (from 1) and top1_err (percent). Sweeps without learning
        curves are ignored.

    Returns
    -------
    list of str
        A warning for each sweep whose error at the optimum, as the mean of its finished trials there, fell by
        more than `FALLING_BY` points over the last `FALLING_OVER` of its epochs, by more than one standard
        error of that mean: seeds alone make a fall differ by a point.
    """
    return [text for text in (_falling(sweep, learning) for sweep in sweeps) if text]


def _falling(sweep: SweepTrials, learning: pd.DataFrame) -> str | None:
    keys = sweep.optimum.loc[sweep.optimum["state"] == "finished", "key"]
    rows = learning[learning["key"].isin(keys)]
    curves = rows.pivot(index="epoch", columns="key", values="top1_err").sort_index()
    if len(curves) < 2:
        return None
    last = int(curves.index[-1])
    before = curves[curves.index <= max((1 - FALLING_OVER) * last, int(curves.index[0]))]
    falls = (before.iloc[-1] - curves.iloc[-1]).dropna().to_numpy(dtype=float)
    fall = float(np.mean(falls))
    error = float(np.std(falls, ddof=1)) / math.sqrt(len(falls)) if len(falls) > 1 else 0.0
    metric = sweep.metric
    fall = fall if not metric.higher_better else -fall
    if not fall - error > FALLING_BY * metric.step:
        return None
    fell = f"error still fell by {fall:.1f} points" if metric.is_top1_error else _bettered(metric, fall)
    return (
        f"{_named(sweep)}: its schedule of {last} epochs is short. Its "
        f"optimum's {fell} over the last {last - int(before.index[-1])}, so Δ "
        "shows how fast it learns as well as how robust it is: train for longer with `epochs`."
    )


def _bettered(metric: Metric, by: float) -> str:
    """Say how much better a metric still became."""
    verb = "rose" if metric.higher_better else "fell"
    return f"{metric.name} still {verb} by {by:.{metric.decimals}f} {metric.delta_unit}".rstrip()
