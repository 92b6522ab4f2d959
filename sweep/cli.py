"""The command line. Heavy imports happen inside the commands, so that ``sweep --help`` is instant."""

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console

from sweep.cli_study import study
from sweep.errors import InputError
from sweep.options import (
    Address,
    BoxDown,
    BoxUp,
    CpusPerTrial,
    Data,
    GpusPerTrial,
    RecipeName,
    SkipCorrupt,
    Storage,
    TrainerName,
)
from sweep.selection import DEFAULT_FOLDER, Folder, Trials, takes_all_trials, takes_trials

if TYPE_CHECKING:
    from sweep.workspace import Workspace

app = typer.Typer(
    name="sweep",
    no_args_is_help=True,
    rich_markup_mode="rich",
    context_settings={"help_option_names": ["-h", "--help"]},
    pretty_exceptions_enable=False,
    help="How hard is a model to train? Sweep learning rate and weight decay around its optimum, "
    "and draw the error distribution function (EDF): steep means robust.",
)
app.add_typer(study, name="study", epilog="Example: [bold]sweep study lengths --size 1mf[/bold]")

AsJson = Annotated[bool, typer.Option("--json", help="Print JSON.")]
Confidence = Annotated[float, typer.Option(help="Of every interval and band, between 0 and 1.")]
_WIDE = 160
"""Letters in a line of a file or pipe: a table there is not squeezed into 80."""
Out = Annotated[Path, typer.Option("--out", "-o", help="File to write; its suffix decides the format.")]


def main() -> None:
    """Run the command line. Wrong usage or input: one message, exit code 2."""
    try:
        app()
    except ValueError as error:
        if not _is_users(error):
            raise
        _fail(str(error))
    except OSError as error:  # a path that is too long, a folder that is another's, a full disk
        _fail(str(error))


def _fail(message: str) -> None:
    from rich.markup import escape

    plain_console(stderr=True).print("[red]Error:[/red]", escape(message))
    sys.exit(2)


def _is_users(error: ValueError) -> bool:
    from analysis.errors import AnalysisError
    from search_spaces.errors import SearchSpaceError

    return isinstance(error, InputError | SearchSpaceError | AnalysisError)


def mind(warnings: list[str]) -> None:
    """Print what a reader of the result must know."""
    for warning in warnings:
        plain_console(stderr=True).print("Mind:", warning, style="yellow", markup=False)


def plain_console(*, stderr: bool = False) -> Console:
    """Return a console that leaves line breaks and numbers as they are, a wide one if it is no terminal."""
    console = Console(stderr=stderr, highlight=False, soft_wrap=True)
    if not console.is_terminal:
        console.width = max(console.width, _WIDE)
    return console


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
    from sweep import show
    from sweep.request import Request, make_plans
    from sweep.search import FOUND
    from sweep.service import Task, results_elsewhere
    from sweep.service import run as run_service
    from sweep.trial import Resources
    from sweep.workspace import Workspace

    console = plain_console()
    resources = Resources(
        address=address, cpus_per_trial=cpus_per_trial, gpus_per_trial=gpus_per_trial, storage=storage
    )
    planned = make_plans(
        Request(
            models=model or (), model_args=model_args, trainer=trainer, optimizer=optimizer,
            recipe=recipe, data=data, skip_corrupt=skip_corrupt, epochs=epochs,
            n=n, seeds=seeds, repeated=repeat or (), design=design, box=box, box_down=box_down,
            box_up=box_up, seed=seed, lr=lr, wd=wd, found=folder / FOUND,
        )
    )  # fmt: skip
    show.left_out(planned[0].plan, console)
    workspace = Workspace(folder)
    show.changed([p.plan for p in planned], workspace, console)
    tasks = [
        Task(
            sweep=workspace.prepare(p.plan), splits=p.splits, n=n, seeds=seeds, repeated=repeat or (),
            retry_failed=retry_failed,
        )
        for p in planned
    ]  # fmt: skip
    if dry_run:
        elsewhere = [results_elsewhere(task, workspace, console).keys() for task in tasks]
        return show.dry_run(tasks, elsewhere, console)
    try:
        delivered = run_service(tasks, workspace, resources, console)
    except KeyboardInterrupt:
        console.print("Stopped. Every finished trial is kept; the same command goes on.")
        raise typer.Exit(130) from None
    left = [trial for task in tasks for trial in task.missing]
    show.ending([task.sweep for task in tasks], left, console)
    raise typer.Exit(1 if left or not delivered else 0)


