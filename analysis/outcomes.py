"""What models reach at their optimum, by optimizer and length of training.

The numbers of three of the study's measures: training-length stability, optimizer stability and peak
performance (Xiao et al. 2021, arXiv:2106.14881, §5 and §6). A trial that diverged is a result, with a top-1
error of 100 %.
"""

import csv
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from importlib import resources
from typing import NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from analysis.errors import AnalysisError
from analysis.table import DIVERGED_ERR, FAMILIES, OPTIMIZERS, RESULTS, panel_order, values, word_order

_WORDS = ("model", "family", "panel", "optimizer")
_COLUMNS = (*_WORDS, "schedule", "repeat", "state", "top1_err", "epochs", "wall_s")


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class Outcome:
    """The trainings of one model, with one optimizer, for one length: k of them, with other seeds."""

    model: str
    family: str
    panel: str
    optimizer: str
    schedule: int
    """Epochs of the learning rate's schedule."""
    errors: NDArray[np.float64]
    """Top-1 error of each seed in percent, 100 if it diverged, NaN if it has no result, shape (k,)."""
    diverged: int
    """Seeds that diverged."""
    epoch_s: float
    """Mean duration of an epoch in seconds, over all lengths and seeds of model and optimizer that finished;
    NaN where none did."""

    @property
    def missing(self) -> int:
        """Seeds without a result: planned, running or failed."""
        return int(np.isnan(self.errors).sum())

    @property
    def mean(self) -> float:
        """Mean error of the seeds with a result, in percent; NaN without any."""
        return _mean(self.errors)

    @property
    def sd(self) -> float:
        """Standard deviation between seeds, in points; NaN with fewer than two, or where one diverged."""
        return np.nan if self.diverged else _sd(self.errors)

    @property
    def converged(self) -> bool:
        """Whether there is a result and no seed diverged."""
        return not self.diverged and self.missing < len(self.errors)


class Delta(NamedTuple):
    """How much more error one length leaves than another, in points."""

    mean: float
    """Over the seeds that finished both; NaN without any, or where one of either diverged."""
    sd: float
    """Between seeds; NaN with fewer than two."""


def outcomes(table: pd.DataFrame) -> list[Outcome]:
    """Part a table of trainings at the optimum by model, optimizer and length.

    Parameters
    ----------
    table : DataFrame
        One row a trial, with the columns model, family, panel, optimizer, schedule (epochs planned), repeat
        (0, 1, …), state, top1_err (percent), epochs (done) and wall_s.

    Returns
    -------
    list of Outcome
        By panel (size), family, model, optimizer and length.

    Raises
    ------
    AnalysisError
        If the table is empty or lacks a column, or a seed of an outcome is there twice.
    """
    lacking = [column for column in _COLUMNS if column not in table.columns]
    if lacking or table.empty:
        raise AnalysisError(
            f"a table of trainings needs rows, and the columns {', '.join(_COLUMNS)}; got {len(table)} rows"
            + (f", and no {', '.join(lacking)}" if lacking else "")
        )
    keys = [*_WORDS, "schedule"]
    twice = table[table.duplicated([*keys, "repeat"])]
    if len(twice):
        row = twice.iloc[0]
        raise AnalysisError(
            f"a training counts once, got {row['model']} with {row['optimizer']} for {row['schedule']} "
            f"epochs, repeat {row['repeat']}, twice ({len(twice)} rows too many)"
        )
    found = [
        _outcome(rows.sort_values("repeat"), _epoch_s(alike))
        for _, alike in table.groupby(["model", "optimizer"], sort=False)
        for _, rows in alike.groupby(keys, sort=False)
    ]
    return sorted(found, key=_order)


def _epoch_s(rows: pd.DataFrame) -> float:
    """Return the mean duration of an epoch of the trials that finished: the same for every length."""
    finished = rows[rows["state"] == "finished"]
    epochs = float(values(finished, "epochs").sum())
    return float(values(finished, "wall_s").sum()) / epochs if epochs else np.nan


