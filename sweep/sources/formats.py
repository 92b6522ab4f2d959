"""Reads sweeps of other tools: tables, Optuna studies, folders of Ray Tune, W&B and timm, MLflow, pycls.

Each reader returns a `Source`, and `normalise` converts it to our columns. This module combines them.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from analysis.names import known
from analysis.sweep_trials import ALL_REPEATED
from sweep.core.trial import Role
from sweep.errors import InputError
from sweep.sources import (
    csv_parquet,
    hyperparameters,
    jsonl,
    mark_optimum,
    mlflow,
    mlruns,
    optuna,
    pycls,
    raytune,
    run_folders,
)
from sweep.sources.base import Source, home_expanded, several
from sweep.sources.mapping import SETTABLE, Mapping, constant_flags
from sweep.sources.mark_optimum import Optimum
from sweep.sources.normalise import Normalised, normalise
from sweep.sources.preview import preview
from sweep.utils.text import counted, masked
from sweep.workspace.trial_table import result_column

__all__ = ["ImportedTrials", "Mapping", "Optimum", "open_source", "read"]

FORMS = (
    "a .csv, .parquet or .jsonl table, a pycls sweep.json, a Ray Tune result folder, optuna:STORAGE::STUDY, "
    "sqlite:///FILE.db::STUDY, mlflow:EXPERIMENT, MLflow's folder mlruns, W&B's folder wandb, or a folder of "
    "runs of timm's train.py"
)


_NAMED_BY = ("model", "optimizer", "recipe")
"""What a sweep is named by, if its source does not name it: as much of this as is known."""
_ELSEWHERE = ("http", "https", "ftp", "s3", "gs", "file", "ray")


@dataclass(frozen=True, kw_only=True)
class ImportedTrials:
    """Trials of other tools, combined in one table."""

    table: pd.DataFrame
    """One row per trial, with the columns of `sweep.workspace.trial_table.COLUMNS`, and ``hp.NAME`` for
    whatever else was varied."""
    preview: list[str]
    """Lines that say how the sources were read."""
    warnings: list[str]
    """Why comparisons of these trials may be misleading."""


def open_source(name: str) -> Source:
    """Read a source; its name decides its kind.

    Raises
    ------
    InputError
        If it is of no known kind, does not exist, or cannot be read.
    """
    scheme, colon, rest = name.partition(":")
    if not name.strip() or scheme in _ELSEWHERE:
        raise InputError(f"`source` {name!r}: only local sources can be read. It takes {FORMS}")
    if colon and scheme == "mlflow":
        return mlflow.read(rest, name)
    if colon and (scheme == "optuna" or rest.startswith("//")):
        return optuna.read(rest if scheme == "optuna" else name, masked(name))
    path, experiment = home_expanded(name), None
    if not path.exists() and "::" in name:
        where, _, experiment = name.rpartition("::")
        path = home_expanded(where)
    if path.is_dir() and (experiment is not None or mlruns.is_store(path)):
        return mlflow.read_folder(path, experiment, name)
    if not path.exists():
        raise InputError(f"`source` {name}: no such file or folder. It takes {FORMS}")
    if path.is_dir():
        return _read_folder(path, name)
    readers = dict.fromkeys(csv_parquet.SUFFIXES, csv_parquet.read) | {".json": pycls.read}
    readers |= dict.fromkeys(jsonl.SUFFIXES, jsonl.read)
    if path.suffix.lower() not in readers:
        raise InputError(f"`source` {name}: unknown kind of source. It takes {FORMS}")
    return readers[path.suffix.lower()](path, name)


def _read_folder(path: Path, name: str) -> Source:
    if run_folders.is_of_timm(path):
        return run_folders.read_timm(path, name)
    if run_folders.is_of_wandb(path):
        return run_folders.read_wandb(path, name)
    return raytune.read(path, name)


def _plain(source: Source, own: dict[str, str]) -> Source:
    if own:
        raise InputError(f"{source.name} was written by `sweep export`: it takes no settings of its own")
    return source


def with_settings(name: str) -> tuple[str, dict[str, str]]:
    """Split a source's name from settings of its own: ``a.csv,model=vit`` → a.csv and ``{"model": "vit"}``.

    What exists under the whole name, such as a folder of Ray Tune with its settings in its name, is that.
    """
    own: dict[str, str] = {}
    place = name
    while "," in place and not home_expanded(place).exists():
        rest, _, last = place.rpartition(",")
        if last.partition("=")[0].strip() not in SETTABLE:
            break
        own, place = constant_flags([last]) | own, rest
    return place, own


def read(names: Sequence[str], mapping: Mapping, optima: Sequence[Optimum] = ()) -> ImportedTrials:
    """Read sources and combine their trials.

    Parameters
    ----------
    names : sequence of str
        The sources, see `FORMS`; each may be followed by settings of its own: ``a.csv,model=vit``.
    mapping : Mapping
        The meaning of columns, for all sources except tables that `sweep export` wrote.
    optima : sequence of Optimum
        The optima, if no column marks them.

    Raises
    ------
    InputError
        If a source cannot be read or is ambiguous, or a trial would count twice.

    Examples
    --------
    >>> read(["results.csv"], Mapping(columns={"lr": "base_lr"}, accuracy=True)).table
    """
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise InputError(f"`source` {twice[0]} is given twice: its trials would count twice")
    opened = [(open_source(place), own) for place, own in map(with_settings, names)]
    ours = [_plain(source, own) for source, own in opened if source.ours]
    others = [normalise(source, mapping.with_own(own)) for source, own in opened if not source.ours]
    hyperparameters.check_known(mapping.over, [other.hyperparameters for other in others])
    notes: list[str] = []
    parts = [csv_parquet.as_exported(source) for source in ours]
    _check_each_in_one(parts, [source.name for source in ours])
    if others:
        parts.append(_together(others, optima, notes))
    elif optima or mapping != Mapping():
        raise InputError(f"{ours[0].name} was written by `sweep export`: it needs no flags but `source`")
    whole = pd.concat(parts, ignore_index=True) if len(parts) > 1 else parts[0]
    warnings = [warning for other in others for warning in other.warnings] + _pairing(whole)
    return ImportedTrials(table=whole, preview=[*preview(ours, others, whole), *notes], warnings=warnings)


def _together(others: Sequence[Normalised], optima: Sequence[Optimum], notes: list[str]) -> pd.DataFrame:
    """Combine imported trials: name their sweeps, mark the optima, number the trials; add to the notes."""
    from sweep.workspace.trial_table import typed

    parts = [other.table.assign(source=other.source.name) for other in others]
    whole = hyperparameters.without_constants(pd.concat(parts, ignore_index=True), notes)
    named = ["-".join(known(*words)) for words in zip(*(whole[name] for name in _NAMED_BY), strict=True)]
    whole["sweep"] = whole["sweep"].where(whole["sweep"] != "", named)
    _check_no_copies(whole)
    numbered = whole["index"].notna().any()
    whole["index"] = _indices(whole)
    whole = mark_optimum.mark(whole, optima)
    if not numbered:
        whole = _with_seeds_together(whole, notes)
    whole["repeat"] = _repeats(whole)
    notes += _merged(whole)
    return typed(whole.drop(columns="source"))


def _with_seeds_together(whole: pd.DataFrame, notes: list[str]) -> pd.DataFrame:
    """Make trials that agree in every hyperparameter one point: its first trial, and repeats of it."""
    settings = ["lr", "weight_decay", *hyperparameters.of(whole)]
    points = whole[(whole["role"] == Role.POINT) & whole[settings].notna().any(axis=1)]
    groups = points.groupby(["sweep", *settings], sort=False, dropna=False)
    again = points[groups.cumcount() > 0]
    if again.empty or _have_a_seed_twice(points, settings):
        return whole
    whole.loc[again.index, "role"] = Role.REPEAT.value
    whole.loc[again.index, "repeat"] = groups.cumcount()[again.index]
    whole["index"] = _indices(whole.assign(index=None))
    firsts = groups["index"].transform(lambda index: index.index[0])[again.index]
    whole.loc[again.index, "index"] = whole.loc[firsts, "index"].to_numpy()
    notes += [
        _seeds_note(rows) for _, rows in whole.groupby("sweep", sort=False) if "repeat" in set(rows["role"])
    ]
    return whole


def _have_a_seed_twice(points: pd.DataFrame, settings: list[str]) -> bool:
    """Return whether a point has two trials with one seed, so that something else differs between them."""
    known = points[points["seed"].notna()]
    return bool(known.duplicated(["sweep", *settings, "seed"]).any())


def _seeds_note(rows: pd.DataFrame) -> str:
    """Say what became of trials that agree in every hyperparameter."""
    points, repeats = (rows[rows["role"] == role] for role in (Role.POINT, Role.REPEAT))
    most = int(repeats["index"].value_counts().max()) + 1
    counts = "the first trial of a point counts in the EDF, the others tell the noise between seeds"
    if points["index"].isin(repeats["index"]).mean() >= ALL_REPEATED:
        counts = "the mean of a point's trials counts in the EDF, and what differs between them is noise"
    unnamed = "" if rows["seed"].notna().all() else ", which agree in every hyperparameter"
    return f"{rows['model'].iloc[0]}: {len(points)} points with up to {most} seeds each{unnamed}: {counts}"


def _merged(whole: pd.DataFrame) -> list[str]:
    """Say which sweeps have trials of several sources."""
    notes = []
    for name, rows in whole.groupby("sweep", sort=False):
        sources = list(rows["source"].unique())
        if len(sources) > 1:
            notes.append(
                f"{several(sources)} are put together as one sweep, {name}: they have the same model, "
                f"optimizer and recipe. `source` {sources[0]},model=NAME keeps them apart"
            )
    return notes


def _check_each_in_one(tables: Sequence[pd.DataFrame], names: Sequence[str]) -> None:
    """Refuse trials that occur in two exported tables, even if both tables agree on them."""
    tables_of: dict[tuple[str, str], list[str]] = {}
    for name, exported in zip(names, tables, strict=True):
        for sweep, key in exported[["sweep", "key"]].dropna().itertuples(index=False, name=None):
            tables_of.setdefault((sweep, key), []).append(name)
    shared = {trial: where for trial, where in tables_of.items() if len(set(where)) > 1}
    if shared:
        (sweep, key), (one, other, *_) = next(iter(shared.items()))
        raise InputError(
            f"{counted(len(shared), 'trial')} would count twice: for example, {key} of {sweep} is in {one} "
            f"and in {other}. Give one of the two."
        )


def _check_no_copies(whole: pd.DataFrame) -> None:
    """Refuse trials that two sources share: one is probably a copy of the other, or of a part of it."""
    result = result_column(whole)
    columns = ["sweep", "role", "seed", "lr", "weight_decay", "state", result, "epochs", "wall_s"]
    columns += hyperparameters.of(whole)
    known = whole.dropna(subset=["lr", "weight_decay", result])
    of = known.groupby(columns, dropna=False)["source"]
    shared = of.transform("nunique") > 1
    if shared.any():
        names = " and ".join(sorted(known.loc[shared, "source"].unique())[:2])
        raise InputError(
            f"{int(shared.sum() // 2)} trials are both in {names}, the same in every number: "
            "they would count twice. Give one of the two."
        )


def _indices(whole: pd.DataFrame) -> pd.Series:
    """Number the trials without an index: points from 0 in their order, an optimum -1."""
    number = whole.groupby(["sweep", "role"], sort=False).cumcount()
    return whole["index"].where(whole["index"].notna(), number.where(whole["role"] != Role.OPTIMUM, -1))


def _repeats(whole: pd.DataFrame) -> pd.Series:
    """Number the trials at an optimum without a repeat."""
    number = whole.groupby(["sweep", "role"], sort=False).cumcount()
    return whole["repeat"].where(whole["repeat"].notna(), number.where(whole["role"] == Role.OPTIMUM, 0))


def _pairing(whole: pd.DataFrame) -> list[str]:
    """Warn if the points of several sweeps do not pair up."""
    if whole["sweep"].nunique() < 2:
        return []
    points = whole[whole["role"] == Role.POINT]
    designs = {
        tuple(rows.sort_values("index")[["index", "u_lr", "u_wd"]].itertuples(index=False, name=None))
        for _, rows in points.groupby("sweep")
    }
    if points[["u_lr", "u_wd"]].isna().any(axis=None):
        return [
            "some of these trials have no relative point (u_lr, u_wd): they pair where lr and wd are equal"
        ]
    return ["these sweeps have different points, so not all are paired"] if len(designs) > 1 else []
