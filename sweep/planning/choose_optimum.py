"""The optimum of a model, and the box around it."""

import dataclasses
import shlex
from collections.abc import Sequence
from dataclasses import dataclass

import search_spaces
from search_spaces import Box, Found, Hyperparameter, Optimum, SearchSpaceError
from sweep.core.plan import FOUND_FOR, GIVEN
from sweep.errors import InputError
from sweep.planning.command_options import FolderOptions, Request, TrainingOptions
from sweep.planning.swept_hyperparameters import hyperparameters, read_space
from sweep.recipes.loading import DEFAULT
from sweep.recipes.recipe import Recipe
from sweep.utils.option_groups import cli_args


@dataclass(frozen=True, kw_only=True)
class OptimumLookup:
    """What a request says of optima and boxes, and the tables that it is answered from."""

    request: Request
    recipe: Recipe
    usual_epochs: int
    """The recipe's own length of training, for which the shipped optima were found."""
    table: Sequence[Found]
    """Optima that were found here."""

    def space(self, model: str, data: str | None = None) -> tuple[Optimum, Box]:
        """Return a model's optimum and the box around it, for the recipe's batch.

        Parameters
        ----------
        model : str
            As it stands in plans.
        data : str, optional
            The data's fingerprint: optima found on other data are ignored. None accepts any.

        Raises
        ------
        InputError, SearchSpaceError
            If no optimum is known, or the box is none.
        """
        request, optimum = self.request, self._optimum(model, data)
        factors = {"down": request.box_down, "up": request.box_up}
        given = {name: factor for name, factor in factors.items() if factor is not None}
        if request.box != "paper":
            return optimum, search_spaces.around(optimum, **given)
        if given:
            raise InputError("`box_down` and `box_up` change the box optimum; `box` paper has its own ranges")
        return optimum, search_spaces.paper(model, request.optimizer, self.recipe.name, self.recipe.batch)

    def over(self, model: str, data: str | None = None) -> tuple[Hyperparameter, ...]:
        """Return what is swept of a model beside learning rate and weight decay; arguments as of `space`.

        Raises
        ------
        InputError, SearchSpaceError
            If nobody takes one of them, or not over its range.
        """
        given = self.request.lr is not None
        found = None if given else self._found_here(model, data)
        return hyperparameters(self.request, self.recipe, model, found.values if found else {})

    def _optimum(self, model: str, data: str | None) -> Optimum:
        request, recipe = self.request, self.recipe
        if request.lr is not None and request.wd is not None:
            return Optimum(lr=request.lr, weight_decay=request.wd, batch=recipe.batch, source=GIVEN)
        optimum, usual = self._known(model, data)
        note = f"{FOUND_FOR}{usual} epochs, used for {recipe.epochs}" if usual != recipe.epochs else ""
        optimum = optimum.at_batch(recipe.batch)
        return dataclasses.replace(optimum, source=optimum.source + note)

    def _known(self, model: str, data: str | None) -> tuple[Optimum, int]:
        """Look an optimum up: the nearest that was found here, else the shipped one; and for what length."""
        if found := self._found_here(model, data):
            return found.optimum, found.epochs
        wanted, epochs = (model, self.request.optimizer, self.recipe.name), self.recipe.epochs
        if exact := search_spaces.find_for(*wanted, epochs):
            return exact, epochs
        try:
            return search_spaces.find(*wanted), self.usual_epochs
        except SearchSpaceError as error:
            other = self._found_here(model, None)
            raise _no_optimum(self.request, model, str(error), other) from error

    def _found_here(self, model: str, data: str | None) -> Found | None:
        return search_spaces.choose_found(
            self.table,
            model,
            self.request.optimizer,
            self.recipe.name,
            data=data,
            epochs=self.recipe.epochs,
            over=[each.name for each in read_space(self.request)[0]],
            metric=self.recipe.metric.name if self.recipe.metric else "",
        )


def _no_optimum(request: Request, model: str, said: str, other: Found | None) -> InputError:
    """Say after ``said`` which command finds an optimum; ``other`` was found on other data.

    Of a trainer it was found with another version of its source.
    """
    source = "on other data"
    if request.trainer:
        said = (
            f"no optimum is known for {model} with {request.optimizer} and `trainer` {request.trainer}, so "
            "there is no box to sweep."
        )
        source = "with another version of its source"
    text = f"{said} Find one: {shlex.join(_search_for(request, model))}. "
    text += "Or give one to `sweep run`: --lr L --wd W."
    if other:
        place = f"{request.found}, --lr {other.lr:.6g} --wd {other.weight_decay:.6g}"
        text += f" The one in {place}, was found {source}."
    return InputError(text)


def _search_for(request: Request, model: str) -> list[str]:
    """Return the command that finds an optimum.

    It is for the usual length of training, as an optimum is used for other lengths, too.
    """
    wanted = dataclasses.replace(request, model_args=None)  # they stand in the model's name
    named = ["--model", model]
    if not request.trainer:
        wanted = dataclasses.replace(wanted, recipe=request.recipe or DEFAULT, epochs=None)
    elif model == request.default_model:
        named = []
    words = cli_args(wanted, TrainingOptions, always=["optimizer"])
    if request.found:
        words += cli_args(FolderOptions(folder=request.found.parent))
    return ["sweep", "tune", *named, *words]
