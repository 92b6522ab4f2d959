"""From a request of `sweep tune` to what is searched: everything is checked before anything is written."""

import dataclasses
from dataclasses import dataclass

import search_spaces
from search_spaces import Box, Hyperparameter
from sweep.core.optimizer_catalog import OPTIMIZERS
from sweep.core.search_plan import SearchBudget, SearchPlan
from sweep.data.images import NO_IMAGES, FileSplits, Splits
from sweep.errors import InputError
from sweep.planning.command_options import TuneRequest
from sweep.planning.images import load_splits, training_px
from sweep.planning.inputs import Inputs
from sweep.planning.request_rules import Problems, check_choice, check_models, check_range
from sweep.planning.resolve import Data, open_data, recipe_of
from sweep.planning.swept_hyperparameters import hyperparameters, read_space
from sweep.recipes.recipe import Recipe

MOST_TRIALS, MOST_SEEDS = 1000, 100


@dataclasses.dataclass(frozen=True, kw_only=True)
class ResolvedSearch:
    """What a request for a search means."""

    request: TuneRequest
    recipe: Recipe
    model: str
    """With its arguments, as it stands in plans."""
    box: Box
    """The ranges of learning rate and weight decay."""
    over: tuple[Hyperparameter, ...]
    """What is searched beside them."""
    data: Data


def budget_of(request: TuneRequest) -> SearchBudget:
    """Return how much is tried."""
    return SearchBudget(points=request.n_trials, finalists=request.finalists, seeds=request.seeds)


def resolve_search(request: TuneRequest, inputs: Inputs | None = None) -> ResolvedSearch:
    """Find out what a request for a search means.

    Raises
    ------
    InputError
        Naming all that is wrong with the request, or what is wrong with the data.
    """
    inputs, problems = inputs or Inputs(), Problems()
    _check_budget(request, problems)
    check_models(request, _models(request), problems)
    with problems.noted():
        search_spaces.relative_points("sobol", 16, request.seed)
    box = _box(request, problems)
    sound = not problems
    recipe = recipe_of(request, inputs, problems)
    over = _over(request, recipe, problems) if sound and recipe else ()
    problems.refuse()
    assert box
    assert recipe
    (model,) = request.names(_models(request))
    data = open_data(recipe, request, inputs)
    return ResolvedSearch(request=request, recipe=recipe, model=model, box=box, over=over, data=data)


@dataclass(frozen=True, kw_only=True, slots=True)
class PlannedSearch:
    """A search's plan and the images it trains on."""

    plan: SearchPlan
    splits: FileSplits | Splits
    """Empty with a user-defined training function, which has data of its own."""
    notes: tuple[str, ...] = ()
    """What a reader should know of how the images were found and read."""


def plan_search(request: TuneRequest, inputs: Inputs | None = None) -> PlannedSearch:
    """Plan a search.

    Raises
    ------
    InputError
        As `resolve_search` does.
    """
    resolved = resolve_search(request, inputs)
    dataset = resolved.data.dataset
    if dataset is None:
        return PlannedSearch(plan=_plan(resolved, px=0), splits=NO_IMAGES)
    px = training_px(resolved.model, resolved.recipe, dataset.classes)
    splits = load_splits(dataset, resolved.recipe, px)
    return PlannedSearch(plan=_plan(resolved, px), splits=splits, notes=resolved.data.notes)


def _plan(resolved: ResolvedSearch, px: int) -> SearchPlan:
    data = resolved.data
    return SearchPlan(
        model=resolved.model,
        optimizer=resolved.request.optimizer,
        recipe=resolved.recipe,
        box=resolved.box,
        seed=resolved.request.seed,
        px=px,
        data_fingerprint=data.fingerprint,
        classes=data.classes,
        skipped_images=data.skipped_images,
        over=resolved.over,
    )


def _models(request: TuneRequest) -> list[str]:
    return [] if request.model is None else [request.model]


def _check_budget(request: TuneRequest, problems: Problems) -> None:
    with problems.noted():
        check_range("n_trials", request.n_trials, 1, MOST_TRIALS)
    with problems.noted():
        check_range("finalists", request.finalists, 1, max(1, request.n_trials))
    with problems.noted():
        check_range("seeds", request.seeds, 2, MOST_SEEDS)


def _box(request: TuneRequest, problems: Problems) -> Box | None:
    """Return the ranges that are searched; None where the optimizer or a range is none."""
    with problems.noted():
        check_choice("optimizer", request.optimizer, OPTIMIZERS)
        box = search_spaces.searched(request.optimizer)
        changes: dict[str, float] = {}
        for name, text in (("lr", request.lr_range), ("wd", request.wd_range)):
            if text is not None:
                changes |= dict(zip((f"{name}_low", f"{name}_high"), _range(name, text), strict=True))
        return dataclasses.replace(box, **changes)
    return None


def _over(request: TuneRequest, recipe: Recipe, problems: Problems) -> tuple[Hyperparameter, ...]:
    """Return what is searched beside learning rate and weight decay."""
    with problems.noted():
        if fixed := read_space(request)[1]:
            raise InputError(f"`over`: a search needs {' and '.join(fixed)}, too: name it")
        (model,) = request.names(_models(request))
        return hyperparameters(request, recipe, model)
    return ()


def _range(name: str, text: str) -> tuple[float, float]:
    try:
        low, high = map(float, text.split(":"))
    except ValueError:
        raise InputError(f"`{name}_range` takes LOW:HIGH, such as 1e-4:1e-1, got {text!r}") from None
    return low, high
