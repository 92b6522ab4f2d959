"""The token of a Ray cluster, looked for where Ray looks for it, and in its order."""

import os
from dataclasses import dataclass, field
from pathlib import Path

from sweep.errors import InputError

TOKEN, TOKEN_PATH = "RAY_AUTH_TOKEN", "RAY_AUTH_TOKEN_PATH"
DEFAULT_FILE = Path(".ray") / "auth_token"
"""Relative to the home folder. Ray writes it when a cluster is started on this machine."""
PLACES = f"the variable {TOKEN}, a file named by {TOKEN_PATH}, or ~/{DEFAULT_FILE}"


@dataclass(frozen=True, kw_only=True, slots=True)
class Token:
    """A token, and where it is from. Only the source is ever shown."""

    value: str = field(repr=False)
    """The secret."""
    source: str
    """What a user would change to change it: a variable or a file."""


def find_token() -> Token | None:
    """Return the token that Ray would use; None if there is none.

    Raises
    ------
    InputError
        If a variable is blank, or names a file that cannot be read or is empty.
    """
    if given := os.environ.get(TOKEN):
        return Token(value=_not_blank(given), source=TOKEN)
    if named := os.environ.get(TOKEN_PATH):
        return Token(value=read_token(Path(named), TOKEN_PATH), source=f"{TOKEN_PATH} ({named})")
    default = _default_file()
    if default and (value := _text(default).strip()):
        return Token(value=value, source=f"~/{DEFAULT_FILE}")
    return None


def read_token(path: Path, named_by: str) -> str:
    """Read a token that a user keeps in a file of their own.

    Parameters
    ----------
    path : Path
        The file.
    named_by : str
        The variable or setting that names it, for the message.

    Raises
    ------
    InputError
        If it cannot be read, or is empty.
    """
    try:
        token = path.read_text().strip()
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is no text"
        raise InputError(f"{named_by} names {path}, which cannot be read: {reason}") from error
    if not token:
        raise InputError(f"{named_by} names {path}, which is empty: it must hold the cluster's token")
    return token


def _not_blank(given: str) -> str:
    if not given.strip():  # Ray looks no further, and finds no token
        raise InputError(f"the variable {TOKEN} is blank: set it to the cluster's token, or unset it")
    return given.strip()


def _default_file() -> Path | None:
    try:
        return Path.home() / DEFAULT_FILE
    except RuntimeError:  # nobody knows this user
        return None


def _text(path: Path) -> str:
    try:
        return path.read_text()
    except (OSError, ValueError):
        return ""
