"""Confidence bands of an EDF: where the whole curve, or one point of it, lies with a stated confidence.

A band depends on the errors only through their ranks, so it is first made for counts: k of n trials at or
below an error leave the true share between ``low[k]`` and ``high[k]``. Diverged trials are above every error
and change nothing but n. Errors that are tied (a share of few images) make every band wider than it need be,
never narrower.

Which band holds for which design:

=================  ============  =======================================================================
kind               design        holds for
=================  ============  =======================================================================
equal-precision    iid           the whole curve at once, exactly; equally often left at every height
ks                 iid           the whole curve at once, exactly; of one width
dkw                iid           the whole curve at once; a formula, a little wide at small n
pointwise          iid           one x, chosen beforehand
scramble           sobol         one x, chosen beforehand; from the spread between independent scrambles
=================  ============  =======================================================================

A grid has no random points, so there is nothing that its share would vary with, and no band for it.
"""

import functools
import math
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import optimize, special, stats

from analysis.edf import EDF, Curve
from analysis.errors import AnalysisError
from analysis.table import no_sampling_error

Floats = NDArray[np.float64]

EQUAL_PRECISION, KS, DKW, POINTWISE, SCRAMBLE = "equal-precision", "ks", "dkw", "pointwise", "scramble"
BANDS = {EQUAL_PRECISION: "iid", KS: "iid", DKW: "iid", POINTWISE: "iid", SCRAMBLE: "sobol"}
"""Kind of band → the design that it holds for."""
SIMULTANEOUS = (EQUAL_PRECISION, KS, DKW)
CONFIDENCE = 0.95
MOST_CONFIDENCE = 1 - 1e-9
HIDDEN_VARIANCE = 0.1
"""Of a scramble's count, in addition to what its spread shows. Scrambles often agree on a count by chance,
and the interval would have no width then. With this much, four that agree still hold every share that lies up
to half a count off; without it, their intervals hold as rarely as 7 times in 10."""
EXACT_UP_TO = 1000
"""Largest n whose equal-precision band comes from the exact probability of leaving it (half a second)."""


class Band(NamedTuple):
    """Two step functions, right-continuous, between which the true EDF lies."""

    kind: str
    confidence: float
    x: Floats
    """Where they step, ascending, shape (k,)."""
    low: Floats
    """Shape (k + 1,): left of x[0], then from each x on."""
    high: Floats

    @property
    def label(self) -> str:
        """What a legend says of it."""
        whole = "simultaneous" if self.kind in SIMULTANEOUS else "pointwise"
        name = {KS: "KS", DKW: "DKW", POINTWISE: ""}.get(self.kind, self.kind)
        return f"{100 * self.confidence:.6g} % {f'{name} ' if name else ''}band, {whole}"

    def at(self, x: ArrayLike) -> tuple[Floats, Floats]:
        """Return both limits at some errors, each in the shape of `x`."""
        place = np.searchsorted(self.x, np.asarray(x, dtype=float), side="right")
        return self.low[place], self.high[place]


def curve_band(curve: Curve, kind: str | None = None, confidence: float = CONFIDENCE) -> Band:
    """Return a band that holds for a curve's design.

    Around Δ it holds given the zero, the optimum's own error.

    Parameters
    ----------
    curve : Curve
    kind : str, optional
        One that holds for the design; by default the equal-precision band (iid), or the one between scrambles
        (sobol).

    Raises
    ------
    AnalysisError
        If no band, or not this one, holds for the design; the text says why.
    """
    problem = no_band(curve, kind)
    if problem:
        raise AnalysisError(problem)
    if curve.design == "sobol":
        return _scramble_band(curve.edf, curve.scrambles, confidence)
    return band(curve.edf, kind or EQUAL_PRECISION, confidence)


def no_band(curve: Curve, kind: str | None = None) -> str | None:
    """Say why a curve has no band of a kind (by default: of any kind); None if it has one."""
    if kind is not None and kind not in BANDS:
        return f"a band is one of {', '.join(BANDS)}, got {kind!r}."
    problem = no_sampling_error(curve.sweep, curve.design, len(curve.scrambles))
    if problem or kind is None or BANDS[kind] == curve.design:
        return problem
    fitting = ", ".join(name for name, design in BANDS.items() if design == curve.design)
    return f"a {kind} band holds for the design {BANDS[kind]}; {curve.sweep} is {curve.design}: {fitting}."


