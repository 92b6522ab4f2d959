"""Confidence bands of an EDF, for the whole curve or for a single x.

A band depends on the errors only through their ranks. It is therefore computed for counts first: if k of n
trials have at most some error, the true share lies between ``low[k]`` and ``high[k]``. Diverged trials exceed
every error and only increase n. Tied errors (shares of few images) can make a band wider than necessary, but
never narrower.

Which band is valid for which design:

=================  ============  =======================================================================
kind               design        valid for
=================  ============  =======================================================================
equal-precision    iid           the whole curve, exactly; the curve leaves it equally often at any height
ks                 iid           the whole curve, exactly; equally wide everywhere
dkw                iid           the whole curve; a formula, slightly too wide at small n
pointwise          iid           one x, chosen beforehand
scramble           sobol         one x, chosen beforehand; from the spread between independent scrambles
=================  ============  =======================================================================

The points of a grid are not random: its shares have no sampling error, and so there is no band.
"""

import functools
import math
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import optimize, special, stats

from analysis.edf import EDF, Curve
from analysis.errors import AnalysisError
from analysis.sweep_trials import no_sampling_error

Floats = NDArray[np.float64]

EQUAL_PRECISION, KS, DKW, POINTWISE, SCRAMBLE = "equal-precision", "ks", "dkw", "pointwise", "scramble"
BANDS = {EQUAL_PRECISION: "iid", KS: "iid", DKW: "iid", POINTWISE: "iid", SCRAMBLE: "sobol"}
"""Kind of band → the design that it is valid for."""
SIMULTANEOUS = (EQUAL_PRECISION, KS, DKW)
CONFIDENCE = 0.95
MOST_CONFIDENCE = 1 - 1e-9
HIDDEN_VARIANCE = 0.1
"""Variance of a scramble's count, added to the observed variance. Scrambles often have the same count by
chance, which would give an interval of width 0. With this addition, the interval of four equal counts covers
every share up to half a count away; without it, intervals are right as rarely as 7 times in 10."""
EXACT_UP_TO = 1000
"""Largest n whose equal-precision band is computed exactly (in half a second)."""


class Band(NamedTuple):
    """Two step functions, right-continuous, between which the true EDF lies."""

    kind: str
    confidence: float
    x: Floats
    """Where the steps are, ascending, shape (k,)."""
    low: Floats
    """The lower limit left of x[0], then from each x on, shape (k + 1,)."""
    high: Floats
    """The upper limit, likewise."""

    @property
    def label(self) -> str:
        """The band's legend entry."""
        whole = "simultaneous" if self.kind in SIMULTANEOUS else "pointwise"
        name = {KS: "KS", DKW: "DKW", POINTWISE: ""}.get(self.kind, self.kind)
        return f"{100 * self.confidence:.6g} % confidence band, {whole}{f' ({name})' if name else ''}"

    def at(self, x: ArrayLike) -> tuple[Floats, Floats]:
        """Return both limits at the errors ``x``, each in the shape of ``x``."""
        step = np.searchsorted(self.x, np.asarray(x, dtype=float), side="right")
        return self.low[step], self.high[step]


def curve_band(curve: Curve, kind: str | None = None, confidence: float = CONFIDENCE) -> Band:
    """Return a band that is valid for a curve's design.

    The band of a Δ curve takes the error at the optimum as known.

    Parameters
    ----------
    curve : Curve
        The EDF and its design.
    kind : str, optional
        A kind that is valid for the design. Default: equal-precision (iid) or scramble (sobol).
    confidence : float
        In (0, 1).

    Raises
    ------
    AnalysisError
        If no band, or not this kind, is valid for the design; the message says why.

    Examples
    --------
    >>> bands = {curve.sweep: curve_band(curve) for curve in curves(table) if not no_band(curve)}
    """
    problem = no_band(curve, kind)
    if problem:
        raise AnalysisError(problem)
    if curve.design == "sobol":
        return _scramble_band(curve.edf, curve.scrambles, confidence)
    return band(curve.edf, kind or EQUAL_PRECISION, confidence)


def no_band(curve: Curve, kind: str | None = None) -> str | None:
    """Return why a curve has no band of a kind (default: of any kind); None if it has one."""
    if kind is not None and kind not in BANDS:
        return f"a band is one of {', '.join(BANDS)}, got {kind!r}."
    problem = no_sampling_error(curve.sweep, curve.design, len(curve.scrambles))
    if problem or kind is None or BANDS[kind] == curve.design:
        return problem
    fitting = ", ".join(name for name, design in BANDS.items() if design == curve.design)
    return f"a {kind} band holds for the design {BANDS[kind]}; {curve.sweep} is {curve.design}: {fitting}."


