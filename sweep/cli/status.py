"""`sweep status`, `sync`, `models` and `ui`."""

import sys
from typing import TYPE_CHECKING, Annotated

import typer

from sweep.cli.app import app
from sweep.cli.typer_options import AsJson, takes_options
from sweep.console.output import plain_console, print_json
from sweep.errors import InputError
from sweep.planning.command_options import FolderOptions

if TYPE_CHECKING:
    from sweep.workspace.workspace import Workspace


@app.command(epilog="Example: [bold]sweep status[/bold], or [bold]sweep status vit_p_1mf --json[/bold]")
@takes_options
def status(
    sweep: Annotated[
        str | None,
        typer.Argument(help="Name of a sweep or search, or its beginning: shows its trials."),
    ] = None,
    check: Annotated[
        bool, typer.Option("--check", help="Say where plan, journal and MLflow disagree; exit code 1 if so.")
    ] = False,
    remote: Annotated[
        bool, typer.Option("--remote", help="Show your jobs on the cluster (sweep submit) instead.")
    ] = False,
    as_json: AsJson = False,
    *,
    where: FolderOptions,
) -> None:
    """Show how far the sweeps are, and the searches of `sweep tune`."""
    if remote:
        return _jobs(as_json, no_others=sweep is None and not check)
    from sweep.console.status import print_status, status_json
    from sweep.workspace.workspace import ANY, Workspace

    workspace = Workspace(where.folder)
    if check:
        _check(workspace, workspace.names(*ANY) if sweep is None else [workspace.find(sweep, *ANY)], as_json)
    sweeps = workspace.all() if sweep is None else [workspace.open_any(sweep)]
    if as_json:
        print_json(status_json(sweeps, trials=sweep is not None))
    elif not sweeps:
        plain_console().print(
            f"No sweeps in {where.folder}/. Begin one: sweep run --model vit_c_1mf", markup=False
        )
    else:
        print_status(sweeps, plain_console(), trials=sweep is not None)


def _jobs(as_json: bool, *, no_others: bool) -> None:
    from sweep.console.remote import print_jobs
    from sweep.remote.jobs import JobsApi
    from sweep.remote.profile import read_profile
    from sweep.remote.submit import job_rows

    if not no_others:
        raise InputError(
            "`remote` lists the jobs: leave a sweep's name and `check` out, or `sweep fetch` first"
        )
    rows = job_rows(JobsApi(read_profile()))
    print_json(rows) if as_json else print_jobs(rows, plain_console())


def _check(workspace: "Workspace", names: list[str], as_json: bool) -> None:
    from sweep.console.run import print_problems
    from sweep.driver.consistency import check

    problems = check(workspace, names)
    if as_json:
        print_json(problems)
    else:
        print_problems(problems, plain_console())
    raise typer.Exit(1 if any(problems.values()) else 0)


@app.command(epilog="Example: [bold]sweep sync[/bold], after MLflow was away when a run ended")
@takes_options
def sync(
    sweep: Annotated[
        str | None, typer.Argument(help="Only this sweep or search, by a beginning of its name.")
    ] = None,
    *,
    where: FolderOptions,
) -> None:
    """Send to MLflow what it has missed or lost; train nothing."""
    from sweep.console.observer import ConsoleObserver
    from sweep.console.run import print_synced
    from sweep.driver import sync as driver_sync
    from sweep.workspace.workspace import Workspace

    workspace, console = Workspace(where.folder), plain_console()
    sweeps = (
        [each for each in workspace.all() if not each.is_running]
        if sweep is None
        else [workspace.open_any(sweep)]
    )
    if not driver_sync.sync(sweeps, workspace, ConsoleObserver(console).on_event):
        raise typer.Exit(1)
    print_synced(sweeps, console)


@app.command(epilog="Example: [bold]sweep models[/bold]")
@takes_options
def models(as_json: AsJson = False, *, where: FolderOptions) -> None:
    """List the models: cost at their own resolution, and where an optimum is known."""
    from search_spaces import read_found
    from sweep.console.models import print_found, print_models
    from sweep.results.models import model_rows
    from sweep.workspace.search import FOUND
    from sweep.workspace.workspace import Workspace

    found = read_found(Workspace(where.folder).folder / FOUND)
    rows = model_rows(found)
    if as_json:
        print_json(rows)
    else:
        print_models(rows, plain_console())
        print_found(found, where.folder / FOUND, plain_console())


@app.command(epilog="Example: [bold]sweep ui --port 5000[/bold]")
def ui(
    host: Annotated[str, typer.Option(help="Interface to listen on.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=1, max=65535, help="Port to listen on.")] = 5000,
) -> None:
    """Serve MLflow's website with the sweeps of this folder, until Ctrl-C (the same as `mlflow ui`)."""
    import os

    from sweep.tracking.views import ui_lines

    uri = os.environ.get("MLFLOW_TRACKING_URI", "")
    if uri.startswith(("http://", "https://")):
        raise InputError(f"MLFLOW_TRACKING_URI names a server, {uri}: open that address in a browser")
    for line in ui_lines(f"http://{host}:{port}"):
        plain_console().print(line, markup=False, soft_wrap=True)
    sys.stdout.flush()
    backend = ["--backend-store-uri", uri] if uri else []
    words = ["ui", "--host", host, "--port", str(port), *backend]
    os.execv(sys.executable, [sys.executable, "-m", "mlflow", *words])