@app.command(epilog="Example: [bold]sweep status[/bold], or [bold]sweep status vit_p_1mf --json[/bold]")
def status(
    sweep: Annotated[
        str | None,
        typer.Argument(help="Name of a sweep or search, or its beginning: shows its trials."),
    ] = None,
    check: Annotated[
        bool, typer.Option("--check", help="Say where plan, journal and MLflow disagree; exit code 1 if so.")
    ] = False,
    as_json: AsJson = False,
    folder: Folder = DEFAULT_FOLDER,
) -> None:
    """Show how far the sweeps are, and the searches of `sweep tune`."""
    from sweep import show
    from sweep.workspace import ANY, Workspace

    workspace = Workspace(folder)
    if check:
        _check(workspace, workspace.names(*ANY) if sweep is None else [workspace.find(sweep, *ANY)], as_json)
    sweeps = workspace.all() if sweep is None else [workspace.open_any(sweep)]
    if as_json:
        print_json(show.status_json(sweeps, trials=sweep is not None))
    elif not sweeps:
        plain_console().print(f"No sweeps in {folder}/. Begin one: sweep run --model vit_c_1mf", markup=False)
    else:
        show.status(sweeps, plain_console(), trials=sweep is not None)


def _check(workspace: "Workspace", names: list[str], as_json: bool) -> None:
    from sweep import show
    from sweep.check import check

    problems = check(workspace, names)
    if as_json:
        print_json(problems)
    else:
        show.check(problems, plain_console())
    raise typer.Exit(1 if any(problems.values()) else 0)


@app.command(epilog="Example: [bold]sweep sync[/bold], after MLflow was away when a run ended")
def sync(
    sweep: Annotated[
        str | None, typer.Argument(help="Only this sweep or search, by a beginning of its name.")
    ] = None,
    folder: Folder = DEFAULT_FOLDER,
) -> None:
    """Send to MLflow what it has missed or lost; train nothing."""
    from sweep import service, show
    from sweep.workspace import Workspace

    workspace, console = Workspace(folder), plain_console()
    sweeps = (
        [each for each in workspace.all() if not each.is_running]
        if sweep is None
        else [workspace.open_any(sweep)]
    )
    if not service.sync(sweeps, workspace, console):
        raise typer.Exit(1)
    show.synced(sweeps, console)


@app.command(epilog="Example: [bold]sweep models[/bold]")
def models(as_json: AsJson = False, folder: Folder = DEFAULT_FOLDER) -> None:
    """List the models: cost at their own resolution, and where an optimum is known."""
    from search_spaces import read_found
    from sweep import show
    from sweep.search import FOUND
    from sweep.workspace import Workspace

    found = read_found(Workspace(folder).folder / FOUND)
    rows = show.model_rows(found)
    if as_json:
        print_json(rows)
    else:
        show.models_table(rows, plain_console())
        show.found_table(found, folder / FOUND, plain_console())


