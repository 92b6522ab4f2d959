"""Performance profiles: on what share of the recipes is a model within some points of the best one.

A profile is the share of problems on which a method is within a tolerance of the best method (Dolan & Moré
2002, Mathematical Programming 91:201). AlgoPerf scores training algorithms by the area under it (Dahl et al.
2023, arXiv:2306.07179). There the tolerance is a factor of the training time, and an algorithm has the best
of five random trials of its search space. Here a model has the median error of the best of five random trials
of its box; the tolerance is a difference in points, or a factor.

Limits cover which points were drawn and the luck of their trainings. They do not cover the choice of recipes:
these are given. They say nothing of a recipe that was not tried.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from analysis.across.contenders import Lineup
from analysis.bands import CONFIDENCE, check_confidence
from analysis.errors import AnalysisError
from analysis.intervals import Interval
from analysis.metric import DECIMALS, Metric
from analysis.pairing import pair_up
from analysis.sweep_trials import SweepTrials, no_sampling_error, values

Floats = NDArray[np.float64]

TRIES = 5
"""A model's score on a recipe is the median error of the best of this many random trials."""
SHARE = 1 - 0.5 ** (1 / TRIES)
"""The quantile of the errors that this is: as often as not, none of five trials is below it."""
RESAMPLES = 1000
LEAST_TRIALS = 27
"""Points of a sweep from which on there are limits: with fewer, all errors lie above the true score more
often than in 2.5 % of sweeps, 0.5 ** (n / 5), and a bootstrap cannot see that."""
TIED = 2.0
"""Contenders hardly differ from the best on a recipe if they are at most this many standard deviations of the
difference behind it."""
FACTOR_TO = 4.0
"""The area by factors extends from 1 to this one, as in AlgoPerf."""
FACTORS = (1.1, 1.5, 2.0, 4.0)


class Tolerance(NamedTuple):
    """How far behind the best model a score may be."""

    by_factor: bool
    """Whether it is a factor of the best score, rather than a difference."""
    start: float
    """That of the best model itself: 0, or a factor of 1."""
    end: float
    """Where the area ends."""
    steps: tuple[float, ...]
    """Those at which the profile is tabulated."""
    decimals: int
    """To which scores are compared."""

    @classmethod
    def of(cls, metric: Metric, *, by_factor: bool) -> "Tolerance":
        """Return the tolerances that suit a metric."""
        if by_factor:
            return cls(True, 1.0, FACTOR_TO, FACTORS, DECIMALS)
        return cls(False, 0.0, metric.area_to, metric.deltas, metric.delta_decimals)

    def behind(self, scores: Floats) -> Floats:
        """Return how far each score is behind the best on its recipe; infinite where all trials diverged.

        Parameters
        ----------
        scores : ndarray, shape (…, contenders, recipes)

        Returns
        -------
        ndarray of the same shape
        """
        best = scores.min(axis=-2, keepdims=True)
        with np.errstate(invalid="ignore", divide="ignore"):
            gap = scores / best if self.by_factor else scores - best
        gap = np.where(scores == best, self.start, gap)
        return np.asarray(np.where(np.isfinite(scores), np.round(gap, self.decimals), np.inf), dtype=float)


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class Profile:
    """How near to the best model a contender is, over the recipes."""

    name: str
    scores: tuple[float, ...]
    """The median best of `TRIES` random trials on each recipe, as a cost."""
    behind: tuple[Interval, ...]
    """How far that is behind the best contender's on each recipe, in points or as a factor."""
    within: dict[float, Interval]
    """Tolerance → the share of the recipes on which it is within that of the best."""
    area: Interval
    """The area under the profile, divided by its width: 1 if it is the best on every recipe, 0 if it is
    nowhere within the greatest tolerance."""


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class Profiles:
    """The profiles of all contenders, the largest area first."""

    recipes: int
    tolerance: Tolerance
    profiles: tuple[Profile, ...]
    no_limits: str | None
    """Why there are no limits; None if there are."""


