"""Reads CSV and Parquet tables, of `sweep export` and of other tools."""

import re
from pathlib import Path
from typing import Any

import pandas as pd

from analysis.metric import METRIC_COLUMNS
from sweep.errors import InputError
from sweep.recipes.metric import FURTHER as REPORTED
from sweep.sources.base import Source
from sweep.sources.rows import check_no_chart, check_no_single_run, last_epochs, with_dictionaries
from sweep.workspace.sweep import Growth
from sweep.workspace.trial_table import COLUMN_NAMES, COLUMNS, columns_of

SUFFIXES = (".csv", ".parquet")

_OPTUNAS_GROUPS = ("params", "user_attrs", "system_attrs", "values", "intermediate_values", "distributions")
"""Names in the first row of Optuna's tables with two, above those of each group."""
_DEFAULTS = {column.name: column.default for column in COLUMNS if column.default is not None}


def read(path: Path, name: str) -> Source:
    """Read a table.

    Raises
    ------
    InputError
        If it cannot be read, or has no rows.
    """
    parquet = path.suffix.lower() == ".parquet"
    notes: list[str] = []
    rows = _load(path, parquet=parquet) if parquet else _load_text(path, notes)
    if rows.empty:
        raise InputError(f"{name} has no rows")
    rows = rows.set_axis([str(column) for column in rows.columns], axis=1)
    ours = set(COLUMN_NAMES) - set(_DEFAULTS) <= set(rows.columns)
    if not ours:
        check_no_chart(rows, name)
        rows = last_epochs(with_dictionaries(rows, notes), notes)
        check_no_single_run(rows, name)
    columns = list(rows.columns)
    return Source(
        name=name,
        kind="Parquet table" if parquet else "CSV table",
        rows=rows,
        ids=[str(i) for i in range(len(rows))],
        settings=[column for column in columns if not column.startswith("summary/")],
        measures=[column for column in columns if not column.startswith("config/")],
        notes=tuple(notes),
        ours=ours,
    )


def _load_text(path: Path, notes: list[str]) -> pd.DataFrame:
    """Read a CSV table: UTF-8, or Excel's UTF-16; with commas, or with semicolons and decimal commas."""
    encoding, separator = _format_of(path)
    rows = _load(path, parquet=False, encoding=encoding, separator=separator)
    if separator == ",":
        return rows
    changed = rows.map(lambda cell: _DECIMAL_COMMA.sub(r"\1.\2", cell) if isinstance(cell, str) else cell)
    decimal = "; a comma is the decimal point" if not changed.equals(rows) else ""
    what = "tabs" if separator == "\t" else "semicolons"
    notes.append(f"{what} separate its columns{decimal}")
    return changed


_DECIMAL_COMMA = re.compile(r"^\s*([+-]?\d+),(\d+(?:[eE][+-]?\d+)?)\s*$")
_BYTE_ORDER_MARKS = {b"\xff\xfe": "utf-16", b"\xfe\xff": "utf-16", b"\xef\xbb": "utf-8-sig"}


def _format_of(path: Path) -> tuple[str, str]:
    """Return a table's encoding and separator, by its first line."""
    try:
        with path.open("rb") as file:
            first = file.read(1 << 16)
    except OSError:
        return "utf-8", ","  # reading it says why
    encoding = _BYTE_ORDER_MARKS.get(first[:2], "utf-8")
    header, *_ = first.decode(encoding, errors="replace").splitlines() or [""]
    if "," not in header:
        return encoding, next((mark for mark in (";", "\t") if mark in header), ",")
    return encoding, ","


def _load(path: Path, *, parquet: bool, encoding: str = "utf-8", separator: str = ",") -> pd.DataFrame:
    try:
        if parquet:
            table = pd.read_parquet(path)
            return table if isinstance(table.index, pd.RangeIndex) else table.reset_index()
        # Cells are read as text: which of them are numbers depends on the column they are mapped to.
        text: dict[str, Any] = {
            "dtype": str,
            "keep_default_na": False,
            "encoding": encoding,
            "sep": separator,
        }
        table = pd.read_csv(path, skipinitialspace=True, **text)
        header = pd.read_csv(path, header=None, nrows=1, **text).iloc[0]
    except pd.errors.EmptyDataError as error:
        raise InputError(f"{path} is empty") from error
    except Exception as error:  # pandas and pyarrow raise many kinds
        what = "a Parquet file" if parquet else "a CSV table"
        reason = (str(error).strip() or type(error).__name__).splitlines()[0]
        raise InputError(f"{path} is not {what}, or damaged: {reason}") from error
    if not isinstance(table.index, pd.RangeIndex):  # how pandas reads rows that are longer than the header
        raise InputError(f"{path} is damaged: its rows have more cells than its header has names")
    if len(table) and (joined := _joined(header, table.iloc[0])):
        return table.iloc[1:].set_axis(joined, axis=1).reset_index(drop=True)
    twice = sorted(set(header[header.duplicated()]) - {""})
    if twice:  # pandas would rename the second one to NAME.1
        raise InputError(f"{path} has more than one column {', '.join(twice)}: rename one")
    return table


def _joined(first: pd.Series, second: pd.Series) -> list[str] | None:
    """Join the two rows of names that Optuna's tables may have; None: there is one row."""
    below = [name for name, more in zip(first, second, strict=True) if more]
    if not below or not set(below) <= set(_OPTUNAS_GROUPS):
        return None
    return ["_".join(filter(None, names)) for names in zip(first, second, strict=True)]


def as_exported(source: Source) -> pd.DataFrame:
    """Return a table that `sweep export` wrote, with exactly the exported values.

    The columns of further hyperparameters, ``hp.NAME`` and ``u.NAME``, and of metrics stand behind ours.

    Raises
    ------
    InputError
        If a cell that must hold a number does not.
    """
    from sweep.sources.cell_values import numbers, whole_numbers, words
    from sweep.sources.hyperparameters import FURTHER, values
    from sweep.workspace.trial_table import typed

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
    cells |= _of_metric(source)
    rounds = [column for column in Growth._fields if column in source.rows]
    cells |= {column: whole_numbers(source.rows[column], column, source.name) for column in rounds}
    further = [column for column in map(str, source.rows) if column.startswith(FURTHER)]
    cells |= {column: values(source, column, column) for column in further}
    reported = [column for column in REPORTED if column in source.rows]
    cells |= {column: numbers(source.rows[column], column, source.name) for column in reported}
    order = (*COLUMN_NAMES, *filter(cells.__contains__, map(str, source.rows)), *cells)
    return typed(pd.DataFrame(cells, columns=list(dict.fromkeys(order))))


def _of_metric(source: Source) -> dict[str, Any]:
    """Return the columns of another metric than the top-1 error, if the table has one."""
    from sweep.sources.cell_values import numbers, words

    if "metric" not in source.rows:
        return {}
    read: dict[str, Any] = dict.fromkeys(("low", "high", "value", "best_value"), numbers)
    cells = {name: [""] * len(source.rows) for name in METRIC_COLUMNS} | {
        name: list(source.rows[name]) for name in METRIC_COLUMNS if name in source.rows
    }
    return {
        name: read[name](cells[name], name, source.name) if name in read else words(cells[name])
        for name in METRIC_COLUMNS
    }
