"""`sweep study`: the four studies of the paper, from plans to figures."""

import functools
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from sweep.cli.typer_options import takes_options, with_flags
from sweep.core.resources import PackedResources
from sweep.errors import InputError
from sweep.planning.command_options import PointOptions, Study, StudyOptions, StudyOutputOptions

if TYPE_CHECKING:
    from rich.console import Console

    from analysis import Outcome
    from analysis.figures import Figure
    from sweep.results.study import Figures
    from sweep.workspace.sweep_run import SweepRun
    from sweep.workspace.workspace import Workspace


study = typer.Typer(
    no_args_is_help=True,
    help="Run a whole study of arXiv:2106.14881 and draw its figure. The same command resumes it.",
)


Draw = Callable[["Sequence[SweepRun]", "Console"], "Figures"]
"""Prints a study's table, and returns its figures."""


def _command(example: str) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """Register a study, with an example of its use."""

    def register(command: Callable[..., None]) -> Callable[..., None]:
        listed = takes_options(command)
        return study.command(epilog=f"Example: [bold]sweep study {example}[/bold]")(listed)

    return register


@_command("lengths --size 1mf --seeds 3")
def lengths(asked: StudyOptions, resources: PackedResources, output: StudyOutputOptions) -> None:
    """Train each model for several lengths, at its optimum: Δ to the longest, against epochs."""
    from analysis import figures

    _conduct(Study(kind="lengths", **vars(asked)), resources, output, _of_outcomes(figures.lengths_figure))


@_command("optimizers --size 1mf --epochs 25 --epochs 100")
def optimizers(asked: StudyOptions, resources: PackedResources, output: StudyOutputOptions) -> None:
    """Train each model with AdamW and with SGD, for several lengths: errors, ▲ AdamW and ▼ SGD."""
    from analysis import figures

    draw = _of_outcomes(figures.optimizers_figure)
    _conduct(Study(kind="optimizers", **vars(asked)), resources, output, draw)


@_command("hyperparameters --size 1mf --n 64 --out edfs.pdf")
def hyperparameters(
    asked: StudyOptions,
    points: PointOptions,
    resources: PackedResources,
    output: StudyOutputOptions,
    absolute: Annotated[
        bool, typer.Option("--absolute", help="The error itself, not Δ to the optimum.")
    ] = False,
) -> None:
    """Train each model at n points around its optimum, with each optimizer: EDFs and scatters."""
    from sweep.console import study as console_study

    def draw(tasks: "Sequence[SweepRun]", console: "Console") -> "Figures":
        console_study.print_shares(tasks, console)
        return console_study.hyperparameters(tasks, console, absolute=absolute)

    _conduct(Study(kind="hyperparameters", **vars(asked), **vars(points)), resources, output, draw)


@_command("peak --size 1mf --seeds 3; on ImageNet with [bold]--published[/bold]")
def peak(
    asked: StudyOptions,
    resources: PackedResources,
    output: StudyOutputOptions,
    limit: Annotated[
        float, typer.Option(min=0, help="Minutes of an epoch within which the best model is marked.")
    ] = 20.0,
    published: Annotated[
        bool, typer.Option("--published", help="Also show the paper's own results (recipe imagenet).")
    ] = False,
) -> None:
    """Train each model for several lengths with its best optimizer: error against an epoch's time."""
    import analysis
    from analysis import figures
    from sweep.recipes.loading import DEFAULT

    recipe = asked.recipe or DEFAULT
    if published and Path(recipe).stem != "imagenet":
        raise InputError(f"`published` are results on ImageNet, got the recipe {recipe}")
    others = analysis.published() if published else []
    figure = functools.partial(figures.peak_figure, limit_s=60 * limit, published=others)
    _conduct(Study(kind="peak", **vars(asked)), resources, output, _of_outcomes(figure, others))


def _of_outcomes(figure: "Callable[[Sequence[Outcome]], Figure]", others: "Sequence[Outcome]" = ()) -> Draw:
    """Print a table of what the trainings at the optima gave, ``others`` beside them, and draw one figure."""

    def draw(tasks: "Sequence[SweepRun]", console: "Console") -> "Figures":
        from sweep.console.study import print_outcomes
        from sweep.results.study import outcomes_of

        found = outcomes_of(tasks)
        print_outcomes(found, console, others)
        return {"": lambda: figure(found)}

    return draw


def _conduct(asked: Study, resources: PackedResources, output: StudyOutputOptions, draw: Draw) -> None:
    """Train what a study lacks, and draw it."""
    from sweep.console.observer import ConsoleObserver
    from sweep.console.output import plain_console
    from sweep.console.run import print_data, print_moved_optima, print_unfinished
    from sweep.driver.prepare import inputs_of, sweep_runs
    from sweep.planning.studies import plan_study
    from sweep.results.study import check_out
    from sweep.workspace.search import FOUND
    from sweep.workspace.workspace import Workspace

    console, out = plain_console(), output.out or Path(f"{asked.kind}.pdf")
    check_out(out)
    inputs = inputs_of(ConsoleObserver(console).on_event)
    planned = plan_study(replace(asked, found=output.folder / FOUND), inputs)
    print_data(planned[0].plan, planned[0].notes, console)
    workspace = Workspace(output.folder)
    print_moved_optima([p.plan for p in planned], workspace, console)
    tasks = sweep_runs(planned, workspace, retry_failed=output.retry_failed)
    if output.dry_run:
        return _cost(tasks, workspace, console)
    delivered = _train(tasks, workspace, resources, output, console)
    drawn = _draw(draw, tasks, out, console)
    left = [trial for task in tasks for trial in task.missing]
    print_unfinished([task.sweep for task in tasks], left, console)
    raise typer.Exit(1 if left or not (delivered and drawn) else 0)


def _cost(tasks: "Sequence[SweepRun]", workspace: "Workspace", console: "Console") -> None:
    from sweep.console.observer import ConsoleObserver
    from sweep.console.study import print_cost
    from sweep.driver.cost import measure_costs
    from sweep.driver.reuse import results_elsewhere

    on_event = ConsoleObserver(console).on_event
    elsewhere = [results_elsewhere(task, workspace, on_event).keys() for task in tasks]
    print_cost(tasks, *measure_costs(tasks, elsewhere), console)


def _train(
    tasks: "Sequence[SweepRun]",
    workspace: "Workspace",
    resources: PackedResources,
    output: StudyOutputOptions,
    console: "Console",
) -> bool:
    """Train what is missing, unless nothing is to be trained; say whether MLflow has all of it."""
    from sweep.console.observer import ConsoleObserver
    from sweep.driver import run

    if output.draw_only:
        if all(len(task.missing) == len(task.wanted) for task in tasks):
            raise InputError(
                f"nothing of this study is trained in {output.folder}/ yet; leave `draw_only` out"
            )
        return True
    try:
        return run.run(tasks, workspace, resources, ConsoleObserver(console).on_event)
    except KeyboardInterrupt:
        console.print("Stopped. Every finished trial is kept; the same command continues.")
        raise typer.Exit(130) from None


def _draw(draw: Draw, tasks: "Sequence[SweepRun]", out: Path, console: "Console") -> bool:
    """Draw what there is, and say whether that was possible."""
    from analysis import AnalysisError
    from sweep.results import study as results_study

    try:
        paths = results_study.write(draw(tasks, console), out)
    except AnalysisError as error:
        console.print(f"No figure: {with_flags(str(error))}", markup=False)
        return False
    console.print(f"Written to {', '.join(map(str, paths))}", markup=False)
    return True
