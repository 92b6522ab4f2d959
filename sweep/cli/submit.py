"""`sweep submit`, `logs`, `stop` and `fetch`: sweeps on a cluster, from a machine that is no part of it."""

import functools
import inspect
import sys
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, NoReturn

import typer

from sweep.cli.app import app
from sweep.cli.run import run
from sweep.cli.study import hyperparameters, lengths, optimizers, peak
from sweep.cli.tune import tune
from sweep.cli.typer_options import check_options
from sweep.console.output import plain_console, print_warnings
from sweep.errors import InputError

if TYPE_CHECKING:
    from sweep.remote.jobs import JobsApi, RemoteJob

_CONTEXT = inspect.Parameter("context", inspect.Parameter.KEYWORD_ONLY, annotation=typer.Context)
_THERE = ("address", "folder")
"""Options that the cluster decides."""

Job = Annotated[str | None, typer.Argument(help="Name of the job, or its beginning. Default: the newest.")]

submit = typer.Typer(
    no_args_is_help=True,
    help="Run a command on the cluster of your profile. It goes on there when this machine leaves; "
    "the same command again resumes it.",
)
study = typer.Typer(no_args_is_help=True, help="Run a whole study of arXiv:2106.14881 on the cluster.")
submit.add_typer(study, name="study", epilog="Example: [bold]sweep submit study lengths --size 1mf[/bold]")
app.add_typer(submit, name="submit", epilog="Example: [bold]sweep submit run --model vit_c_1mf[/bold]")


def _submitted(command: Callable[..., None], words: Sequence[str]) -> Callable[..., None]:
    """Return a command with the options of one that runs here, which submits it instead."""
    parameters = inspect.signature(command).parameters.values()

    @functools.wraps(command)
    def submitted(context: typer.Context, **given: Any) -> None:
        check_options(command, given | {"storage": None})  # it is the cluster's
        _submit(words, context)

    kept = [each for each in parameters if each.name not in _THERE]
    submitted.__signature__ = inspect.Signature([_CONTEXT, *kept])  # type: ignore[attr-defined]
    return submitted


for _command, _example in ((run, "--model vit_c_1mf --n 64"), (tune, "--model vit_c_1mf --optimizer sgd")):
    _name = _command.__name__
    submit.command(_name, epilog=f"Example: [bold]sweep submit {_name} {_example}[/bold]")(
        _submitted(_command, [_name])
    )
for _command in (lengths, optimizers, hyperparameters, peak):
    _name = _command.__name__
    study.command(_name, epilog=f"Example: [bold]sweep submit study {_name} --size 1mf[/bold]")(
        _submitted(_command, ["study", _name])
    )


def _options(context: typer.Context, folder: str) -> Iterator[str]:
    """Write the options that were given as the words of a command line on the cluster."""
    from sweep.remote.submit import there

    for option in context.command.params:  # the cluster has the defaults, and may have others
        name, value = option.name or "", context.params.get(option.name or "")
        if name == "out" and value is None:  # a study draws, and the default is a file where it runs
            value = Path(f"{context.info_name}.pdf")
        elif not _is_given(context, name):
            continue
        if isinstance(value, bool):
            yield (option.opts if value else option.secondary_opts)[0]
            continue
        for each in value if isinstance(value, list | tuple) else [value]:
            yield from (max(option.opts, key=len), there(name, str(each), folder))


def _is_given(context: typer.Context, name: str) -> bool:
    source = context.get_parameter_source(name)
    return source is not None and source.name in ("COMMANDLINE", "ENVIRONMENT")


def _submit(words: Sequence[str], context: typer.Context) -> None:
    from sweep.remote import submit as remote
    from sweep.remote.submit_archive import make_package

    api = _cluster()
    words = [*words, *_options(context, api.profile.folder)]
    package = make_package(context.params.get("trainer"), context.params.get("recipe"))
    submission = remote.Submission(words=words, folder=api.profile.folder, package=package)
    print_warnings(api.warnings())
    if package:
        _say(f"Travels along: {', '.join(package.files[:5])}{' …' if len(package.files) > 5 else ''}")
    begun = remote.submit(api, submission)
    _say(f"Job {begun.job_id} {'is submitted' if begun.is_new else 'is running already'}")
    try:
        job = remote.until_begun(api, begun.job_id, partial(_show, api))
    except KeyboardInterrupt:
        _leave(begun.job_id)
    if job.ended:
        raise typer.Exit(_exit_code(job))
    _say("The cluster goes on by itself. sweep logs -f shows its progress, sweep fetch brings its results.")
    if api.profile.tracking_uri:
        _say(f"Runs are in MLflow: {api.profile.tracking_uri}")


@app.command(epilog="Example: [bold]sweep logs -f[/bold]")
def logs(
    job: Job = None,
    *,
    follow: Annotated[
        bool, typer.Option("--follow", "-f", help="Go on until the job ends; Ctrl-C leaves it running.")
    ] = False,
) -> None:
    """Show what a job on the cluster has printed."""
    from sweep.remote import submit as remote

    api = _cluster()
    found = api.find(job)
    if not follow:
        return _show(api, api.log(found.id))
    try:
        raise typer.Exit(_exit_code(remote.follow(api, found.id, partial(_show, api))))
    except KeyboardInterrupt:
        _leave(found.id)


@app.command(epilog="Example: [bold]sweep stop[/bold], then the same [bold]sweep submit[/bold] to resume")
def stop(job: Job = None) -> None:
    """Stop a job on the cluster; every finished trial is kept."""
    from sweep.remote import submit as remote

    api = _cluster()
    found = api.find(job)
    if found.ended:
        return _say(f"{found.id} has ended already")
    remote.stop(api, found)
    _say(f"{found.id} is stopped. Every finished trial is kept; the same sweep submit resumes it.")


@app.command(
    epilog="Example: [bold]sweep fetch --out fetched[/bold], then [bold]sweep cdf --dir fetched[/bold]"
)
def fetch(
    sweep: Annotated[
        str, typer.Argument(help="Only sweeps and searches whose names begin so.", show_default=False)
    ] = "",
    *,
    out: Annotated[Path, typer.Option("--out", "-o", help="Folder to write to; it is updated.")] = Path(
        "fetched"
    ),
) -> None:
    """Bring plans, journals and figures from the cluster, also of sweeps that are running."""
    from sweep.remote.fetch import fetch

    if out.exists() and not out.is_dir():
        raise InputError(f"`out` {out}: not a folder")
    names = fetch(_cluster(), sweep, out)
    _say(f"{', '.join(names)} in {out}/. See them: sweep status --dir {out}")


def _cluster() -> "JobsApi":
    from sweep.remote.jobs import JobsApi
    from sweep.remote.profile import read_profile

    return JobsApi(read_profile())


def _leave(job_id: str) -> NoReturn:
    _say(f"{job_id} goes on. Stop it with sweep stop {job_id}")
    raise typer.Exit(130) from None


def _exit_code(job: "RemoteJob") -> int:
    """Return the driver's own exit code; 1 if Ray could not start it, or it was killed."""
    if job.status == "SUCCEEDED":
        return 0
    if job.exit_code is None or job.exit_code < 0:
        print(f"{job.id}: {job.message}", file=sys.stderr)
        return 1
    return job.exit_code


def _show(api: "JobsApi", text: str) -> None:
    """Print what a driver has printed; the commands in it as they are given here."""
    from sweep.remote.submit import here

    print(here(text, api.profile.folder), end="", flush=True)


def _say(text: str) -> None:
    plain_console().print(text, markup=False)
