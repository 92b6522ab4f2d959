"""The profile: which cluster, with which token, in which folder of it."""

import getpass
import os
import stat
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import Any
from urllib.parse import urlsplit

from sweep.errors import InputError, unknown
from sweep.utils.ray_token import TOKEN, TOKEN_PATH, Token, find_token, read_token

VARIABLES = {
    "address": "SWEEP_CLUSTER_ADDRESS",
    "folder": "SWEEP_CLUSTER_FOLDER",
    "tracking_uri": "SWEEP_CLUSTER_TRACKING_URI",
}
"""Field of the profile → the environment variable that overrides it."""
_FIELDS = (*VARIABLES, "token", "token_file")
_EXAMPLE = 'address = "http://127.0.0.1:8265"'


@dataclass(frozen=True, kw_only=True, slots=True)
class Profile:
    """How the cluster is reached."""

    address: str
    """``http://HOST:PORT`` of the dashboard of Ray's head, which serves the jobs API."""
    folder: str
    """Folder on the head's disk that holds this user's sweeps; it must outlive the head."""
    token: Token | None = field(default=None, repr=False)
    """The cluster's; None if it asks for none."""
    tracking_uri: str | None = None
    """Where this user opens MLflow's website; the driver has the address from the head's environment."""


def profile_file() -> Path:
    """Return the path of the profile."""
    base = os.environ.get("XDG_CONFIG_HOME") or Path.home() / ".config"
    return Path(base) / "sweep" / "config.toml"


def read_profile() -> Profile:
    """Read the profile's file, and the variables that override it.

    Raises
    ------
    InputError
        If there is none, a value is invalid, or others can read a token that is in it.
    """
    path = profile_file()
    given = _of_file(path) | {name: os.environ[v] for name, v in VARIABLES.items() if os.environ.get(v)}
    if "address" not in given:
        raise InputError(
            f"no cluster is known: write a line [cluster] and a line {_EXAMPLE} to {path}, or set "
            f"{VARIABLES['address']}"
        )
    return Profile(
        address=_address(given["address"]),
        folder=_folder(given.get("folder") or f"/sweeps/{getpass.getuser()}"),
        token=_token(given, path),
        tracking_uri=_tracking_uri(given.get("tracking_uri")),
    )


def _of_file(path: Path) -> dict[str, str]:
    try:
        text = path.read_text()
    except FileNotFoundError:
        return {}
    except (OSError, ValueError) as error:
        raise InputError(f"the profile {path} cannot be read: {error}") from error
    try:
        read = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:  # its message quotes no line: a token may stand there
        raise InputError(f"the profile {path} is no valid TOML: {error}") from error
    table = read.get("cluster", {})
    _check(table, sorted(set(read) - {"cluster"}), path)
    if "token" in table:
        _check_private(path)
    return dict(table)


def _check(table: Any, others: list[str], path: Path) -> None:
    if others or not isinstance(table, dict):
        raise InputError(f"the profile {path} has one table, [cluster], got {', '.join(others) or 'a value'}")
    for name, value in table.items():
        if name not in _FIELDS:
            raise unknown(f"field in the profile {path}", name, _FIELDS)
        if not (isinstance(value, str) and value.strip()):
            raise InputError(f"the profile {path}: {name} takes a text in quotes")
    if {"token", "token_file"} <= set(table):
        raise InputError(f"the profile {path} has both token and token_file: leave one of them out")


def _check_private(path: Path) -> None:
    mode = stat.S_IMODE(path.stat().st_mode)
    if mode & (stat.S_IRWXG | stat.S_IRWXO):
        raise InputError(
            f"{path} holds the cluster's token, and its mode {mode:o} gives others access: chmod 600 {path}"
        )


def _address(given: str) -> str:
    address = given.strip().rstrip("/")
    parts = urlsplit(address)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise InputError(f"the cluster's address is http://HOST:PORT, such as {_EXAMPLE}, got {address[:80]}")
    if parts.username or parts.password:
        raise InputError("the cluster's address holds a user or a password: only a token is understood")
    return address


def _folder(given: str) -> str:
    if not PurePosixPath(given).is_absolute() or ".." in PurePosixPath(given).parts:
        raise InputError(
            f"the cluster's folder is an absolute path there, such as /sweeps/me, got {given[:80]}"
        )
    return str(PurePosixPath(given))


def _tracking_uri(given: str | None) -> str | None:
    if given and "@" in urlsplit(given).netloc:
        raise InputError("the profile's tracking_uri holds a user or a password: it is shown, leave them out")
    return given


def _token(given: Mapping[str, str], path: Path) -> Token | None:
    """Return the token of the variables, else the profile's, else that of Ray's own file."""
    if not (os.environ.get(TOKEN) or os.environ.get(TOKEN_PATH)):
        if "token" in given:
            return Token(value=given["token"].strip(), source=f"token in {path}")
        if "token_file" in given:
            named = Path(given["token_file"]).expanduser()
            _check_private(named) if named.is_file() else None
            return Token(value=read_token(named, f"token_file in {path}"), source=str(named))
    return find_token()
