"""Compares sweeps: which one has lower errors or is more robust, by how much, and with what confidence.

Their models, optimizers or recipes differ. Sweeps that were tried at the same relative points are compared
point by point (`analysis.paired`), others as two samples (`analysis.unpaired`). A diverged trial has an error
of 100 %. Robustness is compared by the area under the EDF of Δ: two sweeps with the same typical Δ may differ
in how many trials fall off a cliff, which hardly changes the ranks of Δ. For each pair, two p-values are
corrected for the number of pairs (Benjamini & Hochberg 1995): that of the first test of the error, and that
of the area.
"""

import math
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy import stats

from analysis import intervals, paired, unpaired
from analysis.bands import CONFIDENCE, POINTWISE, band
from analysis.edf import DECIMALS, edf
from analysis.errors import AnalysisError
from analysis.intervals import NOTHING, Interval, rounding_variance
from analysis.pairing import Pair, Pairs, pair_up, pairs_of
from analysis.sampling import Sampling
from analysis.summaries import AREA_TO, area_scores, clipped, minus, zero_of
from analysis.table import DIVERGED_ERR, SweepTrials, values

Floats = NDArray[np.float64]

TESTS = ("auto", "paired", "unpaired")
LEVEL = 0.05
"""Pairs with a corrected p-value of at most this are called different."""
LEAST_ZEROS = 3
"""Trials that a test of Δ needs at each optimum, to estimate the uncertainty of the zero."""
LEAST_P = 1e-9
"""The smallest p-value of an area that is computed."""
_HALVINGS = 14
"""Bisection steps on log p: p is then accurate to 0.2 %."""


class Sample(NamedTuple):
    """A sweep's errors, to compare with those of another sweep at other points."""

    errors: Floats
    """Top-1 errors in percent, shape (n,)."""
    points: Sampling
    """How the points were drawn."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Comparison:
    """The difference between two sweeps, A minus B."""

    a: SweepTrials
    b: SweepTrials
    paired: bool
    n_a: int
    """Compared trials of A; the number of shared points if paired."""
    n_b: int
    """Compared trials of B."""
    left_out: int
    """Trials of both sweeps without a partner at the same point."""
    mean_diff: Interval
    """Difference of the mean errors, in points; below 0, A is better."""
    median_diff: Interval
    """Median of the differences if paired, else difference of the medians, in points."""
    better: Interval
    """Probability that A has the lower error: at the same point if paired, else at any two points. Ties count
    half."""
    area_diff: Interval
    """Difference of the areas under the EDFs of Δ; above 0, A is more robust. The limits include the
    uncertainty of the zeros."""
    tests: dict[str, float]
    """Tests of the error: name → two-sided p-value. The first one is corrected. Empty if no test is valid."""
    tests_delta: dict[str, float]
    """Tests of Δ at shared points, likewise; valid whatever the true zeros are. Not corrected."""
    p_area: float
    """P-value of `area_diff`: the least level at which its interval excludes 0, but at least `LEAST_P`."""
    no_test: str | None
    """Why there is no test of the error; None if there is one."""
    no_delta: str | None
    """Why there is no test of robustness; None if there is one."""
    favoured_sign: float
    """Negative if the first test of the error favours A, positive if it favours B."""
    q: float = math.nan
    """The first p-value of `tests`, corrected for the number of pairs; NaN without one."""
    q_area: float = math.nan
    """`p_area`, corrected for the number of pairs."""
    gap_a: float
    """How far A's EDF of the error falls below B's at most, as a share; 0 if it is nowhere below."""
    gap_b: float
    """How far B's EDF falls below A's at most."""
    needed: float
    """Points (if paired) or trials per model that the first test needs to detect this difference with a power
    of 80 %; inf without a difference."""

    @property
    def different(self) -> bool:
        """Whether the first test of the error distinguishes the models."""
        return self.q <= LEVEL

    @property
    def more_robust(self) -> SweepTrials | None:
        """The sweep with the larger area under its EDF of Δ; None if the difference is not significant."""
        if not self.q_area <= LEVEL:
            return None
        return self.a if self.area_diff.value > 0 else self.b

    @property
    def dominates(self) -> str | None:
        """The name of the sweep whose EDF is nowhere below the other's; None if the EDFs cross."""
        if (self.gap_a > 0) == (self.gap_b > 0):
            return None
        return self.b.name if self.gap_a > 0 else self.a.name


