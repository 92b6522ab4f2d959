"""The four studies of arXiv:2106.14881, each as requests of sweeps: what `sweep study` trains.

They are the very sweeps that `sweep run` would plan, so that nothing is trained twice.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from sweep.core.model_spec import split
from sweep.core.trial import OPTIMIZERS
from sweep.errors import InputError, unknown
from sweep.models.catalog import MODELS
from sweep.planning.requests import Request
from sweep.recipes import loading as recipes

KINDS = ("lengths", "optimizers", "hyperparameters", "peak")
FAMILIES = ("ViT_P", "ViT_C", "RegNetY")
_ONE_OPTIMIZER = ("lengths", "peak")

_MULTIPLES = {"lengths": (0.5, 1, 2, 4), "optimizers": (0.5, 1, 2, 4), "peak": (1, 2, 4)}
_IMAGENET = {"lengths": (50, 100, 200, 400), "optimizers": (50, 100, 200, 400), "peak": (100, 200, 400)}


@dataclass(frozen=True, kw_only=True, slots=True)
class Study:
    """What is asked of `sweep study`."""

    kind: str
    sizes: Sequence[str] = ()
    """Each stands for three models. Empty and no ``models``: the study's on ``imagenet``, 1MF elsewhere."""
    models: Sequence[str] = ()
    """Instead of, or beside, the models of the sizes."""
    optimizers: Sequence[str] = ()
    """Empty: those of the study, `best_optimizer` where it has one a model."""
    recipe: str = "digits"
    data: Path | None = None
    skip_corrupt: bool = False
    epochs: Sequence[int] = ()
    """Lengths of training. Empty: the study's on ``imagenet``, multiples of the recipe's own elsewhere."""
    n: int = 64
    seeds: int = 1
    design: str = "iid"
    box: str = "optimum"
    box_down: float | None = None
    """See `sweep.planning.requests.Request`."""
    box_up: float | None = None
    seed: int = 0
    found: Path | None = None
    """The table of optima that `sweep tune` has found."""


def requests_of(study: Study) -> list[Request]:
    """Return what a study trains: the longest trainings first, as the last ones run alone.

    Raises
    ------
    InputError
        If the study has no model of a size, or takes no such optimizers or lengths.
    """
    _check(study)
    models, own = _models(study), recipes.load(study.recipe).epochs
    points = study.n if study.kind == "hyperparameters" else None
    return [
        Request(
            models=chosen,
            optimizer=optimizer,
            recipe=study.recipe,
            data=study.data,
            skip_corrupt=study.skip_corrupt,
            epochs=None if length == own else length,
            n=points,
            seeds=study.seeds,
            design=study.design,
            box=study.box,
            box_down=study.box_down,
            box_up=study.box_up,
            seed=study.seed,
            found=study.found,
        )
        for length in sorted(lengths_of(study), reverse=True)
        for optimizer in OPTIMIZERS
        if (chosen := [model for model in models if optimizer in _optimizers(study, model)])
    ]


def lengths_of(study: Study) -> list[int]:
    """Return the epochs that a study trains for, ascending."""
    if study.epochs:
        return sorted(set(study.epochs))
    own = recipes.load(study.recipe)
    if study.kind == "hyperparameters":
        return [own.epochs]
    if own.name == "imagenet":
        return list(_IMAGENET[study.kind])
    return sorted({max(1, round(own.epochs * factor)) for factor in _MULTIPLES[study.kind]})


def best_optimizer(model: str) -> str:
    """Return the optimizer that a model trains best with: SGD for RegNetY, AdamW for the others (§5)."""
    spec = MODELS.get(split(model)[0])
    return "sgd" if spec and spec.family == "RegNetY" else "adamw"


def _optimizers(study: Study, model: str) -> Sequence[str]:
    if study.optimizers:
        return study.optimizers
    return [best_optimizer(model)] if study.kind in _ONE_OPTIMIZER else OPTIMIZERS


def _check(study: Study) -> None:
    for optimizer in study.optimizers:
        if optimizer not in OPTIMIZERS:
            raise unknown("optimizer", optimizer, OPTIMIZERS)
    if study.kind in _ONE_OPTIMIZER and len(set(study.optimizers)) > 1:
        raise InputError(
            f"`sweep study {study.kind}` takes one --optimizer, got {', '.join(study.optimizers)}; without "
            "it, each model's best: SGD for RegNetY, AdamW for the others"
        )
    got = ", ".join(map(str, study.epochs))
    if study.kind == "hyperparameters" and len(set(study.epochs)) > 1:
        raise InputError(f"`sweep study hyperparameters` takes one --epochs, got {got}")
    if study.kind == "lengths" and len(set(study.epochs)) == 1:
        raise InputError(
            f"`sweep study lengths` compares at least two lengths, got only --epochs {got}: repeat the option"
        )


def _models(study: Study) -> list[str]:
    """Return the models that a study trains, each once."""
    sizes = list(study.sizes) or ([] if study.models else _usual_sizes(study))
    return list(dict.fromkeys([*(name for size in sizes for name in _of_size(size)), *study.models]))


def _usual_sizes(study: Study) -> list[str]:
    if recipes.load(study.recipe).name != "imagenet":
        return ["1mf"]
    return ["1gf", "4gf", "18gf"] + (["36gf"] if study.kind == "peak" else [])


def _of_size(size: str) -> list[str]:
    """Return the study's models in the panel of a size: RegNetY-16GF stands beside the ViTs of 18GF."""
    known = {spec.size.lower(): spec.panel for spec in MODELS.values() if spec.family in FAMILIES}
    if size.lower() not in known:
        raise unknown("size", size, known, "--model takes any model instead.")
    panel = known[size.lower()]
    return [name for name, spec in MODELS.items() if spec.family in FAMILIES and spec.panel == panel]
