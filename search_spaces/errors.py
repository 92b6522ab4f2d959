"""The error of a search space that cannot be made as asked."""


class SearchSpaceError(ValueError):
    """Wrong optimum, box or design. The text says what was got and what is allowed."""
