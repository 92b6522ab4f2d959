"""What a reader hands over: a source's trials, in its own columns and words."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pandas as pd

from sweep.core.trial import TrialState

LOST = "lost"
"""The source says that a trial did not end well, and not whether its loss diverged or its machine failed."""
STOPPED = "stopped"
"""A scheduler ended it early: what it would have come to is not known."""

_WORDS = {
    TrialState.FINISHED: ("finished", "complete", "completed", "done", "success", "succeeded", "terminated"),
    TrialState.DIVERGED: ("diverged",),
    TrialState.FAILED: ("failed", "error", "errored", "crashed", "killed"),
    TrialState.RUNNING: ("running", "paused"),
    TrialState.PLANNED: ("planned", "pending", "waiting", "scheduled", "queued"),
    LOST: ("fail",),  # Optuna's word, also for an objective that returned NaN
    STOPPED: ("pruned", "stopped", "early_stopped"),
}
STATE_OF = {word: str(state) for state, words in _WORDS.items() for word in words}
"""What a state is called elsewhere, in lower case → one of `TrialState`, or `STOPPED`."""


@dataclass(frozen=True, kw_only=True)
class Source:
    """The trials of one source."""

    name: str
    """As the user named it, without passwords."""
    kind: str
    """Such as ``"CSV table"``."""
    rows: pd.DataFrame
    """One row a trial; the columns are the source's own."""
    ids: list[str]
    """What the source calls each trial."""
    settings: list[str]
    """Columns among which hyperparameters are looked for."""
    measures: list[str]
    """Columns among which results are looked for."""
    states: list[str] | None = None
    """The source's own word on each trial: a `TrialState`, `STOPPED` or `LOST`. None: a column's, or none."""
    maximize: bool | None = None
    """Whether the source looked for a large value, so that it is an accuracy. None: it does not say."""
    series: Mapping[str, list[list[float]]] = field(default_factory=dict)
    """Some measures' values over the epochs, for each trial."""
    notes: tuple[str, ...] = ()
    """What the reader did that is not plain to see."""
    ours: bool = False
    """Written by `sweep export`: read as it stands."""


def home_expanded(name: str) -> Path:
    """Return a path with ``~`` as the home it stands for, as it is where there is no such user."""
    try:
        return Path(name).expanduser()
    except RuntimeError:
        return Path(name)


def table_of(trials: Iterable[Mapping[str, Any]]) -> pd.DataFrame:
    """Return one row a trial; what a trial lacks is None."""
    trials = list(trials)
    columns = dict.fromkeys(name for trial in trials for name in trial)
    cells = {name: [trial.get(name) for trial in trials] for name in columns}
    return pd.DataFrame({name: pd.Series(column, dtype=object) for name, column in cells.items()})


def flat(nested: Mapping[str, Any], separator: str, prefix: str = "") -> dict[str, Any]:
    """Flatten nested mappings: ``{"a": {"b": 1}}`` → ``{"a/b": 1}``."""
    out: dict[str, Any] = {}
    for key, value in nested.items():
        name = f"{prefix}{key}"
        out |= flat(value, separator, f"{name}{separator}") if isinstance(value, Mapping) else {name: value}
    return out


def several(names: Iterable[object], limit: int = 20) -> str:
    """List names, and say how many more there are."""
    listed = [str(name) for name in names]
    more = f" and {len(listed) - limit} more" if len(listed) > limit else ""
    return (", ".join(listed[:limit]) or "none") + more
