"""`sweep run`."""

from typing import Annotated

import typer

from sweep.cli.app import app
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
    TrainerName,
)
from sweep.console.output import plain_console


@app.command(
    epilog="Example: [bold]sweep run --model vit_p_1mf --model vit_c_1mf --n 64[/bold]. "
    "The same command again goes on where it was stopped; a larger --n or --seeds adds trials."
)
def run(
    model: Annotated[
        list[str] | None,
        typer.Option("--model", "-m", help="Model to sweep, any of timm's. May be repeated."),
    ] = None,
    model_args: Annotated[
        str | None, typer.Option(help="Arguments of the models, such as drop_path_rate=0.1,depth=6.")
    ] = None,
    trainer: TrainerName = None,
    n: Annotated[int, typer.Option(help="Points; the optimum is trained too.")] = 64,
    seeds: Annotated[int, typer.Option(help="Trials at the optimum; the zero of Δ is their mean.")] = 1,
    repeat: Annotated[
        list[int] | None,
        typer.Option(help="Point to train with as many seeds, by its index. May be repeated."),
    ] = None,
    optimizer: Annotated[str, typer.Option(help="adamw or sgd.")] = "adamw",
    recipe: RecipeName = None,
    data: Data = None,
    skip_corrupt: SkipCorrupt = False,
    epochs: Annotated[int | None, typer.Option(help="Train for this long instead of the recipe's.")] = None,
    design: Annotated[str, typer.Option(help="iid, sobol or grid.")] = "iid",
    box: Annotated[str, typer.Option(help="optimum (× 1/8 to 4) or paper (the study's ranges).")] = "optimum",
    box_down: BoxDown = None,
    box_up: BoxUp = None,
    seed: Annotated[int, typer.Option(help="Draws the points and the initial weights.")] = 0,
    lr: Annotated[float | None, typer.Option(help="Learning rate of the optimum, if none is known.")] = None,
    wd: Annotated[float | None, typer.Option(help="Weight decay of the optimum, if none is known.")] = None,
    address: Address = "local",
    cpus_per_trial: CpusPerTrial = 1.0,
    gpus_per_trial: GpusPerTrial = None,
    storage: Storage = None,
    retry_failed: Annotated[
        bool, typer.Option("--retry-failed", help="Train those again that were given up.")
    ] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Say what would be trained, and stop.")] = False,
    folder: Folder = DEFAULT_FOLDER,
) -> None:
    """Train a model at n points around its optimum, and at the optimum itself."""
    from sweep.console import run as console_run
    from sweep.console.run import changed, ending, left_out
    from sweep.core.resources import Resources
    from sweep.driver.reuse import results_elsewhere
    from sweep.driver.run import run as run_service
    from sweep.planning.plans import make_plans
    from sweep.planning.requests import Request
    from sweep.workspace.search import FOUND
    from sweep.workspace.sweep_run import SweepRun
    from sweep.workspace.workspace import Workspace

    console = plain_console()
    resources = Resources(
        address=address, cpus_per_trial=cpus_per_trial, gpus_per_trial=gpus_per_trial, storage=storage
    )
    planned = make_plans(
        Request(
            models=model or (),
            model_args=model_args,
            trainer=trainer,
            optimizer=optimizer,
            recipe=recipe,
            data=data,
            skip_corrupt=skip_corrupt,
            epochs=epochs,
            n=n,
            seeds=seeds,
            repeated=repeat or (),
            design=design,
            box=box,
            box_down=box_down,
            box_up=box_up,
            seed=seed,
            lr=lr,
            wd=wd,
            found=folder / FOUND,
        )
    )
    left_out(planned[0].plan, console)
    workspace = Workspace(folder)
    changed([p.plan for p in planned], workspace, console)
    tasks = [
        SweepRun(
            sweep=workspace.prepare(p.plan),
            splits=p.splits,
            n=n,
            seeds=seeds,
            repeated=repeat or (),
            retry_failed=retry_failed,
        )
        for p in planned
    ]
    if dry_run:
        elsewhere = [results_elsewhere(task, workspace, console).keys() for task in tasks]
        return console_run.dry_run(tasks, elsewhere, console)
    try:
        delivered = run_service(tasks, workspace, resources, console)
    except KeyboardInterrupt:
        console.print("Stopped. Every finished trial is kept; the same command goes on.")
        raise typer.Exit(130) from None
    left = [trial for task in tasks for trial in task.missing]
    ending([task.sweep for task in tasks], left, console)
    raise typer.Exit(1 if left or not delivered else 0)
