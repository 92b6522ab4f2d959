"""From requests to plans."""

from collections.abc import Sequence

from sweep.core.plan import Plan, make_plan
from sweep.data.datasets import open_dataset
from sweep.data.images import NO_IMAGES, FileSplits, ImageDataset, Splits
from sweep.errors import InputError
from sweep.planning.checks import _problems
from sweep.planning.images import load_splits, training_px
from sweep.planning.optimum import _space
from sweep.planning.requests import PlannedSweep, Request, _models, recipe_of
from sweep.recipes.recipe import Recipe
from sweep.user_trainer import loading as trainers


def make_plans(request: Request) -> list[PlannedSweep]:
    """Plan one sweep a model.

    Raises
    ------
    InputError
        Naming all that is wrong with the request, or what is wrong with the data.
    """
    return plan_together([request])


def plan_together(requests: Sequence[Request]) -> list[PlannedSweep]:
    """Plan the sweeps of several requests of one recipe, whose epochs may differ; the data is read once.

    Raises
    ------
    InputError
        As `make_plans` does.
    """
    problems = dict.fromkeys(str(problem) for request in requests for problem in _problems(request))
    if problems:
        raise InputError("\n".join(problems))
    planned = [(request, recipe_of(request)) for request in requests]
    source = (
        None
        if planned[0][1].trainer
        else open_dataset(planned[0][1], requests[0].data, skip_corrupt=requests[0].skip_corrupt)
    )
    loaded: dict[int, Splits | FileSplits] = {}
    return [
        _plan(request, model, recipe, source, loaded)
        for request, recipe in planned
        for model in _models(request)
    ]


def _plan(
    request: Request,
    model: str,
    recipe: Recipe,
    source: ImageDataset | None,
    loaded: dict[int, Splits | FileSplits],
) -> PlannedSweep:
    if source is None:
        assert recipe.trainer
        fingerprint = trainers.load(recipe.trainer).fingerprint
        return PlannedSweep(plan=_make(request, model, recipe, 0, fingerprint, 0), splits=NO_IMAGES)
    px = training_px(model, recipe, source.classes)
    if px not in loaded:
        loaded[px] = load_splits(source, recipe, px)
    plan = _make(request, model, recipe, px, source.fingerprint, source.classes, source.skipped_images)
    return PlannedSweep(plan=plan, splits=loaded[px])


def _make(
    request: Request,
    model: str,
    recipe: Recipe,
    px: int,
    fingerprint: str,
    classes: int,
    skipped_images: tuple[str, ...] = (),
) -> Plan:
    optimum, box = _space(request, model, recipe, fingerprint)
    return make_plan(
        model=model,
        optimizer=request.optimizer,
        recipe=recipe,
        px=px,
        data_fingerprint=fingerprint,
        classes=classes,
        n=request.n or 0,
        design=request.design,
        seed=request.seed,
        optimum=optimum,
        box=box,
        seeds=request.seeds,
        repeated=request.repeated,
        skipped_images=skipped_images,
    )
