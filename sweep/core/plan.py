"""The plan: all the trials of a sweep, with everything that determines them, written before any runs."""

import dataclasses
import json
from collections.abc import Iterator, Sequence, Set
from dataclasses import dataclass
from functools import partial
from typing import Any, ClassVar

import numpy as np

import search_spaces
from search_spaces import FIRST, Box, Hyperparameter
from sweep.core.base_plan import BasePlan
from sweep.core.keys import contents_hash, draw_seed, make_again, make_trial, recipe_contents
from sweep.core.plan_json import parse, plan_fields
from sweep.core.trial import Role, TrialSpec, read_trial
from sweep.errors import DamagedError
from sweep.recipes.recipe import Recipe

GIVEN = "command line"
"""The source of an optimum that was given with ``--lr`` and ``--wd``."""
FOUND_FOR = "; found for "
"""In an optimum's source, before the length that it was found for where it is used for another."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Plan(BasePlan):
    """The trials of a sweep: of one model, optimizer and recipe.

    ``trials`` lists those at the optimum first, by repeat, then the points in the design's order, then chosen
    points once more, by index and repeat.
    """

    KIND: ClassVar[str] = "sweep"
    JSON_FIELDS: ClassVar[tuple[str, ...]] = (
        "model",
        "optimizer",
        "recipe",
        "px",
        "data_fingerprint",
        "classes",
        "design",
        "box",
        "seed",
        "optimum_lr",
        "optimum_wd",
        "optimum_source",
        "trials",
        "skipped_images",
        "over",
        "fixed",
    )

    optimum_lr: float
    optimum_wd: float
    optimum_source: str
    over: tuple[Hyperparameter, ...] = ()
    """What is swept beside learning rate and weight decay, in alphabetical order."""
    fixed: tuple[str, ...] = ()
    """Which of these two stay at the optimum."""

    @property
    def swept(self) -> tuple[str, ...]:
        """The names of the hyperparameters that are swept."""
        return (*(name for name in FIRST if name not in self.fixed), *(each.name for each in self.over))

    def identity(self) -> dict[str, Any]:
        """Return what tells this sweep from all others.

        Only a grid of another n is another sweep: it has none of the smaller one's points.
        """
        settings = dataclasses.replace(self, trials=()).to_dict()  # there may be thousands of trials
        for name in ("version", "trials", "optimum_source", "left_out"):
            del settings[name]
        settings["recipe"] = recipe_contents(self.recipe)
        return settings | ({"n": self.n} if self.design == "grid" else {})

    def params(self) -> dict[str, object]:
        """Return the optimum, as MLflow shows it."""
        over: dict[str, object] = {each.name: each.optimum for each in self.over}
        return {"lr": self.optimum_lr, "weight_decay": self.optimum_wd} | over

    def to_json(self) -> str:
        """Return the plan's file: with a checksum by which it is known to be as it was written."""
        values = self.to_dict()
        return json.dumps({"checksum": contents_hash(values)} | values, indent=1, allow_nan=False) + "\n"

    @classmethod
    def from_json(cls, text: str | bytes, origin: str) -> "Plan":
        """Read a plan's file and check that it is as it was written.

        Without a fitting checksum all trials are made from the settings again: that takes 0.1 ms each.

        Raises
        ------
        DamagedError
            If the text is damaged or was changed by hand. ``origin`` is named.
        InputError
            If it is of another version.
        """

        return parse(text, origin, "plan", partial(_of_values, origin=origin))

    def checked(self, origin: str) -> "Plan":
        """Return the plan with its trials made again from its settings.

        Its numbers are of the right type then: 1 and 1.0 are equal, but not in a key.
        """
        points = {(t.index, t.repeat) for t in self.repeats if t.index >= 0 and t.repeat >= 1}
        again = dataclasses.replace(self, trials=_trials(self, self.n, max(self.seeds, 1), points))
        if again != self:
            raise DamagedError(
                f"{origin} was changed after it was written: its trials are not those of its settings"
            )
        return again

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

    def first(self, n: int, seeds: int, again: Set[tuple[int, int]] = frozenset()) -> "Plan":
        """Return the plan of the first n points and trials at the optimum, and of some repeats.

        ``again`` has the index and the repeat of each of these.
        """
        repeats = (t for t in self.repeats if (t.index, t.repeat) in again)
        centres, points = self._of(Role.OPTIMUM), self._of(Role.POINT)
        return dataclasses.replace(self, trials=(*centres[:seeds], *points[:n], *repeats))

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
    seeds_per_point: int = 1,
    skipped_images: tuple[str, ...] = (),
    over: tuple[Hyperparameter, ...] = (),
    fixed: tuple[str, ...] = (),
) -> Plan:
    """Draw a sweep's n points, or none, and list its trials, those at the optimum ``seeds`` times.

    The points of the indices ``repeated`` are trained ``seeds`` times, too, and all others
    ``seeds_per_point`` times.

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
        skipped_images=skipped_images,
        over=over,
        fixed=fixed,
    )
    again = {(index, repeat) for index in repeated for repeat in range(1, seeds)}
    again |= {(index, repeat) for index in range(n) for repeat in range(1, seeds_per_point)}
    return dataclasses.replace(plan, trials=_trials(plan, n, seeds, again))


def _trials(plan: Plan, n: int, seeds: int, again: Set[tuple[int, int]]) -> tuple[TrialSpec, ...]:
    """List the trials that a plan's settings give; ``again``: index and repeat of points' further trials."""
    recipe = recipe_contents(plan.recipe)
    trial = partial(make_trial, plan, recipe)
    trial_again = partial(make_again, plan, recipe, role=Role.REPEAT)
    over = tuple((each.name, each.optimum) for each in plan.over)
    at: dict[str, Any] = {"lr": plan.optimum_lr, "weight_decay": plan.optimum_wd, "over": over}
    centres = [
        trial(**at, weight_seed=_optimum_seed(plan.seed, k), role=Role.OPTIMUM, index=-1, repeat=k)
        for k in range(seeds)
    ]
    points = [
        trial(**place, weight_seed=draw_seed(plan.seed, i), role=Role.POINT, index=i)
        for i, place in enumerate(_places(plan, n))
    ]
    repeats = [trial_again(points[i], draw_seed(plan.seed, i + 1, k), repeat=k) for i, k in sorted(again)]
    return (*centres, *points, *repeats)


def _places(plan: Plan, n: int) -> Iterator[dict[str, Any]]:
    """Yield where each point lies: its values and its relative ones."""
    if not n:
        return
    relative = search_spaces.relative_points(plan.design, n, plan.seed, plan.swept)
    columns = dict(zip(plan.swept, relative.T, strict=True))
    first = np.stack([columns.get(name, np.zeros(n)) for name in FIRST], axis=1)
    for i, (lr, weight_decay) in enumerate(plan.box.points(first).tolist()):
        u = {name: float(column[i]) for name, column in columns.items()}
        yield {
            "lr": lr if "lr" in u else plan.optimum_lr,
            "weight_decay": weight_decay if "weight_decay" in u else plan.optimum_wd,
            "u_lr": u.get("lr"),
            "u_wd": u.get("weight_decay"),
            "over": tuple((each.name, each.value(u[each.name])) for each in plan.over),
            "u_over": tuple(u[each.name] for each in plan.over),
        }


def _optimum_seed(seed: int, repeat: int) -> int:
    # SeedSequence reads a spawn key as 32-bit words. The first trial's key has none and a point's one, its
    # index, so that a key of two is no other trial's, however many points there are; a repeated point's
    # begins with its index and one.
    return draw_seed(seed, 0, repeat) if repeat else draw_seed(seed)


def _of_values(values: dict[str, Any], origin: str) -> Plan:
    as_written = values.pop("checksum", None) == contents_hash(values)
    trials = tuple(map(read_trial, values["trials"]))
    plan = Plan(**(plan_fields(values) | {"trials": trials}))
    return plan if as_written else plan.checked(origin)
