"""Begins a job on the cluster: ``python -m sweep.remote.start --version=V --folder=F -- run --model …``."""

import os
import sys
from collections.abc import Sequence
from pathlib import Path

from sweep.errors import InputError
from sweep.remote.submission import FIGURES, version

REFUSED = 2


def main(words: Sequence[str]) -> None:
    """See that a job can run here, and become its driver."""
    (client, folder), command = (word.partition("=")[2] for word in words[:2]), words[3:]
    try:
        check_version(client)
        prepare(Path(folder))
    except InputError as error:
        print(f"Error: {error}", file=sys.stderr)
        sys.exit(REFUSED)
    os.environ["SWEEP_DIR"] = folder
    os.environ.setdefault("MLFLOW_TRACKING_URI", f"sqlite:///{folder}/mlflow.db")
    os.execv(sys.executable, [sys.executable, "-m", "sweep", *command, "--address", "auto"])


def check_version(client: str) -> None:
    """Refuse a command of another version: its options and keys may differ.

    Raises
    ------
    InputError
        If it is another version.
    """
    if client != version():
        raise InputError(
            f"the cluster has version {version()} of robustness-sweep, and the command came from {client}. "
            f"Install the cluster's: pip install robustness-sweep=={version()}"
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
