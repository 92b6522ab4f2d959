"""What the plans of sweeps and of searches have in common."""

import dataclasses
from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import Any, ClassVar, Self

from search_spaces import Box
from sweep.core.keys import contents_hash
from sweep.core.model_spec import slug
from sweep.core.trial import TrialSpec, trial_contents
from sweep.recipes.recipe import Recipe

VERSION = 1
"""Of the files that plans are written to."""

_JSON_NAMES = {"skipped_images": "left_out"}
"""Fields that plan files have under another name, which older versions gave them."""
_LATER = ("over", "fixed")
"""Fields that are left out of files where they are empty, as they came later."""


@dataclass(frozen=True, kw_only=True, slots=True)
class BasePlan(ABC):
    """The trials of one model, optimizer and recipe, with everything that determines their results."""

    KIND: ClassVar[str]
    """``sweep`` or ``search``."""
    EVALUATE: ClassVar[str] = "val"
    """The split that the trials are evaluated on."""
    JSON_FIELDS: ClassVar[tuple[str, ...]]
    """What is written to the plan's file, in that order."""

    model: str
    """Its name, with its arguments if it has any (`sweep.core.model_spec`)."""
    optimizer: str
    recipe: Recipe
    px: int
    """Side of an image, in pixels."""
    data_fingerprint: str
    classes: int
    design: str
    """How the points are chosen."""
    box: Box
    """The ranges of lr and weight decay, on log scales."""
    seed: int
    """Decides the points and, with a trial's index and repeat, its initial weights."""
    trials: tuple[TrialSpec, ...]
    skipped_images: tuple[str, ...] = ()
    """Unreadable images that were skipped, as paths within the data's folder. The fingerprint is that of the
    images that were kept."""

    @property
    def name(self) -> str:
        """The name of the sweep or search: the same for any number of trials, so that more continue fewer."""
        model, hashed = slug(self.model), contents_hash(self.identity())[:6]
        return f"{self._prefix()}{model}-{self.optimizer}-{self.recipe.name}-{hashed}"

    @abstractmethod
    def identity(self) -> dict[str, Any]:
        """Return what tells this sweep or search from all others, as plain values."""

    @abstractmethod
    def params(self) -> dict[str, object]:
        """Return the settings that only this kind of plan has, as MLflow shows them."""

    @abstractmethod
    def to_json(self) -> str:
        """Return the contents of the plan's file."""

    @classmethod
    @abstractmethod
    def from_json(cls, text: str | bytes, origin: str) -> Self:
        """Read the contents of a plan's file.

        Raises
        ------
        DamagedError
            If the text is damaged or was changed by hand. ``origin`` is named.
        InputError
            If it is of another version.
        """

    def _prefix(self) -> str:
        """Return how the names of such plans begin."""
        return ""

    def to_dict(self) -> dict[str, Any]:
        """Return the plan as plain values, under the names that its file has."""
        fields = dataclasses.replace(self, trials=())
        values = dataclasses.asdict(fields) | {"trials": [trial_contents(trial) for trial in self.trials]}
        if self.recipe.metric is None:  # it came later
            del values["recipe"]["metric"]
        else:
            values["recipe"]["metric"] = self.recipe.metric.contents
        named = {_JSON_NAMES.get(field, field): values[field] for field in self.JSON_FIELDS}
        return {"version": VERSION} | {k: v for k, v in named.items() if v or k not in _LATER}
