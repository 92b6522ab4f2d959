"""Reads sweeps of other tools: tables, Optuna studies, Ray Tune folders, MLflow experiments, pycls.

Each reader returns a `Source`, and `normalise` converts it to our columns. This module combines them.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import pandas as pd

from sweep.core.trial import Role
from sweep.errors import InputError
from sweep.sources import mlflow, mlruns, optimum, optuna, pycls, raytune, table
from sweep.sources.base import Source, home_expanded
from sweep.sources.mapping import Mapping
from sweep.sources.normalise import Normalised, normalise
from sweep.sources.optimum import Optimum
from sweep.sources.preview import preview
from sweep.utils.database_urls import masked
from sweep.utils.text import counted

__all__ = ["ImportedTrials", "Mapping", "Optimum", "open_source", "read"]

FORMS = (
    "a .csv or .parquet table, a pycls sweep.json, a Ray Tune result folder, optuna:STORAGE::STUDY, "
    "sqlite:///FILE.db::STUDY, mlflow:EXPERIMENT, or MLflow's folder mlruns"
)


_ELSEWHERE = ("http", "https", "ftp", "s3", "gs", "file", "ray")


@dataclass(frozen=True, kw_only=True)
class ImportedTrials:
    """Trials of other tools, combined in one table."""

    table: pd.DataFrame
    """One row per trial, with the columns of `sweep.workspace.table.COLUMNS`."""
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
        return raytune.read(path, name)
    readers = dict.fromkeys(table.SUFFIXES, table.read) | {".json": pycls.read}
    if path.suffix.lower() not in readers:
        raise InputError(f"`source` {name}: unknown kind of source. It takes {FORMS}")
    return readers[path.suffix.lower()](path, name)


def read(names: Sequence[str], mapping: Mapping, optima: Sequence[Optimum] = ()) -> ImportedTrials:
    """Read sources and combine their trials.

    Parameters
    ----------
    names : sequence of str
        The sources; see `FORMS`.
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
    sources = [open_source(name) for name in names]
    ours = [source for source in sources if source.ours]
    others = [normalise(source, mapping) for source in sources if not source.ours]
    parts = [table.as_exported(source) for source in ours]
    _check_each_in_one(parts, [source.name for source in ours])
    if others:
        parts.append(_together(others, optima))
    elif optima or mapping != Mapping():
        raise InputError(f"{ours[0].name} was written by `sweep export`: it needs no flags but `source`")
    whole = pd.concat(parts, ignore_index=True) if len(parts) > 1 else parts[0]
    warnings = [warning for other in others for warning in other.warnings] + _pairing(whole)
    return ImportedTrials(table=whole, preview=preview(ours, others, whole), warnings=warnings)


def _together(others: Sequence[Normalised], optima: Sequence[Optimum]) -> pd.DataFrame:
    """Combine imported trials: name their sweeps, mark the optima, number the trials."""
    from sweep.workspace.table import typed

    parts = [other.table.assign(source=other.source.name) for other in others]
    whole = pd.concat(parts, ignore_index=True)
    named = whole["model"] + "-" + whole["optimizer"] + "-" + whole["recipe"]
    whole["sweep"] = whole["sweep"].where(whole["sweep"] != "", named)
    _check_no_copies(whole)
    whole["index"] = _indices(whole)
    whole = optimum.mark(whole, optima)
    whole["repeat"] = _repeats(whole)
    return typed(whole.drop(columns="source"))


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
    columns = ["sweep", "role", "seed", "lr", "weight_decay", "state", "top1_err", "epochs", "wall_s"]
    known = whole.dropna(subset=["lr", "weight_decay", "top1_err"])
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
