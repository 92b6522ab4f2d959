"""From the words of a command line to plans: everything is checked before anything is written."""

import dataclasses
import re
import shlex
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import search_spaces
from search_spaces import Box, Found, Optimum, SearchSpaceError
from sweep import recipe as recipes
from sweep import trainer as trainers
from sweep.catalog import MODELS, stride
from sweep.data import NO_IMAGES, FileSplits, Source, Splits, open_source
from sweep.errors import InputError, unknown
from sweep.model_args import split, with_args
from sweep.plan import FOUND_FOR, GIVEN, Plan, make_plan
from sweep.recipe import Recipe
from sweep.selection import folder_words
from sweep.trial import OPTIMIZERS

BOXES = ("optimum", "paper")
MAX_SEEDS = 1000


@dataclass(frozen=True, kw_only=True, slots=True)
class Training:
    """How is to be trained what is asked for, whatever for."""

    model_args: str | None = None
    """Arguments of every model, as text."""
    optimizer: str = "adamw"
    trainer: str | None = None
    """A training function of the user's own, ``package.module:function``: in the place of a recipe."""
    recipe: str | None = None
    """None: `sweep.recipe.DEFAULT`, or none with a ``trainer``."""
    data: Path | None = None
    skip_corrupt: bool = False
    """Leave images out that cannot be read."""
    epochs: int | None = None
    seed: int = 0

    def name(self, model: str) -> str:
        """Return a model's name with its arguments, as it stands in plans."""
        return with_args(model, self.model_args)

    @property
    def usual_model(self) -> str:
        """The name of a trainer's model where none is given: the function's."""
        return (self.trainer or "").partition(":")[2]


@dataclass(frozen=True, kw_only=True, slots=True)
class Request(Training):
    """What is asked of `sweep run`."""

    models: Sequence[str]
    """Names, with arguments in brackets or without: ``resnet18(drop_path_rate=0.1)``."""
    n: int | None = 64
    """Points; None: no point, only the trials at the optimum."""
    seeds: int = 1
    """Trials at the optimum."""
    repeated: Sequence[int] = ()
    """Indices of points that are trained with as many seeds."""
    design: str = "iid"
    box: str = "optimum"
    box_down: float | None = None
    """The box ``optimum`` reaches down by this factor, and up by the next; None: as in the study."""
    box_up: float | None = None
    lr: float | None = None
    wd: float | None = None
    found: Path | None = None
    """The table of optima that `sweep tune` has found; looked at before the shipped one."""


@dataclass(frozen=True, kw_only=True, slots=True)
class PlannedSweep:
    """A plan and the images it trains on."""

    plan: Plan
    splits: Splits | FileSplits
    """Empty with a training function of the user's own, which has data of its own."""


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
        else open_source(planned[0][1], requests[0].data, skip_corrupt=requests[0].skip_corrupt)
    )
    loaded: dict[int, Splits | FileSplits] = {}
    return [
        _plan(request, model, recipe, source, loaded)
        for request, recipe in planned
        for model in _models(request)
    ]


def _models(request: Request) -> list[str]:
    """Return each model once, with its arguments, as it stands in plans."""
    models = request.models or ([request.usual_model] if request.trainer else [])
    return list(dict.fromkeys(map(request.name, models)))


def recipe_of(asked: Training) -> Recipe:
    """Return the recipe that is asked for, or that of a training function of the user's own.

    Raises
    ------
    InputError
        If there is none, or the function cannot be used, or does not go with what else is asked for.
    """
    if asked.trainer is None:
        return recipes.load(asked.recipe, epochs=asked.epochs)
    trainers.load(asked.trainer)
    given = [
        flag
        for flag, is_given in (
            ("--recipe", asked.recipe is not None),
            ("--data", asked.data is not None),
            ("--skip-corrupt", asked.skip_corrupt),
        )
        if is_given
    ]
    if given:
        raise InputError(f"--trainer brings its own data and schedule: leave {' and '.join(given)} out")
    if asked.epochs is None:
        raise InputError("--trainer needs to know how long to train: --epochs E")
    return recipes.of_trainer(asked.trainer, asked.epochs)


