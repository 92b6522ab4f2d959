"""The result of reading a source: its trials, in its own columns and words."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pandas as pd

from analysis.names import known
from sweep.core.trial import TrialState

LOST = "lost"
"""The trial ended badly; the source does not say whether its loss diverged or its machine failed."""
STOPPED = "stopped"
"""A scheduler stopped the trial early, so that its final result is unknown."""

_WORDS = {
    TrialState.FINISHED: ("finished", "complete", "completed", "done", "success", "succeeded", "terminated"),
    TrialState.DIVERGED: ("diverged",),
    TrialState.FAILED: (
        *("failed", "error", "errored", "crashed", "killed", "preempted", "preempting"),
        *("cancelled", "canceled", "timeout", "out_of_memory", "node_fail"),
    ),
    TrialState.RUNNING: ("running", "paused"),
    TrialState.PLANNED: ("planned", "pending", "waiting", "scheduled", "queued"),
    LOST: ("fail",),  # Optuna's word, also for an objective that returned NaN
    STOPPED: ("pruned", "stopped", "early_stopped"),
}
STATE_OF = {word: str(state) for state, words in _WORDS.items() for word in words}
"""The name of a state in other tools, in lower case → a `TrialState`, `LOST` or `STOPPED`."""


@dataclass(frozen=True, kw_only=True)
class Source:
    """The trials of one source."""

    name: str
    """The source as the user named it, without passwords."""
    kind: str
    """Such as ``"CSV table"``."""
    rows: pd.DataFrame
    """One row per trial, with the source's own columns."""
    ids: list[str]
    """The source's name of each trial."""
    settings: list[str]
    """Columns that may hold hyperparameters."""
    measures: list[str]
    """Columns that may hold results."""
    states: list[str] | None = None
    """The state of each trial: a `TrialState`, `STOPPED` or `LOST`. None: a column may give it."""
    maximize: bool | None = None
    """Whether the source maximised the metric, which is then an accuracy. None: unknown."""
    series: Mapping[str, list[list[float]]] = field(default_factory=dict)
    """Column → its values over the epochs, for each trial; only of some columns."""
    notes: tuple[str, ...] = ()
    """Decisions of the reader that the user should know."""
    ours: bool = False
    """Whether `sweep export` wrote it, so that it is read unchanged."""


def home_expanded(name: str) -> Path:
    """Return a path with ``~`` expanded; unchanged if there is no such user."""
    try:
        return Path(name).expanduser()
    except RuntimeError:
        return Path(name)


def table_of(trials: Iterable[Mapping[str, Any]]) -> pd.DataFrame:
    """Return a table with one row per trial; missing values are None."""
    trials = list(trials)
    columns = dict.fromkeys(name for trial in trials for name in trial)
    cells = {name: [trial.get(name) for trial in trials] for name in columns}
    return pd.DataFrame({name: pd.Series(column, dtype=object) for name, column in cells.items()})


def flatten(nested: Mapping[str, Any], separator: str, prefix: str = "") -> dict[str, Any]:
    """Flatten nested mappings: ``{"a": {"b": 1}}`` → ``{"a/b": 1}``.

    Parameters
    ----------
    nested : mapping
        May contain mappings, to any depth.
    separator : str
        Joins the keys.
    prefix : str
        Precedes each key.
    """
    out: dict[str, Any] = {}
    for key, value in nested.items():
        name = f"{prefix}{key}"
        is_nested = isinstance(value, Mapping)
        out |= flatten(value, separator, f"{name}{separator}") if is_nested else {name: value}
    return out


def several(names: Iterable[object], limit: int = 20) -> str:
    """List names, at most ``limit`` of them, and the number of the others."""
    listed = [str(name) for name in names]
    more = f" and {len(listed) - limit} more" if len(listed) > limit else ""
    return (", ".join(listed[:limit]) or "none") + more


def described(row: pd.Series) -> str:
    """Name a trial's model, and its optimizer and recipe if they are known."""
    optimizer = f" with {row['optimizer']}" if known(row["optimizer"]) else ""
    recipe = f" ({row['recipe']})" if known(row["recipe"]) else ""
    return f"{row['model']}{optimizer}{recipe}"
