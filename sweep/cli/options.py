"""Which trials a command is about: some of the folder's sweeps, or trials from elsewhere.

One set of options for all commands that read trials, so that they mean the same everywhere.
"""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    pass

Folder = Annotated[Path, typer.Option("--dir", envvar="SWEEP_DIR", help="Folder of plans and journals.")]
DEFAULT_FOLDER = Path("sweeps")


def folder_words(folder: Path) -> list[str]:
    """Return the option that names a folder of sweeps to another command, where it is not the usual one."""
    return [] if folder == DEFAULT_FOLDER else ["--dir", str(folder)]


RecipeName = Annotated[
    str | None, typer.Option(help="Name of a recipe, or path of a .toml. Default: digits.")
]
TrainerName = Annotated[
    str | None, typer.Option(metavar="MODULE:FUNCTION", help="Your own training function, with --epochs.")
]
Data = Annotated[Path | None, typer.Option(help="Folder of the data, if the recipe needs one.")]
BoxDown = Annotated[float | None, typer.Option(help="Factor the box reaches down by, instead of 8.")]
BoxUp = Annotated[float | None, typer.Option(help="Factor the box reaches up by, instead of 4.")]
SkipCorrupt = Annotated[
    bool, typer.Option("--skip-corrupt", help="Leave images out that cannot be read, and say which.")
]
Address = Annotated[
    str,
    typer.Option(
        help="Where trials run: local (Ray on this machine), none (in this process, without Ray), "
        "auto (the Ray cluster this machine is part of), or its HOST:PORT."
    ),
]
CpusPerTrial = Annotated[float, typer.Option(min=0.01, help="CPUs reserved for a trial.")]
GpusPerTrial = Annotated[
    float | None,
    typer.Option(
        min=0,
        help="GPUs of a trial: a share of one, or several, which train it together. Default: 1 if any.",
    ),
]
Storage = Annotated[
    str | None,
    typer.Option(help="For checkpoints: a folder that all machines of a cluster see, or s3://BUCKET/FOLDER."),
]


AsJson = Annotated[bool, typer.Option("--json", help="Print JSON.")]
Confidence = Annotated[float, typer.Option(help="Of every interval and band, between 0 and 1.")]
Out = Annotated[Path, typer.Option("--out", "-o", help="File to write; its suffix decides the format.")]
