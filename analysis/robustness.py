"""Which of two models loses less when its hyperparameters are not the best ones.

Robustness is measured by the area under a curve: the share of trials within x points, averaged over x from 0
to 8. Each trial contributes how far it stays below the upper end; a diverged one contributes nothing. Points
are counted from one of two zeros:

- the mean error at the optimum, as in Δ of the paper. Its own uncertainty, from few seeds, is most of the
  uncertainty of the area;
- the mean error at and around the optimum: of the trials there and of the tenth of the points that is nearest
  to it. At shared points the luck of those cancels, so that smaller differences are seen.

A claim is made if one of them shows it and the other points the same way.

The zero must not be chosen by the errors themselves: from the best tenth of the trials, a model with more
noise between seeds looks less robust than an equal one with less. In a simulation with noise of 0.4 and 1.0
points that happened in 65 % of studies at a level of 5 %.

The limits are Student's t limits. Their variances come from each trial's influence on the estimate (Hampel
1974, JASA 69:383), at shared points from the difference of both models' influences.
"""

import math
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy import stats

from analysis.bands import HIDDEN_VARIANCE
from analysis.intervals import NOTHING, Interval, rounding_variance
from analysis.metric import TOP1_ERROR, Metric
from analysis.sampling import Sampling
from analysis.summaries import area_scores, within
from analysis.sweep_trials import SCRAMBLE_POINTS, SweepTrials, values

Floats = NDArray[np.float64]

NEAR_SHARE = 0.1
"""The share of the points, nearest to the optimum, whose errors count in the zero of the second area."""
LEAST_ZEROS = 3
"""Trials at each optimum that a claim in terms of Δ needs, to estimate the uncertainty of its zero."""


class Part(NamedTuple):
    """The variance of one independent part of an estimate."""

    variance: float
    dof: float
    """Degrees of freedom of the variance."""


class End(NamedTuple):
    """What one imagined trial of each model at an end of the range makes of a difference."""

    shift: float
    """What it adds to the difference."""
    variance: float
    """The variance with it."""
    dof: float


NO_END = End(math.nan, math.nan, math.nan)


class Contrast(NamedTuple):
    """The difference of an area, A minus B, with its uncertainty."""

    value: float
    """Above 0, A is more robust."""
    variance: float
    dof: float
    down: End = NO_END
    """With a trial of A that contributes nothing, and one of B that contributes all."""
    up: End = NO_END
    """With a trial of A that contributes all, and one of B that contributes nothing."""

    def interval(self, confidence: float) -> Interval:
        """Return the difference with its limits.

        Areas lie between 0 and 1, unless the trials around an optimum are better than the mean there: limits
        then end at the difference itself.
        """
        if math.isnan(self.value):
            return NOTHING
        if self.variance == 0:  # as where all trials diverged: of those not seen, not all need to
            return self.cautious((1 - confidence) / 2)
        width = stats.t.isf((1 - confidence) / 2, self.dof) * math.sqrt(self.variance)
        return self._within_bounds(self.value - width, self.value + width)

    def cautious(self, level: float) -> Interval:
        """Return the difference with two one-sided limits that allow for what few trials cannot show.

        Each has one imagined trial at its end, as in `analysis.intervals.bounded_mean`. A claim that models
        are alike needs that: trials that happen to agree have no spread, and limits from their spread alone
        made such claims wrong in up to 45 % of studies at n = 8, and in 11 % at n = 64, instead of 5 %.
        """
        low, high = (
            self.value + end.shift + side * stats.t.isf(level, end.dof) * math.sqrt(end.variance)
            for side, end in ((-1, self.down), (1, self.up))
        )
        return self._within_bounds(low, high)

    def _within_bounds(self, low: float, high: float) -> Interval:
        least, most = min(self.value, -1.0), max(self.value, 1.0)
        return Interval(self.value, float(max(low, least)), float(min(high, most)))

    @property
    def p(self) -> float:
        """Two-sided p-value of no difference.

        Without any spread, as where all trials of one model diverged and none of the other, it is that of the
        limits that allow for trials not seen.
        """
        if self.variance == 0:
            return self._p_without_spread
        return float(2 * stats.t.sf(abs(self.value) / math.sqrt(self.variance), self.dof))

    @property
    def _p_without_spread(self) -> float:
        end = self.down if self.value > 0 else self.up
        if self.value == 0 or not end.variance > 0:
            return 1.0
        toward = max(0.0, abs(self.value) - abs(end.shift))
        return float(2 * stats.t.sf(toward / math.sqrt(end.variance), end.dof))


NO_CONTRAST = Contrast(math.nan, math.nan, math.nan)


class Area(NamedTuple):
    """The area of one model, with the influence of each trial on it."""

    value: float
    influence: Floats
    """Shape (n,), with mean 0."""
    slope: float
    """How much the area grows as the mean error at the optimum rises by a point, the trials staying as they
    are."""


def area_from(zero: float, errors: Floats, metric: Metric = TOP1_ERROR) -> Area:
    """Return the area that is counted from the mean error at the optimum."""
    scores = area_scores(errors - zero, errors, metric.area_to, metric)
    inside = float(((scores > 0) & (scores < 1)).mean())
    return Area(float(scores.mean()), scores - scores.mean(), inside / metric.area_to)


