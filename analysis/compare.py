"""Compares sweeps: which one to take, where their errors differ, which is more robust, how sure that is.

Their models, optimizers or recipes differ. Those that were tried at the same relative points are compared
point by point, others as two samples. A diverged trial has an error of 100 %, or the worst value of another
metric. Where nothing bounds that, it is worse than every trial that finished, which is all that ranks need.

What is claimed of all pairs keeps one error rate. First each pair is asked whether its errors differ at all
(`analysis.any_difference`), with p-values corrected for the number of pairs (Benjamini & Hochberg 1995).
Further claims are made only of pairs that differ, and all claims of such a pair hold together with
probability 1 − `LEVEL` × R / m, if R of m pairs differ: so of the pairs of which anything is claimed, at
most `LEVEL` on average have any wrong claim (Benjamini & Bogomolov 2014, JRSS B 76:297). Within a pair the
level is divided by `SHARES`. With one pair that is the probability of any wrong claim.
"""

import math
import sys
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy import stats

from analysis import any_difference, intervals, paired_tests, robustness, unpaired_tests
from analysis.any_difference import Difference
from analysis.bands import CONFIDENCE, POINTWISE, band
from analysis.budgets import budgets
from analysis.comparison import SHARES, Comparison
from analysis.edf import edf
from analysis.equivalence import Alike, Margin, alike_by, alike_by_median
from analysis.errors import AnalysisError
from analysis.intervals import NOTHING, Interval
from analysis.metric import DECIMALS, bounded
from analysis.pairing import Pair, Pairs, pair_up, pairs_of
from analysis.robustness import NO_CONTRAST, Trials
from analysis.rounds import LEVEL, share_of_look
from analysis.sampling import Sampling
from analysis.summaries import minus
from analysis.sweep_trials import DIVERGED_ERR, SweepTrials, values

Floats = NDArray[np.float64]

TESTS = ("auto", "paired", "unpaired")
ANY = "any difference"
"""The name of the test that sees any difference."""


class Sample(NamedTuple):
    """A sweep's errors, to compare with those of another sweep at other points."""

    errors: Floats
    """Top-1 errors in percent, shape (n,)."""
    points: Sampling
    """How the points were drawn."""


class _Prepared(NamedTuple):
    """A comparison without its claims, and what these are made from."""

    found: Comparison
    trials: tuple[Trials, Trials]
    points: tuple[Sampling, ...]
    """How the shared points were drawn; or those of A and those of B."""
    difference: Difference | None
    """None if the design does not say how far chance moves the EDFs."""


def compare(
    sweeps: Sequence[SweepTrials],
    *,
    test: str = "auto",
    confidence: float = CONFIDENCE,
    margin: Margin | None = None,
) -> list[Comparison]:
    """Compare sweeps in pairs that differ in model, optimizer or recipe alone; see `pairs_of`.

    Parameters
    ----------
    sweeps : sequence of SweepTrials
        From `analysis.read_sweeps`.
    test : {"auto", "paired", "unpaired"}
        ``auto`` compares two sweeps in pairs if they share their points.
    confidence : float
        In (0, 1); of sweeps that grow in rounds, that of all rounds together. The error rate of claims is
        `LEVEL`, whatever the confidence.
    margin : Margin, optional
        The largest difference that does not matter, to ask whether sweeps are alike up to that.

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
    >>> pairs = compare(read_sweeps(table))
    >>> print(" ".join(advice(pairs)))
    """
    if len(sweeps) < 2:
        names = ", ".join(sweep.sweep for sweep in sweeps) or "none"
        raise AnalysisError(f"a comparison takes at least two sweeps, got {names}: sweep another model.")
    metric = sweeps[0].metric
    if margin is not None and margin.measure != "area" and not metric.is_top1_error:
        raise AnalysisError(
            f"a margin of {metric.name} is one of the area (0.1), got one of {margin.label}: leave it out."
        )
    return compare_pairs(pairs_of(sweeps), test=test, confidence=confidence, margin=margin)


def _bounded(pairs: Sequence[Pair]) -> list[Pair]:
    """Return pairs of sweeps whose diverged trials have a finite error, worse than all that finished."""
    sweeps = {sweep.sweep: sweep for pair in pairs for sweep in pair}
    found = {sweep.sweep: sweep for sweep in _with_bound(list(sweeps.values()))}
    return [(found[a.sweep], found[b.sweep]) for a, b in pairs]


def _with_bound(sweeps: Sequence[SweepTrials]) -> list[SweepTrials]:
    errors = np.concatenate([values(sweep.points, "top1_err") for sweep in sweeps])
    metric = bounded(sweeps[0].metric, errors)
    return [
        replace(
            sweep,
            metric=metric,
            points=sweep.points.replace({"top1_err": {math.inf: metric.worst}}),
            optimum_errs=np.minimum(sweep.optimum_errs, metric.worst),
        )
        for sweep in sweeps
    ]


