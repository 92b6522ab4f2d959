"""What tells the best trials from the merely good ones: PED-ANOVA, with limits.

Where most values are bad, what explains the errors is what keeps a trial from failing. Watanabe, Bansal and
Hutter (2023, arXiv:2304.10255) ask instead what leads from the good trials to the best: by how much the
density of a hyperparameter's values differs between the two. Their importance, the Pearson divergence of the
densities, is up to a factor the share of the variance of being among the best that the hyperparameter
explains by itself (their theorem 1). So it is estimated as that share, without a kernel's bandwidth.
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from analysis.intervals import NOTHING
from analysis.knobs.settings import Setting
from analysis.knobs.shares import Explained, explained

Floats = NDArray[np.float64]

GOOD = 0.5
"""The share of the trials that are good, at most."""
BEST = 0.1
"""The share of the trials that are the best."""
LEAST_BEST = 25
"""Trials among the best, without which nothing is said of them."""
LEAST_TRIALS = round(LEAST_BEST / BEST)


class Good(NamedTuple):
    """The better half of a sweep's trials."""

    is_good: NDArray[np.bool_]
    """Of each of the sweep's trials, shape (n,)."""
    is_best: NDArray[np.bool_]
    """Of each, too: whether it is in the best tenth."""
    limit: float
    """The greatest error of the best tenth."""


def good_trials(errors: Floats) -> Good:
    """Return the better half of the trials and, in it, the best tenth.

    Trials as good as the last of the tenth belong to it. Those as good as the last of the half do only if
    they do not make it more than a half: many trials may end at chance, all with one error.

    Parameters
    ----------
    errors : ndarray, shape (n,)
        The error of each, or its cost; infinite if it is worse than everything.
    """
    ordered = np.sort(errors)
    middle, limit = (float(ordered[int(np.ceil(part * len(errors))) - 1]) for part in (GOOD, BEST))
    at_most = errors <= middle
    is_good = at_most if at_most.mean() <= GOOD + 1 / len(errors) else errors < middle
    return Good(is_good, errors <= limit, limit)


def problem(good: Good) -> str | None:
    """Return why the trials do not suffice; None if they do."""
    n = len(good.is_good)
    if n < LEAST_TRIALS:
        what = "what leads to the best tenth, and what hyperparameters do together,"
        return f"{what} take {LEAST_TRIALS} trials, there are {n}"
    best, rest = int(good.is_best.sum()), int((good.is_good & ~good.is_best).sum())
    if rest < best:
        return (
            f"what leads to the best tenth is not told: {best} trials are among the best, many equally good"
        )
    return None


def told_by(setting: Setting, good: Good, confidence: float) -> Explained:
    """Return how much of being among the best, within the good trials, a hyperparameter explains by itself.

    Parameters
    ----------
    setting : Setting
        The values.
    good : Good
        The sweep's good trials.
    confidence : float
        In (0, 1).
    """
    mine = good.is_good[setting.rows]
    is_best = good.is_best[setting.rows][mine].astype(float)
    values = setting.values[mine]
    if min(is_best.sum(), (1 - is_best).sum()) < LEAST_BEST or len(np.unique(values)) < 2:
        return Explained(NOTHING, np.nan)
    part = Setting.of(setting.name, values, setting.rows[mine], setting.labels)
    return explained(part, is_best, confidence, is_rare=True)
