"""Small text helpers: counted nouns, shortened lists, durations, URLs without passwords."""

import re
from collections.abc import Sequence


def duration(seconds: float) -> str:
    """Format a duration: 45 s, 12 min, 3 h 20 min."""
    if seconds < 90:
        return f"{seconds:.0f} s"
    minutes = round(seconds / 60)
    return f"{minutes} min" if minutes < 90 else f"{minutes // 60} h {minutes % 60:02d} min"


def counted(number: int, what: str) -> str:
    """Format a count with its noun: 1 trial, 12 trials."""
    return f"{number} {what}{'' if number == 1 else 's'}"


def listed(names: Sequence[str], most: int = 3) -> str:
    """Format a list of names, shortened if it is long: a, b, c and 15 more."""
    others = len(names) - most
    return ", ".join(names) if others < 2 else f"{', '.join(names[:most])} and {others} more"


def masked(text: str) -> str:
    """Hide the user and password of every URL within a text."""
    return re.sub(r"://[^@/\s]*@", "://***@", text)