def _without_sums(pair: Comparison) -> Comparison:
    """Drop the differences to which trials that are worse than everything add: how much is not known.

    Without such trials, drop the limits that only a bound would give, which a mean always needs, and a median
    if so few trials may all lie on one side of it.
    """
    if len(pair.a.diverged) + len(pair.b.diverged):
        return replace(pair, mean_diff=NOTHING, median_diff=NOTHING)
    mean, median = (each._replace(low=math.nan, high=math.nan) for each in (pair.mean_diff, pair.median_diff))
    few = 0.5 ** min(pair.n_a, pair.n_b) > (1 - pair.confidence) / 2
    return replace(pair, mean_diff=mean, median_diff=median if few else pair.median_diff)


def compare_pairs(
    pairs: Sequence[Pair],
    *,
    test: str = "auto",
    confidence: float = CONFIDENCE,
    margin: Margin | None = None,
) -> list[Comparison]:
    """Compare chosen pairs of sweeps, with one error rate for all that is claimed; see `compare`."""
    if test not in TESTS:
        raise AnalysisError(f"a test is one of {', '.join(TESTS)}, got {test!r}.")
    if pairs and not math.isfinite(pairs[0][0].metric.worst):
        found = compare_pairs(_bounded(pairs), test=test, confidence=confidence, margin=margin)
        return [_without_sums(pair) for pair in found]
    share = share_of_look(sweep for pair in pairs for sweep in pair)
    alpha, confidence = LEVEL * share, 1 - (1 - confidence) * share if share < 1 else confidence
    prepared = [_prepare(a, b, test, confidence) for a, b in pairs]
    q = _corrected([next(iter(each.found.tests.values()), math.nan) for each in prepared])
    known = [value for value in q if not math.isnan(value)]
    different = max(1, sum(value <= alpha for value in known))
    level = alpha * different / max(1, len(known))
    found = [_with_claims(each, q[i], level, alpha) for i, each in enumerate(prepared)]
    if margin is None:
        return found
    return [
        replace(pair, alike=_alike(each, margin, alpha / len(pairs)))
        for each, pair in zip(prepared, found, strict=True)
    ]


def _corrected(p: list[float]) -> list[float]:
    """Return p-values corrected for their number; NaN stays NaN and does not count."""
    values = np.array(p)
    known = ~np.isnan(values)
    if known.any():
        values[known] = stats.false_discovery_control(values[known])
    return values.tolist()


def _with_claims(prepared: _Prepared, q: float, level: float, alpha: float) -> Comparison:
    """Return a comparison with the claims that hold at its level, part of the ``alpha`` of all pairs."""
    found, trials, points, difference = prepared
    p_robust = 2 * min(found.p_area, found.p_area_around) / (SHARES["robustness"] * level / alpha)
    return replace(
        found,
        level=alpha,
        q=q,
        q_robust=math.nan if found.no_delta else max(q, min(1.0, p_robust)),
        where=() if difference is None or q > alpha else tuple(difference.stretches(SHARES["where"] * level)),
        budgets=budgets(
            trials[0].errors,
            trials[1].errors,
            points,
            level=SHARES["budgets"] * level,
        ),
    )


def _alike(prepared: _Prepared, margin: Margin, level: float) -> Alike:
    """Return whether two models are alike, by one-sided tests at a level."""
    found, (a, b), points, _ = prepared
    n = min(found.n_a, found.n_b)
    if margin.measure == "error":
        wide = [replace(each, confidence=1 - 2 * level) for each in points]
        if found.paired:
            lead = _median(np.round(b.errors - a.errors, DECIMALS), wide[0], least=-DIVERGED_ERR)
        else:
            lead = minus(_median(b.errors, wide[1]), _median(a.errors, wide[0]))
        return alike_by_median(margin, lead, n, level)
    if found.no_delta:
        return alike_by(margin, [NO_CONTRAST], n, level)
    if margin.measure == "within":
        return alike_by(margin, [robustness.shares_compared(a, b, points, margin.points)], n, level)
    return alike_by(margin, [found.area, found.area_around], n, level)


def _prepare(a: SweepTrials, b: SweepTrials, test: str, confidence: float) -> _Prepared:
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
    "Wilcoxon": paired_tests.signed_rank,
    "permutation": paired_tests.sign_flip,
}


def _paired(a: SweepTrials, b: SweepTrials, pairs: Pairs) -> _Prepared:
    metric, points = a.metric, pairs.points
    d, span = np.round(pairs.a - pairs.b, metric.delta_decimals), metric.worst - metric.best
    difference = any_difference.pairs(pairs.a, pairs.b, d, metric.worst)
    trials = (Trials(a, pairs.rows[0]), Trials(b, pairs.rows[1]))
    found = Comparison(
        a=a,
        b=b,
        paired=True,
        n_a=len(d),
        n_b=len(d),
        left_out=a.n + b.n - 2 * len(d),
        confidence=points.confidence,
        mean_diff=points.mean(d, -span, span),
        median_diff=_median(d, points, -span, span),
        better=_share_better(d, points),
        diverged=_diverged_shares(trials),
        diverged_diff=_diverged_pairs(trials, points),
        tests={ANY: difference.p} | _p_values(PAIRED_TESTS, d),
        no_test=None,
        needed=paired_tests.points_needed(d),
        **_gaps(pairs.a, pairs.b),
        **robustness.compared(*trials, [points]),
    )
    return _Prepared(found, trials, (points,), difference if points.design == "iid" else None)


