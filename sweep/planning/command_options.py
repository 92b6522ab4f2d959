"""The options of `sweep run`, `sweep tune` and `sweep study`, and of their twins in Python.

Each option is written down once, here or in `sweep.core.resources`, where trials run. Nothing heavy is
imported: the command line makes its help of these groups.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from sweep.core.model_spec import with_args
from sweep.core.optimizer_catalog import LISTED
from sweep.utils.option_groups import option

DEFAULT_FOLDER = Path("sweeps")
SEEDS = 5
"""Trials at an optimum where robustness is measured: with fewer than three, Δ has no interval."""
_POINTS = "Points around the optimum"


@dataclass(frozen=True, kw_only=True)
class DataOptions:
    """The recipe, and the images that it trains on."""

    recipe: str | None = option(None, "Name of a recipe, or path of a .toml. Default: digits.")
    data: Path | None = option(None, "Folder of the data, if the recipe needs one.")
    skip_corrupt: bool = option(False, "Leave images out that cannot be read, and say which.")
    verify_data: bool = option(False, "Read all images again, even if their size and times are unchanged.")


@dataclass(frozen=True, kw_only=True)
class MethodOptions:
    """What trains: the optimizer, arguments of the models, a training function of one's own."""

    model_args: str | None = option(None, "Arguments of the models, such as drop_path_rate=0.1,depth=6.")
    trainer: str | None = option(
        None, "Your own training function, with --epochs.", metavar="MODULE:FUNCTION"
    )
    optimizer: str = option("adamw", f"{LISTED}.")


@dataclass(frozen=True, kw_only=True)
class TrainingOptions(DataOptions, MethodOptions):
    """How one model is trained, whatever for."""

    epochs: int | None = option(None, "Train for this long instead of the recipe's.")

    def name(self, model: str) -> str:
        """Return a model's name with its arguments, as it stands in plans."""
        return with_args(model, self.model_args)

    @property
    def default_model(self) -> str:
        """The name of a trainer's model where none is given: the function's."""
        return (self.trainer or "").partition(":")[2]

    def names(self, models: Sequence[str]) -> tuple[str, ...]:
        """Return each model once, with its arguments, as it stands in plans."""
        given = models or ([self.default_model] if self.trainer else [])
        return tuple(dict.fromkeys(map(self.name, given)))


@dataclass(frozen=True, kw_only=True)
class PointOptions:
    """Which points of a box are trained."""

    n: int | None = option(64, "Points around each optimum, which is trained too.", panel=_POINTS)
    """None: no point, only the trials at the optimum."""
    design: str = option("iid", "iid, sobol or grid.", panel=_POINTS)
    over: str | None = option(
        None,
        "What is swept. Default: lr,weight_decay. Others with their range: "
        "lr,weight_decay,beta2=0.9:0.999:logit,warmup_epochs=0:5.",
        metavar="NAMES",
        panel=_POINTS,
    )
    box: str = option("optimum", "optimum (× 1/8 to 4) or paper (the paper's ranges).", panel=_POINTS)
    box_down: float | None = option(None, "Factor the box reaches down by, instead of 8.", panel=_POINTS)
    box_up: float | None = option(None, "Factor the box reaches up by, instead of 4.", panel=_POINTS)


@dataclass(frozen=True, kw_only=True)
class SpaceOptions(PointOptions):
    """Where a sweep looks: the optimum, the box around it, points and seeds."""

    lr: float | None = option(None, "Learning rate of the optimum, if none is known.", panel=_POINTS)
    wd: float | None = option(None, "Weight decay of the optimum, if none is known.", panel=_POINTS)
    seeds: int = option(SEEDS, "Trials at the optimum; Δ is counted from their mean.", panel=_POINTS)
    repeat: Sequence[int] = option(
        (), "Point to train with as many seeds, by its index. May be repeated.", panel=_POINTS
    )
    seeds_per_point: int = option(
        1, "Trials at every point. If more than 1, a point counts with their mean.", panel=_POINTS
    )
    seed: int = option(0, "Draws the points and the initial weights.", panel=_POINTS)


@dataclass(frozen=True, kw_only=True)
class ModelOptions:
    """The models of a sweep."""

    models: Sequence[str] = option(
        (), "Model to sweep, any of timm's. May be repeated.", flag="--model", short="-m"
    )
    """Names, with arguments in brackets or without: ``resnet18(drop_path_rate=0.1)``."""


