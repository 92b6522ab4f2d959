"""The error of an impossible search space."""


class SearchSpaceError(ValueError):
    """An invalid optimum, box or design. The message gives what was received and what is allowed."""
