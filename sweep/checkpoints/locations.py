"""From the word that names a storage to the storage."""

import re
from pathlib import Path

from sweep.checkpoints.base import CheckpointLocation
from sweep.checkpoints.folder import Folder
from sweep.checkpoints.s3 import _PARAMETERS, S3Location
from sweep.errors import InputError


def check(text: str) -> None:
    """Refuse what is neither a folder that is there nor an address of an S3 store, which is not asked.

    Raises
    ------
    InputError
        If it is neither, or an address with a password in it. That is not repeated.
    """
    if "://" not in text:
        if not text or not Path(text).is_dir():
            raise InputError(
                f"--storage {text}: not a folder. It takes one that all machines of the cluster see, "
                "or s3://BUCKET/FOLDER"
            )
        return
    where, _, parameters = text.partition("?")
    if "@" in where:
        raise InputError(
            "--storage takes no password: it would be in lists of processes and in shells' histories. "
            "Set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, on every machine of the cluster."
        )
    if not re.fullmatch(r"s3://[a-z0-9][a-z0-9.-]*(/.*)?", where):
        raise InputError(f"--storage {where}: not an S3 store. It takes a folder, or s3://BUCKET/FOLDER")
    names = [each.partition("=")[0] for each in parameters.split("&") if each]
    if strange := sorted(set(names) - set(_PARAMETERS)):
        allowed = ", ".join(_PARAMETERS)
        raise InputError(f"--storage {where}: after a question mark it takes {allowed}, got {strange[0]!r}")


def place(text: str, name: str = "") -> CheckpointLocation:
    """Return where the checkpoints of a sweep lie in ``--storage``; without a name, all of that."""
    return S3Location(text, name) if "://" in text else Folder(Path(text).resolve() / name)
