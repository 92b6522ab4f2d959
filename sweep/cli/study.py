"""`sweep study`: the four studies of the paper, from plans to figures."""

import functools
import inspect
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from sweep.cli.options import (
    DEFAULT_FOLDER,
    Address,
    BoxDown,
    BoxUp,
    CpusPerTrial,
    Data,
    Folder,
    GpusPerTrial,
    RecipeName,
    SkipCorrupt,
    Storage,
)
from sweep.core.resources import Resources
from sweep.errors import InputError

if TYPE_CHECKING:
    from matplotlib.figure import Figure
    from rich.console import Console

    from analysis import Outcome
    from sweep.results.study import Figures
    from sweep.workspace.sweep_run import SweepRun
    from sweep.workspace.workspace import Workspace


study = typer.Typer(
    no_args_is_help=True,
    help="Run a whole study of arXiv:2106.14881 and draw its figure. The same command again goes on.",
)

_EACH = "Sizes of models: ViT_P, ViT_C and RegNetY of each, such as 1mf, 1gf, 4gf, 18gf. May be repeated."


@dataclass(frozen=True, kw_only=True)
class Asked:
    """What all studies are asked."""

    words: dict[str, Any]
    """Of `sweep.planning.studies.Study`."""
    resources: Resources
    retry_failed: bool
    dry_run: bool
    draw_only: bool
    out: Path | None
    folder: Path


def _options(
    size: Annotated[list[str] | None, typer.Option("--size", help=_EACH)] = None,
    model: Annotated[
        list[str] | None, typer.Option("--model", "-m", help="Any model, instead of a size or beside it.")
    ] = None,
    recipe: RecipeName = None,
    data: Data = None,
    skip_corrupt: SkipCorrupt = False,
    optimizer: Annotated[
        list[str] | None, typer.Option("--optimizer", help="adamw or sgd, instead of what the study has.")
    ] = None,
    epochs: Annotated[
        list[int] | None,
        typer.Option("--epochs", help="Train for this long. May be repeated: several lengths."),
    ] = None,
    seeds: Annotated[int, typer.Option(help="Trials at each optimum, each with another seed.")] = 1,
    seed: Annotated[int, typer.Option(help="Draws the points and the initial weights.")] = 0,
    address: Address = "local",
    cpus_per_trial: CpusPerTrial = 1.0,
    gpus_per_trial: GpusPerTrial = None,
    storage: Storage = None,
    retry_failed: Annotated[
        bool, typer.Option("--retry-failed", help="Train those again that were given up.")
    ] = False,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Say what would be trained and what it costs here, and stop.")
    ] = False,
    draw_only: Annotated[
        bool, typer.Option("--draw-only", help="Train nothing: draw what there is.")
    ] = False,
    out: Annotated[
        Path | None,
        typer.Option("--out", "-o", help="File of the figure. Default: the study's name and .pdf."),
    ] = None,
    folder: Folder = DEFAULT_FOLDER,
) -> Asked:
    """Put together what the options say that all studies have."""
    from sweep.recipes.loading import DEFAULT

    words = {
        "sizes": size or (),
        "models": model or (),
        "optimizers": optimizer or (),
        "recipe": DEFAULT if recipe is None else recipe,
        "data": data,
        "skip_corrupt": skip_corrupt,
        "epochs": epochs or (),
        "seeds": seeds,
        "seed": seed,
    }
    resources = Resources(
        address=address, cpus_per_trial=cpus_per_trial, gpus_per_trial=gpus_per_trial, storage=storage
    )
    return Asked(
        words=words,
        resources=resources,
        retry_failed=retry_failed,
        dry_run=dry_run,
        draw_only=draw_only,
        out=out,
        folder=folder,
    )


def _command(example: str) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """Register a study: it is given the options of all studies, as `Asked`, and its own."""

    def register(command: Callable[..., None]) -> Callable[..., None]:
        shared = inspect.signature(_options).parameters
        own = list(inspect.signature(command).parameters.values())[1:]

        @functools.wraps(command)
        def with_options(**given: Any) -> None:
            command(_options(**{name: given.pop(name) for name in shared}), **given)

        with_options.__signature__ = inspect.Signature([*own, *shared.values()])  # type: ignore[attr-defined]
        return study.command(epilog=f"Example: [bold]sweep study {example}[/bold]")(with_options)

    return register


@_command("lengths --size 1mf --seeds 3")
def lengths(asked: Asked) -> None:
    """Train each model for several lengths, at its optimum: Δ to the longest, against epochs."""
    from analysis import figures

    _conduct("lengths", asked, _of_outcomes(figures.lengths_figure))


@_command("optimizers --size 1mf --epochs 25 --epochs 100")
def optimizers(asked: Asked) -> None:
    """Train each model with AdamW and with SGD, for several lengths: errors, ▲ AdamW and ▼ SGD."""
    from analysis import figures

    _conduct("optimizers", asked, _of_outcomes(figures.optimizers_figure))