def compare(
    sweeps: Sequence[SweepTrials], *, test: str = "auto", confidence: float = CONFIDENCE
) -> list[Comparison]:
    """Compare sweeps in pairs that differ in model, optimizer or recipe alone; see `pairs_of`.

    Parameters
    ----------
    sweeps : sequence of SweepTrials
        From `analysis.read_sweeps`.
    test : {"auto", "paired", "unpaired"}
        ``auto`` compares two sweeps in pairs if they share their points.
    confidence : float
        In (0, 1).

    Returns
    -------
    list of Comparison
        One per pair, in the order of ``sweeps``.

    Raises
    ------
    AnalysisError
        If there are fewer than two sweeps, or if a paired test is asked for although two sweeps share no
        points.

    Examples
    --------
    >>> for pair in compare(read_sweeps(table)):
    ...     print(" ".join(sentences(pair)))
    """
    if len(sweeps) < 2:
        names = ", ".join(sweep.sweep for sweep in sweeps) or "none"
        raise AnalysisError(f"a comparison takes at least two sweeps, got {names}: sweep another model.")
    return compare_pairs(pairs_of(sweeps), test=test, confidence=confidence)


def compare_pairs(
    pairs: Sequence[Pair], *, test: str = "auto", confidence: float = CONFIDENCE
) -> list[Comparison]:
    """Compare chosen pairs of sweeps, and correct p-values for their number; see `compare`."""
    if test not in TESTS:
        raise AnalysisError(f"a test is one of {', '.join(TESTS)}, got {test!r}.")
    found = [_compare(a, b, test, confidence) for a, b in pairs]
    q = _corrected([next(iter(pair.tests.values()), math.nan) for pair in found])
    q_area = _corrected([pair.p_area for pair in found])
    return [replace(pair, q=q[i], q_area=q_area[i]) for i, pair in enumerate(found)]


def _corrected(p: list[float]) -> list[float]:
    """Return p-values corrected for their number; NaN stays NaN and does not count."""
    values = np.array(p)
    known = ~np.isnan(values)
    if known.any():
        values[known] = stats.false_discovery_control(values[known])
    return values.tolist()


def _compare(a: SweepTrials, b: SweepTrials, test: str, confidence: float) -> Comparison:
    pairs = None if test == "unpaired" else pair_up(a, b, confidence)
    if pairs is not None:
        return _paired(a, b, pairs)
    if test == "paired":
        raise AnalysisError(
            f"{a} and {b} share no points, or but one, or have one of them twice, so they cannot be compared "
            "in pairs: sweep both with the same `design` and `seed`, or leave `test` at auto."
        )
    return _unpaired(a, b, confidence)


PAIRED_TESTS: dict[str, Callable[[Floats], float]] = {
    "Wilcoxon": paired.signed_rank,
    "permutation": paired.sign_flip,
}


def _paired(a: SweepTrials, b: SweepTrials, pairs: Pairs) -> Comparison:
    d, points = np.round(pairs.a - pairs.b, DECIMALS), pairs.points
    no_zeros = _no_delta(a, b)
    no_delta = no_zeros or points.problem
    area = partial(_area_difference, a, b, pairs)
    return Comparison(
        a=a,
        b=b,
        paired=True,
        n_a=len(d),
        n_b=len(d),
        left_out=a.n + b.n - 2 * len(d),
        mean_diff=points.mean(d, -DIVERGED_ERR, DIVERGED_ERR),
        median_diff=_median(d, points, least=-DIVERGED_ERR),
        better=_share_better(d, points),
        area_diff=area(points.confidence),
        tests=_p_values(PAIRED_TESTS, d),
        tests_delta={} if no_zeros else _delta_tests(pairs, a, b),
        p_area=math.nan if no_delta else p_of_zero(area),
        no_test=None,
        no_delta=no_delta,
        favoured_sign=paired.favoured_sign(paired.signed_rank, d),
        needed=paired.points_needed(d),
        **_gaps(pairs.a, pairs.b),
    )


def _p_values(tests: dict[str, Callable[..., float]], *samples: Floats) -> dict[str, float]:
    """Return each test's p-value; one that underflows is the smallest float above 0."""
    return {name: max(test(*samples), sys.float_info.min) for name, test in tests.items()}


