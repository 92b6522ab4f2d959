"""The table of trials: its columns, one row a trial, and how it is written."""

import json
import math
import os
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from sweep.errors import InputError
from sweep.recipes.metric import FURTHER
from sweep.workspace.sweep import Growth, Sweep
from sweep.workspace.trial_folder import TrialFolder

if TYPE_CHECKING:
    import pandas as pd


Dtype = Literal["text", "int64", "Int64", "float64"]
"""``text``: as it is; ``Int64``: whole numbers, of which some may be missing; the others as in NumPy."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Column:
    """A column of the trial table."""

    name: str
    dtype: Dtype
    meaning: str
    unit: str = ""
    is_result: bool = False
    """Whether training gives it; the others say what is trained."""
    default: int | None = None
    """What stands for it where a table of an earlier version lacks it; None: every version writes it."""


COLUMNS = (
    Column(name="sweep", dtype="text", meaning="name of the sweep"),
    Column(name="key", dtype="text", meaning="hash of all that determines the trial's result"),
    Column(
        name="role",
        dtype="text",
        meaning="`point`; `optimum`, the zero of Δ; or `repeat`, a chosen point again, with another seed "
        "(`--repeat`). In a search `point` or `finalist`, a good point again, with another seed",
    ),
    Column(
        name="index",
        dtype="int64",
        meaning="number of the point in the design, 0 to n − 1; −1 at the optimum",
    ),
    Column(
        name="repeat",
        dtype="int64",
        default=0,
        meaning="0 at a point and at the first trial of the optimum; 1 to k − 1 for the further trials at "
        "the optimum (`--seeds k`) or at a point (`--repeat`, `--seeds-per-point k`), which differ in their "
        "seed alone",
    ),
    Column(name="model", dtype="text", meaning="model, with its arguments if it has any"),
    Column(name="optimizer", dtype="text", meaning="optimizer: `adamw`, `sgd` or another"),
    Column(name="recipe", dtype="text", meaning="name of the recipe: how the model is trained"),
    Column(name="design", dtype="text", meaning="how the points were drawn: `sobol`, `iid` or `grid`"),
    Column(name="seed", dtype="int64", meaning="seed of the initial weights"),
    Column(
        name="u_lr",
        dtype="float64",
        meaning="learning rate relative to the box, on its log scale, in [0, 1); empty at the optimum",
    ),
    Column(
        name="u_wd",
        dtype="float64",
        meaning="weight decay relative to the box, on its log scale, in [0, 1); empty at the optimum",
    ),
    Column(name="lr", dtype="float64", meaning="learning rate"),
    Column(name="weight_decay", dtype="float64", meaning="weight decay"),
    Column(
        name="state",
        dtype="text",
        meaning="`planned`, `running`, `finished`, `diverged` or `failed`; in a search also `pruned`",
    ),
    Column(
        name="top1_err",
        dtype="float64",
        unit="%",
        is_result=True,
        meaning="top-1 error after the last epoch; 100 if the trial diverged, empty if it failed",
    ),
    Column(
        name="best_top1_err",
        dtype="float64",
        unit="%",
        is_result=True,
        meaning="top-1 error after the best epoch",
    ),
    Column(name="epochs", dtype="Int64", is_result=True, meaning="epochs that were evaluated"),
    Column(name="wall_s", dtype="float64", unit="s", is_result=True, meaning="duration of the training"),
)
"""The columns of the trial table, in their order."""

TABLE_SUFFIXES = (".csv", ".parquet", ".json")
"""What `write_table` writes."""

COLUMN_NAMES = tuple(column.name for column in COLUMNS)


def columns_of(*dtypes: Dtype) -> list[str]:
    """Return the names of the columns of these types, in their order."""
    return [column.name for column in COLUMNS if column.dtype in dtypes]


def result_column(table: "pd.DataFrame") -> str:
    """Return the column of a trial table that holds its results, which may be of another metric."""
    return "value" if "value" in table else "top1_err"


def trial_table(sweeps: Iterable[TrialFolder[Any]], metric: str | None = None) -> "pd.DataFrame":
    """Return one row a trial, with `COLUMNS`, then the values and relative values of further hyperparameters.

    A hyperparameter's cells are empty where a sweep does not have it. The last columns are those of `FURTHER`
    metrics that were reported; ``metric`` is one of them that the trials are judged by instead of their own.
    """
    import pandas as pd

    rows = [row for sweep in sweeps for row in sweep.rows(metric)]
    known = {name for row in rows for name in row}
    columns = [
        *COLUMN_NAMES,
        *sorted(known - {*COLUMN_NAMES, *FURTHER}),
        *filter(known.__contains__, FURTHER),
    ]
    return typed(pd.DataFrame(rows, columns=columns))


def typed(table: "pd.DataFrame") -> "pd.DataFrame":
    """Give a trial table's columns of numbers their types, wherever its rows come from."""
    rounds = {name: "Int64" for name in Growth._fields if name in table}
    numbers = {name: "float64" for name in FURTHER if name in table}
    own = {c.name: _dtype(c, table[c.name]) for c in COLUMNS if c.dtype != "text"}
    return table.astype(rounds | numbers | own)


def _dtype(column: Column, cells: "pd.Series") -> str:
    """Return a column's type; trials from elsewhere may have no seed, which NumPy's integers cannot say."""
    return "Int64" if column.dtype == "int64" and cells.isna().any() else column.dtype


def learning_table(sweeps: Iterable[Sweep], metric: str | None = None) -> "pd.DataFrame":
    """Return one row an epoch of a trial: key, epoch and top1_err in percent, or the other metric's value."""
    import pandas as pd

    rows = [
        (key, number, record.value_of(metric))
        for sweep in sweeps
        for key, history in sweep.journal.trials.items()
        for number, (_, record) in sorted(history.epochs.items())
    ]
    return pd.DataFrame(rows, columns=["key", "epoch", "top1_err"])


def records(table: "pd.DataFrame") -> list[dict[str, Any]]:
    """Return a table's rows as plain values, None for what JSON has no word for: missing, NaN, infinite."""

    def plain(value: Any) -> Any:
        return None if isinstance(value, float) and not math.isfinite(value) else value

    rows = table.astype(object).where(table.notna(), None).to_dict("records")
    return [{str(name): plain(value) for name, value in row.items()} for row in rows]


def write_table(table: "pd.DataFrame", out: Path) -> None:
    """Write a table as CSV, Parquet or JSON, by its suffix, whole or not at all.

    Raises
    ------
    InputError
        If the suffix is another, or the file cannot be written.
    """
    writers = {
        ".csv": lambda path: table.to_csv(path, index=False),
        ".parquet": lambda path: table.to_parquet(path, index=False),
        ".json": lambda path: path.write_text(json.dumps(records(table), indent=1) + "\n"),
    }
    suffix = out.suffix.lower()
    if suffix not in writers:
        raise InputError(f"`out` {out}: the suffix must be one of {', '.join(writers)}, got {out.suffix!r}")
    aside = out.with_name(f".{os.getpid()}.part{suffix}")
    try:
        writers[suffix](aside)
        aside.replace(out)
    except OSError as error:
        raise InputError(f"cannot write {out}: {error.strerror or error}") from error
    finally:
        with suppress(OSError):
            aside.unlink(missing_ok=True)
