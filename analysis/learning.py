"""Learning curves of example trials: the optimum, the best, the worst and one that diverged."""

from collections.abc import Hashable
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from analysis.errors import AnalysisError
from analysis.sweep_trials import RESULTS, SweepTrials, values

COLUMNS = ("key", "epoch", "top1_err")
"""The columns of a table of learning curves, which has one row per epoch of a trial."""


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class Example:
    """An example trial with its learning curve."""

    name: str
    """optimum, best, worst finished or diverged."""
    trial: dict[Hashable, object]
    """Its row of the trial table."""
    epochs: NDArray[np.float64]
    """From 1, shape (e,); empty if no learning curve is known."""
    errors: NDArray[np.float64]
    """Top-1 error after each epoch in percent, shape (e,)."""


def examples(sweep: SweepTrials, learning: pd.DataFrame | None = None) -> list[Example]:
    """Choose a sweep's first trial at the optimum, its best, worst finished and first diverged point.

    Of equally good or bad points, the first in the order of the design is chosen.

    Parameters
    ----------
    sweep : SweepTrials
        The sweep.
    learning : DataFrame, optional
        Learning curves, one row per epoch: key (of the trial), epoch (from 1), top1_err (percent).

    Raises
    ------
    AnalysisError
        If the table of learning curves lacks a column.
    """
    lacking = [column for column in COLUMNS if learning is not None and column not in learning]
    if lacking:
        raise AnalysisError(
            f"a table of learning curves needs {', '.join(COLUMNS)}; {', '.join(lacking)} missing."
        )
    finished = sweep.finished.sort_values(["top1_err", "index"], kind="stable")
    worst = sweep.finished.sort_values(["top1_err", "index"], ascending=[False, True], kind="stable")
    chosen = {
        "optimum": sweep.optimum[sweep.optimum["state"].isin(RESULTS)],
        "best": finished,
        "worst finished": worst.head(1 if len(worst) > 1 else 0),
        "diverged": sweep.diverged.sort_values("index"),
    }
    return [_example(name, rows.iloc[0], learning) for name, rows in chosen.items() if len(rows)]


def _example(name: str, row: pd.Series, learning: pd.DataFrame | None) -> Example:
    if learning is None or "key" not in row:
        epochs = errors = np.empty(0)
    else:
        rows = learning[learning["key"] == row["key"]].sort_values("epoch")
        epochs, errors = values(rows, "epoch"), values(rows, "top1_err")
    return Example(name=name, trial=row.to_dict(), epochs=epochs, errors=errors)
