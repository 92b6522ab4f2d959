"""One learning rate and weight decay for all recipes, and what it costs on each.

Adkins, Bowling & White 2024 (arXiv:2412.07165) call the mean cost of the best common setting, over
environments, an algorithm's sensitivity. Only points that were tried on every recipe, with the same values,
are looked at: nothing is interpolated.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from analysis.across.contenders import Contender
from analysis.across.plane import level_of
from analysis.bands import CONFIDENCE
from analysis.intervals import Interval, rounding_variance
from analysis.repeats import seed_spread
from analysis.sweep_trials import SweepTrials, values

Floats = NDArray[np.float64]
Values = tuple[object, ...]
"""What identifies a point: its hyperparameters, numbers to `_DIGITS` digits."""

TIED = 2.0
"""Points are about as cheap as the cheapest if their mean costs differ by at most this many standard
deviations of the difference of two."""
DRAWS = 1000
_DIGITS = 10
"""Tables that other programs wrote may differ in a number's last digits."""


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class CommonPoint:
    """The point that costs least on average, of those that were tried on every recipe."""

    names: tuple[str, ...]
    """lr, weight_decay, and what else is swept."""
    values: Values
    """The value of each."""
    tried: int
    """How many points were tried on every recipe."""
    costs: tuple[Interval, ...]
    """How much worse it is than the optimum, or the best point, of each recipe, in points. Infinite where it
    diverged, if nothing bounds the metric."""
    mean: Interval
    """The mean cost over the recipes."""


def common_point(contender: Contender, confidence: float = CONFIDENCE) -> CommonPoint | None:
    """Return the cheapest point that a model was trained at on every recipe; None if there is none.

    The point is chosen for its errors, so that luck is in its favour. The upper limits allow for that: it is
    drawn again and again how far the error of a chosen point is from its true one, as if all points whose
    mean cost is about the same were equally good. The lower ones take it for a point that was not chosen. The
    noise of a point is taken for that between the seeds at the optimum, or that pooled over all points where
    each has several seeds. Without seeds there are no limits.

    Parameters
    ----------
    contender : Contender
        The model.
    confidence : float
        In (0, 1), of each cost by itself.
    """
    names = ("lr", "weight_decay", *(f"hp.{name}" for name in contender.sweeps[0].over))
    errors = [_errors(sweep, names) for sweep in contender.sweeps]
    shared = [place for place in errors[0] if all(place in other for other in errors[1:])]
    if not shared:
        return None
    costs = np.array([[errors_of[place] for place in shared] for errors_of in errors])
    costs -= np.array([[level_of(sweep)[0].value] for sweep in contender.sweeps])
    means = costs.mean(axis=0)
    best = int(np.argmin(means))
    limits = _limits(contender.sweeps, costs[:, best], means, confidence)
    return CommonPoint(
        names=tuple(name.removeprefix("hp.") for name in names),
        values=shared[best],
        tried=len(shared),
        costs=tuple(limits[:-1]),
        mean=limits[-1],
    )


def _errors(sweep: SweepTrials, names: Sequence[str]) -> dict[Values, float]:
    """Return the error at each point that was tried once, by its hyperparameters."""
    if not set(names) <= set(sweep.points):
        return {}
    places = [tuple(map(_rounded, row)) for row in sweep.points[list(names)].itertuples(index=False)]
    found: dict[Values, float] = {}
    for place, error in zip(places, values(sweep.points, "top1_err"), strict=True):
        if place.count(None) == 0:
            found.setdefault(place, float(error))
    return found


def _rounded(value: object) -> object:
    """Return a hyperparameter to be compared: None if it is unknown, a choice as it is."""
    if isinstance(value, (int, float, np.number)):
        return None if math.isnan(value) else float(f"{value:.{_DIGITS}g}")
    return value


class Noise(NamedTuple):
    """How far chance moves the errors of a sweep."""

    point: float
    """Standard deviation of a point's error."""
    level: float
    """That of the mean at the optimum; 0 if this is taken as known."""
    dof: float
    """Degrees of freedom of both."""


def _limits(sweeps: Sequence[SweepTrials], costs: Floats, means: Floats, confidence: float) -> list[Interval]:
    """Return the costs of the chosen point on each recipe, and their mean, with limits.

    Parameters
    ----------
    sweeps : sequence of SweepTrials
        One on each recipe.
    costs : ndarray, shape (recipes,)
        The costs of the chosen point.
    means : ndarray, shape (points,)
        The mean cost of each point.
    confidence : float
        In (0, 1).
    """
    estimates = np.append(costs, costs.mean())
    levels = np.array([level_of(sweep)[0].value for sweep in sweeps])
    best, worst = (end - levels for end in (sweeps[0].metric.best, sweeps[0].metric.worst))
    noises = [noise for sweep in sweeps if (noise := _noise(sweep))]
    if len(noises) < len(sweeps) or not (costs < worst).all():
        return [Interval(float(value), math.nan, math.nan) for value in estimates]
    near = TIED * math.sqrt(2 * sum(noise.point**2 for noise in noises)) / len(sweeps)
    tail = (1 - confidence) / 2
    no_luck, luck = (_luck(noises, count) for count in (1, int((means - means.min() <= near).sum())))
    low = np.maximum(estimates - np.quantile(no_luck, 1 - tail, axis=0), np.append(best, best.mean()))
    high = np.minimum(estimates - np.quantile(luck, tail, axis=0), np.append(worst, worst.mean()))
    return [Interval(*map(float, each)) for each in zip(estimates, low, high, strict=True)]


def _luck(noises: Sequence[Noise], candidates: int) -> Floats:
    """Draw how far the measured costs of a chosen point are from the true ones, shape (`DRAWS`, recipes + 1).

    The last column is their mean.

    The candidates are equally good, and the one of them is chosen that has the most luck.
    """
    rng = np.random.default_rng(0)
    dof, point, level = (np.array([getattr(n, name) for n in noises]) for name in ("dof", "point", "level"))
    spread = np.sqrt(dof / rng.chisquare(dof, (DRAWS, len(dof))))  # true deviations, over the measured ones
    chosen = np.concatenate([_chosen(rows, candidates, rng) for rows in np.array_split(spread * point, 10)])
    off = chosen - spread * level * rng.standard_normal(spread.shape)
    return np.column_stack([off, off.mean(axis=1)])


def _chosen(deviations: Floats, candidates: int, rng: np.random.Generator) -> Floats:
    """Draw the errors of the luckiest of equal points on each recipe, shape (draws, recipes)."""
    moved = deviations[:, :, None] * rng.standard_normal((*deviations.shape, candidates))
    luckiest = moved.mean(axis=1).argmin(axis=1)
    return moved[np.arange(len(moved)), :, luckiest]


def _noise(sweep: SweepTrials) -> Noise | None:
    """Return how far chance moves a sweep's errors; None if that is not known."""
    seeds, finished = sweep.optimum_errs, sweep.optimum_state == "finished"
    level = 0.0
    if finished and len(seeds) > 1:
        rounding = rounding_variance(np.concatenate([seeds, values(sweep.points, "top1_err")]))
        level = math.sqrt((float(seeds.var(ddof=1)) + rounding) / len(seeds))
    if spread := seed_spread(sweep):
        return Noise(spread.noise.value / math.sqrt(spread.seeds), level, float(len(sweep.repeats)))
    return Noise(level * math.sqrt(len(seeds)), level, len(seeds) - 1.0) if level else None
