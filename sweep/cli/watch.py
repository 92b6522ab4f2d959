"""`sweep watch`: the page on sweeps that are running."""

from pathlib import Path
from typing import Annotated

import typer

from sweep.cli.app import app
from sweep.cli.typer_options import takes_options
from sweep.console.output import plain_console
from sweep.planning.command_options import FolderOptions
from sweep.results.selection import Filter

PORT = 8643


@app.command(
    epilog="Example: [bold]sweep watch[/bold] while `sweep run` is running, or "
    "[bold]sweep watch --once --out now.html[/bold]"
)
@takes_options
def watch(
    port: Annotated[int, typer.Option(min=0, max=65535, help="Port on this machine; 0: a free one.")] = PORT,
    once: Annotated[
        bool, typer.Option("--once", help="Write the page as of now, and end; needs --out.")
    ] = False,
    out: Annotated[Path | None, typer.Option("--out", "-o", help="With --once: the file to write.")] = None,
    *,
    where: FolderOptions,
    only: Filter,
) -> None:
    """Show sweeps in a browser while they run, whoever runs them; until Ctrl-C. Nothing is changed."""
    from sweep.errors import InputError
    from sweep.results import report
    from sweep.watch.follow import Follower
    from sweep.watch.page import page_of, shown
    from sweep.watch.server import Watch

    if once != (out is not None):
        raise InputError("`once` and `out` belong together: --once --out FILE writes the page to a file")
    if out is not None:
        report.check_suffix(out)
    follower = Follower(folder=where.folder, only=only)
    follower.catch_up()
    shown(follower)  # a folder without sweeps is told here, not in the browser
    if out is not None:
        report.write(page_of(follower, served=False), out)
        plain_console().print(f"Written to {out}", markup=False)
        return
    with Watch(follower, port) as server:
        plain_console().print(f"{server.address} shows {where.folder}/ until Ctrl-C", markup=False)
        server.serve_forever()
