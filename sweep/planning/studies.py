"""The four studies of arXiv:2106.14881, each as requests of sweeps: what `sweep study` trains.

They are the very sweeps that `sweep run` would plan, so that nothing is trained twice.
"""

from collections.abc import Sequence
from dataclasses import fields

from sweep.core.model_spec import split
from sweep.core.optimizer_catalog import OF_THE_PAPER, OPTIMIZERS
from sweep.errors import InputError, unknown
from sweep.models.catalog import MODELS
from sweep.planning.command_options import SEEDS, DataOptions, PointOptions, Request, Study
from sweep.planning.inputs import Inputs
from sweep.planning.plans import PlannedSweep, plan_together
from sweep.recipes.recipe import Recipe

KINDS = ("lengths", "optimizers", "hyperparameters", "peak")
FAMILIES = ("ViT_P", "ViT_C", "RegNetY")
_ONE_OPTIMIZER = ("lengths", "peak")

_MULTIPLES = {"lengths": (0.5, 1, 2, 4), "optimizers": (0.5, 1, 2, 4), "peak": (1, 2, 4)}
_IMAGENET = {"lengths": (50, 100, 200, 400), "optimizers": (50, 100, 200, 400), "peak": (100, 200, 400)}

_SHARED = {f.name for group in (DataOptions, PointOptions) for f in fields(group)} | {"seed", "found"}
"""What a study and each of its requests are asked alike."""


def plan_study(study: Study, inputs: Inputs | None = None) -> list[PlannedSweep]:
    """Plan all sweeps of a study, the longest trainings first.

    Raises
    ------
    InputError
        As `requests_of` and `sweep.planning.plans.make_plans` do.
    """
    inputs = inputs or Inputs()
    return plan_together(requests_of(study, inputs), inputs)


def requests_of(study: Study, inputs: Inputs | None = None) -> list[Request]:
    """Return what a study trains: the longest trainings first, as the last ones run alone.

    Raises
    ------
    InputError
        If the paper has no model of a size, or takes no such optimizers or lengths.
    """
    _check(study)
    own = (inputs or Inputs()).recipe(study.recipe)
    models = _models(study, own)
    shared = {name: getattr(study, name) for name in _SHARED}
    usual = SEEDS if study.kind == "hyperparameters" else 1
    return [
        Request(
            models=chosen,
            optimizer=optimizer,
            epochs=None if length == own.epochs else length,
            seeds=usual if study.seeds is None else study.seeds,
            **shared | ({} if study.kind == "hyperparameters" else {"n": None}),
        )
        for length in sorted(lengths_of(study, own), reverse=True)
        for optimizer in OPTIMIZERS
        if (chosen := [model for model in models if optimizer in _optimizers(study, model)])
    ]


def lengths_of(study: Study, own: Recipe) -> list[int]:
    """Return the epochs that a study trains for, ascending; ``own`` is its recipe as in its file."""
    if study.epochs:
        return sorted(set(study.epochs))
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
    return [best_optimizer(model)] if study.kind in _ONE_OPTIMIZER else OF_THE_PAPER


def _check(study: Study) -> None:
    for optimizer in study.optimizers:
        if optimizer not in OPTIMIZERS:
            raise unknown("optimizer", optimizer, OPTIMIZERS)
    if study.kind in _ONE_OPTIMIZER and len(set(study.optimizers)) > 1:
        raise InputError(
            f"`sweep study {study.kind}` takes one `optimizer`, got {', '.join(study.optimizers)}; without "
            "it, each model's best: SGD for RegNetY, AdamW for the others"
        )
    got = ", ".join(map(str, study.epochs))
    if study.kind == "hyperparameters" and len(set(study.epochs)) > 1:
        raise InputError(f"`sweep study hyperparameters` takes one `epochs`, got {got}")
    if study.kind == "lengths" and len(set(study.epochs)) == 1:
        raise InputError(
            f"`sweep study lengths` compares at least two lengths, got only `epochs` {got}: repeat the option"
        )


def _models(study: Study, own: Recipe) -> list[str]:
    """Return the models that a study trains, each once."""
    sizes = list(study.sizes) or ([] if study.models else _usual_sizes(study, own))
    return list(dict.fromkeys([*(name for size in sizes for name in _of_size(size)), *study.models]))


def _usual_sizes(study: Study, own: Recipe) -> list[str]:
    if own.name != "imagenet":
        return ["1mf"]
    return ["1gf", "4gf", "18gf"] + (["36gf"] if study.kind == "peak" else [])


def _of_size(size: str) -> list[str]:
    """Return the study's models in the panel of a size: RegNetY-16GF stands beside the ViTs of 18GF."""
    trio = {name: spec for name, spec in MODELS.items() if name == f"{spec.family}_{spec.size}".lower()}
    known = {spec.size.lower(): spec.panel for spec in trio.values() if spec.family in FAMILIES}
    if size.lower() not in known:
        raise unknown("size", size, known, "`model` takes any model instead.")
    panel = known[size.lower()]
    return [name for name, spec in trio.items() if spec.family in FAMILIES and spec.panel == panel]
