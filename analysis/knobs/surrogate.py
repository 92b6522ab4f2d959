"""A surrogate of a sweep's errors in which hyperparameters act alone and in pairs.

Each hyperparameter has a few functions of its ranks, orthonormal over the trials; a pair has their products.
If the hyperparameters were drawn independently, all of these are orthonormal, and the variance of the errors
is the sum of the squared coefficients and a rest: noise, and what the functions cannot follow. The Shapley
value of a hyperparameter's share then is its own part and half of that of each of its pairs (Owen 2014,
SIAM/ASA J. Uncertainty Quantification 2:245).
"""

import itertools
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy import stats

from analysis.intervals import Interval
from analysis.knobs.settings import Setting
from analysis.knobs.shares import holm

Floats = NDArray[np.float64]
Rows = NDArray[np.int64]

ALONE = 6
"""Functions of a hyperparameter alone: polynomials up to this degree, or one less than its values."""
IN_PAIRS = 3
"""Those of them whose products a pair has; of a choice among texts all of them."""
A_FUNCTION = 5
"""Trials that each function of a hyperparameter alone takes."""
FREEDOM = 15
"""Degrees of freedom of limits: a spread is known from this many scrambles, and not much better without."""
LEAST_FIT = 0.5
"""The share of the variance that the surrogate must explain."""


class Pair(NamedTuple):
    """Two hyperparameters, and what they explain together beyond what each does alone."""

    a: str
    b: str
    share: Interval
    p: float
    """Of the test that it is nothing, corrected for the number of pairs."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Surrogate:
    """What a surrogate shows of a sweep's hyperparameters."""

    fit: float
    """The share of the variance that it explains of trials that it was not fitted to."""
    pairs: tuple[Pair, ...]
    """All pairs, the one that explains most first."""
    shapley: dict[str, Interval]
    """The share of the variance due to each hyperparameter, half of what its pairs explain included."""

    def partner(self, name: str) -> Pair | None:
        """Return the pair of a hyperparameter that explains most; None if it is in none."""
        return next((pair for pair in self.pairs if name in (pair.a, pair.b)), None)


class Sample(NamedTuple):
    """The trials, and which of them are independent of which."""

    errors: Floats
    """The error of each, shape (n,)."""
    units: Rows | None
    """The trials of each scramble, shape (m, 16); None if all trials are independent."""

    def by_unit(self, of_trials: Floats) -> Floats:
        """Return the mean over each independent unit."""
        return of_trials if self.units is None else np.asarray(of_trials[self.units].mean(axis=1))


class Part(NamedTuple):
    """A share of the variance of the errors, and the test that it is nothing."""

    share: Interval
    value: float
    """The share as it is estimated: below 0 by chance where it is small."""
    p: float


def fit_surrogate(
    settings: Sequence[Setting], errors: Floats, confidence: float, units: Rows | None = None
) -> Surrogate | str:
    """Return what a surrogate shows of hyperparameters, or why it shows nothing.

    Parameters
    ----------
    settings : sequence of Setting
        The values of each, of all trials.
    errors : ndarray, shape (n,)
        The error of each trial, or its score.
    confidence : float
        In (0, 1).
    units : ndarray, shape (m, 16), optional
        The trials of each scramble of a Sobol' design. They fill the space together, so that what one pair
        does may look like what another does; only whole scrambles are independent.
    """
    blocks = [functions(setting) for setting in settings]
    needed = A_FUNCTION * sum(block.shape[1] for block in blocks)
    if len(errors) < needed:
        few = f"what {len(settings)} hyperparameters do together takes {needed} trials"
        return f"{few}, there are {len(errors)}"
    rest, alone = residuals(errors, blocks)
    sample = Sample(errors, units)
    of_pairs = {
        (i, j): rest[:, None] * products(settings, blocks, i, j)
        for i, j in itertools.combinations(range(len(settings)), 2)
    }
    parts = {
        pair: part(terms, np.ones(terms.shape[1]), sample, confidence) for pair, terms in of_pairs.items()
    }
    fit = 1 - float((rest**2).mean() / errors.var()) + sum(found.value for found in parts.values())
    if fit < LEAST_FIT:
        return (
            f"what hyperparameters do together is not told: a surrogate explains {100 * max(fit, 0):.0f} % "
            f"of the differences, and it takes {100 * LEAST_FIT:.0f} %; the rest is noise, or finer than it "
            "can follow"
        )
    corrected = holm(np.array([found.p for found in parts.values()]))
    pairs = [
        Pair(settings[i].name, settings[j].name, found.share, float(p))
        for ((i, j), found), p in zip(parts.items(), corrected, strict=True)
    ]
    shapley = {
        setting.name: _shapley(place, alone[place], of_pairs, sample, confidence)
        for place, setting in enumerate(settings)
    }
    return Surrogate(fit=fit, pairs=tuple(sorted(pairs, key=lambda pair: -pair.share.value)), shapley=shapley)