def _outcome(rows: pd.DataFrame, epoch_s: float) -> Outcome:
    """Read one outcome from its rows."""
    states = rows["state"].to_numpy()
    errors = np.where(states == "diverged", DIVERGED_ERR, values(rows, "top1_err"))
    return Outcome(
        **{word: str(rows[word].iloc[0]) for word in _WORDS},
        schedule=int(rows["schedule"].iloc[0]),
        errors=np.where(np.isin(states, RESULTS), errors, np.nan),
        diverged=int((states == "diverged").sum()),
        epoch_s=epoch_s,
    )


def _order(outcome: Outcome) -> tuple:
    """Sort key of outcomes as they are shown."""
    return (
        panel_order(outcome.panel),
        word_order(outcome.family, FAMILIES),
        outcome.model,
        word_order(outcome.optimizer, OPTIMIZERS),
        outcome.schedule,
    )


def longest(found: Iterable[Outcome], of: Outcome) -> Outcome:
    """Return the longest training of an outcome's model and optimizer."""
    return max(_alike(found, of), key=lambda outcome: outcome.schedule)


def delta(outcome: Outcome, zero: Outcome) -> Delta:
    """Return how much more error an outcome has than another one, seed by seed.

    Parameters
    ----------
    outcome, zero : Outcome
        Of the same seeds: those of the same place are subtracted from each other.
    """
    if outcome.diverged or zero.diverged:
        return Delta(np.nan, np.nan)
    k = min(len(outcome.errors), len(zero.errors))
    differences = outcome.errors[:k] - zero.errors[:k]
    return Delta(_mean(differences), _sd(differences))


def stand_in(found: Iterable[Outcome], of: Outcome) -> Outcome | None:
    """Return the best shorter training that did not diverge, which stands in for one that did, if any."""
    shorter = [other for other in _alike(found, of) if other.schedule < of.schedule and other.converged]
    return min(shorter, key=lambda outcome: outcome.mean, default=None)


def best_within(found: Iterable[Outcome], epoch_s: float) -> Outcome | None:
    """Return the outcome of least error among those that train an epoch in less time, if any."""
    fast = [outcome for outcome in found if outcome.converged and outcome.epoch_s < epoch_s]
    return min(fast, key=lambda outcome: outcome.mean, default=None)


def _alike(found: Iterable[Outcome], of: Outcome) -> list[Outcome]:
    return [other for other in found if (other.model, other.optimizer) == (of.model, of.optimizer)]


def outcome_table(found: Sequence[Outcome]) -> pd.DataFrame:
    """Return one row an outcome.

    Its columns: model, family, panel, optimizer, schedule, seeds (with a result), diverged, missing, top1_err
    (mean, a diverged one at 100) and sd in percent, delta and delta_sd to the longest schedule in points,
    epoch_s. NaN where there is no such number.
    """
    rows = []
    for outcome in found:
        change = delta(outcome, longest(found, outcome))
        rows.append(
            {word: getattr(outcome, word) for word in (*_WORDS, "schedule")}
            | {"seeds": len(outcome.errors) - outcome.missing, "diverged": outcome.diverged}
            | {"missing": outcome.missing, "top1_err": outcome.mean, "sd": outcome.sd}
            | {"delta": change.mean, "delta_sd": change.sd, "epoch_s": outcome.epoch_s}
        )
    return pd.DataFrame(rows)


def published() -> list[Outcome]:
    """Return the study's own peak performance on ImageNet-1k, one seed each, with its epoch times on 8 V100.

    Source: arXiv:2106.14881, §6, as transcribed in ``published.csv``.
    """
    text = resources.files("analysis").joinpath("published.csv").read_text()
    return [
        Outcome(
            **{word: row[word] for word in _WORDS},
            schedule=int(row["epochs"]),
            errors=np.array([float(row["top1_err"])]),
            diverged=0,
            epoch_s=60 * float(row["epoch_min"]),
        )
        for row in csv.DictReader(text.splitlines())
    ]


def _mean(sample: NDArray[np.float64]) -> float:
    finite = sample[~np.isnan(sample)]
    return float(finite.mean()) if finite.size else np.nan


def _sd(sample: NDArray[np.float64]) -> float:
    finite = sample[~np.isnan(sample)]
    return float(finite.std(ddof=1)) if finite.size > 1 else np.nan
