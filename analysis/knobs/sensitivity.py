"""What it costs to leave a hyperparameter at any of its values, while the others are tuned."""

from functools import lru_cache

import numpy as np
from numpy.typing import NDArray
from scipy import special, stats

from analysis.intervals import Interval
from analysis.knobs.gains import TENTHS, TOGETHER, halves
from analysis.knobs.isolation import TRIES
from analysis.knobs.settings import Setting

Floats = NDArray[np.float64]
Part = tuple[Floats, Floats, Floats]


def sensitivity(setting: Setting, errors: Floats, confidence: float) -> Interval:
    """Return the best of four tries at a random value of a hyperparameter, minus that at its best values.

    It is the learning rate sensitivity of Wortsman and others (2023, arXiv:2309.14322): the expected loss
    over a range of values minus the least. They leave the others at good values; here these are tuned at each
    value with four tries. Each half of the trials chooses the tenth of the values where the best of four is
    lowest, and the other half tells its distance from all (as `gains`). Limits are Student's, with the
    jackknife's variances and Satterthwaite's degrees of freedom, of which each four trials have one.

    Parameters
    ----------
    setting : Setting
        The values.
    errors : ndarray, shape (n,)
        The error of each, or its score.
    confidence : float
        In (0, 1).
    """
    tenth = setting.bins(TENTHS)
    half, chosen = chosen_tenths(setting, errors)
    parts = [_best_of_tries(errors, tenth, half == h) for h in (0, 1)]
    distances = [_distance(parts[1 - h], chosen[h]) for h in (0, 1)]
    value, variance, squares = np.mean(distances, axis=0)
    spread = np.sqrt(variance / 2 * (1 + TOGETHER))
    freedom = 2 * variance**2 / squares if squares else 1.0
    width = float(stats.t.ppf((1 + confidence) / 2, freedom) * spread)
    return Interval(float(value), float(value) - width, float(value) + width)


def chosen_tenths(setting: Setting, errors: Floats) -> tuple[NDArray[np.int64], list[int]]:
    """Return in which half each trial is, and the tenth of the values that each half chooses."""
    tenth = setting.bins(TENTHS)
    half = halves(tenth)
    return half, [int(np.argmin(_best_of_tries(errors, tenth, half == h)[0])) for h in (0, 1)]


def _distance(part: Part, chosen: int) -> tuple[float, float, float]:
    """Return the mean of all tenths minus the chosen one, its variance, and what its freedom depends on."""
    values, variances, counts = part
    shares = counts / counts.sum()
    # Other values could have been tried.
    among_values = float(shares @ (values - shares @ values) ** 2 / counts.sum())
    weights = shares - (np.arange(len(values)) == chosen)
    terms = weights**2 * variances
    squares = float((terms**2 * TRIES / counts).sum()) + among_values**2 / (counts.sum() - 1)
    return float(weights @ values), float(terms.sum()) + among_values, squares


def _best_of_tries(errors: Floats, tenth: NDArray[np.int64], mine: NDArray[np.bool_]) -> Part:
    """Return of each tenth the mean error of the best of four tries, its variance, and its trials."""
    found = [best_of_tries(errors[mine & (tenth == each)]) for each in range(tenth.max() + 1)]
    counts = np.bincount(tenth[mine], minlength=len(found)).astype(float)
    values, variances = np.transpose(found)
    return values, variances, counts


def best_of_tries(errors: Floats) -> tuple[float, float]:
    """Return the mean of the best of four of some trials, over all fours, and its jackknife variance.

    Parameters
    ----------
    errors : ndarray, shape (m,)
        At least five.
    """
    ordered, m = np.sort(errors), len(errors)
    whole, one_less = _weights(m), _weights(m - 1)
    before = np.concatenate([[0.0], np.cumsum(one_less * ordered[:-1])])  # those below the one left out
    after = np.concatenate([np.cumsum((one_less * ordered[1:])[::-1])[::-1], [0.0]])
    left_out = before + after
    return float(whole @ ordered), float((m - 1) / m * ((left_out - left_out.mean()) ** 2).sum())


@lru_cache(maxsize=4096)
def _weights(m: int) -> Floats:
    """Return the share of all fours of m trials in which each is the best, in ascending order."""
    rest = np.arange(m - 1, -1, -1)
    return np.asarray(special.comb(rest, TRIES - 1) / special.comb(m, TRIES))
