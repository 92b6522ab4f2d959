"""From requests to what they mean: recipe, models, optima, data. Everything is checked, and read once."""

from collections.abc import Sequence
from dataclasses import dataclass

from search_spaces import Box, Hyperparameter, Optimum
from sweep.data.datasets import DataReading, check_place, open_dataset
from sweep.data.images import ImageDataset
from sweep.planning.choose_optimum import OptimumLookup
from sweep.planning.command_options import Request, TrainingOptions
from sweep.planning.inputs import Inputs
from sweep.planning.request_rules import Problems, check_request
from sweep.planning.swept_hyperparameters import read_space
from sweep.recipes.recipe import Recipe
from sweep.user_trainer import loading as trainers


@dataclass(frozen=True, kw_only=True)
class Data:
    """What a training trains on."""

    dataset: ImageDataset | None
    """None with a user-defined training function, which has data of its own."""
    fingerprint: str
    """Of the images; of the source file of a training function."""

    @property
    def classes(self) -> int:
        """How many classes the images have; 0 without images."""
        return self.dataset.classes if self.dataset else 0

    @property
    def notes(self) -> tuple[str, ...]:
        """What a reader should know of how the images were found and read."""
        return self.dataset.notes if self.dataset else ()

    @property
    def skipped_images(self) -> tuple[str, ...]:
        """Images that cannot be read."""
        return self.dataset.skipped_images if self.dataset else ()


@dataclass(frozen=True, kw_only=True)
class Resolved:
    """What a request means."""

    request: Request
    recipe: Recipe
    models: tuple[str, ...]
    """Each once, with its arguments, as it stands in plans."""
    spaces: tuple[tuple[Optimum, Box], ...]
    """Of each model: its optimum, and the box around it."""
    over: tuple[tuple[Hyperparameter, ...], ...]
    """Of each model: what is swept beside learning rate and weight decay."""
    fixed: tuple[str, ...]
    """Which of these two stay at the optimum."""
    data: Data


def resolve(requests: Sequence[Request], inputs: Inputs | None = None) -> list[Resolved]:
    """Find out what requests of one recipe, whose epochs may differ, mean.

    Parameters
    ----------
    requests : sequence of Request
        What is asked for. All have the same data.
    inputs : Inputs, optional
        Files that were read already.

    Returns
    -------
    list of Resolved
        One a request.

    Raises
    ------
    InputError
        Naming all that is wrong with the requests, or what is wrong with the data: it is read last, as that
        may take minutes.
    """
    inputs, problems = inputs or Inputs(), Problems()
    lookups = [_lookup(request, inputs, problems) for request in requests]
    problems.refuse()
    known = [lookup for lookup in lookups if lookup]
    data = open_data(known[0].recipe, requests[0], inputs)
    return [_resolved(lookup, data) for lookup in known]


def open_data(recipe: Recipe, asked: TrainingOptions, inputs: Inputs) -> Data:
    """Open what a training trains on; ``inputs`` hears how far its files are read.

    Raises
    ------
    InputError
        If the data is missing, damaged or unfit. The file is named.
    """
    if recipe.trainer:
        return Data(dataset=None, fingerprint=trainers.load_as_it_stands(recipe.trainer).fingerprint)
    reading = DataReading(verify=asked.verify_data, observer=inputs.reading)
    dataset = open_dataset(recipe, asked.data, skip_corrupt=asked.skip_corrupt, reading=reading)
    return Data(dataset=dataset, fingerprint=dataset.fingerprint)


def recipe_of(asked: TrainingOptions, inputs: Inputs, problems: Problems) -> Recipe | None:
    """Return the recipe that is asked for, having noted what is wrong with it or with where its data lies."""
    with problems.noted():
        recipe = inputs.recipe_of(asked)
        if not recipe.trainer:
            with problems.noted():
                check_place(
                    recipe, asked.data, skip_corrupt=asked.skip_corrupt, verify_data=asked.verify_data
                )
        return recipe
    return None


def _lookup(request: Request, inputs: Inputs, problems: Problems) -> OptimumLookup | None:
    """Note what is wrong with a request, short of its data; None if that is its recipe."""
    before = len(problems)
    check_request(request, problems)
    sound = len(problems) == before
    recipe = recipe_of(request, inputs, problems)
    if recipe is None:
        return None
    usual = recipe.epochs if recipe.trainer else inputs.recipe(request.recipe).epochs
    table = []
    with problems.noted():
        table = inputs.optima(request.found) if request.found else []
    lookup = OptimumLookup(request=request, recipe=recipe, usual_epochs=usual, table=table)
    for model in request.names(request.models) if sound else ():
        with problems.noted():
            lookup.space(model)
        with problems.noted():
            lookup.over(model)
    return lookup


def _resolved(lookup: OptimumLookup, data: Data) -> Resolved:
    request, recipe = lookup.request, lookup.recipe
    models = request.names(request.models)
    return Resolved(
        request=request,
        recipe=recipe,
        models=models,
        spaces=tuple(lookup.space(model, data.fingerprint) for model in models),
        over=tuple(lookup.over(model, data.fingerprint) for model in models),
        fixed=read_space(request)[1],
        data=data,
    )
