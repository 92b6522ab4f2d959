"""Warnings of Δ curves that look more robust than their model is."""

from collections.abc import Iterable, Sequence

import pandas as pd

from analysis.edf import DECIMALS, Curve, curve_of, share_within
from analysis.table import SweepTrials

FLATTERY_GAP = 4.0
"""Points by which an optimum must be worse than its panel's best to be suspected. Run-to-run noise is 0.1-0.2
points, and with AdamW the study's stems of equal cost differ by under 4 at their optimum (27.7 and 24.0)."""
FLATTERY_WITHIN = 4.0
"""Points at which the shares of two Δ curves are compared, where Xiao et al. read theirs."""
FLATTERY_SLACK = 0.05
"""A share this little lower still looks as robust: 3 trials of 64, well within a sweep's sampling noise."""
UNDERTRAINED_ERR = 30.0
"""Percent. An optimum worse than this leaves so little to lose that all of its points lie near it: in a short
training a model at 60 % had as steep a Δ curve as a far better one. Hard data can be a good reason for it."""
OUTDONE_BY, OUTDONE_SHARE = 1.0, 0.25
"""More than this share of the points beating the optimum by over this many points: Δ has the wrong zero."""
FALLING_BY, FALLING_OVER = 1.0, 0.25
"""Points by which the optimum's error still falls over the last part of a schedule that is too short, and
that part. ViT_P's on digits fell by 5.8 points in a schedule of 5 epochs, 3.0 in 10, 1.8 in 25 and 0.0 in 60,
to 64, 27, 6.4 and 3.8 %. The very end says nothing: there the cosine has brought learning to a halt."""


def verdicts(sweeps: Sequence[SweepTrials], learning: pd.DataFrame | None = None) -> list[str]:
    """Say of which sweeps Δ must not be taken for robustness, and why; see `flattery` and `too_short`.

    Parameters
    ----------
    sweeps : sequence of SweepTrials
        Those without a finished trial at their optimum have no Δ and are passed over.
    learning : DataFrame, optional
        Learning curves, where there are any.
    """
    relative = [curve_of(sweep, absolute=False) for sweep in sweeps if sweep.optimum_state == "finished"]
    return flattery(relative) + ([] if learning is None else too_short(sweeps, learning))


def flattery(curves: Sequence[Curve]) -> list[str]:
    """Warn of Δ curves that look more robust than the model is.

    A model that is equally bad everywhere has a steep Δ curve. Three signs: an optimum more than
    `FLATTERY_GAP` points worse than its panel's best while the share within `FLATTERY_WITHIN` points is about
    that of a model with a better optimum, or more; an optimum worse than `UNDERTRAINED_ERR`; and an optimum
    that more than `OUTDONE_SHARE` of the points beat by over `OUTDONE_BY`.

    Parameters
    ----------
    curves : sequence of Curve
        Absolute curves flatter nobody: they are passed over.

    Returns
    -------
    list of str
        One sentence or two a warning, in the order of the curves; empty where all is well.
    """
    relative = [curve for curve in curves if curve.relative and curve.optimum_err is not None]
    found = [(_outshines(curve, relative), _undertrained(curve), _outdone(curve)) for curve in relative]
    return [text for pair in found for text in pair if text]


def _outshines(curve: Curve, others: Sequence[Curve]) -> str | None:
    """Warn if a curve with a poor optimum looks as robust as one with a better optimum."""
    peers = [c for c in others if (c.panel, c.optimizer) == (curve.panel, curve.optimizer)]
    if _optimum(curve) - min(map(_optimum, peers)) <= FLATTERY_GAP:
        return None
    mine = _near(curve)
    beaten = [c for c in peers if _optimum(c) < _optimum(curve) and mine >= _near(c) - FLATTERY_SLACK]
    if not beaten:
        return None
    peer = min(beaten, key=_optimum)
    return (
        f"{curve.model} ({curve.panel}, {curve.optimizer}): Δ flatters it. Its optimum stands at "
        f"{_optimum(curve):.1f} % error, that of {peer.model} at {_optimum(peer):.1f} %, yet {mine:.2f} of "
        f"its trials lie within {FLATTERY_WITHIN:g} points of it, against {_near(peer):.2f}: "
        "look at `absolute` too."
    )


def _undertrained(curve: Curve) -> str | None:
    """Warn if the optimum itself is poor."""
    if _optimum(curve) <= UNDERTRAINED_ERR:
        return None
    return (
        f"{curve.model} ({curve.panel}, {curve.optimizer}): its optimum stands at {_optimum(curve):.1f} % "
        f"error, over {UNDERTRAINED_ERR:g} %, so it is likely under-trained and a steep Δ curve says little: "
        "train for longer, or look at `absolute`."
    )


def _outdone(curve: Curve) -> str | None:
    """Warn if many points beat the optimum, so that Δ is counted from the wrong zero."""
    share = float(curve.edf.share(-OUTDONE_BY - 0.5 * 10**-DECIMALS))
    if share <= OUTDONE_SHARE:
        return None
    k = len(curve.zeros)
    optimum = "its optimum" if k == 1 else f"the mean of the {k} trials at its optimum"
    cause = (
        "either that is not the optimum or its one trial was unlucky"
        if k == 1
        else "that is likely no optimum"
    )
    return (
        f"{curve.model} ({curve.panel}, {curve.optimizer}): {share:.2f} of its trials beat {optimum} by "
        f"more than {OUTDONE_BY:g} point, so {cause}, and Δ flatters the model: look at `absolute` too."
    )


def _optimum(curve: Curve) -> float:
    return float("nan") if curve.optimum_err is None else curve.optimum_err


def _near(curve: Curve) -> float:
    return float(share_within(curve, FLATTERY_WITHIN))


def too_short(sweeps: Iterable[SweepTrials], learning: pd.DataFrame) -> list[str]:
    """Warn of schedules so short that the model had not learned what it could even at its optimum.

    Δ then measures how fast a model learns as much as how robust it is.

    Parameters
    ----------
    sweeps : iterable of SweepTrials
        With a column key.
    learning : DataFrame
        One row an epoch: key (of the trial), epoch (from 1) and top1_err (percent). Sweeps without any are
        passed over.

    Returns
    -------
    list of str
        A sentence for each sweep whose error at the optimum, the mean of its finished trials there, fell by
        more than `FALLING_BY` points over the last `FALLING_OVER` of its epochs.
    """
    return [text for text in (_falling(sweep, learning) for sweep in sweeps) if text]


def _falling(sweep: SweepTrials, learning: pd.DataFrame) -> str | None:
    keys = sweep.optimum.loc[sweep.optimum["state"] == "finished", "key"]
    curve = learning[learning["key"].isin(keys)].groupby("epoch")["top1_err"].mean().sort_index()
    if len(curve) < 2:
        return None
    last = int(curve.index[-1])
    before = curve[curve.index <= max((1 - FALLING_OVER) * last, int(curve.index[0]))]
    fall = float(before.iloc[-1] - curve.iloc[-1])
    if fall <= FALLING_BY:
        return None
    return (
        f"{sweep.model} ({sweep.panel}, {sweep.optimizer}): its schedule of {last} epochs is short. Its "
        f"optimum's error still fell by {fall:.1f} points over the last {last - int(before.index[-1])}, so Δ "
        "shows how fast it learns as well as how robust it is: train for longer with `epochs`."
    )
