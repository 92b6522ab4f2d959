"""How the machines of a cluster are divided among the drivers that are at work on it: a pure rule.

It is dominant resource fairness (Ghodsi et al., NSDI 2011): the next worker goes to the driver whose largest
share of CPUs or GPUs is the smallest. Where there are fewer workers than drivers, they take turns.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

_ROUNDING = 1e-9


@dataclass(frozen=True, kw_only=True, slots=True)
class Claim:
    """What a driver lets the others know."""

    takes: Mapping[str, float]
    """Ray's resources of each of its workers, without those that are 0."""
    wants: int
    """The workers that it has trials for."""
    works: bool
    """Whether it has a worker."""
    since: float
    """Since when it has one, or has none; in seconds since the epoch."""


def fair_workers(
    claims: Mapping[str, Claim], machines: Sequence[Mapping[str, float]], *, now: float, turn_s: float
) -> dict[str, int]:
    """Return how many workers each driver may have.

    Parameters
    ----------
    claims : mapping of str to Claim
        The drivers.
    machines : sequence of mapping of str to float
        Ray's resources of each machine.
    now : float
        The time, in seconds since the epoch.
    turn_s : float
        So long a driver may keep its only worker while others have none. Then it is their turn.
    """
    free = [dict(machine) for machine in machines]
    total = {name: sum(machine.get(name, 0.0) for machine in machines) for name in ("CPU", "GPU")}
    workers = dict.fromkeys(claims, 0)
    asking = sorted(claims, key=lambda name: (_turn(claims[name], now, turn_s), name))
    while asking:  # the first one of those who have the least
        name = min(asking, key=lambda name: workers[name] * _share(claims[name], total))
        if workers[name] < claims[name].wants and _place(claims[name].takes, free):
            workers[name] += 1
        else:
            asking.remove(name)
    return workers


def _turn(claim: Claim, now: float, turn_s: float) -> tuple[int, float]:
    """Return a driver's place: those within their turn, then who waits the longest, then the others."""
    if claim.works:
        return (0 if now - claim.since < turn_s else 2), claim.since
    return 1, claim.since


def _share(claim: Claim, total: Mapping[str, float]) -> float:
    """Return the largest share of a resource that one of a driver's workers takes."""
    return max((value / total[name] for name, value in claim.takes.items() if total.get(name)), default=0.0)


def _place(takes: Mapping[str, float], free: list[dict[str, float]]) -> bool:
    """Put a worker on the first machine that has room for it; say whether one has."""
    for machine in free:
        if all(machine.get(name, 0.0) >= value - _ROUNDING for name, value in takes.items()):
            for name, value in takes.items():
                machine[name] -= value
            return True
    return False
