"""`sweep tune`."""

import sys
from typing import Annotated

import typer

from sweep.cli.app import app
from sweep.cli.options import (
    DEFAULT_FOLDER,
    Address,
    AsJson,
    CpusPerTrial,
    Data,
    Folder,
    GpusPerTrial,
    RecipeName,
    SkipCorrupt,
    Storage,
    TrainerName,
    folder_words,
)
from sweep.console.output import plain_console, print_json, print_warnings


@app.command(
    epilog="Example: [bold]sweep tune --model vit_c_1mf --optimizer sgd[/bold], then "
    "[bold]sweep run --model vit_c_1mf --optimizer sgd[/bold]. The same command again goes on where it was "
    "stopped; a larger --n-trials searches on."
)
def tune(
    model: Annotated[
        str | None, typer.Option("--model", "-m", help="Model to find an optimum of, any of timm's.")
    ] = None,
    model_args: Annotated[
        str | None, typer.Option(help="Arguments of the model, such as drop_path_rate=0.1,depth=6.")
    ] = None,
    trainer: TrainerName = None,
    optimizer: Annotated[str, typer.Option(help="adamw or sgd.")] = "adamw",
    recipe: RecipeName = None,
    data: Data = None,
    skip_corrupt: SkipCorrupt = False,
    epochs: Annotated[int | None, typer.Option(help="Train for this long instead of the recipe's.")] = None,
    n_trials: Annotated[int, typer.Option(help="Points that are tried.")] = 24,
    finalists: Annotated[int, typer.Option(help="The best points, which are tried again.")] = 4,
    seeds: Annotated[int, typer.Option(help="Other seeds that each finalist is trained with.")] = 4,
    lr_range: Annotated[
        str | None, typer.Option(metavar="LOW:HIGH", help="Searched instead of the optimizer's usual range.")
    ] = None,
    wd_range: Annotated[
        str | None, typer.Option(metavar="LOW:HIGH", help="The same of the weight decay.")
    ] = None,
    seed: Annotated[int, typer.Option(help="Draws the first points and the initial weights.")] = 0,
    address: Address = "local",
    cpus_per_trial: CpusPerTrial = 1.0,
    gpus_per_trial: GpusPerTrial = None,
    storage: Storage = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Say what would be trained, and stop.")] = False,
    as_json: AsJson = False,
    folder: Folder = DEFAULT_FOLDER,
) -> None:
    """Find and save a model's optimum: search learning rate and weight decay, judged on held-out data."""
    from search_spaces import read_found
    from sweep.console import search as show_tune
    from sweep.console.run import left_out
    from sweep.core.resources import Resources
    from sweep.core.search_plan import SearchBudget
    from sweep.driver import tune as driver_tune
    from sweep.planning.search_plans import TuneRequest, plan_search
    from sweep.tuning.finalists import left
    from sweep.workspace.search import FOUND
    from sweep.workspace.workspace import Workspace

    console = plain_console(stderr=as_json)
    resources = Resources(
        address=address, cpus_per_trial=cpus_per_trial, gpus_per_trial=gpus_per_trial, storage=storage
    )
    effort = SearchBudget(points=n_trials, finalists=finalists, seeds=seeds)
    request = TuneRequest(
        model=model,
        model_args=model_args,
        trainer=trainer,
        effort=effort,
        optimizer=optimizer,
        recipe=recipe,
        data=data,
        skip_corrupt=skip_corrupt,
        epochs=epochs,
        lr_range=lr_range,
        wd_range=wd_range,
        seed=seed,
    )
    plan, splits = plan_search(request)
    left_out(plan, console)
    workspace = Workspace(folder)
    read_found(folder / FOUND)  # a damaged table is better found before the search than after it
    search = workspace.prepare(plan)
    if dry_run:
        show_tune.dry_run(search, effort, left(search, effort), console)
        return
    command = ["sweep", *sys.argv[1:]]
    try:
        found, delivered = driver_tune.run(search, splits, effort, workspace, resources, command, console)
    except KeyboardInterrupt:
        console.print("Stopped. Every finished trial is kept; the same command goes on.")
        raise typer.Exit(130) from None
    words = request.words + folder_words(folder)
    show_tune.ending(search, found, folder / FOUND, words, console)
    print_warnings(show_tune.warnings(found) if found else [])
    if as_json:
        print_json(show_tune.as_json(search, found))
    raise typer.Exit(0 if found and delivered and not search.failed else 1)
