"""`sweep tune`. Its options are the fields of groups in `sweep.planning.command_options`."""

import sys

import typer

from sweep.cli.app import app
from sweep.cli.typer_options import takes_options
from sweep.console.output import plain_console, print_json, print_warnings
from sweep.core.resources import Resources
from sweep.planning.command_options import FolderOptions, TrainingOptions, TuneOutputOptions, TuneRequest
from sweep.utils.option_groups import cli_args


@app.command(
    epilog="Example: [bold]sweep tune --model vit_c_1mf --optimizer sgd[/bold], then "
    "[bold]sweep run --model vit_c_1mf --optimizer sgd[/bold]. The same command resumes where it was "
    "stopped; a larger --n-trials searches on."
)
@takes_options
def tune(request: TuneRequest, resources: Resources, output: TuneOutputOptions) -> None:
    """Find and save a model's optimum: search learning rate and weight decay, judged on held-out data."""
    from sweep.console import search as console_search
    from sweep.console.observer import ConsoleObserver
    from sweep.console.run import print_data
    from sweep.driver import tune as driver_tune
    from sweep.driver.prepare import search_run
    from sweep.tuning.finalists import remaining
    from sweep.workspace.search import FOUND
    from sweep.workspace.workspace import Workspace

    console, workspace = plain_console(stderr=output.as_json), Workspace(output.folder)
    on_event = ConsoleObserver(console).on_event
    task = search_run(request, workspace, ["sweep", *sys.argv[1:]], on_event)
    search, budget = task.search, task.budget
    print_data(search.plan, task.notes, console)
    if output.dry_run:
        return console_search.print_dry_run(search.plan, budget, remaining(search, budget), console)
    try:
        found, delivered = driver_tune.run(task, workspace, resources, on_event)
    except KeyboardInterrupt:
        console.print("Stopped. Every finished trial is kept; the same command continues.")
        raise typer.Exit(130) from None
    console_search.print_summary(search, found, workspace.folder / FOUND, _run_args(request, output), console)
    print_warnings(console_search.warnings(found) if found else [])
    if output.as_json:
        print_json(console_search.as_json(search, found))
    raise typer.Exit(0 if found and delivered and not search.failed else 1)


def _run_args(request: TuneRequest, output: TuneOutputOptions) -> list[str]:
    """Return the options that ask `sweep run` for the same training."""
    model = [] if request.model is None else ["--model", request.model]
    return [
        *model,
        *cli_args(request, TrainingOptions, always=["optimizer"]),
        *([] if request.over is None else ["--over", request.over]),
        *cli_args(output, FolderOptions),
    ]