def share_from(zero: float, errors: Floats, points: float) -> Area:
    """Return the share of trials within some points of the mean error at the optimum.

    How much it grows as the zero rises is the share of trials within half a point of that limit.
    """
    hits = within(errors - zero, errors, points).astype(float)
    edge = np.abs(errors - zero - points) <= 0.5
    return Area(float(hits.mean()), hits - hits.mean(), float((edge & (errors < TOP1_ERROR.worst)).mean()))


def area_around(
    zeros: Floats,
    errors: Floats,
    near: NDArray[np.bool_],
    metric: Metric = TOP1_ERROR,
    weight: float | None = None,
) -> Area:
    """Return the area that is counted from the mean error at and around the optimum.

    Parameters
    ----------
    zeros : ndarray, shape (k,)
        Errors at the optimum.
    errors : ndarray, shape (n,)
        Errors at the points, a diverged one at 100.
    near : ndarray of bool, shape (n,)
        Which points are around the optimum. A trial there counts as at most 8 points worse than the optimum
        (`Metric.area_to`), also if it diverged.
    metric : Metric
        What the errors are of.
    weight : float, optional
        That of the mean error around the optimum in the zero. Default: the share of the trials there, of
        these and those at the optimum.
    """
    to, lost = metric.area_to, errors >= metric.worst
    k, m, n, at = len(zeros), int(near.sum()), len(errors), float(zeros.mean())
    capped = np.minimum(errors, at + to)
    around = float(capped[near].mean()) if m else at
    weight = m / (k + m) if weight is None else weight
    zero = weight * around + (1 - weight) * at
    losses = np.where(lost, to, np.minimum(errors - zero, to))
    inside = float((losses < to).mean())
    moves = weight * near * (n / max(m, 1)) * (capped - around)  # of the zero, with each trial
    influence = -(losses - inside * moves) / to
    value = float(1 - losses.mean() / to)
    return Area(value, influence - influence.mean(), inside * (1 - weight) / to)


def around_optimum(sweep: SweepTrials, rows: NDArray[np.int64]) -> NDArray[np.bool_]:
    """Return which of some points are around the optimum, by the distance in log lr and log weight decay.

    Both are divided by the range of the points. None is, where their place is unknown.
    """
    near = np.zeros(len(rows), dtype=bool)
    distance = _distance(sweep)[rows]
    if not np.isnan(distance).any():
        near[np.argsort(distance, kind="stable")[: math.ceil(NEAR_SHARE * len(rows))]] = True
    return near


def _distance(sweep: SweepTrials) -> Floats:
    """Return the squared distance of each point from the optimum; NaN where it is unknown."""
    total = np.zeros(len(sweep.points))
    for column in ("lr", "weight_decay"):
        if column not in sweep.points or not len(sweep.optimum):
            return np.full(len(total), np.nan)
        at, places = (values(rows, column) for rows in (sweep.optimum, sweep.points))
        if not (at[0] > 0 and (places > 0).all()):
            return np.full(len(total), np.nan)
        width = math.log(places.max() / places.min())
        total += (np.log(places / at[0]) / width) ** 2 if width else 0.0
    return total


def contrast(a: Area, b: Area, points: Sequence[Sampling], zeros: Sequence[Part] = ()) -> Contrast:
    """Return the difference of two areas.

    Parameters
    ----------
    a, b : Area
    points : sequence of Sampling
        How the shared points were drawn; or those of A and those of B.
    zeros : sequence of Part
        Further independent variances: those of the zeros.
    """
    if any(each.problem for each in points):
        return Contrast(a.value - b.value, math.nan, math.nan)
    effects = [a.influence - b.influence] if len(points) == 1 else [a.influence, b.influence]
    parts = [_part(effect, each) for effect, each in zip(effects, points, strict=True)]
    variance, dof = _together([*parts, *zeros])
    scores = [a.influence + a.value, b.influence + b.value]
    down, up = (_end(scores, points, zeros, extra) for extra in ((0.0, 1.0), (1.0, 0.0)))
    return Contrast(a.value - b.value, variance, dof, down, up)


def _end(
    scores: Sequence[Floats], points: Sequence[Sampling], zeros: Sequence[Part], extra: tuple[float, float]
) -> End:
    """Return what one more trial of A and of B with these scores makes of a difference."""
    a, b = scores
    if len(points) == 1:
        found = [_with_extra(a - b, points[0], extra[0] - extra[1])]
    else:
        found = [_with_extra(a, points[0], extra[0]), _with_extra(-b, points[1], -extra[1])]
    variance, dof = _together([*(part for _, part in found), *zeros])
    return End(sum(shift for shift, _ in found), variance, dof)


