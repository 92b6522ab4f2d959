"""The plan: all the trials of a sweep, with everything that determines them, written before any runs."""

import dataclasses
import hashlib
import json
from dataclasses import dataclass
from typing import Any

import numpy as np

import search_spaces
from search_spaces import Box
from sweep.errors import InputError
from sweep.recipe import Recipe
from sweep.trial import TrialSpec

VERSION = 1


@dataclass(frozen=True, kw_only=True, slots=True)
class Plan:
    """The trials of one model, optimizer and recipe."""

    model: str
    optimizer: str
    recipe: Recipe
    px: int
    """Side of an image, in pixels."""
    data_fingerprint: str
    classes: int
    design: str
    box: Box
    seed: int
    """Decides the relative points and, with a trial's index, its initial weights."""
    optimum_lr: float
    optimum_wd: float
    optimum_source: str
    trials: tuple[TrialSpec, ...]
    """The optimum first, then the points in the design's order."""

    @property
    def sweep(self) -> str:
        """The sweep's name: the same for every n, so that a larger one goes on with a smaller one's.

        Only a grid of another n is another sweep: it has none of the smaller one's points.
        """
        identity = _canonical(self, without=("trials", "optimum_source"))
        if self.design == "grid":
            identity["n"] = self.n
        return f"{self.model}-{self.optimizer}-{self.recipe.name}-{_hash(identity)[:6]}"

    @property
    def n(self) -> int:
        """Points, the optimum not counted."""
        return len(self.trials) - 1

    def first(self, n: int) -> "Plan":
        """Return the plan of the first n points."""
        return dataclasses.replace(self, trials=self.trials[: n + 1])


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
) -> Plan:
    """Draw a sweep's points and list its trials.

    Every trial has a weight seed of its own, from ``seed`` and its index alone: trials of one sweep are
    independent, and those of several models at the same index have the same relative point and seed.
    """

    def trial(lr: float, weight_decay: float, weight_seed: int, **place: Any) -> TrialSpec:
        determines = {
            "model": model, "optimizer": optimizer, "recipe": recipe_contents(recipe), "px": px,
            "data": data_fingerprint, "lr": lr.hex(), "weight_decay": weight_decay.hex(), "seed": weight_seed,
        }  # fmt: skip
        return TrialSpec(
            key=_hash(determines)[:16], model=model, optimizer=optimizer,
            lr=lr, weight_decay=weight_decay, seed=weight_seed, **place,
        )  # fmt: skip

    relative = search_spaces.relative_points(design, n, seed)
    points = [
        trial(lr, wd, _weight_seed(seed, i), role="point", index=i, u_lr=u_lr, u_wd=u_wd)
        for i, ((u_lr, u_wd), (lr, wd)) in enumerate(
            zip(relative.tolist(), box.points(relative).tolist(), strict=True)
        )
    ]
    centre = trial(optimum.lr, optimum.weight_decay, _weight_seed(seed), role="optimum", index=-1)
    return Plan(
        model=model, optimizer=optimizer, recipe=recipe, px=px, data_fingerprint=data_fingerprint,
        classes=classes, design=design, box=box, seed=seed, optimum_lr=optimum.lr,
        optimum_wd=optimum.weight_decay, optimum_source=optimum.source, trials=(centre, *points),
    )  # fmt: skip


def _weight_seed(seed: int, *index: int) -> int:
    return int(np.random.SeedSequence(seed, spawn_key=index).generate_state(1)[0])


def recipe_contents(recipe: Recipe) -> dict[str, Any]:
    """Return what a recipe says, without its name, as plain values.

    Fields at their default are left out: a field that a later version adds changes no key.
    """
    fields = {field.name: field.default for field in dataclasses.fields(recipe)}
    values = dataclasses.asdict(recipe)
    return {name: value for name, value in values.items() if name != "name" and value != fields[name]}


def _canonical(plan: Plan, *, without: tuple[str, ...]) -> dict[str, Any]:
    plan = dataclasses.replace(plan, trials=()) if "trials" in without else plan  # there may be thousands
    values = {key: value for key, value in to_dict(plan).items() if key not in (*without, "version")}
    return values | {"recipe": recipe_contents(plan.recipe)}


def _hash(contents: dict[str, Any]) -> str:
    text = json.dumps(contents, sort_keys=True, separators=(",", ":"), allow_nan=False)
    return hashlib.sha256(text.encode()).hexdigest()


def to_dict(plan: Plan) -> dict[str, Any]:
    """Return a plan as plain values, to be written as JSON."""
    return {"version": VERSION} | dataclasses.asdict(plan)


def from_json(text: str, origin: str) -> Plan:
    """Read a plan back and check that its trials' keys are what their contents say.

    Raises
    ------
    InputError
        If the text is damaged, of another version or was changed by hand. ``origin`` is named.
    """
    try:
        values = json.loads(text)
        version = values.pop("version")
        if version != VERSION:
            raise InputError(f"{origin} is a plan of version {version!r}; this program reads {VERSION}")
        values["recipe"] = Recipe(**(values["recipe"] | {"augment": tuple(values["recipe"]["augment"])}))
        values["box"] = Box(**values["box"])
        values["trials"] = tuple(TrialSpec(**trial) for trial in values["trials"])
        plan = Plan(**values)
        again = _made_again(plan)
    except InputError:
        raise
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise InputError(f"{origin} is not a plan, or damaged: {type(error).__name__}: {error}") from error
    if again != plan:
        raise InputError(
            f"{origin} was changed after it was written: its trials are not those of its settings"
        )
    return plan


def _made_again(plan: Plan) -> Plan:
    """Make the plan that the settings of a plan give."""
    optimum = search_spaces.Optimum(
        lr=plan.optimum_lr, weight_decay=plan.optimum_wd, batch=plan.recipe.batch, source=plan.optimum_source
    )
    return make_plan(
        model=plan.model, optimizer=plan.optimizer, recipe=plan.recipe, px=plan.px,
        data_fingerprint=plan.data_fingerprint, classes=plan.classes, n=plan.n, design=plan.design,
        seed=plan.seed, optimum=optimum, box=plan.box,
    )  # fmt: skip