def _scramble_band(edf: EDF, scrambles: Floats, confidence: float) -> Band:
    """Return the band of an EDF from how much those of its scrambles differ, one x at a time.

    Points of a scramble that is not whole are in the EDF only; the band is widened to hold it where need be.
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

    The points within a scramble are not independent, the scrambles are (Owen 1997, SIAM Journal on Numerical
    Analysis 34:1884).

    Parameters
    ----------
    values_kmx : array_like, shape (scrambles, points a scramble, x)
    confidence : float
    reach : tuple of float
        How far one point could change, down and up, unseen by any scramble: 1 where values are 0 or 1.

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
        Of n independent trials, diverged ones among them.
    kind : {"equal-precision", "ks", "dkw", "pointwise"}
        See the module's table.
    confidence : float
        In (0, 1).

    Raises
    ------
    AnalysisError
        If there is no such kind, or the confidence is no share.
    """
    low, high = count_limits(edf.n, kind, confidence)
    counts = np.concatenate([[0], np.rint(edf.y * edf.n).astype(int)])
    return Band(kind, confidence, edf.x, low[counts], high[counts])


@functools.lru_cache(maxsize=256)
def count_limits(n: int, kind: str, confidence: float = CONFIDENCE) -> tuple[Floats, Floats]:
    """Return between which shares the truth lies where k of n trials are at or below an error.

    Returns
    -------
    low, high : ndarray, shape (n + 1,)
        For k = 0 … n.
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
    """Refuse a confidence that is no share between 0 and 1."""
    if not 0.0 < confidence < 1.0:
        raise AnalysisError(f"a confidence lies between 0 and 1, such as 0.95, got {confidence!r}.")
    if confidence > MOST_CONFIDENCE:
        raise AnalysisError(
            f"a confidence is at most {MOST_CONFIDENCE!r}, got {confidence!r}: beyond, rounding is larger "
            "than what is left of 1."
        )


def clopper_pearson(k: ArrayLike, n: ArrayLike, confidence: float = CONFIDENCE) -> tuple[Floats, Floats]:
    """Return the exact interval of a share of which k of n were seen (Clopper & Pearson 1934).

    Parameters
    ----------
    k, n : array_like of int
        Broadcast against each other.

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
    """Half the width of a band that is equally wide everywhere."""
    if kind == DKW:  # Massart 1990, Annals of Probability 18:1269, with the sharp constant 2
        return math.sqrt(math.log(2.0 / (1.0 - confidence)) / (2.0 * n))
    return float(stats.kstwo.ppf(confidence, n))  # the exact distribution of the KS statistic


@functools.lru_cache(maxsize=256)
def local_level(n: int, level: float) -> float:
    """Return the level of pointwise intervals that leave the whole curve at most this often.

    The limits at every order statistic are quantiles of its beta distribution at one local level (Owen
    1995, JASA 90:516; Learned-Miller & DeStefano 2008, IEEE Trans. Inf. Theory 54:732, "equal-tailed").
    Up to `EXACT_UP_TO` it is solved for in the exact probability that the curve stays inside. Beyond, its
    logarithm is nearly straight in log log n and is carried on as a parabola: at n = 20,000 the band then
    has 95.02 % in place of 95 % (`tests/unit/analysis/test_bands.py` checks it at 5,000).

    Parameters
    ----------
    n : int
        Trials.
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
    """Probability that n ordered uniforms leave their equal-tailed intervals of this level anywhere."""
    i = np.arange(1, n + 1)
    return 1.0 - staying(stats.beta.ppf(local / 2, i, n + 1 - i), stats.beta.isf(local / 2, i, n + 1 - i))


def staying(low: Floats, high: Floats) -> float:
    """Return the probability that n ordered uniforms all lie inside their limits.

    The number of uniforms below t is a Poisson process of rate n that is known to end at n. Its
    distribution is carried from limit to limit, and what has crossed one is dropped (Moscovich & Nadler
    2017, Statistics & Probability Letters 123:177).

    Parameters
    ----------
    low, high : ndarray, shape (n,)
        Limits of the i-th smallest, both ascending, in [0, 1].
    """
    n = len(low)
    order = np.argsort(np.concatenate([low, high]), kind="stable")
    times = np.concatenate([low, high])[order]
    is_low = order < n
    least = np.cumsum(~is_low)  # U_(i) ≤ high_i: once it has passed, at least i uniforms lie below
    most: NDArray[np.int64] = (
        np.cumsum(is_low) - is_low
    )  # U_(i) ≥ low_i: until it has passed, fewer than i do
    state, bottom = np.array([1.0]), 0
    for step, floor, ceiling in zip(np.diff(times, prepend=0.0) * n, least, most, strict=True):
        grown = np.convolve(state, _poisson(step, ceiling - bottom))
        state, bottom = grown[floor - bottom : ceiling - bottom + 1], floor
    end = state[n - bottom] * math.exp(-n * (1.0 - times[-1]))  # all have come, and none comes after
    return float(end / stats.poisson.pmf(n, n))


def _poisson(mean: float, most: int) -> Floats:
    """Return the probabilities of 0 … most events, as far as they are above rounding."""
    j = np.arange(min(most, int(mean + 10 * math.sqrt(mean) + 20)) + 1)
    return np.exp(special.xlogy(j, mean) - mean - special.gammaln(j + 1))
