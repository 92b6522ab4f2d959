"""`sweep run`. Its options are the fields of groups in `sweep.planning.command_options`."""

from typing import Annotated

import typer

from sweep.cli.app import app
from sweep.cli.typer_options import takes_options
from sweep.console.output import plain_console
from sweep.core.resources import PackedResources
from sweep.errors import InputError
from sweep.planning.command_options import Request, RunOutputOptions


@app.command(
    epilog="Example: [bold]sweep run --model vit_p_1mf --model vit_c_1mf --n 64[/bold]. "
    "The same command resumes where it was stopped; a larger --n or --seeds adds trials."
)
@takes_options
def run(
    request: Request,
    resources: PackedResources,
    output: RunOutputOptions,
    detect: Annotated[
        float | None,
        typer.Option(
            help="With --dry-run: how many points it takes to see such a difference of the area under the "
            "EDF of Δ, such as 0.1."
        ),
    ] = None,
) -> None:
    """Train a model at n points around its optimum, and at the optimum itself."""
    from sweep.console.observer import ConsoleObserver
    from sweep.console.run import (
        print_data,
        print_dry_run,
        print_growth,
        print_lines,
        print_new_sweeps,
        print_summary,
    )
    from sweep.driver.power import power_lines
    from sweep.driver.prepare import plan_sweeps, sweep_runs
    from sweep.driver.reuse import results_elsewhere
    from sweep.driver.rounds import growth_of, run_planned
    from sweep.workspace.workspace import Workspace

    if detect is not None and not output.dry_run:
        raise InputError(f"`detect` {detect:g} plans, and trains nothing: give it with `dry_run`")
    console, workspace = plain_console(), Workspace(output.folder)
    on_event = ConsoleObserver(console).on_event
    planned = plan_sweeps(request, workspace, on_event)
    print_data(planned[0].plan, planned[0].notes, console)
    print_new_sweeps([p.plan for p in planned], workspace, console)
    growth = growth_of(request)
    if output.dry_run:
        tasks = sweep_runs(planned, workspace, retry_failed=output.retry_failed)
        elsewhere = [results_elsewhere(task, workspace, on_event).keys() for task in tasks]
        power = power_lines(tasks, detect, growth) if detect is not None else []
        print_dry_run(tasks, elsewhere, console)
        if growth:
            print_growth(growth, console)
        return print_lines(power, console)
    try:
        tasks, complete = run_planned(
            planned, growth, workspace, resources, on_event, retry_failed=output.retry_failed
        )
    except KeyboardInterrupt:
        console.print("Stopped. Every finished trial is kept; the same command continues.")
        raise typer.Exit(130) from None
    left = [trial for task in tasks for trial in task.missing]
    print_summary([task.sweep for task in tasks], left, console)
    raise typer.Exit(1 if left or not complete else 0)
