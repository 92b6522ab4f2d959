"""Options of all commands that read trials, so that they mean the same everywhere."""

import functools
import inspect
from collections.abc import Callable
from typing import Annotated, Any

import typer
from rich.console import Console

from sweep.cli.options import DEFAULT_FOLDER, Folder
from sweep.errors import InputError
from sweep.results.selection import Filter, Trials, filtered, own_trials

_ELSEWHERE = "Trials from elsewhere"


Models = Annotated[list[str] | None, typer.Option("--model", "-m", help="Only this model. May be repeated.")]
Optimizers = Annotated[
    list[str] | None, typer.Option("--optimizer", help="Only this optimizer. May be repeated.")
]
RecipeFilter = Annotated[str | None, typer.Option("--recipe", help="Only this recipe.")]
Sweeps = Annotated[
    list[str] | None, typer.Option("--sweep", help="Only this sweep, by a beginning of its name.")
]
From = Annotated[
    list[str] | None,
    typer.Option(
        "--from",
        metavar="SOURCE",
        rich_help_panel=_ELSEWHERE,
        help="Instead of --dir: a .csv or .parquet table, a pycls sweep.json, a Ray Tune result folder, "
        "optuna:STORAGE::STUDY (or sqlite:///FILE.db::STUDY), or mlflow:EXPERIMENT. May be repeated.",
    ),
]
Columns = Annotated[
    list[str] | None,
    typer.Option(
        "--column",
        metavar="OURS=THEIRS",
        rich_help_panel=_ELSEWHERE,
        help="Which column of theirs is top1_err, lr, weight_decay, model, … May be repeated.",
    ),
]
Constants = Annotated[
    list[str] | None,
    typer.Option(
        "--set",
        metavar="OURS=VALUE",
        rich_help_panel=_ELSEWHERE,
        help="What is the same for all their trials, such as model=resnet50. May be repeated.",
    ),
]
Accuracy = Annotated[
    bool | None,
    typer.Option("--accuracy/--error", rich_help_panel=_ELSEWHERE, help="What their metric is."),
]
Fraction = Annotated[
    bool | None,
    typer.Option("--fraction/--percent", rich_help_panel=_ELSEWHERE, help="How their metric is written."),
]
Nan = Annotated[
    str | None,
    typer.Option(
        "--nan",
        metavar="STATE",
        rich_help_panel=_ELSEWHERE,
        help="What their trials without a finite metric are: diverged (a result, 100 %) or failed (none).",
    ),
]
Optima = Annotated[
    list[str] | None,
    typer.Option(
        "--optimum",
        metavar="lr=L,wd=W",
        rich_help_panel=_ELSEWHERE,
        help="Which trial is the optimum, the zero of Δ. With model=…, of that model only. May be repeated.",
    ),
]


def takes_trials(command: Callable[..., None], *, optima: bool = False) -> Callable[..., None]:
    """Give a command the options that choose trials; it is called with the `Trials` as its first argument.

    It calls `print_notes` before it prints anything, once nothing is left that could be refused. Sweeps
    without points are left out, unless ``optima`` is set.
    """
    options = inspect.signature(choose).parameters
    own = list(inspect.signature(command).parameters.values())[1:]

    @functools.wraps(command)
    def with_options(**given: Any) -> None:
        trials = choose(**{name: given.pop(name) for name in options})
        command(trials if optima else trials.with_points(), **given)

    with_options.__signature__ = inspect.Signature([*own, *options.values()])  # type: ignore[attr-defined]
    return with_options


takes_all_trials = functools.partial(takes_trials, optima=True)


def choose(
    model: Models = None,
    optimizer: Optimizers = None,
    recipe: RecipeFilter = None,
    sweep: Sweeps = None,
    folder: Folder = DEFAULT_FOLDER,
    source: From = None,
    column: Columns = None,
    constant: Constants = None,
    accuracy: Accuracy = None,
    fraction: Fraction = None,
    nan: Nan = None,
    optimum: Optima = None,
) -> Trials:
    """Return the trials that the options choose.

    Raises
    ------
    InputError
        If no trial is left, or one from elsewhere cannot be read or understood.
    """
    told = {
        "--column": column,
        "--set": constant,
        "--accuracy/--error": accuracy,
        "--fraction/--percent": fraction,
        "--nan": nan,
        "--optimum": optimum,
    }
    if source:
        return _foreign(source, told, Filter(model, optimizer, recipe, sweep))
    misplaced = [flag for flag, value in told.items() if value is not None]
    if misplaced:
        raise InputError(f"{', '.join(misplaced)} tells what the trials of --from are: name them with --from")
    return own_trials(folder, Filter(model, optimizer, recipe, sweep))


def _foreign(names: list[str], told: dict[str, Any], only: Filter) -> Trials:
    """Return trials from elsewhere."""
    from sweep.sources import reading
    from sweep.sources.mapping import column_flags, constant_flags
    from sweep.sources.optimum import parse

    mapping = reading.Mapping(
        columns=column_flags(told["--column"] or ()),
        constants=constant_flags(told["--set"] or ()),
        accuracy=told["--accuracy/--error"],
        fraction=told["--fraction/--percent"],
        nan=told["--nan"],
    )
    read = reading.read(names, mapping, [parse(text) for text in told["--optimum"] or ()])
    table = filtered(read.table, only)
    return Trials(table, lambda: read.warnings, notes=read.preview)


def print_notes(trials: Trials) -> None:
    """Print what a reader must know before anything is shown that depends on it."""
    for line in trials.notes:
        _print_note(line)


def _print_note(line: str) -> None:
    Console(stderr=True, highlight=False, soft_wrap=True).print(line, style="dim", markup=False)