@_command("hyperparameters --size 1mf --n 64 --out edfs.pdf")
def hyperparameters(
    asked: Asked,
    n: Annotated[int, typer.Option(help="Points around each optimum.")] = 64,
    design: Annotated[str, typer.Option(help="iid, sobol or grid.")] = "iid",
    box: Annotated[str, typer.Option(help="optimum (× 1/8 to 4) or paper (the study's ranges).")] = "optimum",
    box_down: BoxDown = None,
    box_up: BoxUp = None,
    absolute: Annotated[
        bool, typer.Option("--absolute", help="The error itself, not Δ to the optimum.")
    ] = False,
) -> None:
    """Train each model at n points around its optimum, with each optimizer: EDFs and scatters."""
    from sweep.console import study as console_study
    from sweep.console.study import print_shares

    def draw(tasks: "Sequence[SweepRun]", console: "Console") -> "Figures":
        print_shares(tasks, console)
        return console_study.hyperparameters(tasks, console, absolute=absolute)

    own = {"n": n, "design": design, "box": box, "box_down": box_down, "box_up": box_up}
    _conduct("hyperparameters", asked, draw, **own)


@_command("peak --size 1mf --seeds 3; on ImageNet with [bold]--published[/bold]")
def peak(
    asked: Asked,
    limit: Annotated[
        float, typer.Option(min=0, help="Minutes of an epoch within which the best model is marked.")
    ] = 20.0,
    published: Annotated[
        bool, typer.Option("--published", help="Show the study's own results beside (recipe imagenet).")
    ] = False,
) -> None:
    """Train each model for several lengths with its best optimizer: error against an epoch's time."""
    import analysis
    from analysis import figures
    from sweep.recipes import loading as recipes

    if published and recipes.load(asked.words["recipe"]).name != "imagenet":
        raise InputError(f"--published are results on ImageNet, got the recipe {asked.words['recipe']}")
    others = analysis.published() if published else []
    figure = functools.partial(figures.peak_figure, limit_s=60 * limit, published=others)
    _conduct("peak", asked, _of_outcomes(figure, others))


Draw = Callable[["Sequence[SweepRun]", "Console"], "Figures"]
"""Prints a study's table, and returns its figures."""


def _of_outcomes(figure: "Callable[[Sequence[Outcome]], Figure]", others: "Sequence[Outcome]" = ()) -> Draw:
    """Print a table of what the trainings at the optima gave, ``others`` beside them, and draw one figure."""

    def draw(tasks: "Sequence[SweepRun]", console: "Console") -> "Figures":
        from sweep.console.study import print_outcomes
        from sweep.results.study import outcomes_of

        found = outcomes_of(tasks)
        print_outcomes(found, console, others)
        return {"": lambda: figure(found)}

    return draw


def _conduct(kind: str, asked: Asked, draw: Draw, **own: Any) -> None:
    """Train what a study lacks, and draw it."""
    from sweep.console.output import plain_console
    from sweep.console.run import left_out, moved, unfinished
    from sweep.driver.reuse import results_elsewhere
    from sweep.planning.plans import plan_together
    from sweep.planning.studies import Study, requests_of
    from sweep.results.study import check_out
    from sweep.workspace.search import FOUND
    from sweep.workspace.sweep_run import SweepRun
    from sweep.workspace.workspace import Workspace

    console, out = plain_console(), asked.out or Path(f"{kind}.pdf")
    check_out(out)
    planned = plan_together(requests_of(Study(kind=kind, found=asked.folder / FOUND, **asked.words, **own)))
    left_out(planned[0].plan, console)
    workspace = Workspace(asked.folder)
    moved([p.plan for p in planned], workspace, console)
    tasks = [
        SweepRun(
            sweep=workspace.prepare(p.plan),
            splits=p.splits,
            n=p.plan.n,
            seeds=p.plan.seeds,
            retry_failed=asked.retry_failed,
        )
        for p in planned
    ]
    if asked.dry_run:
        from sweep.console.study import print_cost

        elsewhere = [results_elsewhere(task, workspace, console).keys() for task in tasks]
        return print_cost(tasks, elsewhere, console)
    delivered = _train(tasks, workspace, asked, console)
    drawn = _draw(draw, tasks, out, console)
    left = [trial for task in tasks for trial in task.missing]
    unfinished([task.sweep for task in tasks], left, console)
    raise typer.Exit(1 if left or not (delivered and drawn) else 0)


def _train(tasks: "Sequence[SweepRun]", workspace: "Workspace", asked: Asked, console: "Console") -> bool:
    """Train what is missing, unless nothing is to be trained; say whether MLflow has all of it."""
    from sweep.driver import run

    if asked.draw_only:
        if all(len(task.missing) == len(task.wanted) for task in tasks):
            raise InputError(
                f"nothing of this study is trained in {asked.folder}/ yet; leave --draw-only out"
            )
        return True
    try:
        return run.run(tasks, workspace, asked.resources, console)
    except KeyboardInterrupt:
        console.print("Stopped. Every finished trial is kept; the same command goes on.")
        raise typer.Exit(130) from None


def _draw(draw: Draw, tasks: "Sequence[SweepRun]", out: Path, console: "Console") -> bool:
    """Draw what there is, and say whether that was possible."""
    from analysis import AnalysisError
    from sweep.results import study as results_study

    try:
        paths = results_study.write(draw(tasks, console), out)
    except AnalysisError as error:
        console.print(f"No figure: {error}", markup=False)
        return False
    console.print(f"Written to {', '.join(map(str, paths))}", markup=False)
    return True
