"""Results of trainings at the optimum, by model, optimizer and training length.

They are the numbers behind three of the study's measures: training-length stability, optimizer stability and
peak performance (Xiao et al. 2021, arXiv:2106.14881, §5 and §6). A diverged trial is a result, with a top-1
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
from analysis.sweep_trials import DIVERGED_ERR, FAMILIES, OPTIMIZERS, RESULTS, panel_order, values, word_order

_WORDS = ("model", "family", "panel", "optimizer")
_COLUMNS = (*_WORDS, "schedule", "repeat", "state", "top1_err", "epochs", "wall_s")


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class Outcome:
    """The k trainings, one per seed, of one model with one optimizer and training length."""

    model: str
    family: str
    panel: str
    optimizer: str
    schedule: int
    """Training length: the epochs of the learning-rate schedule."""
    errors: NDArray[np.float64]
    """Top-1 error of each seed in percent, 100 if it diverged, NaN without a result, shape (k,)."""
    diverged: int
    """Seeds that diverged."""
    epoch_s: float
    """Mean duration of an epoch in seconds, over all finished trainings of this model and optimizer; NaN
    without any."""

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
        """Standard deviation between seeds, in points; NaN with fewer than two, or if one diverged."""
        return np.nan if self.diverged else _sd(self.errors)

    @property
    def converged(self) -> bool:
        """Whether at least one seed has a result and none diverged."""
        return not self.diverged and self.missing < len(self.errors)


class Delta(NamedTuple):
    """The difference in error between two training lengths, in points."""

    mean: float
    """Mean over the seeds that finished both; NaN without any, or if a training of either length diverged."""
    sd: float
    """Standard deviation between seeds; NaN with fewer than two."""


def outcomes(table: pd.DataFrame) -> list[Outcome]:
    """Group a table of trainings at the optimum by model, optimizer and training length.

    Parameters
    ----------
    table : DataFrame
        One row per trial, with the columns model, family, panel, optimizer, schedule (epochs planned), repeat
        (0, 1, …), state, top1_err (percent), epochs (trained) and wall_s (seconds).

    Returns
    -------
    list of Outcome
        Sorted by panel (size), family, model, optimizer and training length.

    Raises
    ------
    AnalysisError
        If the table is empty or lacks a column, or a training occurs twice.
    """
    _check(table)
    found = [
        _outcome(rows.sort_values("repeat"), _epoch_s(alike))
        for _, alike in table.groupby(["model", "optimizer"], sort=False)
        for _, rows in alike.groupby([*_WORDS, "schedule"], sort=False)
    ]
    return sorted(found, key=_order)


def _check(table: pd.DataFrame) -> None:
    lacking = [column for column in _COLUMNS if column not in table.columns]
    if lacking or table.empty:
        raise AnalysisError(
            f"a table of trainings needs rows, and the columns {', '.join(_COLUMNS)}; got {len(table)} rows"
            + (f", and no {', '.join(lacking)}" if lacking else "")
        )
    twice = table[table.duplicated([*_WORDS, "schedule", "repeat"])]
    if len(twice):
        row = twice.iloc[0]
        raise AnalysisError(
            f"a training counts once, got {row['model']} with {row['optimizer']} for {row['schedule']} "
            f"epochs, repeat {row['repeat']}, twice ({len(twice)} rows too many)"
        )


def _epoch_s(rows: pd.DataFrame) -> float:
    """Return the mean duration of an epoch over all finished trainings, in seconds."""
    finished = rows[rows["state"] == "finished"]
    epochs = float(values(finished, "epochs").sum())
    return float(values(finished, "wall_s").sum()) / epochs if epochs else np.nan


def _outcome(rows: pd.DataFrame, epoch_s: float) -> Outcome:
    """Return the outcome of a group of rows."""
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
    """Return the sort key that orders outcomes in figures and tables."""
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
    """Return the difference in error between two outcomes, seed by seed.

    Parameters
    ----------
    outcome, zero : Outcome
        With the same seeds in the same order; ``zero`` is subtracted.
    """
    if outcome.diverged or zero.diverged:
        return Delta(np.nan, np.nan)
    k = min(len(outcome.errors), len(zero.errors))
    differences = outcome.errors[:k] - zero.errors[:k]
    return Delta(_mean(differences), _sd(differences))


def stand_in(found: Iterable[Outcome], of: Outcome) -> Outcome | None:
    """Return the best shorter training that did not diverge, to represent one that did; None without any."""
    shorter = [other for other in _alike(found, of) if other.schedule < of.schedule and other.converged]
    return min(shorter, key=lambda outcome: outcome.mean, default=None)


def best_within(found: Iterable[Outcome], epoch_s: float) -> Outcome | None:
    """Return the outcome with the lowest error among those faster than ``epoch_s``; None without any."""
    fast = [outcome for outcome in found if outcome.converged and outcome.epoch_s < epoch_s]
    return min(fast, key=lambda outcome: outcome.mean, default=None)


def _alike(found: Iterable[Outcome], of: Outcome) -> list[Outcome]:
    return [other for other in found if (other.model, other.optimizer) == (of.model, of.optimizer)]


def outcome_table(found: Sequence[Outcome]) -> pd.DataFrame:
    """Return a table with one row per outcome.

    Columns: model, family, panel, optimizer, schedule; seeds (with a result), diverged, missing; top1_err
    (the mean in percent, a diverged training at 100) and sd (points); delta and delta_sd to the longest
    training (points); epoch_s (seconds). NaN where a number does not exist.
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
    """Return the study's published results on ImageNet-1k, one seed each, with epoch times on 8 V100.

    Source: arXiv:2106.14881, §6, transcribed in ``published.csv``.
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
