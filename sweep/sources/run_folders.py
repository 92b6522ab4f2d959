"""Reads folders in which each run has a folder: those of timm's train.py, and of W&B on the disk."""

import json
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd
import yaml  # type: ignore[import-untyped]

from sweep.core.trial import TrialState
from sweep.errors import InputError
from sweep.sources.base import Source, flatten, several, table_of

_ARGS, _SUMMARY = "args.yaml", "summary.csv"
_CONFIG, _RESULTS = "files/config.yaml", "files/wandb-summary.json"
_ALWAYS = ("model", "opt", "lr", "weight_decay", "seed")
"""timm's arguments that say what a trial is, though they may be the same in all."""
_PLACES = ("experiment", "output", "resume")
"""timm's arguments that differ without making a difference."""
_NO_RESULT = ("epoch", "lr")
"""Columns of timm's summary that are no result; its lr is that of the schedule."""


def is_of_timm(folder: Path) -> bool:
    """Return whether timm's train.py wrote runs into a folder."""
    return any(folder.glob(f"*/{_ARGS}"))


def is_of_wandb(folder: Path) -> bool:
    """Return whether W&B wrote runs into a folder: its ``wandb``, or that which holds it."""
    return any(_runs_of_wandb(folder))


@dataclass(frozen=True, kw_only=True)
class _TimmRun:
    """A run of timm's train.py."""

    name: str
    args: dict[str, Any]
    """Its arguments."""
    log: pd.DataFrame
    """One row per epoch."""

    def cells(self, kept: Sequence[str]) -> dict[str, Any]:
        """Return the arguments that are kept, and what stands in the last epoch's row."""
        config = {f"config/{key}": self.args.get(key) for key in kept}
        last = dict(zip(map(str, self.log), self.log.iloc[-1], strict=True)) if len(self.log) else {}
        return (
            config | {name: last[name] for name in last if name not in _NO_RESULT} | {"epochs": len(self.log)}
        )

    @property
    def state(self) -> str:
        """How it ended: one whose last loss is not finite has diverged."""
        losses = [column for column in self.log if str(column).endswith("loss")]
        if len(self.log) and not self.log[losses].iloc[-1].map(math.isfinite).all():
            return str(TrialState.DIVERGED)
        ended = len(self.log) >= max(1, self.args.get("epochs") or 1)
        return str(TrialState.FINISHED if ended else TrialState.RUNNING)


def read_timm(folder: Path, name: str) -> Source:
    """Read the runs of timm's train.py: their arguments that differ, and the epochs of their summary.csv.

    Raises
    ------
    InputError
        If a file is damaged.
    """
    paths = [path.parent for path in sorted(folder.glob(f"*/{_ARGS}"))]
    runs = [_TimmRun(name=p.name, args=_yaml(p / _ARGS), log=_epochs(p / _SUMMARY)) for p in paths]
    keys = dict.fromkeys(key for run in runs for key in run.args)
    varied = [key for key in keys if len({str(run.args.get(key)) for run in runs}) > 1]
    kept = list(dict.fromkeys(key for key in (*_ALWAYS, *varied) if key in keys and key not in _PLACES))
    measures = dict.fromkeys(str(column) for run in runs for column in run.log if column not in _NO_RESULT)
    return Source(
        name=name,
        kind="folder of timm's runs",
        rows=table_of(run.cells(kept) for run in runs),
        ids=[run.name for run in runs],
        settings=[f"config/{key}" for key in kept],
        measures=["epochs", *measures],
        states=[run.state for run in runs],
        series={c: [list(run.log[c]) if c in run.log else [] for run in runs] for c in measures},
    )


def _epochs(path: Path) -> pd.DataFrame:
    """Read the epochs of a run. One that was resumed wrote its header again, and some epochs."""
    if not path.is_file():
        return pd.DataFrame()
    try:
        rows = pd.read_csv(path, dtype=str, on_bad_lines="error")
        rows = rows[rows["epoch"] != "epoch"].astype(float)
    except (ValueError, KeyError, OSError, pd.errors.ParserError) as error:
        raise InputError(f"{path} is no summary of timm, or damaged: {str(error).splitlines()[0]}") from error
    return rows.drop_duplicates("epoch", keep="last").sort_values("epoch")


def read_wandb(folder: Path, name: str) -> Source:
    """Read the runs that W&B left on the disk: the settings of each, and its last metrics.

    Of a run that was resumed the last folder counts.

    Raises
    ------
    InputError
        If a file is damaged, or no run has the files that can be read.
    """
    paths = {path.name.rpartition("-")[2]: path for path in _runs_of_wandb(folder)}
    there = {id_: path for id_, path in paths.items() if (path / _CONFIG).is_file()}
    closed = [path.name for id_, path in paths.items() if id_ not in there]
    remedy = "`wandb sync` sends such a run to a server, whose table of runs can be exported as CSV"
    if not there:
        raise InputError(f"{name}: its runs are in files that W&B alone can read. {remedy}")
    cells = [dict(_cells_of_wandb(path)) for path in there.values()]
    rows = table_of(cells)
    notes = ["W&B's files do not say how a run ended: one with metrics counts as finished"]
    if closed:
        notes.append(f"left out, as W&B alone can read them: {several(closed, 3)}. {remedy}")
    return Source(
        name=name,
        kind="folder of W&B",
        rows=rows,
        ids=list(there),
        settings=[column for column in map(str, rows) if column.startswith("config/")],
        measures=[column for column in map(str, rows) if column.startswith("summary/")],
        states=[
            str(TrialState.FINISHED if (path / _RESULTS).is_file() else TrialState.RUNNING)
            for path in there.values()
        ],
        notes=tuple(notes),
    )


def _runs_of_wandb(folder: Path) -> Iterator[Path]:
    for place in (folder, folder / "wandb"):
        yield from (
            path for path in sorted(place.glob("*run-*-*")) if path.is_dir() and not path.is_symlink()
        )


def _cells_of_wandb(run: Path) -> Iterator[tuple[str, Any]]:
    """Yield a run's cells; W&B keeps a setting as its value and a description."""
    for key, value in _yaml(run / _CONFIG).items():
        if not key.startswith(("_", "wandb_version")):
            value = value["value"] if isinstance(value, dict) and "value" in value else value
            yield from flatten({key: value}, "/", "config/").items()
    if (run / _RESULTS).is_file():
        text = (run / _RESULTS).read_text(errors="replace")
        try:
            summary = json.loads(text)
        except (ValueError, RecursionError) as error:
            raise InputError(f"{run / _RESULTS} is damaged: {error}") from error
        kept = {key: value for key, value in summary.items() if not isinstance(value, dict)}
        yield from flatten(kept, "/", "summary/").items()


def _yaml(path: Path) -> dict[str, Any]:
    try:
        found = yaml.safe_load(path.read_text(errors="replace"))
    except (OSError, yaml.YAMLError) as error:
        raise InputError(f"{path} is damaged: {str(error).splitlines()[0]}") from error
    if not isinstance(found, dict):
        raise InputError(f"{path} is damaged: it holds no names and values")
    return {str(key): value for key, value in found.items()}