def _share_better(d: Floats, points: Sampling) -> Interval:
    """Return how often A's error is below B's at the same point; ties count half."""
    return points.mean((d < 0) + 0.5 * (d == 0), 0.0, 1.0)


def _median(sample: Floats, points: Sampling, least: float = 0.0) -> Interval:
    """Return a median, with exact limits if the points are independent."""
    value = float(np.median(sample))
    if points.design != "iid":
        return Interval(value, math.nan, math.nan)
    steps = edf(sample)
    limits = intervals.quantile(steps, 0.5, band(steps, POINTWISE, points.confidence))
    return Interval(value, max(limits.low, least), min(limits.high, DIVERGED_ERR))


def _gaps(x: Floats, y: Floats) -> dict[str, float]:
    """Return how far each EDF falls below the other at most."""
    at = np.sort(np.concatenate([x, y]))
    above = edf(x).share(at) - edf(y).share(at)
    return {"gap_a": max(0.0, float(-above.min())), "gap_b": max(0.0, float(above.max()))}


def _no_delta(a: SweepTrials, b: SweepTrials) -> str | None:
    """Return why the Δ of two sweeps cannot be tested; None if it can."""
    if no_zero := _no_zero(a, b):
        return no_zero
    for sweep in (a, b):
        if len(sweep.optimum_errs) < LEAST_ZEROS:
            return (
                f"estimating the uncertainty of the zero of {sweep.name} takes {LEAST_ZEROS} trials at its "
                f"optimum, and it has {len(sweep.optimum_errs)}: `sweep run … --seeds {LEAST_ZEROS + 2}`"
            )
    return None


def _no_zero(a: SweepTrials, b: SweepTrials) -> str | None:
    """Return which of two sweeps has no zero of Δ; None if both have one."""
    for sweep in (a, b):
        if sweep.optimum_state != "finished":
            return f"{sweep.name} has no finished trial at its optimum, or one there diverged"
    return None


def _delta_tests(pairs: Pairs, a: SweepTrials, b: SweepTrials) -> dict[str, float]:
    rounding = rounding_variance(np.concatenate([*pairs[:2], a.optimum_errs, b.optimum_errs]))
    low, high = _zero_difference(a.optimum_errs, b.optimum_errs, rounding)
    shifted = partial(paired.delta_differences, pairs.a, pairs.b)
    return {
        name: paired.with_uncertain_shift(test, shifted, low, high) for name, test in PAIRED_TESTS.items()
    }


def _zero_difference(a: Floats, b: Floats, rounding: float) -> tuple[float, float]:
    """Return Welch's limits of the difference of two zeros, at level `paired.ZERO_LEVEL`.

    ``rounding`` is the variance that counting whole images adds to each error.
    """
    difference = float(a.mean() - b.mean())
    parts = np.array([(zeros.var(ddof=1) + rounding) / len(zeros) for zeros in (a, b)])
    if not parts.any():
        return difference, difference
    dof = parts.sum() ** 2 / (parts**2 / [len(a) - 1, len(b) - 1]).sum()
    width = float(stats.t.isf(paired.ZERO_LEVEL / 2, dof) * math.sqrt(parts.sum()))
    return difference - width, difference + width


def p_of_zero(interval_at: Callable[[float], Interval]) -> float:
    """Return the p-value that matches a difference's intervals: the least level at which they exclude 0.

    Parameters
    ----------
    interval_at : callable
        Confidence → interval, which widens as the confidence grows.
    """

    def excluded(log_level: float) -> bool:
        _, low, high = interval_at(1 - math.exp(log_level))
        return low > 0 or high < 0

    low, high = math.log(LEAST_P), math.log(0.999)
    if excluded(low):
        return LEAST_P
    if not excluded(high):
        return 1.0
    for _ in range(_HALVINGS):
        middle = (low + high) / 2
        low, high = (low, middle) if excluded(middle) else (middle, high)
    return math.exp(high)


def _area_difference(a: SweepTrials, b: SweepTrials, pairs: Pairs, confidence: float) -> Interval:
    """Return the difference of the areas under the EDFs of Δ, from shared points."""
    if not a.optimum_state == b.optimum_state == "finished":
        return NOTHING
    scores_a, scores_b = _scores(a, pairs.a), _scores(b, pairs.b)
    difference = replace(pairs.points, confidence=confidence).mean(scores_a - scores_b, -1.0, 1.0)
    return _widened(difference, _of_zero(a, scores_a, confidence), _of_zero(b, scores_b, confidence))


