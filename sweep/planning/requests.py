"""From the words of a command line to plans: everything is checked before anything is written."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from sweep.core.model_spec import with_args
from sweep.core.plan import Plan
from sweep.data.images import FileSplits, Splits
from sweep.errors import InputError
from sweep.recipes import loading as recipes
from sweep.recipes.loading import of_trainer
from sweep.recipes.recipe import Recipe
from sweep.user_trainer import loading as trainers


@dataclass(frozen=True, kw_only=True, slots=True)
class Training:
    """How is to be trained what is asked for, whatever for."""

    model_args: str | None = None
    """Arguments of every model, as text."""
    optimizer: str = "adamw"
    trainer: str | None = None
    """A training function of the user's own, ``package.module:function``: in the place of a recipe."""
    recipe: str | None = None
    """None: `sweep.recipes.loading.DEFAULT`, or none with a ``trainer``."""
    data: Path | None = None
    skip_corrupt: bool = False
    """Leave images out that cannot be read."""
    epochs: int | None = None
    seed: int = 0

    def name(self, model: str) -> str:
        """Return a model's name with its arguments, as it stands in plans."""
        return with_args(model, self.model_args)

    @property
    def default_model(self) -> str:
        """The name of a trainer's model where none is given: the function's."""
        return (self.trainer or "").partition(":")[2]


@dataclass(frozen=True, kw_only=True, slots=True)
class Request(Training):
    """What is asked of `sweep run`."""

    models: Sequence[str]
    """Names, with arguments in brackets or without: ``resnet18(drop_path_rate=0.1)``."""
    n: int | None = 64
    """Points; None: no point, only the trials at the optimum."""
    seeds: int = 1
    """Trials at the optimum."""
    repeated: Sequence[int] = ()
    """Indices of points that are trained with as many seeds."""
    design: str = "iid"
    box: str = "optimum"
    box_down: float | None = None
    """The box ``optimum`` reaches down by this factor, and up by the next; None: as in the study."""
    box_up: float | None = None
    lr: float | None = None
    wd: float | None = None
    found: Path | None = None
    """The table of optima that `sweep tune` has found; looked at before the shipped one."""


@dataclass(frozen=True, kw_only=True, slots=True)
class PlannedSweep:
    """A plan and the images it trains on."""

    plan: Plan
    splits: Splits | FileSplits
    """Empty with a training function of the user's own, which has data of its own."""


def _models(request: Request) -> list[str]:
    """Return each model once, with its arguments, as it stands in plans."""
    models = request.models or ([request.default_model] if request.trainer else [])
    return list(dict.fromkeys(map(request.name, models)))


def recipe_of(asked: Training) -> Recipe:
    """Return the recipe that is asked for, or that of a training function of the user's own.

    Raises
    ------
    InputError
        If there is none, or the function cannot be used, or does not go with what else is asked for.
    """
    if asked.trainer is None:
        return recipes.load(asked.recipe, epochs=asked.epochs)
    trainers.load(asked.trainer)
    given = [
        flag
        for flag, is_given in (
            ("--recipe", asked.recipe is not None),
            ("--data", asked.data is not None),
            ("--skip-corrupt", asked.skip_corrupt),
        )
        if is_given
    ]
    if given:
        raise InputError(f"--trainer brings its own data and schedule: leave {' and '.join(given)} out")
    if asked.epochs is None:
        raise InputError("--trainer needs to know how long to train: --epochs E")
    return of_trainer(asked.trainer, asked.epochs)
