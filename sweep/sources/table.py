"""Reads CSV and Parquet tables, of `sweep export` and of other tools."""

from pathlib import Path
from typing import Any

import pandas as pd

from sweep.errors import InputError
from sweep.sources.base import Source
from sweep.workspace.table import COLUMN_NAMES, COLUMNS, columns_of

SUFFIXES = (".csv", ".parquet")

_DEFAULTS = {column.name: column.default for column in COLUMNS if column.default is not None}


def read(path: Path, name: str) -> Source:
    """Read a table.

    Raises
    ------
    InputError
        If it cannot be read, or has no rows.
    """
    parquet = path.suffix.lower() == ".parquet"
    rows = _load(path, parquet=parquet)
    if rows.empty:
        raise InputError(f"{name} has no rows")
    columns = [str(column) for column in rows.columns]
    ours = set(COLUMN_NAMES) - set(_DEFAULTS) <= set(columns)
    return Source(
        name=name,
        kind="Parquet table" if parquet else "CSV table",
        rows=rows.set_axis(columns, axis=1),
        ids=[str(i) for i in range(len(rows))],
        settings=columns,
        measures=columns,
        ours=ours,
    )


def _load(path: Path, *, parquet: bool) -> pd.DataFrame:
    try:
        if parquet:
            table = pd.read_parquet(path)
            return table if isinstance(table.index, pd.RangeIndex) else table.reset_index()
        # Cells are read as text: which of them are numbers depends on the column they are mapped to.
        table = pd.read_csv(path, dtype=str, keep_default_na=False, skipinitialspace=True)
        header = pd.read_csv(path, header=None, nrows=1, dtype=str, keep_default_na=False).iloc[0]
    except pd.errors.EmptyDataError as error:
        raise InputError(f"{path} is empty") from error
    except Exception as error:  # pandas and pyarrow raise many kinds
        what = "a Parquet file" if parquet else "a CSV table"
        reason = (str(error).strip() or type(error).__name__).splitlines()[0]
        raise InputError(f"{path} is not {what}, or damaged: {reason}") from error
    if not isinstance(table.index, pd.RangeIndex):  # how pandas reads rows that are longer than the header
        raise InputError(f"{path} is damaged: its rows have more cells than its header has names")
    twice = sorted(set(header[header.duplicated()]) - {""})
    if twice:  # pandas would rename the second one to NAME.1
        raise InputError(f"{path} has more than one column {', '.join(twice)}: rename one")
    return table


def as_exported(source: Source) -> pd.DataFrame:
    """Return a table that `sweep export` wrote, with exactly the exported values.

    Raises
    ------
    InputError
        If a cell that must hold a number does not.
    """
    from sweep.sources.cells import numbers, whole_numbers, words
    from sweep.workspace.table import typed

    cells: dict[str, Any] = {}
    for column in COLUMN_NAMES:
        if column not in source.rows:
            cells[column] = [_DEFAULTS[column]] * len(source.rows)
        elif column in columns_of("int64", "Int64"):
            cells[column] = whole_numbers(source.rows[column], column, source.name)
        elif column in columns_of("float64"):
            cells[column] = numbers(source.rows[column], column, source.name)
        else:
            cells[column] = words(source.rows[column])
    for column in ("index", "repeat"):
        if None in cells[column]:
            raise InputError(
                f"{source.name}: {column} is empty in row {cells[column].index(None) + 1}: fill it"
            )
    return typed(pd.DataFrame(cells, columns=list(COLUMN_NAMES)))
