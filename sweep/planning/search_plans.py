"""From the words of `sweep tune` to what is searched: everything is checked before anything is written."""

import dataclasses
from dataclasses import dataclass
from functools import partial

import search_spaces
from search_spaces import Box, SearchSpaceError
from sweep.core.search_plan import SearchBudget, SearchPlan
from sweep.core.trial import OPTIMIZERS
from sweep.data.datasets import open_dataset
from sweep.data.images import NO_IMAGES, FileSplits, Splits
from sweep.errors import InputError
from sweep.planning.checks import check_choice, check_model
from sweep.planning.images import load_splits, training_px
from sweep.planning.requests import Training, recipe_of
from sweep.user_trainer import loading as trainers

MOST_TRIALS, MOST_SEEDS = 1000, 100


@dataclass(frozen=True, kw_only=True, slots=True)
class TuneRequest(Training):
    """What is asked of `sweep tune`."""

    model: str | None
    """None: with a ``trainer`` the function's name."""
    effort: SearchBudget
    lr_range: str | None = None
    wd_range: str | None = None

    @property
    def words(self) -> list[str]:
        """The options that ask `sweep run` for the same training."""
        given = {
            "--model": self.model,
            "--model-args": self.model_args,
            "--trainer": self.trainer,
            "--optimizer": self.optimizer,
            "--recipe": self.recipe,
            "--data": self.data,
            "--epochs": self.epochs,
        }
        words = [word for flag, value in given.items() if value is not None for word in (flag, str(value))]
        return words + (["--skip-corrupt"] if self.skip_corrupt else [])


def plan_search(request: TuneRequest) -> tuple[SearchPlan, FileSplits | Splits]:
    """Plan a search; return it with the images that it trains on: none with a trainer, which has its own.

    Raises
    ------
    InputError
        Naming all that is wrong with the request, or what is wrong with the data.
    """
    problems = _problems(request)
    if problems:
        raise InputError("\n".join(problems))
    recipe = recipe_of(request)
    model = request.name(request.model or request.default_model)
    plan = partial(
        SearchPlan,
        model=model,
        optimizer=request.optimizer,
        recipe=recipe,
        box=_box(request),
        seed=request.seed,
    )
    if recipe.trainer:
        return plan(px=0, data_fingerprint=trainers.load(recipe.trainer).fingerprint, classes=0), NO_IMAGES
    source = open_dataset(recipe, request.data, skip_corrupt=request.skip_corrupt)
    px = training_px(model, recipe, source.classes)
    splits = load_splits(source, recipe, px)
    return plan(
        px=px,
        data_fingerprint=source.fingerprint,
        classes=source.classes,
        skipped_images=source.skipped_images,
    ), splits


def _problems(request: TuneRequest) -> list[str]:
    problems = _effort_problems(request.effort)
    checks = [
        lambda: _check_model(request),
        lambda: check_choice("optimizer", request.optimizer, OPTIMIZERS),
        lambda: recipe_of(request),
        lambda: search_spaces.relative_points("sobol", 16, request.seed),
        lambda: request.optimizer not in OPTIMIZERS or _box(request),
    ]
    for check in checks:
        try:
            check()
        except (InputError, SearchSpaceError) as error:
            problems.append(str(error))
    return problems


def _effort_problems(effort: SearchBudget) -> list[str]:
    rules = [
        ("--n-trials", effort.points, 1, MOST_TRIALS),
        ("--finalists", effort.finalists, 1, max(1, effort.points)),
        ("--seeds", effort.seeds, 2, MOST_SEEDS),
    ]
    return [
        f"{flag} takes a number from {least} to {most}, got {value}"
        for flag, value, least, most in rules
        if not least <= value <= most
    ]


def _check_model(request: TuneRequest) -> None:
    if request.model is not None:
        check_model(request, request.model)
    elif request.trainer is None:
        raise InputError("Missing option '--model': any of timm's, `sweep models` lists ours")
    else:
        request.name(request.default_model)  # its arguments


def _box(request: TuneRequest) -> Box:
    """Return the ranges that are searched."""
    box = search_spaces.searched(request.optimizer)
    changes: dict[str, float] = {}
    for name, text in (("lr", request.lr_range), ("wd", request.wd_range)):
        if text is not None:
            changes |= dict(zip((f"{name}_low", f"{name}_high"), _range(name, text), strict=True))
    return dataclasses.replace(box, **changes)


def _range(name: str, text: str) -> tuple[float, float]:
    try:
        low, high = map(float, text.split(":"))
    except ValueError:
        raise InputError(f"--{name}-range takes LOW:HIGH, such as 1e-4:1e-1, got {text!r}") from None
    return low, high
