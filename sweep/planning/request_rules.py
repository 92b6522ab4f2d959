"""The rules for requests. All that is wrong is reported at once."""

import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import search_spaces
from search_spaces import FIRST, SearchSpaceError
from sweep.core.model_spec import split
from sweep.core.optimizer_catalog import OPTIMIZERS
from sweep.errors import InputError, unknown
from sweep.models.catalog import MODELS
from sweep.planning.command_options import Request, TrainingOptions
from sweep.planning.swept_hyperparameters import read_space

BOXES = ("optimum", "paper")
MAX_SEEDS = 1000
SETTLED = "settled"
LEAST_FIRST = {"iid": 8, "sobol": 48}
"""The fewest points of a first round, by design: three scrambles of 16, which limits take, or 8 points, as
fewer hardly show any difference."""


class Problems:
    """What is wrong with requests, each problem once."""

    def __init__(self) -> None:
        self._texts: dict[str, None] = {}

    def __len__(self) -> int:
        return len(self._texts)

    @contextmanager
    def noted(self) -> Iterator[None]:
        """Note what is raised for wrong input, and go on after the ``with`` statement."""
        try:
            yield
        except (InputError, SearchSpaceError) as error:
            self._texts[str(error)] = None

    def refuse(self) -> None:
        """Raise one `InputError` of all that was noted, if anything was."""
        if self._texts:
            raise InputError("\n".join(self._texts))


def check_request(request: Request, problems: Problems) -> None:
    """Note what is wrong with a request by itself, before any file is read."""
    check_models(request, request.models, problems)
    with problems.noted():
        check_choice("optimizer", request.optimizer, OPTIMIZERS)
    with problems.noted():
        check_choice("box", request.box, BOXES)
    with problems.noted():
        _check_points(request)
    with problems.noted():
        check_range("seeds", request.seeds, 1, MAX_SEEDS)
    with problems.noted():
        _check_repeats(request)
    with problems.noted():
        check_range("seeds_per_point", request.seeds_per_point, 1, MAX_SEEDS)
    with problems.noted():
        _check_rounds(request)
    with problems.noted():
        if (request.lr is None) != (request.wd is None):
            raise InputError("`lr` and `wd` name the optimum together: give both or neither")


def _check_rounds(request: Request) -> None:
    """Refuse rounds without an end, of one model, or of a design that cannot grow or be judged."""
    if request.until is None:
        if request.max_n is not None:
            raise InputError(f"`max_n` {request.max_n} ends the rounds of `until` settled: give both")
        return
    if request.until != SETTLED:
        raise InputError(f"`until` takes {SETTLED}, got {request.until[:80]!r}")
    if request.max_n is None:
        raise InputError("`until` settled needs the most points that you can afford: `max_n` N")
    if len(request.names(request.models)) < 2:
        raise InputError("`until` settled compares models: name two or more, each with `models`")
    if request.design not in LEAST_FIRST:
        raise InputError(
            f"`until` settled needs a `design` that can grow, {' or '.join(LEAST_FIRST)}, got "
            f"{request.design}"
        )
    least, first = LEAST_FIRST[request.design], request.n or 0
    if first < least:
        raise InputError(
            f"`n` are the points of the first round, at least {least} with `design` "
            f"{request.design}, got {first}"
        )
    if request.max_n < first:
        raise InputError(
            f"`max_n` must not be below the points of the first round, `n` {first}, got {request.max_n}"
        )


def check_models(asked: TrainingOptions, models: Sequence[str], problems: Problems) -> None:
    """Note which of the models are none, or that none is named."""
    with problems.noted():
        if not (models or asked.trainer):
            raise InputError("Missing option `model`: any of timm's, `sweep models` lists ours")
        if not models:
            asked.name(asked.default_model)  # reads its arguments
    for model in models:
        with problems.noted():
            check_model(asked, model)


def _check_points(request: Request) -> None:
    wanted, fixed = read_space(request)
    names = [*(name for name in FIRST if name not in fixed), *(each.name for each in wanted)]
    if request.n is not None:
        for n in dict.fromkeys((request.n, request.max_n or request.n)):
            search_spaces.relative_points(request.design, n, request.seed, names)
    elif request.seed < 0:
        raise InputError(f"seed must not be negative, got {request.seed}")


def _check_repeats(request: Request) -> None:
    """Refuse to repeat what is no point, or to repeat it with no further seed."""
    last = (request.n or 0) - 1
    wrong = [index for index in request.repeat if not 0 <= index <= last]
    if wrong:
        raise InputError(
            f"`repeat` takes a point's index, from 0 to {last}, got {wrong[0]}: `sweep status SWEEP` lists "
            "them"
        )
    if request.repeat and request.seeds < 2:
        raise InputError(f"`repeat` needs other seeds: give `seeds` 2 or more, got {request.seeds}")


def check_range(name: str, value: int, least: int, most: int) -> None:
    """Refuse a number outside a range."""
    if not least <= value <= most:
        raise InputError(f"`{name}` takes a number from {least} to {most}, got {value}")


def check_choice(what: str, got: str, known: Sequence[str]) -> None:
    """Refuse a word that is none of those known."""
    if got not in known:
        raise unknown(what, got, known)


def check_model(asked: TrainingOptions, model: str) -> None:
    """Refuse what is no model, and of a trainer's what no sweep can be called after."""
    name, _ = split(asked.name(model))
    if asked.trainer is None:
        _check_model_name(name)
    elif not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9_.-]*", name):
        raise InputError(f"a trainer's `model` takes letters, digits, _, . and -, got {name[:80]!r}")


def _check_model_name(name: str) -> None:
    if name not in MODELS:
        from sweep.models import timm_models  # imports torch and timm: only for a model that is not ours

        timm_models.resolution(name)
