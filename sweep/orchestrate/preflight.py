"""What can be told of Ray without Ray: whether anything listens at an address, why a trial was given up."""

import pickle
import socket
from collections.abc import Sequence
from typing import Any

from sweep.errors import InputError


def reason(trial: Any) -> str:
    """Say in one line why Tune gave a trial up.

    Tune's own `get_error` looks where its state is saved in the end, too late for a callback.
    """
    try:
        with open(trial.pickled_error_file, "rb") as file:
            error = pickle.load(file)
    except Exception:  # there is none, or it is of a kind that only the worker knows
        return "Ray Tune does not say why"
    return last_line(getattr(error, "cause", None) or error)


def last_line(error: BaseException) -> str:
    """Say what an error is in one line."""
    lines = str(error).strip().splitlines()
    return f"{type(error).__name__}: {lines[-1] if lines else ''}"[:500]


def check_reachable(address: str) -> None:
    """See whether anything listens at HOST:PORT: Ray itself would try for minutes.

    Raises
    ------
    InputError
        If nothing does.
    """
    host, _, port = address.rpartition(":")
    try:
        socket.create_connection((host, int(port)), timeout=5).close()
    except (OSError, ValueError, OverflowError) as error:
        raise InputError(
            f"no Ray cluster at --address {address}: {error}. It takes local, none, auto or HOST:PORT."
        ) from error


def check_carried(what: str, asked: float, machines: Sequence[float], *, where: str = "the cluster") -> None:
    """See whether one machine of a cluster has what a trial asks for: it never runs on several.

    Parameters
    ----------
    what : {"CPU", "GPU"}
        The kind.
    asked : float
        How many.
    machines : sequence of float
        How many each machine has.
    where : str
        What they are together, for the message.

    Raises
    ------
    InputError
        If none has so many.
    """
    most = max(machines, default=0.0)
    if asked > most:
        alone = f", at most {most:g} on one machine" if len(machines) > 1 and most else ""
        flag = f"--{what.lower()}s-per-trial {asked:g}"
        raise InputError(f"{flag}: {where} has {sum(machines):g} {what}s{alone}")
