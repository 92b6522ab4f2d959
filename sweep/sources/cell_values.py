"""Parses columns of cells from other tools into numbers and words."""

import math
from collections.abc import Iterable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sweep.errors import InputError

_EMPTY = {"", "none", "null", "na", "n/a", "<na>"}


def numbers(cells: Iterable[Any], column: str, name: str) -> NDArray[np.float64]:
    """Return a column as floats, exactly as written; an empty cell is NaN.

    Parameters
    ----------
    cells : iterable
        Numbers, or texts of numbers.
    column, name : str
        The names of the column and the source, for messages.

    Raises
    ------
    InputError
        If a cell is not a number. The message names the first such row.
    """
    values, wrong = [], []
    for row, cell in enumerate(cells, start=1):
        try:
            values.append(math.nan if is_empty(cell) else _number(cell))
        except (TypeError, ValueError, OverflowError):
            wrong.append((row, cell))
    if wrong:
        row, cell = wrong[0]
        more = f", and in {len(wrong) - 1} more rows" if len(wrong) > 1 else ""
        raise InputError(f"{name}: {column} must hold numbers, got {str(cell)[:60]!r} in row {row}{more}")
    return np.array(values, dtype=float)


def _number(cell: Any) -> float:
    if isinstance(cell, bool | np.bool_):
        raise ValueError("a truth value is no number")
    if isinstance(cell, str) and "_" in cell:
        raise ValueError("Python's 1_000 is text anywhere else")
    return float(cell)


def whole_numbers(cells: Iterable[Any], column: str, name: str) -> list[int | None]:
    """Return a column as whole numbers; None for an empty or NaN cell.

    Parameters
    ----------
    cells : iterable
        Whole numbers, or texts of whole numbers.
    column, name : str
        The names of the column and the source, for messages.

    Raises
    ------
    InputError
        If a cell is not a whole number, or needs more than 64 bits.
    """
    return [_whole(word, column, name, row) for row, word in enumerate(words(cells), start=1)]


def _whole(word: str, column: str, name: str, row: int) -> int | None:
    if not word or word.lower() == "nan":
        return None
    try:
        value = int(word.removesuffix(".0"))
        if "_" not in word and abs(value) < 2**63:
            return value
    except ValueError:
        pass
    raise InputError(f"{name}: {column} must hold whole numbers, got {word[:60]!r} in row {row}")


def is_empty(cell: Any) -> bool:
    """Return whether a cell is empty. NaN does not count as empty."""
    if isinstance(cell, float):
        return False
    return cell is None or str(cell).strip().lower() in _EMPTY


def words(cells: Iterable[Any]) -> list[str]:
    """Return a column as texts; ``""`` for an empty cell."""
    return ["" if is_empty(cell) or cell != cell else str(cell).strip() for cell in cells]


def are_truth_values(cells: Iterable[Any]) -> bool:
    """Return whether every cell of a column is true or false."""
    return {word.lower() for word in words(cells)} <= {"true", "false"}


def some_rows(where: NDArray[np.bool_], limit: int = 5) -> str:
    """Return a text that lists the rows, counted from 1, where a condition is true."""
    rows = np.flatnonzero(where) + 1
    more = ", …" if len(rows) > limit else ""
    return f"row{'s' if len(rows) > 1 else ''} {', '.join(map(str, rows[:limit]))}{more}"
