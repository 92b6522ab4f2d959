"""The optimum of a model, and the box around it."""

import dataclasses
import shlex

import search_spaces
from search_spaces import Box, Found, Optimum, SearchSpaceError
from sweep.cli.options import folder_words
from sweep.core.plan import FOUND_FOR, GIVEN
from sweep.errors import InputError
from sweep.planning.requests import Request
from sweep.recipes import loading as recipes
from sweep.recipes.loading import DEFAULT
from sweep.recipes.recipe import Recipe


def _space(request: Request, model: str, recipe: Recipe, data: str | None = None) -> tuple[Optimum, Box]:
    """Return the optimum and the box around it, for the recipe's batch.

    ``data`` is the fingerprint; None: of whichever data the optimum was found on.
    """
    optimum = _optimum(request, model, recipe, data)
    factors = {"down": request.box_down, "up": request.box_up}
    given = {name: factor for name, factor in factors.items() if factor is not None}
    if request.box == "paper":
        if given:
            raise InputError("--box-down and --box-up change the box optimum; --box paper has its own ranges")
        return optimum, search_spaces.paper(model, request.optimizer, recipe.name, recipe.batch)
    return optimum, search_spaces.around(optimum, **given)


def _optimum(request: Request, model: str, recipe: Recipe, data: str | None) -> Optimum:
    if request.lr is not None and request.wd is not None:
        return Optimum(lr=request.lr, weight_decay=request.wd, batch=recipe.batch, source=GIVEN)
    table = search_spaces.read_found(request.found) if request.found else []
    wanted = (model, request.optimizer, recipe.name)
    other_data = search_spaces.choose_found(table, *wanted, data=None, epochs=recipe.epochs)
    if found := search_spaces.choose_found(table, *wanted, data=data, epochs=recipe.epochs):
        optimum, usual = found.optimum, found.epochs
    elif exact := search_spaces.find_for(*wanted, recipe.epochs):
        optimum, usual = exact, recipe.epochs
    else:
        try:
            optimum, usual = search_spaces.find(*wanted), recipes.load(request.recipe).epochs
        except SearchSpaceError as error:
            raise _no_optimum(request, model, str(error), other_data) from error
    note = f"{FOUND_FOR}{usual} epochs, used for {recipe.epochs}" if usual != recipe.epochs else ""
    optimum = optimum.at_batch(recipe.batch)
    return dataclasses.replace(optimum, source=optimum.source + note)


def _no_optimum(request: Request, model: str, said: str, other: Found | None) -> InputError:
    """Say after ``said`` which command finds an optimum; ``other`` was found on other data.

    Of a trainer it was found with another version of its source. The command is for the usual length of
    training, as an optimum is used for other lengths, too.
    """
    given: dict[str, object] = {
        "--model": model,
        "--optimizer": request.optimizer,
        "--recipe": request.recipe or DEFAULT,
        "--data": request.data,
    }
    source = "on other data"
    if request.trainer:
        given = {"--trainer": request.trainer, "--epochs": request.epochs, "--optimizer": request.optimizer}
        if model != request.default_model:
            given["--model"] = model
        said = (
            f"no optimum is known for {model} with {request.optimizer} and --trainer {request.trainer}, so "
            "there is no box to sweep."
        )
        source = "with another version of its source"
    words = [word for flag, value in given.items() if value is not None for word in (flag, str(value))]
    words += ["--skip-corrupt"] if request.skip_corrupt else []
    words += folder_words(request.found.parent) if request.found else []
    text = f"{said} Find one: {shlex.join(['sweep', 'tune', *words])}. Or give one to `sweep run`: --lr L "
    text += "--wd W."
    if other:
        place = f"{request.found}, --lr {other.lr:.6g} --wd {other.weight_decay:.6g}"
        text += f" The one in {place}, was found {source}."
    return InputError(text)
