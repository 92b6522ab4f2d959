"""Makes one row a trial, with a column for each value, of what other tools export as tables."""

import ast
import json
import re
from typing import Any

import pandas as pd

from sweep.errors import InputError
from sweep.sources.base import flatten
from sweep.sources.cell_values import is_empty

_IDS = ("run_id", "trial_id", "id", "run", "trial", "run_name", "name", "job_id")
_EPOCHS = ("epoch", "epochs", "step", "_step", "training_iteration", "iteration", "global_step")
_CHART_X = (
    "step",
    "_step",
    "epoch",
    "relative time (process)",
    "relative time (wall)",
    "wall time",
    "_timestamp",
)
_NOT_LITERAL = re.compile(r"(?<![\w'\"])(-?)(nan|inf|NaN|Infinity)(?![\w'\"])")
_OPTUNAS_OWN = "system_attrs_"
"""Columns in which Optuna keeps what it needs to go on, such as the points that it was given."""
_FEWEST = 3
"""Epochs that do not count on by chance."""
_MOSTLY = 0.6
_LARGEST = 1_000_000
"""Letters of the longest cell that is taken for a dictionary."""


def check_no_chart(rows: pd.DataFrame, name: str) -> None:
    """Refuse what W&B exports of a chart: a column a run, a row a step."""
    first, *others = map(str, rows.columns)
    if others and first.lower() in _CHART_X and all(" - " in column for column in others):
        run, _, metric = others[0].partition(" - ")
        raise InputError(
            f"{name} is the export of a W&B chart: {metric!r} of {run!r} and other runs over {first}. Export "
            "the table of runs (Runs, Table, Export to CSV), which has one row a run, with its settings"
        )


def check_no_single_run(rows: pd.DataFrame, name: str) -> None:
    """Refuse the log of one run, such as timm's summary.csv, in which every row is an epoch."""
    epoch = next((c for c in rows.columns if str(c).lower() == "epoch"), None)
    if epoch is None or len(rows) < _FEWEST or not _count_on(pd.to_numeric(rows[epoch], errors="coerce")):
        return
    raise InputError(
        f"{name} is the log of one run: its {epoch} counts on from row to row. A sweep's table has a row a "
        "trial; of timm's runs, give the folder that holds them all"
    )


def _count_on(numbers: pd.Series) -> bool:
    """Return whether numbers count on from row to row; what a resumed run wrote again counts back."""
    steps = numbers.dropna().diff().dropna()
    return bool(len(steps)) and bool((steps <= 1).all()) and (steps == 1).mean() > _MOSTLY


def with_dictionaries(rows: pd.DataFrame, notes: list[str]) -> pd.DataFrame:
    """Replace columns of dictionaries, as an export by W&B's API has them, by a column for each name."""
    parts = []
    for column in rows.columns:
        cells = [_dictionary(cell) for cell in rows[column]]
        full = [not is_empty(cell) for cell in rows[column]]
        known = all(cell is not None for cell, is_full in zip(cells, full, strict=True) if is_full)
        if str(column).startswith(_OPTUNAS_OWN) or not any(full) or not known:
            parts.append(rows[[column]])
            continue
        flat = [flatten(cell or {}, "/", f"{column}/") for cell in cells]
        parts.append(
            pd.DataFrame(flat, index=rows.index, dtype=object).astype(object).where(lambda x: x.notna(), None)
        )
        notes.append(f"{column} holds dictionaries: each of their names is a column")
    return pd.concat(parts, axis=1)


def _dictionary(cell: Any) -> dict[str, Any] | None:
    """Return the dictionary that a cell holds, as JSON or as Python writes it; None if it holds none."""
    if isinstance(cell, dict):
        return cell
    if not isinstance(cell, str) or len(cell) > _LARGEST or not cell.strip().startswith("{"):
        return None
    for parse in (json.loads, lambda text: ast.literal_eval(_NOT_LITERAL.sub(r"'\1\2'", text))):
        try:
            value = parse(cell.strip())
        except (ValueError, SyntaxError, RecursionError, MemoryError, TypeError):
            continue
        return {str(key): item for key, item in value.items()} if isinstance(value, dict) else None
    return None


def last_epochs(rows: pd.DataFrame, notes: list[str]) -> pd.DataFrame:
    """Keep each trial's last epoch of a table with one row an epoch.

    It is recognised by trials that occur several times, each time with another epoch.
    """
    known = {str(column).rpartition("/")[2].lower(): column for column in reversed(rows.columns)}
    ids = next((known[name] for name in _IDS if name in known and rows[known[name]].duplicated().any()), None)
    epoch = next((known[name] for name in _EPOCHS if name in known), None)
    if ids is None or epoch is None or ids == epoch:
        return rows
    numbers = pd.to_numeric(rows[epoch], errors="coerce")
    if numbers.isna().any() or rows.assign(**{epoch: numbers}).duplicated([ids, epoch]).any():
        return rows
    last = rows.loc[numbers.groupby(rows[ids], sort=False).idxmax()].sort_index()
    if len(last) == len(rows):
        return rows
    notes.append(
        f"one row an epoch ({len(rows)} rows): the last {epoch} of each {ids} counts, {len(last)} trials"
    )
    return last.reset_index(drop=True)
