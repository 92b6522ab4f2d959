"""The plan: all the trials of a sweep, with everything that determines them, written before any runs."""

import dataclasses
from collections.abc import Callable, Sequence, Set
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np

import search_spaces
from search_spaces import Box
from sweep.core.keys import contents_hash, draw_seed, make_trial, recipe_contents
from sweep.core.model_spec import slug
from sweep.core.trial import Role, TrialSpec
from sweep.recipes.recipe import Recipe

VERSION = 1
GIVEN = "command line"
"""The source of an optimum that was given with ``--lr`` and ``--wd``."""
FOUND_FOR = "; found for "
"""In an optimum's source, before the length that it was found for where it is used for another."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Plan:
    """The trials of one model, optimizer and recipe."""

    model: str
    """Its name, with its arguments if it has any (`sweep.core.model_spec`)."""
    optimizer: str
    recipe: Recipe
    px: int
    """Side of an image, in pixels."""
    data_fingerprint: str
    classes: int
    design: str
    box: Box
    seed: int
    """Decides the relative points and, with a trial's index and repeat, its initial weights."""
    optimum_lr: float
    optimum_wd: float
    optimum_source: str
    trials: tuple[TrialSpec, ...]
    """Those at the optimum first, by repeat, then the points in the design's order, then chosen points once
    more, by index and repeat."""
    left_out: tuple[str, ...] = ()
    """Images that could not be read and were left out, within the data's folder; those kept decide the
    fingerprint."""

    @property
    def name(self) -> str:
        """The sweep's name: the same for every n and number of seeds, so that more go on with fewer.

        Only a grid of another n is another sweep: it has none of the smaller one's points.
        """
        identity = _canonical(self, without=("trials", "optimum_source", "left_out"))
        if self.design == "grid":
            identity["n"] = self.n
        return f"{slug(self.model)}-{self.optimizer}-{self.recipe.name}-{contents_hash(identity)[:6]}"

    @property
    def seeds(self) -> int:
        """Trials at the optimum, each with another seed."""
        return len(self._of(Role.OPTIMUM))

    @property
    def n(self) -> int:
        """Points, neither the optimum nor repeats counted."""
        return len(self._of(Role.POINT))

    @property
    def repeats(self) -> tuple[TrialSpec, ...]:
        """The trials of chosen points once more, each with another seed."""
        return self._of(Role.REPEAT)

    def _of(self, role: Role) -> tuple[TrialSpec, ...]:
        return tuple(trial for trial in self.trials if trial.role == role)

    def first(self, n: int, seeds: int, repeated: Sequence[int] = ()) -> "Plan":
        """Return the plan of the first n points and trials at the optimum, and of the points ``repeated``."""
        again = (t for t in self.repeats if t.index in repeated and t.repeat < seeds)
        centres, points = self._of(Role.OPTIMUM), self._of(Role.POINT)
        return dataclasses.replace(self, trials=(*centres[:seeds], *points[:n], *again))

    def joined(self, other: "Plan") -> "Plan":
        """Return the plan of all trials that this one or another plan of the same sweep has."""
        longer = (max(self._of(role), other._of(role), key=len) for role in (Role.OPTIMUM, Role.POINT))
        repeats = {(t.index, t.repeat): t for t in (*self.repeats, *other.repeats)}
        trials = (*(trial for part in longer for trial in part), *(repeats[at] for at in sorted(repeats)))
        return dataclasses.replace(self, trials=trials)


def make_plan(
    *,
    model: str,
    optimizer: str,
    recipe: Recipe,
    px: int,
    data_fingerprint: str,
    classes: int,
    n: int,
    design: str,
    seed: int,
    optimum: search_spaces.Optimum,
    box: Box,
    seeds: int = 1,
    repeated: Sequence[int] = (),
    left_out: tuple[str, ...] = (),
) -> Plan:
    """Draw a sweep's n points, or none, and list its trials, those at the optimum ``seeds`` times.

    The points of the indices ``repeated`` are trained ``seeds`` times, too.

    Every trial has a weight seed of its own, from ``seed``, its index and its repeat alone: trials of one
    sweep are independent, and those of several models at the same index and repeat have the same relative
    point and seed.
    """
    plan = Plan(
        model=model,
        optimizer=optimizer,
        recipe=recipe,
        px=px,
        data_fingerprint=data_fingerprint,
        classes=classes,
        design=design,
        box=box,
        seed=seed,
        optimum_lr=optimum.lr,
        optimum_wd=optimum.weight_decay,
        optimum_source=optimum.source,
        trials=(),
        left_out=left_out,
    )
    again = {(index, repeat) for index in repeated for repeat in range(1, seeds)}
    return dataclasses.replace(plan, trials=_trials(plan, n, seeds, again))


def _trials(plan: Plan, n: int, seeds: int, again: Set[tuple[int, int]]) -> tuple[TrialSpec, ...]:
    """List the trials that a plan's settings give; ``again``: index and repeat of points' further trials."""
    at = plan.optimum_lr, plan.optimum_wd
    trial = partial(make_trial, plan, recipe_contents(plan.recipe))
    centres = [
        trial(*at, _optimum_seed(plan.seed, repeat), role=Role.OPTIMUM, index=-1, repeat=repeat)
        for repeat in range(seeds)
    ]
    relative = search_spaces.relative_points(plan.design, n, plan.seed) if n else np.empty((0, 2))
    places = zip(relative.tolist(), plan.box.points(relative).tolist(), strict=True)
    points = [
        trial(lr, wd, draw_seed(plan.seed, i), role=Role.POINT, index=i, u_lr=u_lr, u_wd=u_wd)
        for i, ((u_lr, u_wd), (lr, wd)) in enumerate(places)
    ]
    return (*centres, *points, *(_again(points[index], trial, plan.seed, k) for index, k in sorted(again)))


def _again(point: TrialSpec, trial: Callable[..., TrialSpec], seed: int, repeat: int) -> TrialSpec:
    return trial(
        point.lr,
        point.weight_decay,
        draw_seed(seed, point.index + 1, repeat),
        role=Role.REPEAT,
        index=point.index,
        repeat=repeat,
        u_lr=point.u_lr,
        u_wd=point.u_wd,
    )


def _optimum_seed(seed: int, repeat: int) -> int:
    # SeedSequence reads a spawn key as 32-bit words. The first trial's key has none and a point's one, its
    # index, so that a key of two is no other trial's, however many points there are; a repeated point's
    # begins with its index and one.
    return draw_seed(seed, 0, repeat) if repeat else draw_seed(seed)


def _canonical(plan: Plan, *, without: tuple[str, ...]) -> dict[str, Any]:
    plan = dataclasses.replace(plan, trials=()) if "trials" in without else plan  # there may be thousands
    values = {key: value for key, value in to_dict(plan).items() if key not in (*without, "version")}
    return values | {"recipe": recipe_contents(plan.recipe)}


def to_dict(plan: Plan) -> dict[str, Any]:
    """Return a plan as plain values."""
    return {"version": VERSION} | dataclasses.asdict(plan)