def performance_profiles(
    lineup: Lineup, confidence: float = CONFIDENCE, *, by_factor: bool = False, resamples: int = RESAMPLES
) -> Profiles:
    """Compute the performance profile of each contender, with limits by the bootstrap over trials.

    Sweeps that were tried at the same points, of whichever model and recipe, are resampled together. The best
    of several noisy scores is too good where contenders are alike, and all others are too far behind it. How
    far cannot be seen in resamples, in which contenders differ by what was luck. So it is also looked at
    resamples in which those are made equal on a recipe that hardly differ there (generalized moment
    selection, Andrews & Soares 2010, Econometrica 78:119). Limits are the widest of these and of the usual
    ones. Points of a Sobol' design are resampled as if they were independent, which makes limits wider.

    Parameters
    ----------
    lineup : Lineup
        At least two contenders.
    confidence : float
        In (0, 1), of each number by itself.
    by_factor : bool
        Whether the tolerance is a factor of the best score. Takes errors above 0, of which less is better.
    resamples : int
        How many bootstrap samples are drawn.

    Raises
    ------
    AnalysisError
        If there is one contender, or a factor means nothing for a score.
    """
    check_confidence(confidence)
    _check_several(lineup)
    tolerance = Tolerance.of(lineup.metric, by_factor=by_factor)
    sweeps = [sweep for contender in lineup.contenders for sweep in contender.sweeps]
    shape = len(lineup.contenders), len(lineup.recipes)
    scores = np.array([score(values(sweep.points, "top1_err")) for sweep in sweeps]).reshape(shape)
    _check_factor(scores, lineup.metric, tolerance)
    problem = next(filter(None, map(_problem, sweeps)), None)
    drawn = None if problem else _resampled(sweeps, resamples).reshape(resamples, *shape)
    found = _profiles(lineup, scores, drawn, tolerance, confidence)
    ordered = sorted(found, key=lambda profile: (-profile.area.value, profile.name))
    return Profiles(
        recipes=len(lineup.recipes), tolerance=tolerance, profiles=tuple(ordered), no_limits=problem
    )


def _check_several(lineup: Lineup) -> None:
    if len(lineup.contenders) < 2:
        only = lineup.contenders[0].name
        raise AnalysisError(
            f"a performance profile takes at least two models on the same recipes, got {only}: sweep another."
        )


def _check_factor(scores: Floats, metric: Metric, tolerance: Tolerance) -> None:
    if tolerance.by_factor and (metric.higher_better or (scores <= 0).any()):
        raise AnalysisError(
            f"a factor takes values above 0 of which less is better, got {metric}, the least "
            f"{scores.min():g}: count in differences."
        )


def score(errors: Floats) -> float:
    """Return the median error of the best of `TRIES` random trials; infinite if it has diverged."""
    return float(np.sort(errors)[_rank(np.array(len(errors)))])


