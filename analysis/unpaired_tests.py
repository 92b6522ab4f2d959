"""Tests of two models that were tried at different points.

The Cramér–von Mises test is missing on purpose. Errors are shares of whole images and therefore tied, and
scipy's version is wrong for ties: its exact distribution gives p = 0 for sixteen diverged trials against
sixteen others, and its limit rejects 6 % of true hypotheses at level 5 % (n = 4, half of the trials
diverged).
"""

import math

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import stats

from analysis.bands import CONFIDENCE
from analysis.intervals import Interval

Floats = NDArray[np.float64]

EXACT_UP_TO = 1_000
"""Largest sample for which the exact distribution of the KS statistic is used."""


def mann_whitney(a: ArrayLike, b: ArrayLike) -> float:
    """Return the two-sided p-value of the Mann–Whitney rank-sum test; 1 if all errors are equal."""
    x, y = np.asarray(a, dtype=float), np.asarray(b, dtype=float)
    if np.ptp(np.concatenate([x, y])) == 0:
        return 1.0
    return float(stats.mannwhitneyu(x, y).pvalue)


def kolmogorov_smirnov(a: ArrayLike, b: ArrayLike) -> float:
    """Return the two-sided p-value of the Kolmogorov–Smirnov test: the largest distance between two EDFs."""
    method = "exact" if max(np.size(a), np.size(b)) <= EXACT_UP_TO else "asymp"
    return float(stats.ks_2samp(a, b, method=method).pvalue)


def probability_better(a: ArrayLike, b: ArrayLike, confidence: float = CONFIDENCE) -> Interval:
    """Return the probability that a trial of A has a lower error than one of B; ties count half.

    The limits are Student's t limits with Satterthwaite's degrees of freedom, from the variance of the
    placements (DeLong et al. 1988, Biometrics 44:837; Brunner & Munzel 2000). Each limit is computed with one
    imagined extra trial of each model at that end, so that even samples without overlap have an interval.

    Parameters
    ----------
    a, b : array_like, shapes (n,) and (m,)
        Errors.
    confidence : float
        In (0, 1).
    """
    x, y = np.asarray(a, dtype=float), np.asarray(b, dtype=float)
    best, worst = -np.inf, np.inf
    low = _t_limit(_placements(np.append(x, worst), np.append(y, best)), -1.0, confidence)
    high = _t_limit(_placements(np.append(x, best), np.append(y, worst)), 1.0, confidence)
    of_a, _ = _placements(x, y)
    return Interval(float(of_a.mean()), max(low, 0.0), min(high, 1.0))


def _placements(x: Floats, y: Floats) -> tuple[Floats, Floats]:
    """Return the share of y above each x and the share of x below each y, both sorted; ties count half."""
    xs, ys = np.sort(x), np.sort(y)  # sorting the values to look up makes it four times as fast
    above = 1.0 - (np.searchsorted(ys, xs, "left") + np.searchsorted(ys, xs, "right")) / (2 * len(y))
    below = (np.searchsorted(xs, ys, "left") + np.searchsorted(xs, ys, "right")) / (2 * len(x))
    return above, below


def _t_limit(samples: tuple[Floats, Floats], side: float, confidence: float) -> float:
    parts = np.array([sample.var(ddof=1) / len(sample) for sample in samples])
    variance = parts.sum()
    if variance == 0.0:
        return float(samples[0].mean())
    dof = variance**2 / sum(part**2 / (len(s) - 1) for part, s in zip(parts, samples, strict=True))
    width = stats.t.ppf((1 + confidence) / 2, dof) * math.sqrt(variance)
    return float(samples[0].mean() + side * width)


def between_scrambles(a_km: ArrayLike, b_km: ArrayLike) -> float:
    """Return the p-value of Welch's t test between the means of independent scrambles.

    Parameters
    ----------
    a_km, b_km : array_like, shapes (scrambles, points per scramble)
        Errors. Points within a scramble are not independent; only the means of scrambles are compared.
    """
    a, b = (np.asarray(sample, dtype=float).mean(axis=1) for sample in (a_km, b_km))
    if np.ptp(a) == np.ptp(b) == 0:  # without any spread, the p-value of a permutation of the scrambles
        return 1.0 if a[0] == b[0] else 2 / math.comb(len(a) + len(b), len(a))
    (mean_a, sd_a), (mean_b, sd_b) = ((means.mean(), means.std(ddof=1)) for means in (a, b))
    return float(
        stats.ttest_ind_from_stats(mean_a, sd_a, len(a), mean_b, sd_b, len(b), equal_var=False).pvalue
    )


def trials_needed(probability: float, level: float = 0.05, power: float = 0.8) -> float:
    """Return how many trials of each model a rank-sum test needs to detect a difference.

    n = (z_{α/2} + z_β)² / (6 (P − 1/2)²) for samples of equal size (Noether 1987, JASA 82:645).

    Parameters
    ----------
    probability : float
        P, the probability that A has a lower error than B.
    level : float
        Significance level α.
    power : float
        1 − β, the probability that the test detects the difference.

    Returns
    -------
    float
        inf at P = 1/2.
    """
    z = stats.norm.isf(level / 2) + stats.norm.isf(1 - power)
    return math.inf if probability == 0.5 else float(z**2 / (6 * (probability - 0.5) ** 2))
