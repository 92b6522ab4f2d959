"""The one error that is the user's to mend: shown as one message, exit code 2."""

import difflib
from collections.abc import Iterable

_LISTED = 30
"""More names than this are not listed: the hint says how to see them."""


class InputError(ValueError):
    """Wrong usage or input. The text says what was wrong, what was got and what is allowed."""


class DamagedError(InputError):
    """A file of ours holds something else than was written to it. `sweep run` puts it right."""


def unknown(what: str, got: str, known: Iterable[str], hint: str = "") -> InputError:
    """Build the error for a name that is not known, offering the nearest ones.

    Parameters
    ----------
    what : str
        What kind of name it is, such as ``"model"``.
    got : str
        The name received.
    known : iterable of str
        The names allowed.
    hint : str, optional
        A last sentence, such as the command that lists the names.
    """
    known = sorted(known)
    near = _near(got, known) or _near(got.lower(), known)
    offer = f"Did you mean {' or '.join(near)}?" if near else ""
    if not near and len(known) <= _LISTED:
        offer = f"Known: {', '.join(known) or 'none'}."
    return InputError(" ".join(filter(None, [f"unknown {what} {got!r}.", offer, hint])))


def _near(got: str, known: list[str]) -> list[str]:
    return difflib.get_close_matches(got, known, n=3, cutoff=0.5)