def _p_values(tests: dict[str, Callable[..., float]], *samples: Floats) -> dict[str, float]:
    """Return each test's p-value; one that underflows is the smallest float above 0."""
    return {name: max(test(*samples), sys.float_info.min) for name, test in tests.items()}


def _share_better(d: Floats, points: Sampling) -> Interval:
    """Return how often A's error is below B's at the same point; ties count half."""
    return points.mean((d < 0) + 0.5 * (d == 0), 0.0, 1.0)


def _diverged_shares(trials: tuple[Trials, Trials]) -> tuple[float, float]:
    a, b = (float(each.diverged.mean()) for each in trials)
    return a, b


def _diverged_pairs(trials: tuple[Trials, Trials], points: Sampling) -> Interval:
    lost_a, lost_b = (each.diverged for each in trials)
    if points.design == "iid":
        return paired_tests.share_difference(lost_a, lost_b, points.confidence)
    return points.mean(lost_a.astype(float) - lost_b, -1.0, 1.0)


def _median(sample: Floats, points: Sampling, least: float = 0.0, most: float = DIVERGED_ERR) -> Interval:
    """Return a median, with exact limits if the points are independent."""
    value = float(np.median(sample))
    if points.design != "iid":
        return Interval(value, math.nan, math.nan)
    steps = edf(sample)
    limits = intervals.quantile(steps, 0.5, band(steps, POINTWISE, points.confidence))
    return Interval(value, max(limits.low, least), min(limits.high, most))


def _gaps(x: Floats, y: Floats) -> dict[str, Any]:
    """Return how far each EDF falls below the other at most."""
    at = np.sort(np.concatenate([x, y]))
    above = edf(x).share(at) - edf(y).share(at)
    return {"gap_a": max(0.0, float(-above.min())), "gap_b": max(0.0, float(above.max()))}


def _unpaired(a: SweepTrials, b: SweepTrials, confidence: float) -> _Prepared:
    x, y = (Sample(values(s.points, "top1_err"), Sampling.of(s, confidence)) for s in (a, b))
    trials = (Trials(a, np.arange(a.n)), Trials(b, np.arange(b.n)))
    independent = x.points.design == y.points.design == "iid"
    least, worst = a.metric.best, a.metric.worst
    difference = any_difference.two_samples(x.errors, y.errors, worst) if independent else None
    tests, no_test = _unpaired_tests(x, y, difference)
    better = unpaired_tests.probability_better(x.errors, y.errors, confidence)
    found = Comparison(
        a=a,
        b=b,
        paired=False,
        n_a=len(x.errors),
        n_b=len(y.errors),
        left_out=0,
        confidence=confidence,
        mean_diff=minus(*(sample.points.mean(sample.errors, least, worst) for sample in (x, y))),
        median_diff=minus(*(_median(*sample, least, worst) for sample in (x, y))),
        better=better if independent else Interval(better.value, math.nan, math.nan),
        diverged=_diverged_shares(trials),
        diverged_diff=minus(*(s.points.share(t.diverged) for s, t in zip((x, y), trials, strict=True))),
        tests=tests,
        no_test=no_test,
        needed=unpaired_tests.trials_needed(better.value) if tests else math.nan,
        **_gaps(x.errors, y.errors),
        **robustness.compared(*trials, [x.points, y.points]),
    )
    return _Prepared(found, trials, (x.points, y.points), difference)


UNPAIRED_TESTS: dict[str, Callable[[Floats, Floats], float]] = {
    "Mann–Whitney": unpaired_tests.mann_whitney,
    "Kolmogorov–Smirnov": unpaired_tests.kolmogorov_smirnov,
}


def _unpaired_tests(
    x: Sample, y: Sample, difference: Difference | None
) -> tuple[dict[str, float], str | None]:
    """Return the p-values of the tests that are valid for two designs, or why there is none."""
    if difference is not None:
        return {ANY: difference.p} | _p_values(UNPAIRED_TESTS, x.errors, y.errors), None
    problem = x.points.problem or y.points.problem
    if problem:
        return {}, problem
    if not x.points.design == y.points.design == "sobol":
        return {}, "one is iid, the other sobol: no test holds for both. Sweep both with the same design"
    scrambles = [sample.errors[sample.points.scrambles] for sample in (x, y)]
    return {"Welch between scrambles": unpaired_tests.between_scrambles(*scrambles)}, None
