"""Small pieces of text: counted nouns, lists cut short, durations."""

from collections.abc import Sequence


def duration(seconds: float) -> str:
    """Write a time as people say it: 45 s, 12 min, 3 h 20 min."""
    if seconds < 90:
        return f"{seconds:.0f} s"
    minutes = round(seconds / 60)
    return f"{minutes} min" if minutes < 90 else f"{minutes // 60} h {minutes % 60:02d} min"


def counted(number: int, what: str) -> str:
    """Write a number of things: 1 trial, 12 trials."""
    return f"{number} {what}{'' if number == 1 else 's'}"


def listed(names: Sequence[str], most: int = 3) -> str:
    """Name things one after the other: a, b, c and 15 more."""
    left = len(names) - most
    return ", ".join(names) if left < 2 else f"{', '.join(names[:most])} and {left} more"
