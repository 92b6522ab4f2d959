"""The plan: all the trials of a sweep, with everything that determines them, written before any runs."""

import dataclasses
import hashlib
import json
from collections.abc import Callable, Sequence, Set
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np

import search_spaces
from search_spaces import Box
from sweep.errors import DamagedError, InputError
from sweep.model_args import slug
from sweep.recipe import READING, Recipe
from sweep.trial import TrialSpec

if TYPE_CHECKING:
    from sweep.search import SearchPlan

VERSION = 1
GIVEN = "command line"
"""The source of an optimum that was given with ``--lr`` and ``--wd``."""
FOUND_FOR = "; found for "
"""In an optimum's source, before the length that it was found for where it is used for another."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Plan:
    """The trials of one model, optimizer and recipe."""

    model: str
    """Its name, with its arguments if it has any (`sweep.model_args`)."""
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
    def sweep(self) -> str:
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
        return len(self._of("optimum"))

    @property
    def n(self) -> int:
        """Points, neither the optimum nor repeats counted."""
        return len(self._of("point"))

    @property
    def repeats(self) -> tuple[TrialSpec, ...]:
        """The trials of chosen points once more, each with another seed."""
        return self._of("repeat")

    def _of(self, role: str) -> tuple[TrialSpec, ...]:
        return tuple(trial for trial in self.trials if trial.role == role)

    def first(self, n: int, seeds: int, repeated: Sequence[int] = ()) -> "Plan":
        """Return the plan of the first n points and trials at the optimum, and of the points ``repeated``."""
        again = (t for t in self.repeats if t.index in repeated and t.repeat < seeds)
        centres, points = self._of("optimum"), self._of("point")
        return dataclasses.replace(self, trials=(*centres[:seeds], *points[:n], *again))

    def joined(self, other: "Plan") -> "Plan":
        """Return the plan of all trials that this one or another plan of the same sweep has."""
        longer = (max(self._of(role), other._of(role), key=len) for role in ("optimum", "point"))
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
        model=model, optimizer=optimizer, recipe=recipe, px=px, data_fingerprint=data_fingerprint,
        classes=classes, design=design, box=box, seed=seed, optimum_lr=optimum.lr,
        optimum_wd=optimum.weight_decay, optimum_source=optimum.source, trials=(), left_out=left_out,
    )  # fmt: skip
    again = {(index, repeat) for index in repeated for repeat in range(1, seeds)}
    return dataclasses.replace(plan, trials=_trials(plan, n, seeds, again))


def _trials(plan: Plan, n: int, seeds: int, again: Set[tuple[int, int]]) -> tuple[TrialSpec, ...]:
    """List the trials that a plan's settings give; ``again``: index and repeat of points' further trials."""
    at = plan.optimum_lr, plan.optimum_wd
    trial = partial(make_trial, plan, recipe_contents(plan.recipe))
    centres = [
        trial(*at, _optimum_seed(plan.seed, repeat), role="optimum", index=-1, repeat=repeat)
        for repeat in range(seeds)
    ]
    relative = search_spaces.relative_points(plan.design, n, plan.seed) if n else np.empty((0, 2))
    places = zip(relative.tolist(), plan.box.points(relative).tolist(), strict=True)
    points = [
        trial(lr, wd, draw_seed(plan.seed, i), role="point", index=i, u_lr=u_lr, u_wd=u_wd)
        for i, ((u_lr, u_wd), (lr, wd)) in enumerate(places)
    ]
    return (*centres, *points, *(_again(points[index], trial, plan.seed, k) for index, k in sorted(again)))


def _again(point: TrialSpec, trial: Callable[..., TrialSpec], seed: int, repeat: int) -> TrialSpec:
    place = {"index": point.index, "repeat": repeat, "u_lr": point.u_lr, "u_wd": point.u_wd}
    return trial(
        point.lr, point.weight_decay, draw_seed(seed, point.index + 1, repeat), role="repeat", **place
    )


def make_trial(
    plan: "Plan | SearchPlan",
    recipe: dict[str, Any],
    lr: float,
    weight_decay: float,
    weight_seed: int,
    *,
    evaluate: str = "val",
    **place: Any,
) -> TrialSpec:
    """Make a trial with its key: a hash of all that determines its result."""
    determines = {
        "model": plan.model, "optimizer": plan.optimizer, "recipe": recipe,
        "px": plan.px, "data": plan.data_fingerprint, "lr": lr.hex(), "weight_decay": weight_decay.hex(),
        "seed": weight_seed,
    } | ({} if evaluate == "val" else {"evaluate": evaluate})  # fmt: skip
    return TrialSpec(
        key=contents_hash(determines)[:16], model=plan.model, optimizer=plan.optimizer,
        lr=lr, weight_decay=weight_decay, seed=weight_seed, **place,
    )  # fmt: skip


def draw_seed(seed: int, *spawn_key: int) -> int:
    """Draw a trial's seed from a plan's and from where the trial stands in it."""
    return int(np.random.SeedSequence(seed, spawn_key=spawn_key).generate_state(1)[0])


def _optimum_seed(seed: int, repeat: int) -> int:
    # SeedSequence reads a spawn key as 32-bit words. The first trial's key has none and a point's one, its
    # index, so that a key of two is no other trial's, however many points there are; a repeated point's
    # begins with its index and one.
    return draw_seed(seed, 0, repeat) if repeat else draw_seed(seed)


def recipe_contents(recipe: Recipe) -> dict[str, Any]:
    """Return what a recipe says, without its name, as plain values, and how images are read one by one.

    Fields at their default are left out: a field that a later version adds changes no key.
    """
    fields = {field.name: field.default for field in dataclasses.fields(recipe)}
    values = dataclasses.asdict(recipe)
    contents = {name: value for name, value in values.items() if name != "name" and value != fields[name]}
    return contents | ({"reading": READING} if recipe.per_image else {})


def _canonical(plan: Plan, *, without: tuple[str, ...]) -> dict[str, Any]:
    plan = dataclasses.replace(plan, trials=()) if "trials" in without else plan  # there may be thousands
    values = {key: value for key, value in to_dict(plan).items() if key not in (*without, "version")}
    return values | {"recipe": recipe_contents(plan.recipe)}


def contents_hash(contents: dict[str, Any]) -> str:
    """Hash plain values to 64 hexadecimal digits."""
    text = json.dumps(contents, sort_keys=True, separators=(",", ":"), allow_nan=False)
    return hashlib.sha256(text.encode()).hexdigest()


def to_dict(plan: Plan) -> dict[str, Any]:
    """Return a plan as plain values."""
    return {"version": VERSION} | dataclasses.asdict(plan)


def to_json(plan: Plan) -> str:
    """Write a plan down, with a checksum by which it is known, when it is read, to be as it was written."""
    values = to_dict(plan)
    return json.dumps({"checksum": contents_hash(values)} | values, indent=1, allow_nan=False) + "\n"


def from_json(text: str, origin: str) -> Plan:
    """Read a plan back and check that it is as it was written.

    Where the checksum does not say so, all trials are made from the settings again: that takes 0.1 ms each.

    Raises
    ------
    DamagedError
        If the text is damaged or was changed by hand. ``origin`` is named.
    InputError
        If it is of another version.
    """
    try:
        values = json.loads(text)
        as_written = values.pop("checksum", None) == contents_hash(values)
        version = values.pop("version")
        if version != VERSION:
            raise InputError(f"{origin} is a plan of version {version!r}; this program reads {VERSION}")
        plan = _from_values(values)
        again = plan if as_written else _made_again(plan)
    except InputError as error:
        raise error if origin in str(error) else InputError(f"{origin}: {error}") from error
    except (ValueError, LookupError, TypeError, AttributeError, ArithmeticError, RecursionError) as error:
        raise DamagedError(f"{origin} is not a plan, or damaged: {type(error).__name__}: {error}") from error
    if again != plan:
        raise DamagedError(
            f"{origin} was changed after it was written: its trials are not those of its settings"
        )
    return again  # its numbers are of the right type: 1 and 1.0 are equal, but not in a key


def _from_values(values: dict[str, Any]) -> Plan:
    values["recipe"] = Recipe(**(values["recipe"] | {"augment": tuple(values["recipe"]["augment"])}))
    values["box"] = Box(**values["box"])
    values["left_out"] = tuple(values.get("left_out", ()))
    values["trials"] = tuple(TrialSpec(**trial) for trial in values["trials"])
    return Plan(**values)


def _made_again(plan: Plan) -> Plan:
    again = {(trial.index, trial.repeat) for trial in plan.repeats if min(trial.index, trial.repeat - 1) >= 0}
    return dataclasses.replace(plan, trials=_trials(plan, plan.n, max(plan.seeds, 1), again))
