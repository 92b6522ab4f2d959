"""What made trials fail, for reading: a file each, `sweeps/NAME/errors/KEY.txt`."""

from contextlib import suppress
from pathlib import Path

from sweep.core.jobs import AttemptFailure
from sweep.utils.atomic_files import write_atomically
from sweep.utils.text import masked

ERRORS = "errors"


def error_file(folder: Path, key: str) -> Path:
    """Return where the last failure of a trial is described, in the folder of its sweep or search."""
    return folder / ERRORS / f"{key}.txt"


def write_error(folder: Path, key: str, failure: AttemptFailure) -> None:
    """Describe the last failure of a trial."""
    path = error_file(folder, key)
    path.parent.mkdir(exist_ok=True)
    head = f"Attempt {failure.attempt} of trial {key} failed at {failure.time} on {failure.host}:"
    text = f"{head}\n{failure.message}\n\n{failure.traceback.rstrip()}\n"
    write_atomically(path, masked(text))


def discard_error(folder: Path, key: str) -> None:
    """Remove what a trial once failed of: it has a result now."""
    path = error_file(folder, key)
    path.unlink(missing_ok=True)
    with suppress(OSError):  # there are others, or there were none
        path.parent.rmdir()


def see_error(folder: Path, key: str) -> str:
    """Say where a trial's failure is described; nothing if it is not, as on an earlier version's folder."""
    path = error_file(folder, key)
    return f"; see {path}" if path.exists() else ""
