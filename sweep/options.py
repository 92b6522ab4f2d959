"""Options that `run`, `tune` and `study` have in common, so that they mean the same everywhere."""

from pathlib import Path
from typing import Annotated

import typer

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
    str, typer.Option(help="local, auto (the Ray cluster this machine is part of), or its HOST:PORT.")
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