@app.command(epilog="Example: [bold]sweep ui --port 5000[/bold]")
def ui(
    host: Annotated[str, typer.Option(help="Interface to listen on.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=1, max=65535, help="Port to listen on.")] = 5000,
) -> None:
    """Open MLflow's UI on the sweeps of this folder (the same as `mlflow ui`)."""
    import os

    uri = os.environ.get("MLFLOW_TRACKING_URI", "")
    if uri.startswith(("http://", "https://")):
        raise InputError(f"MLFLOW_TRACKING_URI names a server, {uri}: open that address in a browser")
    backend = ["--backend-store-uri", uri] if uri else []
    words = ["ui", "--host", host, "--port", str(port), *backend]
    os.execv(sys.executable, [sys.executable, "-m", "mlflow", *words])


@app.command(
    epilog="Example: [bold]sweep export --out results.parquet[/bold]. With [bold]--from[/bold], trials from "
    "elsewhere become a table that needs no flags any more"
)
@takes_all_trials
def export(trials: Trials, out: Out) -> None:
    """Write one row a trial to a .csv, .parquet or .json file."""
    from sweep import draw
    from sweep.progress import counted

    draw.write_table(trials.table, out)
    trials.tell()
    plain_console().print(f"{counted(len(trials.table), 'trial')} written to {out}", markup=False)


@app.command(
    epilog="Example: [bold]sweep cdf --out fig.pdf[/bold]. With [bold]--absolute[/bold]: the error itself. "
    "From elsewhere: [bold]sweep cdf --from results.csv --optimum lr=1e-3,wd=0.1 --out fig.pdf[/bold]"
)
@takes_trials
def cdf(
    trials: Trials,
    out: Out,
    absolute: Annotated[
        bool, typer.Option("--absolute", help="The error itself, not Δ to the optimum.")
    ] = False,
    band: Annotated[
        str | None,
        typer.Option(
            help="For iid points equal-precision (default), ks, dkw, pointwise; for sobol scramble; or none."
        ),
    ] = None,
    confidence: Confidence = 0.95,
) -> None:
    """Draw the EDFs: share of trials within x points of the optimum's error. Steep means robust."""
    from analysis import curves, figures, read_sweeps, summarise, summary_table, verdicts
    from sweep import draw, show

    warnings = trials.check_comparable()
    table = draw.with_places(trials.table)
    drawn = curves(table, absolute=absolute)
    bands, notes = ({}, []) if band == "none" else draw.bands_of(drawn, band, confidence)
    sweeps = read_sweeps(table)
    summary = summary_table([summarise(each, confidence) for each in sweeps])
    figures.save(figures.cdf_figure(drawn, bands), out)  # once nothing is left that could be refused
    trials.tell()
    show.shares(summary, plain_console())
    show.repeats(sweeps, confidence, plain_console())
    flattered = [] if absolute else verdicts(sweeps, draw.learning_table(trials.sweeps))
    mind(warnings + notes + flattered)
    plain_console().print(f"Written to {out}", markup=False)


@app.command(
    epilog="Example: [bold]sweep compare[/bold]; [bold]sweep compare --optimizer sgd --out pairs.csv[/bold]"
)
@takes_trials
def compare(
    trials: Trials,
    out: Annotated[
        Path | None, typer.Option("--out", "-o", help="Write the table to a .csv, .parquet or .json file.")
    ] = None,
    test: Annotated[
        str, typer.Option(help="paired, unpaired, or auto: paired where models share their points.")
    ] = "auto",
    confidence: Confidence = 0.95,
    as_json: AsJson = False,
) -> None:
    """Compare models: which is better, which is more robust, by how much, and how sure that is."""
    import analysis
    from sweep import draw, show

    warnings = trials.check_comparable()
    table = draw.with_places(trials.table)
    sweeps = analysis.read_sweeps(table)
    pairs = analysis.compare(sweeps, test=test, confidence=confidence)
    summary = analysis.summary_table([analysis.summarise(each, confidence) for each in sweeps])
    if out:
        draw.write_table(analysis.comparison_table(pairs), out)
    trials.tell()
    if as_json:
        again = [point for each in sweeps for point in analysis.repeated_points(each, confidence)]
        tables = {
            "sweeps": summary,
            "pairs": analysis.comparison_table(pairs),
            "repeats": analysis.repeats_table(again),
        }
        print_json({name: draw.records(rows) for name, rows in tables.items()})
        return
    show.shares(summary, plain_console())
    show.repeats(sweeps, confidence, plain_console())
    show.comparisons(pairs, plain_console())
    mind(warnings + analysis.verdicts(sweeps, draw.learning_table(trials.sweeps)))
    if out:
        plain_console().print(f"Written to {out}", markup=False)


@app.command(epilog="Example: [bold]sweep scatter --out fig.pdf[/bold]")
@takes_trials
def scatter(trials: Trials, out: Out) -> None:
    """Draw error against lr, wd and lr × wd, with a bar at the optimum."""
    from analysis import figures
    from sweep import draw

    figures.save(figures.scatter_figure(draw.with_places(trials.table)), out)
    trials.tell()
    plain_console().print(f"Written to {out}", markup=False)


@app.command(epilog="Example: [bold]sweep report --out report.html[/bold], then open it in any browser")
@takes_trials
def report(trials: Trials, out: Out) -> None:
    """Write all that the sweeps show as one HTML page: what was run, figures, comparisons, every trial."""
    from analysis.report import report_html
    from sweep import draw
    from sweep import report as reports

    reports.check_suffix(out)
    extras = reports.extras(trials.sweeps, trials.check_comparable())
    reports.write(report_html(draw.with_places(trials.table), extras), out)
    trials.tell()
    plain_console().print(f"Written to {out}", markup=False)


def print_json(value: object) -> None:
    """Print a value as JSON; NaN and infinity are an error, as they are not JSON."""
    import json

    print(json.dumps(value, indent=1, allow_nan=False))


from sweep import cli_tune  # noqa: E402, F401 - more commands