def _shapley(
    place: int, alone: Floats, of_pairs: dict[tuple[int, int], Floats], sample: Sample, confidence: float
) -> Interval:
    """Return a hyperparameter's own part and half of those of its pairs."""
    mine = [terms for pair, terms in of_pairs.items() if place in pair]
    weights = np.concatenate([np.ones(alone.shape[1]), *(np.full(t.shape[1], 0.5) for t in mine)])
    return part(np.hstack([alone, *mine]), weights, sample, confidence).share


def functions(setting: Setting) -> Floats:
    """Return the orthonormal functions of a hyperparameter at each trial, shape (n, k ≤ `ALONE`)."""
    if setting.labels:
        columns = np.eye(len(setting.labels))[setting.levels][:, 1:]
    else:
        rank = (stats.rankdata(setting.values) - 0.5) / len(setting.values)
        degree = min(ALONE, int(setting.levels.max()))
        columns = np.polynomial.legendre.legvander(2 * rank - 1, degree)[:, 1:]
    whole = np.column_stack([np.ones(len(columns)), columns])
    return np.asarray(np.linalg.qr(whole)[0][:, 1:] * np.sqrt(len(columns)))


def residuals(errors: Floats, blocks: Sequence[Floats]) -> tuple[Floats, list[Floats]]:
    """Return what the hyperparameters alone leave of each error, and the terms of each one's coefficients.

    What is left of a trial's error is what a fit without this trial leaves. The terms of a hyperparameter's
    coefficients are its functions times what all the others leave.

    Parameters
    ----------
    errors : ndarray, shape (n,)
        The errors, or scores.
    blocks : sequence of ndarray, shape (n, k)
        The functions of each hyperparameter.
    """
    design = np.column_stack([np.ones(len(errors)), *blocks])
    q, r = np.linalg.qr(design)
    coefficients = np.linalg.lstsq(r, q.T @ errors, rcond=None)[0]
    rest = (errors - design @ coefficients) / np.maximum(1 - (q**2).sum(axis=1), 1e-9)
    ends = np.cumsum([1, *(block.shape[1] for block in blocks)])
    own = [block @ coefficients[i:j] for block, (i, j) in zip(blocks, itertools.pairwise(ends), strict=True)]
    return rest, [(rest + mine)[:, None] * block for block, mine in zip(blocks, own, strict=True)]


def products(settings: Sequence[Setting], blocks: Sequence[Floats], i: int, j: int) -> Floats:
    """Return the functions of a pair, shape (n, k)."""
    a, b = (blocks[x] if settings[x].labels else blocks[x][:, :IN_PAIRS] for x in (i, j))
    return (a[:, :, None] * b[:, None, :]).reshape(len(a), -1)


def part(terms: Floats, weights: Floats, sample: Sample, confidence: float) -> Part:
    """Return the share of the variance that the weighted squares of coefficients make up.

    A coefficient is the mean of its terms. Its square is estimated without the bias that noise adds, as from
    all pairs of trials. Limits are Student's of the influence function, and allow for noise, which that
    function lacks. The test compares with a multiple of chi squared of the same mean and variance.

    Parameters
    ----------
    terms : ndarray, shape (n, k)
        The errors, or what is left of them, times each function.
    weights : ndarray, shape (k,)
        Of the squares.
    sample : Sample
        The trials.
    confidence : float
        In (0, 1).
    """
    errors, variance = sample.errors, float(sample.errors.var())
    z = sample.by_unit(terms * np.sqrt(weights))
    n = len(z)
    mean = z.mean(axis=0)
    covariance = (z.T @ z - n * np.outer(mean, mean)) / (n - 1)
    trace, squares = float(np.trace(covariance)), float((covariance**2).sum())
    value = float(mean @ mean - trace / n) / variance
    off = sample.by_unit((errors - errors.mean()) ** 2) / variance - 1
    influence = 2 * (z @ mean - mean @ mean) / variance - value * off
    spread = np.sqrt(influence.var(ddof=1) / n + 2 * squares / (n * variance) ** 2)
    width = float(stats.t.ppf((1 + confidence) / 2, FREEDOM) * spread)
    p = float(stats.chi2.sf(n * float(mean @ mean) * trace / squares, trace**2 / squares)) if squares else 1.0
    low, high = np.clip([value - width, value + width], 0.0, 1.0)
    return Part(Interval(float(np.clip(value, 0.0, 1.0)), float(low), float(high)), value, p)
