"""Splits the variance of a sweep's errors: learning rate, weight decay, their interaction, the rest."""

from typing import NamedTuple

import numpy as np
from numpy.polynomial import legendre
from numpy.typing import ArrayLike, NDArray
from scipy import stats

from analysis.bands import CONFIDENCE
from analysis.errors import AnalysisError
from analysis.intervals import NOTHING, Interval, rounding_variance

Floats = NDArray[np.float64]

MAIN_TERMS = [(1, 0), (2, 0), (3, 0)]
MIXED_TERMS = [(1, 1), (2, 1), (1, 2)]
LEAST_TRIALS = 20
"""Twice the number of fitted coefficients, ten."""
LIMITS_FROM = 256
"""Least number of trials for limits. In simulations with a cliff, nominal 95 % limits covered the truth 88 %
of the time at n = 64, 90 % at 128, and 91 to 99 % at 256, least often for a share near 0."""
GROUPS = 64
"""The jackknife leaves out one trial at a time, or one of this many groups of trials."""


class VarianceSplit(NamedTuple):
    """Shares of the variance of the errors over the box; they add up to 1."""

    lr: Interval
    weight_decay: Interval
    interaction: Interval
    rest: Interval
    """What no smooth surface explains: seed noise, and cliffs."""


def variance_split(u: ArrayLike, errors: ArrayLike, confidence: float = CONFIDENCE) -> VarianceSplit:
    """Split the variance of errors into lr, weight decay, their interaction and the rest.

    A polynomial of degree 3 in log lr and log wd is fitted, in Legendre polynomials. They are orthogonal over
    a box, so that the squares of their coefficients add up to the variance (Sobol' indices by polynomial
    chaos, Sudret 2008, Reliability Engineering & System Safety 93:964). The contribution of noise is
    subtracted from each square. Limits come from the jackknife, and exist from `LIMITS_FROM` trials on.

    Parameters
    ----------
    u : array_like, shape (n, 2)
        Relative points, spread evenly over the unit square.
    errors : array_like, shape (n,)
        In percent, diverged trials at 100. If many diverged, the split mainly explains that cliff.
    confidence : float
        In (0, 1).

    Returns
    -------
    VarianceSplit
        All NaN if there are fewer than `LEAST_TRIALS` trials, all errors are equal, or the points do not
        determine the polynomial (for example with fewer than four different lr).

    Raises
    ------
    AnalysisError
        If the shapes do not match.
    """
    points, values = np.asarray(u, dtype=float), np.asarray(errors, dtype=float)
    if points.shape != (len(values), 2):
        raise AnalysisError(f"a relative point a trial: got shapes {points.shape} and {values.shape}.")
    if len(values) < LEAST_TRIALS or np.ptp(values) == 0:
        return VarianceSplit(NOTHING, NOTHING, NOTHING, NOTHING)
    design = _design(points)
    if np.linalg.matrix_rank(design) < design.shape[1]:
        return VarianceSplit(NOTHING, NOTHING, NOTHING, NOTHING)
    whole = _shares(design.T @ design, design.T @ values, values @ values, len(values))
    return VarianceSplit(*_jackknifed(design, values, whole, confidence))


def _design(u: Floats) -> Floats:
    """Evaluate the ten orthonormal polynomials, shape (n, 10): 1, lr × 3, wd × 3, mixed × 3."""
    bases = [legendre.legvander(2 * u[:, axis] - 1, 3) * np.sqrt(2 * np.arange(4) + 1) for axis in (0, 1)]
    terms = [(0, 0), *MAIN_TERMS, *((j, i) for i, j in MAIN_TERMS), *MIXED_TERMS]
    return np.stack([bases[0][:, i] * bases[1][:, j] for i, j in terms], axis=1)


def _shares(xtx: Floats, xty: Floats, yty: Floats | float, n: Floats | int) -> Floats:
    """Return the shares of lr, wd, interaction and rest from sums over trials, shape (…, 4).

    A share that noise alone explains may be negative; the positive shares add up to 1.
    """
    inverse = np.linalg.inv(xtx)
    coefficients = np.einsum("...ij,...j->...i", inverse, xty)
    residual = yty - np.einsum("...i,...i->...", coefficients, xty)
    noise = np.maximum(residual, 0.0) / (n - xtx.shape[-1])
    unbiased = coefficients**2 - noise[..., None] * np.diagonal(inverse, axis1=-2, axis2=-1)
    parts = np.stack([unbiased[..., 1:4], unbiased[..., 4:7], unbiased[..., 7:10]], axis=-2).sum(-1)
    parts = np.concatenate([parts, noise[..., None]], axis=-1)
    return parts / np.maximum(parts, 0.0).sum(-1, keepdims=True)


def _jackknifed(design: Floats, values: Floats, whole: Floats, confidence: float) -> list[Interval]:
    """Return each share with limits from leaving out one group of trials at a time."""
    groups = min(len(values), GROUPS)
    parts = [(design[g::groups], values[g::groups]) for g in range(groups)]
    without = _shares(
        design.T @ design - np.stack([x.T @ x for x, _ in parts]),
        design.T @ values - np.stack([x.T @ y for x, y in parts]),
        values @ values - np.array([y @ y for _, y in parts]),
        len(values) - np.array([float(len(y)) for _, y in parts]),
    )
    spread = np.sqrt((groups - 1) / groups * ((without - without.mean(0)) ** 2).sum(0))
    width = stats.t.ppf((1 + confidence) / 2, groups - 1) * spread
    limits = (np.clip(share, 0.0, 1.0) for share in (whole, whole - width, whole + width))
    found = [Interval(*map(float, three)) for three in zip(*limits, strict=True)]
    if len(values) >= LIMITS_FROM:
        return found
    return [part._replace(low=float("nan"), high=float("nan")) for part in found]


class SeedNoise(NamedTuple):
    """The spread of errors between seeds, compared with their spread over the box."""

    seeds: Interval
    """Standard deviation between seeds at one point, in points."""
    points: float
    """Standard deviation between points of the box, including seed noise."""
    share: float
    """Share of seed noise in the variance between points: 1 means that lr and wd do not matter."""
    repeats: int
    """Number of seeds."""


def seed_noise(repeats: ArrayLike, errors: ArrayLike, confidence: float = CONFIDENCE) -> SeedNoise:
    """Compare the spread between seeds at one point with the spread over the box.

    The limits of the standard deviation between seeds assume normal errors. They are widened by the variance
    that counting whole images may add or hide.

    Parameters
    ----------
    repeats : array_like, shape (k,)
        Errors of one point with k seeds.
    errors : array_like, shape (n,)
        Errors of the sweep's points.
    confidence : float
        In (0, 1).
    """
    same, all_points = np.asarray(repeats, dtype=float), np.asarray(errors, dtype=float)
    if len(same) < 2 or len(all_points) < 2:
        return SeedNoise(NOTHING, float("nan"), float("nan"), len(same))
    dof, deviation = len(same) - 1, float(same.std(ddof=1))
    tail = (1 - confidence) / 2
    hidden = np.array([-1, 1]) * rounding_variance(np.concatenate([same, all_points]))
    variances = np.maximum(deviation**2 + hidden, 0.0)
    low, high = np.sqrt(variances * dof / stats.chi2.ppf([1 - tail, tail], dof))
    points = float(all_points.std(ddof=1)) if np.isfinite(all_points).all() else float("nan")
    share = min(1.0, (deviation / points) ** 2) if points > 0 else float("nan")
    return SeedNoise(Interval(deviation, float(low), float(high)), points, share, len(same))
