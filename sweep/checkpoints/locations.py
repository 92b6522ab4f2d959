"""Checks ``--storage`` and turns it into a checkpoint location."""

import re
from pathlib import Path

from sweep.checkpoints.base import CheckpointLocation
from sweep.checkpoints.folder import FolderLocation
from sweep.checkpoints.s3 import URL_PARAMETERS, S3Location
from sweep.errors import InputError


def check(text: str) -> None:
    """Check that ``--storage`` is an existing folder or a well-formed S3 address; S3 is not contacted.

    Raises
    ------
    InputError
        If it is neither, or an address that contains a password. The message leaves the password out.
    """
    if "://" in text:
        _check_s3(text)
    elif not text or not Path(text).is_dir():
        raise InputError(
            f"`storage` {text}: not a folder. It takes one that all machines of the cluster see, "
            "or s3://BUCKET/FOLDER"
        )


def _check_s3(text: str) -> None:
    where, _, parameters = text.partition("?")
    if "@" in where:
        raise InputError(
            "`storage` takes no password: process lists and shell histories would show it. "
            "Set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, on every machine of the cluster."
        )
    if not re.fullmatch(r"s3://[a-z0-9][a-z0-9.-]*(/.*)?", where):
        raise InputError(f"`storage` {where}: not an S3 store. It takes a folder, or s3://BUCKET/FOLDER")
    names = [each.partition("=")[0] for each in parameters.split("&") if each]
    if unknown := sorted(set(names) - set(URL_PARAMETERS)):
        allowed = ", ".join(URL_PARAMETERS)
        raise InputError(f"`storage` {where}: after a question mark it takes {allowed}, got {unknown[0]!r}")


def location(text: str, name: str = "") -> CheckpointLocation:
    """Return the location of a sweep's checkpoints within ``--storage``; without a name, all of it."""
    return S3Location(text, name) if "://" in text else FolderLocation(Path(text).resolve() / name)
