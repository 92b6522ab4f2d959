"""What a search for an optimum looks for: its settings and how many trials it may take."""

import json
from dataclasses import dataclass, field
from typing import Any, ClassVar, Self

import numpy as np

from search_spaces import FIRST, Hyperparameter
from sweep.core.base_plan import BasePlan
from sweep.core.keys import draw_seed, make_again, make_trial, recipe_contents
from sweep.core.plan_json import parse, plan_fields
from sweep.core.trial import Role, TrialSpec

SPLIT = "minival"
"""Trials are judged on it: held out of the training data, and never reported."""


@dataclass(frozen=True, kw_only=True, slots=True)
class SearchPlan(BasePlan):
    """The settings of a search; ``trials`` lists those that have been started.

    ``box`` is what is searched. The seed decides the first points.
    """

    KIND: ClassVar[str] = "search"
    EVALUATE: ClassVar[str] = SPLIT
    JSON_FIELDS: ClassVar[tuple[str, ...]] = (
        "model",
        "optimizer",
        "recipe",
        "px",
        "data_fingerprint",
        "classes",
        "box",
        "seed",
        "skipped_images",
        "over",
    )

    design: str = field(default="search", init=False)
    trials: tuple[TrialSpec, ...] = ()
    over: tuple[Hyperparameter, ...] = ()
    """What is searched beside learning rate and weight decay, in alphabetical order."""

    @property
    def swept(self) -> tuple[str, ...]:
        """The names of the hyperparameters that are searched."""
        return (*FIRST, *(each.name for each in self.over))

    def _prefix(self) -> str:
        return "tune-"

    def identity(self) -> dict[str, Any]:
        """Return what tells this search from all others."""
        settings = self.to_dict() | {"recipe": recipe_contents(self.recipe)}
        del settings["left_out"]
        return settings

    def params(self) -> dict[str, object]:
        """Return the split that trials are judged on, as MLflow shows it."""
        return {"evaluate": self.EVALUATE}

    def to_json(self) -> str:
        """Return the settings' file."""
        return json.dumps(self.to_dict(), indent=1, allow_nan=False) + "\n"

    @classmethod
    def from_json(cls, text: str | bytes, origin: str) -> Self:
        """Read the settings' file; see `BasePlan.from_json`."""
        return parse(text, origin, "search", lambda values: cls(**plan_fields(values)))

    def point(self, index: int, *u: float) -> TrialSpec:
        """Make the trial of a relative point in the ranges, in the order of `swept`."""
        u_lr, u_wd, *u_over = u
        ((lr, wd),) = self.box.points(np.array([[u_lr, u_wd]])).tolist()
        over = tuple((each.name, each.value(at)) for each, at in zip(self.over, u_over, strict=True))
        seed = self._draw_seed(index, 0)
        return make_trial(
            self,
            recipe_contents(self.recipe),
            lr,
            wd,
            seed,
            index=index,
            role=Role.POINT,
            u_lr=u_lr,
            u_wd=u_wd,
            over=over,
            u_over=tuple(u_over),
        )

    def finalist(self, point: TrialSpec, repeat: int) -> TrialSpec:
        """Make the trial of a point once more, with another seed; ``repeat`` counts from 1."""
        seed = self._draw_seed(point.index, repeat)
        return make_again(self, recipe_contents(self.recipe), point, seed, role=Role.FINALIST, repeat=repeat)

    def _draw_seed(self, index: int, repeat: int) -> int:
        # A key of three words is no sweep's trial's: the zero of Δ is trained with weights of its own.
        return draw_seed(self.seed, 1, index, repeat)


@dataclass(frozen=True, kw_only=True, slots=True)
class SearchBudget:
    """How much is tried. A larger budget continues what a smaller one has tried."""

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
