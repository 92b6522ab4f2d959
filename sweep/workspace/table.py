"""The table of trials: its columns, one row a trial, and how it is written."""

import json
import math
import os
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sweep.errors import InputError
from sweep.workspace.sweep import Sweep
from sweep.workspace.trial_folder import TrialFolder

if TYPE_CHECKING:
    import pandas as pd


COLUMNS = (
    "sweep",
    "key",
    "role",
    "index",
    "repeat",
    "model",
    "optimizer",
    "recipe",
    "design",
    "seed",
    "u_lr",
    "u_wd",
    "lr",
    "weight_decay",
    "state",
    "top1_err",
    "best_top1_err",
    "epochs",
    "wall_s",
)


def trial_table(sweeps: Iterable[TrialFolder]) -> "pd.DataFrame":
    """Return one row a trial, with the columns of `sweep.workspace.table.COLUMNS`."""
    import pandas as pd

    return typed(pd.DataFrame([row for sweep in sweeps for row in sweep.rows()], columns=list(COLUMNS)))


def typed(table: "pd.DataFrame") -> "pd.DataFrame":
    """Give a trial table's columns of numbers their types, wherever its rows come from."""
    floats = ["u_lr", "u_wd", "lr", "weight_decay", "top1_err", "best_top1_err", "wall_s"]
    whole = {"epochs": "Int64", "index": "int64", "repeat": "int64"}
    whole["seed"] = "Int64" if table["seed"].isna().any() else "int64"
    return table.astype(dict.fromkeys(floats, "float64") | whole)


def learning_table(sweeps: Iterable[Sweep]) -> "pd.DataFrame":
    """Return one row an epoch of a trial: key, epoch and top1_err in percent."""
    import pandas as pd

    rows = [
        (key, number, record.top1_err)
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
        raise InputError(f"--out {out}: the suffix must be one of {', '.join(writers)}, got {out.suffix!r}")
    aside = out.with_name(f".{os.getpid()}.part{suffix}")
    try:
        writers[suffix](aside)
        aside.replace(out)
    except OSError as error:
        raise InputError(f"cannot write {out}: {error.strerror or error}") from error
    finally:
        with suppress(OSError):
            aside.unlink(missing_ok=True)