def _scramble_band(edf: EDF, scrambles: Floats, confidence: float) -> Band:
    """Return the band of an EDF from the spread between the EDFs of its scrambles, at each x.

    Points of incomplete scrambles count in the EDF only. Where the EDF would leave the band, it is widened.
    """
    below = scrambles[:, :, None] <= np.concatenate([[-np.inf], edf.x])
    low, high = scrambled_limits(below, confidence)
    share = np.concatenate([[0.0], edf.y])
    low, high = np.minimum(np.maximum(low, 0.0), share), np.maximum(np.minimum(high, 1.0), share)
    return Band(SCRAMBLE, confidence, edf.x, low, high)


def scrambled_limits(
    values_kmx: ArrayLike, confidence: float, reach: tuple[float, float] = (1.0, 1.0)
) -> tuple[Floats, Floats]:
    """Return Student's t limits of a mean over independent scrambles.

    The scrambles are independent, the points within a scramble are not (Owen 1997, SIAM Journal on Numerical
    Analysis 34:1884).

    Parameters
    ----------
    values_kmx : array_like, shape (scrambles, points per scramble, x)
        The values to average, for each x.
    confidence : float
        In (0, 1).
    reach : tuple of float
        How far, down and up, the value of one point could lie beyond what any scramble shows; 1 for values
        that are 0 or 1.

    Returns
    -------
    low, high : ndarray, shape (x,)
    """
    check_confidence(confidence)
    values = np.asarray(values_kmx, dtype=float)
    k, m, _ = values.shape
    means_kx = values.mean(axis=1)
    seen, t = means_kx.var(axis=0, ddof=1), stats.t.ppf((1 + confidence) / 2, k - 1)
    down, up = (t * np.sqrt((seen + HIDDEN_VARIANCE * (far / m) ** 2) / k) for far in reach)
    return means_kx.mean(axis=0) - down, means_kx.mean(axis=0) + up


def band(edf: EDF, kind: str = EQUAL_PRECISION, confidence: float = CONFIDENCE) -> Band:
    """Return a band around the EDF of independent points.

    Parameters
    ----------
    edf : EDF
        Of n independent trials, including the diverged ones.
    kind : {"equal-precision", "ks", "dkw", "pointwise"}
        See the table in this module's docstring.
    confidence : float
        In (0, 1).

    Raises
    ------
    AnalysisError
        If there is no such kind, or the confidence lies outside (0, 1).
    """
    low, high = count_limits(edf.n, kind, confidence)
    counts = np.concatenate([[0], np.rint(edf.y * edf.n).astype(int)])
    return Band(kind, confidence, edf.x, low[counts], high[counts])


@functools.lru_cache(maxsize=256)
def count_limits(n: int, kind: str, confidence: float = CONFIDENCE) -> tuple[Floats, Floats]:
    """Return the limits of the true share, given that k of n independent trials have at most some error.

    Parameters
    ----------
    n : int
        The number of trials.
    kind : str
        A kind for independent points.
    confidence : float
        In (0, 1).

    Returns
    -------
    low, high : ndarray, shape (n + 1,)
        For k = 0 … n.

    Raises
    ------
    AnalysisError
        If n < 1, there is no such kind, or the confidence lies outside (0, 1).
    """
    if n < 1:
        raise AnalysisError(f"a band needs at least one trial, got n = {n}.")
    check_confidence(confidence)
    if kind in (KS, DKW):
        share, width = np.arange(n + 1) / n, _width(n, kind, confidence)
        return np.maximum(share - width, 0.0), np.minimum(share + width, 1.0)
    if kind == POINTWISE:
        return clopper_pearson(np.arange(n + 1), n, confidence)
    if kind == EQUAL_PRECISION:
        return clopper_pearson(np.arange(n + 1), n, 1.0 - local_level(n, 1.0 - confidence))
    raise AnalysisError(f"a band is one of {', '.join(BANDS)}, got {kind!r}.")


def check_confidence(confidence: float) -> None:
    """Raise an `AnalysisError` unless a confidence lies in (0, 1)."""
    if not 0.0 < confidence < 1.0:
        raise AnalysisError(f"a confidence lies between 0 and 1, such as 0.95, got {confidence!r}.")
    if confidence > MOST_CONFIDENCE:
        raise AnalysisError(
            f"a confidence is at most {MOST_CONFIDENCE!r}, got {confidence!r}: beyond, rounding errors "
            "exceed the difference to 1."
        )


