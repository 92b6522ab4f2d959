"""What can be checked without Ray: whether anything listens at an address, whether a machine has enough."""

import socket
from collections.abc import Sequence

from sweep.errors import InputError


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
            f"no Ray cluster at `address` {address}: {error}. It takes local, none, auto or HOST:PORT."
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
        option = f"`{what.lower()}s_per_trial` {asked:g}"
        raise InputError(f"{option}: {where} has {sum(machines):g} {what}s{alone}")
