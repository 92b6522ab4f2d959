"""From requests to plans."""

from collections.abc import Sequence
from dataclasses import dataclass

from sweep.core.plan import Plan, make_plan
from sweep.data.images import NO_IMAGES, FileSplits, Splits
from sweep.planning.command_options import Request
from sweep.planning.images import load_splits, training_px
from sweep.planning.inputs import Inputs
from sweep.planning.resolve import Resolved, resolve


@dataclass(frozen=True, kw_only=True, slots=True)
class PlannedSweep:
    """A plan and the images it trains on."""

    plan: Plan
    splits: Splits | FileSplits
    """Empty with a user-defined training function, which has data of its own."""
    notes: tuple[str, ...] = ()
    """What a reader should know of how the images were found and read."""


def make_plans(request: Request, inputs: Inputs | None = None) -> list[PlannedSweep]:
    """Plan one sweep a model.

    Raises
    ------
    InputError
        Naming all that is wrong with the request, or what is wrong with the data.
    """
    return plan_together([request], inputs)


def plan_together(requests: Sequence[Request], inputs: Inputs | None = None) -> list[PlannedSweep]:
    """Plan the sweeps of several requests of one recipe, whose epochs may differ; the data is read once.

    Raises
    ------
    InputError
        As `make_plans` does.
    """
    loaded: dict[int, Splits | FileSplits] = {}
    return [
        _plan(resolved, index, loaded)
        for resolved in resolve(requests, inputs)
        for index in range(len(resolved.models))
    ]


def _plan(resolved: Resolved, index: int, loaded: dict[int, Splits | FileSplits]) -> PlannedSweep:
    dataset, recipe = resolved.data.dataset, resolved.recipe
    if dataset is None:
        return PlannedSweep(plan=_make(resolved, index, px=0), splits=NO_IMAGES)
    px = training_px(resolved.models[index], recipe, dataset.classes)
    if px not in loaded:
        loaded[px] = load_splits(dataset, recipe, px)
    return PlannedSweep(plan=_make(resolved, index, px), splits=loaded[px], notes=resolved.data.notes)


def _make(resolved: Resolved, index: int, px: int) -> Plan:
    request, data, (optimum, box) = resolved.request, resolved.data, resolved.spaces[index]
    return make_plan(
        model=resolved.models[index],
        optimizer=request.optimizer,
        recipe=resolved.recipe,
        px=px,
        data_fingerprint=data.fingerprint,
        classes=data.classes,
        n=request.most_points,
        design=request.design,
        seed=request.seed,
        optimum=optimum,
        box=box,
        seeds=request.seeds,
        repeated=request.repeat,
        seeds_per_point=request.seeds_per_point,
        skipped_images=data.skipped_images,
        over=resolved.over[index],
        fixed=resolved.fixed,
    )