def _unpaired_area(a: SweepTrials, b: SweepTrials, x: Sample, y: Sample, confidence: float) -> Interval:
    """Return the difference of the areas under the EDFs of Δ, from two separate samples."""
    if not a.optimum_state == b.optimum_state == "finished":
        return NOTHING
    areas = []
    for sweep, sample in ((a, x), (b, y)):
        scores = _scores(sweep, sample.errors)
        area = replace(sample.points, confidence=confidence).mean(scores, 0.0, 1.0)
        areas.append(_widened(area, _of_zero(sweep, scores, confidence)))
    return minus(*areas)


def _scores(sweep: SweepTrials, errors: Floats) -> Floats:
    assert sweep.optimum_err is not None
    return area_scores(errors - sweep.optimum_err, errors)


def _of_zero(sweep: SweepTrials, scores: Floats, confidence: float) -> float:
    """Return the uncertainty of an area that comes from its zero; 0 if that is unknown.

    An error of the zero shifts only the trials strictly inside the range of Δ.
    """
    zero = zero_of(sweep, confidence)
    half = 0.0 if math.isnan(zero.high) else zero.high - zero.value
    return float(((scores > 0) & (scores < 1)).mean()) * half / AREA_TO


def _widened(interval: Interval, *by: float) -> Interval:
    """Widen the interval of an area by further, independent uncertainties."""
    value, low, high = interval
    wide = Interval(value, value - math.hypot(value - low, *by), value + math.hypot(high - value, *by))
    return clipped(wide, -1.0, 1.0)


def _unpaired(a: SweepTrials, b: SweepTrials, confidence: float) -> Comparison:
    x, y = (Sample(values(s.points, "top1_err"), Sampling.of(s, confidence)) for s in (a, b))
    tests, no_test = _unpaired_tests(x, y)
    better = unpaired.probability_better(x.errors, y.errors, confidence)
    if not x.points.design == y.points.design == "iid":
        better = Interval(better.value, math.nan, math.nan)
    no_delta = _no_delta(a, b) or x.points.problem or y.points.problem
    area = partial(_unpaired_area, a, b, x, y)
    return Comparison(
        a=a,
        b=b,
        paired=False,
        n_a=len(x.errors),
        n_b=len(y.errors),
        left_out=0,
        mean_diff=minus(*(sample.points.mean(sample.errors, 0.0, DIVERGED_ERR) for sample in (x, y))),
        median_diff=minus(_median(*x), _median(*y)),
        better=better,
        area_diff=area(confidence),
        tests=tests,
        tests_delta={},
        p_area=math.nan if no_delta else p_of_zero(area),
        no_test=no_test,
        no_delta=no_delta,
        favoured_sign=_unpaired_favoured_sign(x, y, better.value),
        needed=unpaired.trials_needed(better.value) if tests else math.nan,
        **_gaps(x.errors, y.errors),
    )


UNPAIRED_TESTS: dict[str, Callable[[Floats, Floats], float]] = {
    "Mann–Whitney": unpaired.mann_whitney,
    "Kolmogorov–Smirnov": unpaired.kolmogorov_smirnov,
}


def _unpaired_favoured_sign(x: Sample, y: Sample, better: float) -> float:
    """Return a number with the sign of the first test's statistic."""
    return float(x.errors.mean() - y.errors.mean()) if x.points.design == "sobol" else 0.5 - better


def _unpaired_tests(x: Sample, y: Sample) -> tuple[dict[str, float], str | None]:
    """Return the p-values of the tests that are valid for two designs, or why there is none."""
    if x.points.design == y.points.design == "iid":
        return _p_values(UNPAIRED_TESTS, x.errors, y.errors), None
    problem = x.points.problem or y.points.problem
    if problem:
        return {}, problem
    if not x.points.design == y.points.design == "sobol":
        return {}, "one is iid, the other sobol: no test holds for both. Sweep both with the same design"
    scrambles = [sample.errors[sample.points.scrambles] for sample in (x, y)]
    return {"Welch between scrambles": unpaired.between_scrambles(*scrambles)}, None
