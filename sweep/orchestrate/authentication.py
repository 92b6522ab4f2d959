"""Whether a Ray cluster asks for a token, and with which one it is joined.

With an explicit address Ray uses a token only if RAY_AUTH_MODE says so, and tries one that is refused for
20 seconds. So the cluster is asked first.
"""

import os
import secrets
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from ray._private.authentication.authentication_token_setup import AUTH_MODE_ENV_VAR as MODE
from ray._private.services import canonicalize_bootstrap_address
from ray._raylet import AuthenticationTokenLoader, Config, GcsClient  # type: ignore[attr-defined]
from ray.exceptions import AuthenticationError

from sweep.errors import InputError
from sweep.utils.ray_token import DEFAULT_FILE, PLACES, TOKEN, TOKEN_PATH, find_token

_NO_CLUSTER = "1" * 56
"""The id of no cluster: a call that carries it does nothing, and needs no other call before it."""
_REFUSED, _ANOTHER_CLUSTER = "InvalidAuthToken", "WrongClusterID"
"""What a cluster answers to such a call: that the token is missing or wrong, or else that it is another."""


def find_address(address: str) -> str:
    """Return the HOST:PORT of a cluster; ``auto`` stays if Ray finds none."""
    if address != "auto":
        return address
    try:
        return canonicalize_bootstrap_address(address) or address
    except Exception:  # RAY_ADDRESS is no address: joining it says so
        return address


@contextmanager
def authenticated(address: str, warn: Callable[[str], None]) -> Iterator[None]:
    """Let Ray show the token that the cluster at HOST:PORT asks for, while this context lasts.

    ``warn`` is called if it asks for none: whoever reaches it can run code there.

    Raises
    ------
    InputError
        If it asks for a token and there is none, or another one.
    """
    before = os.environ.get(MODE)
    try:
        _set_mode("disabled")
        answer = _ask(address)
        _set_mode(before)
        if answer == _REFUSED:
            _show_token(address, before)
        elif answer == _ANOTHER_CLUSTER:
            warn(
                f"Warning: the Ray cluster at {address} asks for no token: whoever reaches that address can "
                f"run code on its machines. Start them with {MODE}=token and the same {TOKEN}."
            )
        yield
    finally:
        _set_mode(before)


def _show_token(address: str, mode: str | None) -> None:
    """Make Ray show the token, and see that it is the right one."""
    asks = f"the Ray cluster at {address} asks for a token"
    if mode is not None and mode.lower() != "token":
        raise InputError(f"{asks}, and {MODE}={mode} forbids to show one: set {MODE}=token, or unset it")
    token = find_token()
    if token is None:
        raise InputError(f"{asks}, and there is none here. Put the cluster's token into {PLACES}.")
    AuthenticationTokenLoader.instance().reset_cache()  # it may have been asked before there was one
    _set_mode("token")
    if _ask(address) == _REFUSED:
        raise InputError(
            f"{asks}, and refuses the one from {token.source}. Put the cluster's own there, or into "
            f"{PLACES}; the first of them that is set is used."
        )


def _ask(address: str) -> str:
    """Return what the cluster answers to a call that does nothing; nothing if there is none."""
    try:
        GcsClient(address=address, cluster_id=_NO_CLUSTER).check_alive([], timeout=10)
    except AuthenticationError as error:
        return next((each for each in (_REFUSED, _ANOTHER_CLUSTER) if each in str(error)), "")
    except Exception:  # no Ray, or another version of it: joining it tells what is wrong
        return ""
    return _ANOTHER_CLUSTER


def _set_mode(mode: str | None) -> None:
    if mode is None:
        os.environ.pop(MODE, None)
    else:
        os.environ[MODE] = mode
    Config.initialize("")  # Ray has read the variable when it was imported


def keep_token_private() -> None:
    """Create the file that Ray writes a token to when it starts here, so that no other user can read it.

    Without a home that can be written to, as in a container under another user, Ray here has a token of its
    own, which nobody but its processes knows.
    """
    try:
        path = Path.home() / DEFAULT_FILE
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch(mode=0o600, exist_ok=True)
    except (OSError, RuntimeError):
        if not os.environ.get(TOKEN_PATH):
            os.environ.setdefault(TOKEN, secrets.token_hex(32))