def clopper_pearson(k: ArrayLike, n: ArrayLike, confidence: float = CONFIDENCE) -> tuple[Floats, Floats]:
    """Return the exact interval of a share, of which k of n trials were observed (Clopper & Pearson 1934).

    Parameters
    ----------
    k : array_like of int
        Observed number; broadcast against ``n``.
    n : array_like of int
        Number of trials.
    confidence : float
        In (0, 1).

    Returns
    -------
    low, high : ndarray
        Quantiles of Beta(k, n − k + 1) and Beta(k + 1, n − k); 0 at k = 0, 1 at k = n.
    """
    check_confidence(confidence)
    successes, total = np.asarray(k, dtype=float), np.asarray(n, dtype=float)
    tail = (1.0 - confidence) / 2
    with np.errstate(invalid="ignore"):
        low = np.where(successes > 0, stats.beta.ppf(tail, successes, total - successes + 1), 0.0)
        high = np.where(successes < total, stats.beta.isf(tail, successes + 1, total - successes), 1.0)
    return low, high


def _width(n: int, kind: str, confidence: float) -> float:
    """Return half the width of a band that is equally wide everywhere."""
    if kind == DKW:  # Massart 1990, Annals of Probability 18:1269, with the sharp constant 2
        return math.sqrt(math.log(2.0 / (1.0 - confidence)) / (2.0 * n))
    return float(stats.kstwo.ppf(confidence, n))  # the exact distribution of the KS statistic


@functools.lru_cache(maxsize=256)
def local_level(n: int, level: float) -> float:
    """Return the level of pointwise intervals whose band the curve leaves with probability ``level``.

    The limits at each order statistic are quantiles of its beta distribution, all at one local level (Owen
    1995, JASA 90:516; Learned-Miller & DeStefano 2008, IEEE Trans. Inf. Theory 54:732, "equal-tailed"). Up to
    `EXACT_UP_TO`, the local level is solved from the exact probability that the curve stays inside. Beyond,
    its logarithm is nearly linear in log log n and is extrapolated by a parabola: at n = 20,000 the band's
    confidence is then 95.02 % instead of 95 % (`tests/unit/analysis/test_bands.py` checks it at 5,000).

    Parameters
    ----------
    n : int
        The number of trials.
    level : float
        One minus the confidence of the whole band.
    """
    if n == 1:
        return level
    if n <= EXACT_UP_TO:
        return _exact_level(n, level)
    anchors = np.array([EXACT_UP_TO // 4, EXACT_UP_TO // 2, EXACT_UP_TO])
    logs = [math.log(local_level(int(anchor), level)) for anchor in anchors]
    parabola = np.polyfit(np.log(np.log(anchors)), logs, 2)
    return math.exp(np.polyval(parabola, math.log(math.log(n))))


def _exact_level(n: int, level: float) -> float:
    def excess(log_local: float) -> float:
        return _leaving(n, math.exp(log_local)) - level

    # at least the Bonferroni level of the 2n limits, at most the level itself
    return math.exp(optimize.brentq(excess, math.log(level / (2 * n)), math.log(level), xtol=1e-4))


def _leaving(n: int, local: float) -> float:
    """Return the probability that any of n ordered uniforms leaves its equal-tailed interval."""
    i = np.arange(1, n + 1)
    return 1.0 - staying(stats.beta.ppf(local / 2, i, n + 1 - i), stats.beta.isf(local / 2, i, n + 1 - i))


def staying(low: Floats, high: Floats) -> float:
    """Return the probability that n ordered uniforms all lie inside their limits.

    The number of uniforms below t is a Poisson process of rate n, conditioned to end at n. Its distribution
    is propagated from limit to limit, and paths that have crossed a limit are dropped (Moscovich & Nadler
    2017, Statistics & Probability Letters 123:177).

    Parameters
    ----------
    low, high : ndarray, shape (n,)
        Limits of the i-th smallest uniform, both ascending, in [0, 1].
    """
    n = len(low)
    order = np.argsort(np.concatenate([low, high]), kind="stable")
    times = np.concatenate([low, high])[order]
    is_low = order < n
    # U_(i) ≤ high_i: from high_i on, at least i uniforms lie below. U_(i) ≥ low_i: before low_i, fewer do.
    least = np.cumsum(~is_low)
    most: NDArray[np.int64] = np.cumsum(is_low) - is_low
    state, bottom = np.array([1.0]), 0
    for step, floor, ceiling in zip(np.diff(times, prepend=0.0) * n, least, most, strict=True):
        grown = np.convolve(state, _poisson(step, ceiling - bottom))
        state, bottom = grown[floor - bottom : ceiling - bottom + 1], floor
    end = state[n - bottom] * math.exp(-n * (1.0 - times[-1]))  # all n lie below, and none beyond
    return float(end / stats.poisson.pmf(n, n))


def _poisson(mean: float, most: int) -> Floats:
    """Return the probabilities of 0 … ``most`` events, cut off where they are negligible."""
    j = np.arange(min(most, int(mean + 10 * math.sqrt(mean) + 20)) + 1)
    return np.exp(special.xlogy(j, mean) - mean - special.gammaln(j + 1))
