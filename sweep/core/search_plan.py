"""What a search for an optimum looks for: its settings and how many trials it may take."""

import dataclasses
import json
from dataclasses import dataclass
from typing import Any

import numpy as np

from search_spaces import Box
from sweep.core.keys import contents_hash, draw_seed, make_trial, recipe_contents
from sweep.core.model_spec import slug
from sweep.core.trial import Role, TrialSpec
from sweep.errors import DamagedError, InputError
from sweep.recipes.recipe import Recipe

SPLIT = "minival"
"""Trials are judged on it: held out of the training data, and never reported."""
VERSION = 1


@dataclass(frozen=True, kw_only=True, slots=True)
class SearchPlan:
    """What is searched: the same for any number of trials, so that more go on with fewer."""

    model: str
    optimizer: str
    recipe: Recipe
    px: int
    data_fingerprint: str
    classes: int
    box: Box
    """The ranges of lr and weight decay that are searched, on log scales."""
    seed: int
    """Decides the first points, and with a trial's index and repeat its initial weights."""
    trials: tuple[TrialSpec, ...] = ()
    """Those that have been started."""
    left_out: tuple[str, ...] = ()
    """As in `Plan`."""

    @property
    def name(self) -> str:
        """The search's name."""
        identity = to_dict(self) | {"recipe": recipe_contents(self.recipe)}
        del identity["left_out"]
        return f"tune-{slug(self.model)}-{self.optimizer}-{self.recipe.name}-{contents_hash(identity)[:6]}"

    @property
    def design(self) -> str:
        """What MLflow shows where a sweep has its design."""
        return "search"

    def point(self, index: int, u_lr: float, u_wd: float) -> TrialSpec:
        """Make the trial of a relative point in the ranges."""
        ((lr, wd),) = self.box.points(np.array([[u_lr, u_wd]])).tolist()
        return self._trial(lr, wd, role=Role.POINT, index=index, repeat=0, u_lr=u_lr, u_wd=u_wd)

    def finalist(self, point: TrialSpec, repeat: int) -> TrialSpec:
        """Make the trial of a point once more, with another seed; ``repeat`` counts from 1."""
        return self._trial(
            point.lr,
            point.weight_decay,
            role=Role.FINALIST,
            index=point.index,
            repeat=repeat,
            u_lr=point.u_lr,
            u_wd=point.u_wd,
        )

    def _trial(
        self,
        lr: float,
        wd: float,
        *,
        role: Role,
        index: int,
        repeat: int,
        u_lr: float | None,
        u_wd: float | None,
    ) -> TrialSpec:
        # A key of three words is no sweep's trial's: the zero of Δ is trained with weights of its own.
        seed = draw_seed(self.seed, 1, index, repeat)
        return make_trial(
            self,
            recipe_contents(self.recipe),
            lr,
            wd,
            seed,
            evaluate=SPLIT,
            index=index,
            repeat=repeat,
            role=role,
            u_lr=u_lr,
            u_wd=u_wd,
        )


def to_dict(plan: SearchPlan) -> dict[str, Any]:
    """Return the settings as plain values, to be written as JSON."""
    values = {"version": VERSION} | dataclasses.asdict(plan)
    del values["trials"]
    return values


def from_json(text: str, origin: str) -> SearchPlan:
    """Read settings back.

    Raises
    ------
    DamagedError
        If the text is damaged. ``origin`` is named.
    InputError
        If it is of another version.
    """
    try:
        values = json.loads(text)
        version = values.pop("version")
        if version != VERSION:
            raise InputError(f"{origin} is a search of version {version!r}; this program reads {VERSION}")
        values["recipe"] = Recipe(**(values["recipe"] | {"augment": tuple(values["recipe"]["augment"])}))
        values["box"] = Box(**values["box"])
        values["left_out"] = tuple(values.get("left_out", ()))
        return SearchPlan(**values)
    except InputError as error:
        raise error if origin in str(error) else InputError(f"{origin}: {error}") from error
    except (ValueError, LookupError, TypeError, AttributeError, ArithmeticError, RecursionError) as error:
        raise DamagedError(
            f"{origin} is not a search, or damaged: {type(error).__name__}: {error}"
        ) from error


@dataclass(frozen=True, kw_only=True, slots=True)
class SearchBudget:
    """How much is tried; more goes on with less."""

    points: int
    """Points that are tried."""
    finalists: int
    """The best of them, which are tried again,"""
    seeds: int
    """each with so many other seeds."""

    @property
    def trials(self) -> int:
        """All trainings."""
        return self.points + self.finalists * self.seeds