def _with_extra(scores: Floats, points: Sampling, extra: float) -> tuple[float, Part]:
    """Return how one more score moves their mean, and the variance of that.

    Between scrambles, where no point can be added, it counts as one that none of them shows.
    """
    if points.design == "sobol":
        units, far = points.units(scores), float(np.abs(scores - extra).max()) / SCRAMBLE_POINTS
        return 0.0, Part((float(units.var(ddof=1)) + HIDDEN_VARIANCE * far**2) / len(units), len(units) - 1.0)
    more = np.append(scores, extra)
    return float(more.mean() - scores.mean()), Part(float(more.var(ddof=1)) / len(more), len(more) - 1.0)


def zero_part(zeros: Floats, rounding: float, slope: float) -> Part:
    """Return the variance of an area that comes from its zero, the mean of a few seeds.

    Parameters
    ----------
    zeros : ndarray, shape (k,)
        Errors at the optimum, k > 1.
    rounding : float
        Variance that counting whole images adds to each.
    slope : float
        From `Area`.
    """
    return Part(slope**2 * float(zeros.var(ddof=1) + rounding) / len(zeros), len(zeros) - 1.0)


def _part(influence: Floats, points: Sampling) -> Part:
    """Return the variance of a mean influence."""
    units = points.units(influence)
    k = len(units)
    if k < 2:
        return Part(math.nan, math.nan)
    return Part(float(units.var(ddof=1) + points.hidden(influence)) / k, k - 1.0)


def _together(parts: Sequence[Part]) -> tuple[float, float]:
    """Return the sum of variances and its degrees of freedom (Satterthwaite 1946)."""
    variance = sum(part.variance for part in parts)
    if not variance > 0:
        return variance, min(part.dof for part in parts)
    return variance, variance**2 / sum(part.variance**2 / part.dof for part in parts)


class Trials(NamedTuple):
    """The trials of a sweep that are compared."""

    sweep: SweepTrials
    rows: NDArray[np.int64]
    """Their row numbers among the points of the sweep."""

    @property
    def errors(self) -> Floats:
        """Top-1 errors in percent, a diverged trial at 100."""
        return values(self.sweep.points, "top1_err")[self.rows]

    @property
    def diverged(self) -> NDArray[np.bool_]:
        """Which of them diverged, not finished with the worst value."""
        return (self.sweep.points["state"].to_numpy() == "diverged")[self.rows]


def compared(a: Trials, b: Trials, points: Sequence[Sampling]) -> dict[str, Any]:
    """Return the differences of both areas, and why they cannot be tested."""
    problem = _no_delta(a.sweep, b.sweep) or next((each.problem for each in points if each.problem), None)
    if not a.sweep.optimum_state == b.sweep.optimum_state == "finished":
        return {"area": NO_CONTRAST, "area_around": NO_CONTRAST, "no_delta": problem}

    areas = [area_from(_zero(of), of.errors, of.sweep.metric) for of in (a, b)]
    return {
        "area": _difference((a, b), areas, points),
        "area_around": _difference((a, b), _areas_around((a, b)), points),
        "no_delta": problem,
    }


def _areas_around(both: tuple[Trials, Trials]) -> list[Area]:
    """Return the areas from at and around both optima, which count alike for both models.

    Otherwise, of two models alike, the one with more points would have a zero further up, and look more
    robust.
    """
    near = [around_optimum(of.sweep, of.rows) for of in both]
    m, k = min(int(each.sum()) for each in near), min(len(of.sweep.optimum_errs) for of in both)
    return [
        area_around(of.sweep.optimum_errs, of.errors, at, of.sweep.metric, m / (k + m))
        for of, at in zip(both, near, strict=True)
    ]


def shares_compared(a: Trials, b: Trials, points: Sequence[Sampling], within_points: float) -> Contrast:
    """Return the difference of the shares of trials within some points of the optimum."""
    if not a.sweep.optimum_state == b.sweep.optimum_state == "finished":
        return NO_CONTRAST
    shares = [share_from(_zero(of), of.errors, within_points) for of in (a, b)]
    return _difference((a, b), shares, points)


def _zero(of: Trials) -> float:
    return float(of.sweep.optimum_errs.mean())


def _difference(both: tuple[Trials, Trials], areas: Sequence[Area], points: Sequence[Sampling]) -> Contrast:
    """Return a difference; the uncertainty of the zeros counts, if it is known."""
    everything = [each for of in both for each in (of.errors, of.sweep.optimum_errs)]
    rounding = rounding_variance(np.concatenate(everything))
    zeros = [
        zero_part(of.sweep.optimum_errs, rounding, area.slope)
        for of, area in zip(both, areas, strict=True)
        if len(of.sweep.optimum_errs) > 1
    ]
    return contrast(areas[0], areas[1], points, zeros)


def _no_delta(a: SweepTrials, b: SweepTrials) -> str | None:
    """Return why the Δ of two sweeps cannot be tested; None if it can."""
    for sweep in (a, b):
        if sweep.optimum_state != "finished":
            return f"{sweep.name} has no finished trial at its optimum, or one there diverged"
    for sweep in (a, b):
        if len(sweep.optimum_errs) < LEAST_ZEROS:
            return (
                f"estimating the uncertainty of the zero of {sweep.name} takes {LEAST_ZEROS} trials at its "
                f"optimum, and it has {len(sweep.optimum_errs)}: train it with {LEAST_ZEROS + 2} seeds"
            )
    return None
