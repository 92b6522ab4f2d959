"""`sweep run`. Its options are the fields of groups in `sweep.planning.command_options`."""

import typer

from sweep.cli.app import app
from sweep.cli.typer_options import takes_options
from sweep.console.output import plain_console
from sweep.core.resources import PackedResources
from sweep.planning.command_options import Request, RunOutputOptions


@app.command(
    epilog="Example: [bold]sweep run --model vit_p_1mf --model vit_c_1mf --n 64[/bold]. "
    "The same command resumes where it was stopped; a larger --n or --seeds adds trials."
)
@takes_options
def run(request: Request, resources: PackedResources, output: RunOutputOptions) -> None:
    """Train a model at n points around its optimum, and at the optimum itself."""
    from sweep.console.observer import ConsoleObserver
    from sweep.console.run import print_data, print_dry_run, print_new_sweeps, print_summary
    from sweep.driver.prepare import plan_sweeps, sweep_runs
    from sweep.driver.reuse import results_elsewhere
    from sweep.driver.run import run as run_driver
    from sweep.workspace.workspace import Workspace

    console, workspace = plain_console(), Workspace(output.folder)
    on_event = ConsoleObserver(console).on_event
    planned = plan_sweeps(request, workspace, on_event)
    print_data(planned[0].plan, planned[0].notes, console)
    print_new_sweeps([p.plan for p in planned], workspace, console)
    tasks = sweep_runs(planned, workspace, retry_failed=output.retry_failed)
    if output.dry_run:
        elsewhere = [results_elsewhere(task, workspace, on_event).keys() for task in tasks]
        return print_dry_run(tasks, elsewhere, console)
    try:
        delivered = run_driver(tasks, workspace, resources, on_event)
    except KeyboardInterrupt:
        console.print("Stopped. Every finished trial is kept; the same command continues.")
        raise typer.Exit(130) from None
    left = [trial for task in tasks for trial in task.missing]
    print_summary([task.sweep for task in tasks], left, console)
    raise typer.Exit(1 if left or not delivered else 0)
