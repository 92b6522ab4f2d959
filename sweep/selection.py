"""Which trials a command is about: some of the folder's sweeps, or trials from elsewhere.

One set of options for all commands that read trials, so that they mean the same everywhere.
"""

import functools
import inspect
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import Console

from sweep.errors import InputError

if TYPE_CHECKING:
    import pandas as pd

    from sweep.workspace import Sweep

_ELSEWHERE = "Trials from elsewhere"

Folder = Annotated[Path, typer.Option("--dir", envvar="SWEEP_DIR", help="Folder of plans and journals.")]
DEFAULT_FOLDER = Path("sweeps")


def folder_words(folder: Path) -> list[str]:
    """Return the option that names a folder of sweeps to another command, where it is not the usual one."""
    return [] if folder == DEFAULT_FOLDER else ["--dir", str(folder)]


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


@dataclass(frozen=True)
class Trials:
    """The trials that a command is about."""

    table: "pd.DataFrame"
    """One row a trial, with the columns of `sweep.workspace.COLUMNS`."""
    check_comparable: Callable[[], list[str]]
    """Returns warnings of what makes a comparison of the sweeps unpaired or biased; raises `InputError` where
    they cannot be compared at all."""
    sweeps: "Sequence[Sweep]" = ()
    """The folder's sweeps that the trials are of; none for trials from elsewhere."""
    understood: Sequence[str] = ()
    """What was understood of trials from elsewhere, line by line."""

    def tell(self) -> None:
        """Print what was understood, before anything is shown that depends on it."""
        for line in self.understood:
            _print_note(line)

    def with_points(self) -> "Trials":
        """Leave out the sweeps of nothing but their optimum: a study's schedules have no distribution.

        Raises
        ------
        InputError
            If none is left.
        """
        from sweep.progress import listed

        of_points = set(self.table.loc[self.table["role"] != "optimum", "sweep"])
        bare = [name for name in self.table["sweep"].unique() if name not in of_points]
        if not bare:
            return self
        if not of_points:
            raise InputError(
                f"only the optimum was trained in {listed(bare)}; `sweep run` adds points around it"
            )
        _print_note(f"Left out, as only their optimum was trained: {listed(bare)}")
        if self.sweeps:
            return _trials_of([sweep for sweep in self.sweeps if sweep.name in of_points])
        return replace(self, table=self.table[self.table["sweep"].isin(of_points)].reset_index(drop=True))


def takes_trials(command: Callable[..., None], *, optima: bool = False) -> Callable[..., None]:
    """Give a command the options that choose trials; it is called with the `Trials` as its first argument.

    It calls `Trials.tell` before it prints anything, once nothing is left that could be refused. Sweeps
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
        "--column": column, "--set": constant, "--accuracy/--error": accuracy,
        "--fraction/--percent": fraction, "--nan": nan, "--optimum": optimum,
    }  # fmt: skip
    if source:
        return _foreign(source, told, _Filter(model, optimizer, recipe, sweep))
    misplaced = [flag for flag, value in told.items() if value is not None]
    if misplaced:
        raise InputError(f"{', '.join(misplaced)} tells what the trials of --from are: name them with --from")
    return _own(folder, _Filter(model, optimizer, recipe, sweep))


@dataclass(frozen=True)
class _Filter:
    """Which sweeps are kept."""

    models: list[str] | None
    optimizers: list[str] | None
    recipe: str | None
    names: list[str] | None

    def keeps(self, model: str, optimizer: str, recipe: str) -> bool:
        return (
            (not self.models or model in self.models)
            and (not self.optimizers or optimizer in self.optimizers)
            and self.recipe in (None, recipe)
        )

    def __str__(self) -> str:
        given = {"--model": self.models, "--optimizer": self.optimizers, "--sweep": self.names}
        flags = [f"{flag} {name}" for flag, names in given.items() for name in names or ()]
        return " ".join([*flags, *([f"--recipe {self.recipe}"] if self.recipe is not None else [])])


def _own(folder: Path, only: _Filter) -> Trials:
    """Return the trials of the folder's sweeps."""
    from sweep.workspace import Workspace

    workspace = Workspace(folder)
    sweeps = [workspace.open(name) for name in only.names] if only.names else workspace.sweeps()
    kept = [s for s in sweeps if only.keeps(s.plan.model, s.plan.optimizer, s.plan.recipe.name)]
    if not kept:
        has = ", ".join(sweep.name for sweep in sweeps)
        if sweeps:
            raise InputError(f"no sweep to show: {only} leaves none of {has}")
        raise InputError(f"no sweep to show: {folder}/ has none. Begin one: sweep run --model vit_c_1mf")
    return _trials_of(kept)


def _trials_of(sweeps: "Sequence[Sweep]") -> Trials:
    from sweep import draw

    return Trials(draw.trial_table(sweeps), lambda: draw.check_comparable(sweeps), sweeps)


def _foreign(names: list[str], told: dict[str, Any], only: _Filter) -> Trials:
    """Return trials from elsewhere."""
    from sweep import sources
    from sweep.sources.mapping import column_flags, constant_flags
    from sweep.sources.optimum import parse

    mapping = sources.Mapping(
        columns=column_flags(told["--column"] or ()), constants=constant_flags(told["--set"] or ()),
        accuracy=told["--accuracy/--error"], fraction=told["--fraction/--percent"], nan=told["--nan"],
    )  # fmt: skip
    read = sources.read(names, mapping, [parse(text) for text in told["--optimum"] or ()])
    table = _filtered(read.table, only)
    return Trials(table, lambda: read.warnings, understood=read.preview)


def _print_note(line: str) -> None:
    Console(stderr=True, highlight=False, soft_wrap=True).print(line, style="dim", markup=False)


def _filtered(table: "pd.DataFrame", only: _Filter) -> "pd.DataFrame":
    """Return the rows of the sweeps that are kept."""
    rows = zip(table["sweep"], table["model"], table["optimizer"], table["recipe"], strict=True)
    kept = [
        only.keeps(*words) and (not only.names or name.startswith(tuple(filter(None, only.names))))
        for name, *words in rows
    ]
    if not any(kept):
        has = ", ".join(table["sweep"].unique())
        raise InputError(f"no sweep to show: {only} leaves none of {has}")
    return table[kept].reset_index(drop=True)