def _problems(request: Request) -> list[Exception]:
    """Find what is wrong with a request, short of its data."""
    problems: list[Exception] = []

    def attempt(check) -> None:  # type: ignore[no-untyped-def]
        try:
            check()
        except (InputError, SearchSpaceError) as error:
            problems.append(error)

    if not (request.models or request.trainer):
        problems.append(InputError("Missing option '--model': any of timm's, `sweep models` lists ours"))
    for model in request.models:
        attempt(lambda model=model: check_model(request, model))
    attempt(lambda: check_choice("optimizer", request.optimizer, OPTIMIZERS))
    attempt(lambda: check_choice("box", request.box, BOXES))
    attempt(lambda: recipe_of(request))
    if request.n is not None:
        attempt(lambda n=request.n: search_spaces.relative_points(request.design, n, request.seed))
    elif request.seed < 0:
        problems.append(InputError(f"seed must not be negative, got {request.seed}"))
    if not 1 <= request.seeds <= MAX_SEEDS:
        problems.append(InputError(f"--seeds takes a number from 1 to {MAX_SEEDS}, got {request.seeds}"))
    attempt(lambda: _check_repeated(request))
    if (request.lr is None) != (request.wd is None):
        problems.append(InputError("--lr and --wd name the optimum together: give both or neither"))
    if not problems:
        recipe = recipe_of(request)
        for model in _models(request):
            attempt(lambda model=model: _space(request, model, recipe))
    return problems


def _check_repeated(request: Request) -> None:
    """Refuse to repeat what is no point, or to repeat it with no further seed."""
    last = (request.n or 0) - 1
    wrong = [index for index in request.repeated if not 0 <= index <= last]
    if wrong:
        raise InputError(
            f"--repeat takes a point's index, from 0 to {last}, got {wrong[0]}: `sweep status SWEEP` lists "
            "them"
        )
    if request.repeated and request.seeds < 2:
        raise InputError(f"--repeat needs other seeds: give --seeds 2 or more, got {request.seeds}")


def check_choice(what: str, got: str, known: Sequence[str]) -> None:
    """Refuse a word that is none of those known."""
    if got not in known:
        raise unknown(what, got, known)


def check_model(asked: Training, model: str) -> None:
    """Refuse what is no model, and of a trainer's what no sweep can be called after."""
    name, _ = split(asked.name(model))
    if asked.trainer is None:
        check_model_name(asked.name(model))
    elif not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9_.-]*", name):
        raise InputError(f"a trainer's --model takes letters, digits, _, . and -, got {name[:80]!r}")


def check_model_name(model: str) -> None:
    """Refuse what is no model."""
    if split(model)[0] not in MODELS:
        from sweep import models  # imports torch and timm: only for a model that is not ours

        models.resolution(model)


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
        "--model": model, "--optimizer": request.optimizer,
        "--recipe": request.recipe or recipes.DEFAULT, "--data": request.data,
    }  # fmt: skip
    source = "on other data"
    if request.trainer:
        given = {"--trainer": request.trainer, "--epochs": request.epochs, "--optimizer": request.optimizer}
        if model != request.usual_model:
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


def _plan(
    request: Request,
    model: str,
    recipe: Recipe,
    source: Source | None,
    loaded: dict[int, Splits | FileSplits],
) -> PlannedSweep:
    if source is None:
        assert recipe.trainer
        fingerprint = trainers.load(recipe.trainer).fingerprint
        return PlannedSweep(plan=_make(request, model, recipe, 0, fingerprint, 0), splits=NO_IMAGES)
    px = training_px(model, recipe, source.classes)
    if px not in loaded:
        loaded[px] = load_splits(source, recipe, px)
    plan = _make(request, model, recipe, px, source.fingerprint, source.classes, source.left_out)
    return PlannedSweep(plan=plan, splits=loaded[px])


def _make(
    request: Request,
    model: str,
    recipe: Recipe,
    px: int,
    fingerprint: str,
    classes: int,
    left_out: tuple[str, ...] = (),
) -> Plan:
    optimum, box = _space(request, model, recipe, fingerprint)
    return make_plan(
        model=model, optimizer=request.optimizer, recipe=recipe, px=px,
        data_fingerprint=fingerprint, classes=classes,
        n=request.n or 0, design=request.design, seed=request.seed, optimum=optimum, box=box,
        seeds=request.seeds, repeated=request.repeated, left_out=left_out,
    )  # fmt: skip


def load_splits(source: Source, recipe: Recipe, px: int) -> Splits | FileSplits:
    """Load a recipe's images, having checked that there is a minibatch of them."""
    splits = source.load(px)
    if len(splits.train.labels) < recipe.batch:
        raise InputError(
            f"the recipe {recipe.name!r} takes minibatches of {recipe.batch} images, "
            f"but there are only {len(splits.train.labels)} to train on"
        )
    return splits


def training_px(model: str, recipe: Recipe, classes: int) -> int:
    """Return the resolution at which a model trains, having checked that it can.

    One of ours without arguments is known to work, and is not built: torch and timm take seconds to import.
    """
    if model not in MODELS:
        from sweep import models

        px = recipe.px(models.resolution(model)[0])
        models.check(model, num_classes=classes, px=px)
        return px
    px = recipe.px(MODELS[model].train_px)
    if px % stride(MODELS[model]):
        raise InputError(
            f"{model} needs images of a multiple of {stride(MODELS[model])} px; "
            f"the recipe {recipe.name!r} gives {px}"
        )
    return px
