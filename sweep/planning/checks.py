"""What can be wrong with a request, all of it at once."""

import re
from collections.abc import Sequence

import search_spaces
from search_spaces import SearchSpaceError
from sweep.core.model_spec import split
from sweep.core.trial import OPTIMIZERS
from sweep.errors import InputError, unknown
from sweep.models.catalog import MODELS
from sweep.planning.optimum import _space
from sweep.planning.requests import Request, Training, _models, recipe_of

BOXES = ("optimum", "paper")
MAX_SEEDS = 1000


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
        from sweep.models import registry  # imports torch and timm: only for a model that is not ours

        registry.resolution(model)