def _rank(total: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return the place, from 0, of the quantile `SHARE` among so many ordered errors."""
    return np.maximum(np.ceil(SHARE * total - 1e-9).astype(np.int64), 1) - 1


def _problem(sweep: SweepTrials) -> str | None:
    """Return why a sweep has no limits; None if it has."""
    known = sweep.design if sweep.design != "sobol" else "iid"  # is resampled as if it were independent
    if problem := no_sampling_error(sweep.sweep, known, 0):
        return problem
    if sweep.n < LEAST_TRIALS:
        return f"{sweep.name} has {sweep.n} trials with a result, and limits take {LEAST_TRIALS}"
    return None


def _resampled(sweeps: Sequence[SweepTrials], resamples: int) -> Floats:
    """Return each sweep's score in each resample, shape (resamples, sweeps)."""
    rng = np.random.default_rng(0)
    scores = np.empty((resamples, len(sweeps)))
    for group in _groups(sweeps):
        index = [values(sweeps[s].points, "index").astype(np.int64) for s in group]
        every, inverse = np.unique(np.concatenate(index), return_inverse=True)
        counts = rng.multinomial(len(every), np.full(len(every), 1 / len(every)), size=resamples)
        starts = np.cumsum([0, *map(len, index)])
        for s, start, stop in zip(group, starts, starts[1:], strict=False):
            scores[:, s] = _scores(values(sweeps[s].points, "top1_err"), counts[:, inverse[start:stop]])
    return scores


def _scores(errors: Floats, counts: NDArray[np.int64]) -> Floats:
    """Return a sweep's score in each resample, in which its points occur so often, shape (resamples, n)."""
    order, rank = np.argsort(errors, kind="stable"), _rank(counts.sum(axis=1))[:, None]
    first = order[: int(2 * SHARE * len(order)) + 32]  # nearly always enough
    for some in (first, order):
        upto = np.cumsum(counts[:, some], axis=1)
        if (upto[:, -1:] > rank).all():
            break
    return errors[some][np.argmax(upto > rank, axis=1)]


def _groups(sweeps: Sequence[SweepTrials]) -> list[list[int]]:
    """Return which sweeps were tried at the same points, by their places."""
    groups: list[list[int]] = []
    for place, sweep in enumerate(sweeps):
        group = next((group for group in groups if _share(sweeps[group[0]], sweep)), None)
        if group is None:
            groups.append([place])
        else:
            group.append(place)
    return groups


def _share(a: SweepTrials, b: SweepTrials) -> bool:
    """Return whether two sweeps share points, under the same indices."""
    pairs = pair_up(a, b, CONFIDENCE)
    if pairs is None:
        return False
    index_a, index_b = (values(s.points, "index")[rows] for s, rows in zip((a, b), pairs.rows, strict=True))
    return bool((index_a == index_b).all())


def _profiles(
    lineup: Lineup, scores: Floats, drawn: Floats | None, tolerance: Tolerance, confidence: float
) -> list[Profile]:
    worlds = [] if drawn is None else [(scores, drawn), _tied(scores, drawn)]

    def limits(count: Callable[[Floats], Floats], least: float, most: float) -> list[Interval]:
        return _limits(count, scores, worlds, confidence, (least, most))

    def area(some: Floats) -> Floats:
        heights = (tolerance.end - tolerance.behind(some)) / (tolerance.end - tolerance.start)
        return np.clip(heights, 0.0, 1.0).mean(axis=-1)

    def within(step: float) -> list[Interval]:
        return limits(lambda some: (tolerance.behind(some) <= step).mean(axis=-1), 0.0, 1.0)

    areas, shares = limits(area, 0.0, 1.0), {step: within(step) for step in tolerance.steps}
    gaps = limits(lambda some: tolerance.behind(some).reshape(*some.shape[:-2], -1), tolerance.start, np.inf)
    width = len(lineup.recipes)
    return [
        Profile(
            name=contender.name,
            scores=tuple(map(float, scores[c])),
            behind=tuple(gaps[c * width : (c + 1) * width]),
            within={step: shares[step][c] for step in tolerance.steps},
            area=areas[c],
        )
        for c, contender in enumerate(lineup.contenders)
    ]


def _tied(scores: Floats, drawn: Floats) -> tuple[Floats, Floats]:
    """Return scores, and resampled ones, as if contenders that hardly differ from the best were equal."""
    best = scores.argmin(axis=0)
    recipes = np.arange(scores.shape[1])
    with np.errstate(invalid="ignore"):
        gap = scores - scores[best, recipes]
        deviation = (drawn - drawn[:, None, best, recipes]).std(axis=0)
        shift = np.where(gap <= TIED * deviation, gap, 0.0)
    return scores - shift, drawn - shift


def _limits(
    count: Callable[[Floats], Floats],
    scores: Floats,
    worlds: Sequence[tuple[Floats, Floats]],
    confidence: float,
    ends: tuple[float, float],
) -> list[Interval]:
    """Return what is counted of scores, with the widest limits that resamples give.

    Parameters
    ----------
    count : callable
        From scores, shape (…, contenders, recipes), to estimates, shape (…, estimates).
    scores : ndarray, shape (contenders, recipes)
        Those of the trials.
    worlds : sequence of (ndarray, ndarray)
        Scores that are taken for true, and their resamples, shape (resamples, contenders, recipes). The first
        ones are those of the trials. There are no limits without any.
    confidence : float
        In (0, 1).
    ends : (float, float)
        The least and the greatest possible value.
    """
    estimate = count(scores)
    if not worlds:
        return [Interval(float(value), math.nan, math.nan) for value in estimate]
    tail = (1 - confidence) / 2
    low, high = [], []
    for true, drawn in worlds:
        found = np.quantile(count(drawn), [tail, 1 - tail], axis=0, method="closest_observation")
        with np.errstate(invalid="ignore"):  # infinities: all is then as far behind as can be
            off = np.nan_to_num(found - count(true), nan=0.0)
            low.append(estimate - off[1])
            high.append(estimate - off[0])
        if true is scores:
            low.append(found[0])
            high.append(found[1])
    lows, highs = np.clip(np.min(low, axis=0), *ends), np.clip(np.max(high, axis=0), *ends)
    return [Interval(*map(float, three)) for three in zip(estimate, lows, highs, strict=True)]
