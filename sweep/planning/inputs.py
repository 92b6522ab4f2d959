"""The files that requests name: each is read once, however many plans are made from it."""

import functools

import search_spaces
from sweep.data.parallel_reading import IGNORED, ReadingObserver
from sweep.errors import InputError
from sweep.planning.command_options import TrainingOptions
from sweep.recipes import loading as recipes
from sweep.recipes.recipe import Recipe
from sweep.user_trainer import loading as trainers

_OF_IMAGES = ("recipe", "data", "skip_corrupt", "verify_data")
"""Options that a user-defined training function has no use for."""


class Inputs:
    """Recipes and tables of optima, read when they are first asked for.

    ``reading`` hears how far image files are read.
    """

    def __init__(self, reading: ReadingObserver = IGNORED) -> None:
        self.reading = reading
        self.recipe = functools.cache(recipes.load)
        """Return a recipe by its name or path, as it stands in its file."""
        self.optima = functools.cache(search_spaces.read_found)
        """Return a table of optima that were found here; none is an empty one."""

    def recipe_of(self, asked: TrainingOptions) -> Recipe:
        """Return the recipe that is asked for, or that of a user-defined training function.

        Raises
        ------
        InputError
            If there is none, or the function cannot be used, or does not go with what else is asked for.
        """
        if asked.trainer is None:
            return recipes.with_epochs(self.recipe(asked.recipe), asked.epochs)
        metric = trainers.load_as_it_stands(asked.trainer).metric
        given = [f"`{name}`" for name in _OF_IMAGES if getattr(asked, name) not in (None, False)]
        if given:
            raise InputError(f"`trainer` brings its own data and schedule: leave {' and '.join(given)} out")
        if asked.epochs is None:
            raise InputError("`trainer` needs to know how long to train: `epochs` E")
        return recipes.of_trainer(asked.trainer, asked.epochs, metric)
