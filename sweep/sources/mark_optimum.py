"""Marks the trials of an imported sweep that are at its optimum, the zero of Δ."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from sweep.core.trial import Role
from sweep.errors import InputError
from sweep.sources.base import described, several
from sweep.sources.mapping import pairs

RELATIVE = 1e-6
"""Relative difference up to which an lr or weight decay counts as equal, as it may have been rounded."""

_KEYS = ("lr", "weight_decay", "model", "optimizer")


@dataclass(frozen=True, kw_only=True, slots=True)
class Optimum:
    """An optimum that the user gives."""

    lr: float
    weight_decay: float
    model: str | None = None
    """The model it applies to; None: to every model."""
    optimizer: str | None = None
    """The optimizer it applies to; None: to every optimizer."""

    def is_of(self, row: pd.Series) -> bool:
        """Return whether it applies to a row's sweep."""
        return self.model in (None, row["model"]) and self.optimizer in (None, row["optimizer"])

    def __str__(self) -> str:
        return f"lr={self.lr:g},wd={self.weight_decay:g}"


def parse(text: str) -> Optimum:
    """Parse ``lr=2e-3,wd=0.2`` or ``model=vit,lr=2e-3,wd=0.2``.

    Raises
    ------
    InputError
        If the text is not of this form.
    """
    if text.strip().lower() == "best":
        raise InputError(
            "`optimum` best: the best of the counted trials is no fair zero. It is low by chance, and lower "
            "for a model with more trials. Name the optimum that was known before: `optimum` lr=…,wd=…, or "
            "draw errors with `absolute`."
        )
    words = pairs("`optimum`", text.split(","), _KEYS)
    lacking = [key for key in ("lr", "weight_decay") if key not in words]
    if lacking:
        raise InputError(f"`optimum` takes lr=…,wd=…[,model=…][,optimizer=…], got {text!r}")
    try:
        lr, weight_decay = float(words["lr"]), float(words["weight_decay"])
    except ValueError:
        raise InputError(f"`optimum` takes numbers for lr and wd, got {text!r}") from None
    if not (0 < lr < math.inf and 0 <= weight_decay < math.inf):
        raise InputError(f"`optimum` takes a positive, finite lr and a wd that is not negative, got {text!r}")
    return Optimum(
        lr=lr, weight_decay=weight_decay, model=words.get("model"), optimizer=words.get("optimizer")
    )


def mark(table: pd.DataFrame, optima: Sequence[Optimum]) -> pd.DataFrame:
    """Change the role of the trials at the optima from point to optimum.

    Raises
    ------
    InputError
        If a sweep has an optimum already, two optima apply to it, or no trial is at its optimum.
    """
    table = table.copy()
    for name, rows in table.groupby("sweep", sort=False):
        fitting = [optimum for optimum in optima if optimum.is_of(rows.iloc[0])]
        if len(fitting) > 1:
            raise InputError(
                f"{len(fitting)} `optimum` are of {name}: {several(fitting)}. Add model=… or optimizer=…"
            )
        for optimum in fitting:
            at = _at(rows, optimum, str(name))
            table.loc[at, "role"], table.loc[at, "index"] = Role.OPTIMUM.value, -1
    sweeps = [row for _, row in table.drop_duplicates("sweep").iterrows()]
    for optimum in optima:
        if not any(map(optimum.is_of, sweeps)):
            there = dict.fromkeys(map(described, sweeps))
            raise InputError(f"`optimum` {optimum} is of no sweep here: there is {several(there)}")
    return table


def _at(rows: pd.DataFrame, optimum: Optimum, name: str) -> pd.Index:
    """Return which of a sweep's rows are at its optimum."""
    if (rows["role"] == Role.OPTIMUM).any():
        raise InputError(f"{name} has an optimum in its column role: leave `optimum` out")
    wanted = {"lr": optimum.lr, "weight_decay": optimum.weight_decay}
    near = np.ones(len(rows), dtype=bool)
    for column, value in wanted.items():
        near &= np.isclose(rows[column].to_numpy(dtype=float), value, rtol=RELATIVE, atol=0.0)
    if near.any():
        return rows.index[near]
    raise InputError(f"`optimum` {optimum}: no trial of {name} is there.{_nearest(rows, wanted)}")


def _nearest(rows: pd.DataFrame, wanted: dict[str, float]) -> str:
    """Describe the trial that is nearest on a log scale."""
    with np.errstate(all="ignore"):
        logs = [np.log(rows[c].to_numpy(dtype=float) / value) for c, value in wanted.items()]
    far = np.hypot(*logs)
    if not np.isfinite(far).any():
        return " Its trials have no lr or weight_decay: `column` lr=COLUMN `column` weight_decay=COLUMN"
    row = rows.iloc[int(np.nanargmin(np.where(np.isfinite(far), far, np.nan)))]
    return (
        f" The nearest has lr={row['lr']:g},wd={row['weight_decay']:g}; without an optimum, draw `absolute`"
    )
