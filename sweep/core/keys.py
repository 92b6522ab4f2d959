"""Trial keys: a hash of everything that determines a trial's result."""

import dataclasses
import hashlib
import json
from typing import TYPE_CHECKING, Any

import numpy as np

from search_spaces import Value
from sweep.core.trial import Role, TrialSpec
from sweep.recipes.recipe import READING, Recipe

if TYPE_CHECKING:
    from sweep.core.base_plan import BasePlan


def make_trial(
    plan: "BasePlan",
    recipe: dict[str, Any],
    lr: float,
    weight_decay: float,
    weight_seed: int,
    *,
    role: Role,
    index: int,
    repeat: int = 0,
    u_lr: float | None = None,
    u_wd: float | None = None,
    over: tuple[tuple[str, Value], ...] = (),
    u_over: tuple[float, ...] = (),
) -> TrialSpec:
    """Make a trial with its key: a hash of all that determines its result.

    Parameters
    ----------
    plan : BasePlan
        Whose trial it is.
    recipe : dict
        What the plan's recipe says: `recipe_contents`.
    lr, weight_decay, weight_seed, over
        What is trained.
    role, index, repeat, u_lr, u_wd, u_over
        Fields of `TrialSpec` that are not part of the key.
    """
    return TrialSpec(
        key=_key(plan, recipe, lr=lr.hex(), weight_decay=weight_decay.hex(), seed=weight_seed, over=over),
        model=plan.model,
        optimizer=plan.optimizer,
        lr=lr,
        weight_decay=weight_decay,
        seed=weight_seed,
        role=role,
        index=index,
        repeat=repeat,
        u_lr=u_lr,
        u_wd=u_wd,
        over=over,
        u_over=u_over,
    )


def make_again(
    plan: "BasePlan", recipe: dict[str, Any], trial: TrialSpec, weight_seed: int, *, role: Role, repeat: int
) -> TrialSpec:
    """Make a trial at the point of another one, with another seed; the rest as for `make_trial`."""
    return make_trial(
        plan,
        recipe,
        trial.lr,
        trial.weight_decay,
        weight_seed,
        role=role,
        index=trial.index,
        repeat=repeat,
        u_lr=trial.u_lr,
        u_wd=trial.u_wd,
        over=trial.over,
        u_over=trial.u_over,
    )


def _key(
    plan: "BasePlan", recipe: dict[str, Any], *, over: tuple[tuple[str, Value], ...], **trained: str | int
) -> str:
    """Hash all that determines a result. What a plan leaves at its default is no part of it."""
    determines: dict[str, Any] = {
        "model": plan.model,
        "optimizer": plan.optimizer,
        "recipe": recipe,
        "px": plan.px,
        "data": plan.data_fingerprint,
        **trained,
    }
    if plan.EVALUATE != "val":
        determines["evaluate"] = plan.EVALUATE
    if over:
        determines["over"] = {name: _exactly(value) for name, value in over}
    return contents_hash(determines)[:16]


def _exactly(value: Value) -> Value:
    return value.hex() if isinstance(value, float) else value


def draw_seed(seed: int, *spawn_key: int) -> int:
    """Draw a trial's seed from a plan's and from where the trial stands in it."""
    return int(np.random.SeedSequence(seed, spawn_key=spawn_key).generate_state(1)[0])


def recipe_contents(recipe: Recipe) -> dict[str, Any]:
    """Return what a recipe says, without its name, as plain values, and how images are read one by one.

    Fields at their default are left out: a field that a later version adds changes no key.
    """
    fields = {field.name: field.default for field in dataclasses.fields(recipe)}
    values = dataclasses.asdict(recipe) | {"metric": recipe.metric and recipe.metric.contents}
    contents = {name: value for name, value in values.items() if name != "name" and value != fields[name]}
    return contents | ({"reading": READING} if recipe.per_image else {})


def contents_hash(contents: dict[str, Any]) -> str:
    """Hash plain values to 64 hexadecimal digits."""
    text = json.dumps(contents, sort_keys=True, separators=(",", ":"), allow_nan=False)
    return hashlib.sha256(text.encode()).hexdigest()
