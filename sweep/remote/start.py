"""Begins a job on the cluster: ``python -m sweep.remote.start --version=V --folder=F -- run --model …``."""

import os
import sys
from collections.abc import Sequence
from pathlib import Path

from sweep.errors import InputError
from sweep.remote.submit import FIGURES
from sweep.remote.version import build

REFUSED = 2


def main(words: Sequence[str]) -> None:
    """See that a job can run here, and become its driver."""
    (client, folder), command = (word.partition("=")[2] for word in words[:2]), words[3:]
    try:
        check_build(client)
        prepare(Path(folder))
    except InputError as error:
        print(f"Error: {error}", file=sys.stderr)
        sys.exit(REFUSED)
    os.environ["SWEEP_DIR"] = folder
    os.environ.setdefault("MLFLOW_TRACKING_URI", f"sqlite:///{folder}/mlflow.db")
    os.execv(sys.executable, [sys.executable, "-m", "sweep", *command, "--address", "auto"])


def check_build(client: str) -> None:
    """Refuse a command of another version or build: its options, keys and results may differ.

    Raises
    ------
    InputError
        If it is another one.
    """
    if client == build():
        return
    version, other = build().partition("+")[0], client.partition("+")[0]
    remedy = f"Install the cluster's: pip install robustness-sweep=={version}"
    if other == version:
        remedy = "Their sources differ: install the same ones on both sides"
    raise InputError(
        f"the cluster has robustness-sweep {build()}, and the command came from {client}. {remedy}"
    )


def prepare(folder: Path) -> None:
    """Make the folder of a user's sweeps.

    Raises
    ------
    InputError
        If that is not possible.
    """
    try:
        (folder / FIGURES).mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise InputError(
            f"the cluster's head cannot write to {folder}: {error.strerror}. Set folder in your profile to "
            "one on a volume that it can write to"
        ) from error


if __name__ == "__main__":
    main(sys.argv[1:])