@dataclass(frozen=True, kw_only=True)
class RoundOptions:
    """Whether sweeps grow in rounds, until a comparison of them is settled."""

    until: str | None = option(
        None,
        "settled: train --n points of each model, then twice as many, and so on, until it is settled which "
        "model to take and which is more robust, or --max-n would not settle it.",
        metavar="settled",
        panel=_POINTS,
    )
    max_n: int | None = option(None, "The most points, with --until settled.", panel=_POINTS)


@dataclass(frozen=True, kw_only=True)
class Request(RoundOptions, SpaceOptions, TrainingOptions, ModelOptions):
    """What is asked of `sweep run`."""

    found: Path | None = None
    """The table of optima that `sweep tune` has found; looked at before the shipped one."""

    @property
    def most_points(self) -> int:
        """The points that are planned: in rounds, those of the last one."""
        return self.max_n or self.n or 0


@dataclass(frozen=True, kw_only=True)
class SearchOptions:
    """How an optimum is searched."""

    model: str | None = option(None, "Model to find an optimum of, any of timm's.", short="-m")
    """None: with a ``trainer`` the function's name."""
    n_trials: int = option(24, "Points that are tried.")
    finalists: int = option(4, "The best points, which are tried again.")
    seeds: int = option(4, "Other seeds that each finalist is trained with.")
    lr_range: str | None = option(
        None, "Searched instead of the optimizer's usual range.", metavar="LOW:HIGH"
    )
    wd_range: str | None = option(None, "The same of the weight decay.", metavar="LOW:HIGH")
    over: str | None = option(
        None,
        "What is searched. Default: lr,weight_decay. Others with their range: "
        "lr,weight_decay,beta2=0.9:0.999:logit.",
        metavar="NAMES",
    )
    seed: int = option(0, "Draws the first points and the initial weights.")


@dataclass(frozen=True, kw_only=True)
class TuneRequest(TrainingOptions, SearchOptions):
    """What is asked of `sweep tune`."""


@dataclass(frozen=True, kw_only=True)
class StudyOptions(DataOptions):
    """What all studies are asked."""

    sizes: Sequence[str] = option(
        (),
        "Sizes of models: ViT_P, ViT_C and RegNetY of each, such as 1mf, 1gf, 4gf, 18gf. May be repeated.",
        flag="--size",
    )
    """Empty and no ``models``: the study's on ``imagenet``, 1MF elsewhere."""
    models: Sequence[str] = option(
        (), "Any model, instead of a size or beside it.", flag="--model", short="-m"
    )
    optimizers: Sequence[str] = option((), f"{LISTED}, instead of what the study has.", flag="--optimizer")
    """Empty: those of the study, `sweep.planning.studies.best_optimizer` where it has one a model."""
    epochs: Sequence[int] = option((), "Train for this long. May be repeated: several lengths.")
    """Empty: the study's on ``imagenet``, multiples of the recipe's own elsewhere."""
    seeds: int | None = option(
        None, "Trials at each optimum. Default: 5 of a hyperparameters study, 1 of the others."
    )
    seed: int = option(0, "Draws the points and the initial weights.")


@dataclass(frozen=True, kw_only=True)
class Study(PointOptions, StudyOptions):
    """What is asked of `sweep study`."""

    kind: str
    found: Path | None = None
    """The table of optima that `sweep tune` has found."""


@dataclass(frozen=True, kw_only=True)
class FolderOptions:
    """The folder that a command works on."""

    folder: Path = option(
        DEFAULT_FOLDER, "Folder of sweeps and searches.", flag="--dir", variable="SWEEP_DIR"
    )


@dataclass(frozen=True, kw_only=True)
class OutputOptions(FolderOptions):
    """Whether anything is trained, and where it is written down."""

    dry_run: bool = option(False, "Say what would be trained, and stop.")


@dataclass(frozen=True, kw_only=True)
class RunOutputOptions(OutputOptions):
    """What a command of sweeps does beside training what is missing."""

    retry_failed: bool = option(False, "Train failed trials once more.")


@dataclass(frozen=True, kw_only=True)
class TuneOutputOptions(OutputOptions):
    """How a search is reported."""

    as_json: bool = option(False, "Print JSON.", flag="--json")


@dataclass(frozen=True, kw_only=True)
class StudyOutputOptions(RunOutputOptions):
    """What a study does beside training what is missing."""

    dry_run: bool = option(False, "Say what would be trained and what it costs here, and stop.")
    draw_only: bool = option(False, "Train nothing: draw what there is.")
    out: Path | None = option(
        None, "File of the figure. Default: the study's name and .pdf.", flag="--out", short="-o"
    )
