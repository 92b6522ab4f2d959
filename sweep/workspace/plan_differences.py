"""What sets a new sweep apart from those that are there of the same model, optimizer and recipe."""

import dataclasses
from collections.abc import Iterator
from contextlib import suppress
from typing import Any

import numpy as np

from search_spaces import FIRST
from sweep.core.plan import Plan
from sweep.errors import InputError
from sweep.workspace.workspace import Workspace


def changes(plan: Plan, workspace: Workspace) -> tuple[str, list[str]] | None:
    """Compare a sweep that is not there yet with the one there is that is most like it.

    Returns
    -------
    tuple of str and list of str, or None
        The name of the other sweep, and what differs, in words; None if the sweep itself is there, or none
        of the same model, optimizer and recipe.
    """
    found = ((other.name, _differences(plan, other)) for other in _alike(plan, workspace))
    return min(found, key=lambda other: len(other[1]), default=None)


def moved(plan: Plan, workspace: Workspace) -> Plan | None:
    """Return the plan that differs from one that is not there yet in its optimum alone, if there is one."""
    return next((other for other in _alike(plan, workspace) if _has_moved(plan, other)), None)


def _alike(plan: Plan, workspace: Workspace) -> Iterator[Plan]:
    """Yield the plans of the same model, optimizer and recipe; none if the plan's own sweep is there."""
    names = workspace.names()
    beginning = plan.name[: plan.name.rindex("-") + 1]
    for name in names if plan.name not in names else ():
        if name.startswith(beginning):
            with suppress(InputError):  # damaged, or of another version
                yield workspace.read_plan(name)


def _differences(plan: Plan, other: Plan) -> list[str]:
    here, there = _settings(plan), _settings(other)
    if here["optimum_lr"] != there["optimum_lr"] or here["optimum_wd"] != there["optimum_wd"]:
        here, there = ({k: v for k, v in s.items() if not k.startswith("box.")} for s in (here, there))
    return [
        f"{name} is {here[name]}, there {there.get(name)}" for name in here if here[name] != there.get(name)
    ]


def _has_moved(plan: Plan, other: Plan) -> bool:
    """Return whether only the optimum differs: the box reaches as far around it."""
    same_box = plan.box == other.box or np.allclose(_reach(plan), _reach(other), rtol=1e-6, atol=0)
    here, there = (
        {k: v for k, v in _settings(each).items() if not k.startswith(("optimum_", "box."))}
        for each in (plan, other)
    )
    return _optimum(plan) != _optimum(other) and here == there and same_box


def _optimum(plan: Plan) -> tuple[float, float]:
    return plan.optimum_lr, plan.optimum_wd


def _reach(plan: Plan) -> list[float]:
    box, (lr, wd) = plan.box, _optimum(plan)
    return [box.lr_low / lr, box.lr_high / lr, box.wd_low / wd, box.wd_high / wd]


def _settings(plan: Plan) -> dict[str, Any]:
    """Return all that makes a sweep another one, under the names of their fields."""
    values = dataclasses.asdict(plan)
    del values["trials"], values["optimum_source"], values["skipped_images"]
    del values["over"], values["fixed"]
    values["swept"] = ", ".join([*(name for name in FIRST if name in plan.swept), *map(str, plan.over)])
    recipe, box = values.pop("recipe"), values.pop("box")
    flat = values | recipe | {f"box.{name}": value for name, value in box.items()}
    return flat | ({"n": plan.n} if plan.design == "grid" else {})
