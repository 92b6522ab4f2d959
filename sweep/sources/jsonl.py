"""Reads JSON Lines: an object a trial, which may hold dictionaries and learning curves."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from sweep.errors import InputError
from sweep.sources.base import Source, table_of
from sweep.sources.rows import last_epochs, with_dictionaries

SUFFIXES = (".jsonl", ".ndjson")
_NOT_FINITE = ("NaN", "Infinity", "-Infinity")
"""How W&B and other programs write numbers that JSON has not."""


def read(path: Path, name: str) -> Source:
    """Read a file of JSON Lines.

    A list of objects is a learning curve: each of its names becomes a column with the last epoch's value, and
    ``epochs`` beside them counts it. A list of numbers is the curve of one metric.

    Raises
    ------
    InputError
        If a line is no JSON object, or there is none.
    """
    objects, notes = _objects(path), []
    curves: dict[str, list[list[Any]]] = {}
    for key in dict.fromkeys(key for each in objects for key in each):
        if lists := _lists([each.get(key) for each in objects]):
            curves |= _curves(key, lists)
            objects = [{k: v for k, v in each.items() if k != key} for each in objects]
            notes.append(f"{key} is a learning curve: its last epoch counts")
    rows = last_epochs(with_dictionaries(table_of(objects), notes), notes) if any(objects) else table_of([])
    if len(rows) != len(objects) and curves:
        raise InputError(f"{name} has learning curves and a row an epoch: keep one of the two")
    settings = [str(column) for column in rows.columns]
    last = table_of(
        {key: (values[i] or [None])[-1] for key, values in curves.items()} for i in range(len(objects))
    )
    rows = pd.concat([rows, last], axis=1) if curves else rows
    return Source(
        name=name,
        kind="JSON Lines",
        rows=rows,
        ids=[str(i) for i in range(len(rows))],
        settings=settings,
        measures=[*curves, *settings],
        series={key: [[_number(v) for v in values] for values in lists] for key, lists in curves.items()},
        notes=tuple(notes),
    )


def _objects(path: Path) -> list[dict[str, Any]]:
    """Return the object of each line; empty lines are skipped."""
    try:
        lines = path.read_text(encoding="utf-8-sig").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"{path} cannot be read: {error}") from error
    objects = json_objects(lines, path)
    if not objects:
        raise InputError(f"{path} is empty: JSON Lines have an object a trial, each in a line of its own")
    return objects


def json_objects(lines: Sequence[str], path: Path) -> list[dict[str, Any]]:
    """Read the object of each line that is not empty; raises as `json_object` does."""
    numbered = [(number, line) for number, line in enumerate(lines, start=1) if line.strip()]
    return [json_object(line, f"{path}, line {number}") for number, line in numbered]


def json_object(text: str, where: str) -> dict[str, Any]:
    """Read a JSON object; ``where`` it stands, for messages.

    Raises
    ------
    InputError
        If the text is something else.
    """
    try:
        found = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise InputError(f"{where} is not JSON: {error}") from error
    if not isinstance(found, dict):
        raise InputError(f"{where} must be a JSON object, got {text.strip()[:60]!r}")
    return found


def _lists(cells: list[Any]) -> list[list[Any]] | None:
    """Return a column of learning curves, an empty one where a trial has none; None if it holds others."""
    full = [cell for cell in cells if cell is not None]
    if not any(full) or not all(isinstance(cell, list) for cell in full):
        return None
    items = [item for cell in full for item in cell]
    alike = all(isinstance(item, Mapping) for item in items) or all(_is_number(item) for item in items)
    return [cell or [] for cell in cells] if alike else None


def _curves(key: str, lists: list[list[Any]]) -> dict[str, list[list[Any]]]:
    """Return the values over the epochs of each metric of a learning curve, for each trial."""
    if not any(isinstance(item, Mapping) for cell in lists for item in cell):
        return {key: lists}
    names = dict.fromkeys(name for cell in lists for item in cell for name in item)
    found = {f"{key}/{name}": [[item.get(name) for item in cell] for cell in lists] for name in names}
    return {f"{key}/epochs": [[len(cell)] for cell in lists]} | found


def _is_number(item: Any) -> bool:
    if isinstance(item, str):
        return item in _NOT_FINITE
    return item is None or (isinstance(item, int | float) and not isinstance(item, bool))


def _number(item: Any) -> float:
    return float(item) if item is not None and _is_number(item) else float("nan")
