"""The values that a sweep's trials have of one hyperparameter, and which trials are near each other in it."""

from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from analysis.sweep_trials import SweepTrials

Floats = NDArray[np.float64]

_OWN = ("lr", "weight_decay")
_PREFIX = "hp."
_MOST_VALUES = 12
"""Numbers with more different values than this are a range, not a choice among values."""


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class Setting:
    """One hyperparameter of a sweep."""

    name: str
    rows: NDArray[np.int64]
    """Which of the sweep's points have a value, shape (n,)."""
    values: Floats
    """Their values, shape (n,); of a choice among texts, the number of each in `labels`."""
    labels: tuple[str, ...]
    """The texts of a choice; empty for numbers."""
    is_log: bool
    """Whether the values spread more evenly on a log scale."""
    is_logit: bool
    """Whether they spread more evenly on a logit scale still, towards 1: 0.9, 0.99, 0.999."""
    is_range: bool
    """Whether it has many values, each of few trials."""
    order: NDArray[np.int64]
    """The trials in ascending order of their values, shape (n,)."""
    levels: NDArray[np.int64]
    """The number of each trial's value among the different values, in ascending order, shape (n,)."""

    @classmethod
    def of(
        cls, name: str, values: Floats, rows: NDArray[np.int64], labels: tuple[str, ...] = ()
    ) -> "Setting":
        """Describe the values of a hyperparameter; see the fields."""
        different, levels = np.unique(values, return_inverse=True)
        return cls(
            name=name,
            rows=rows,
            values=values,
            labels=labels,
            is_log=not labels and _is_log(values),
            is_logit=not labels and _is_logit(values),
            is_range=not labels and len(different) > _MOST_VALUES,
            order=np.argsort(values, kind="stable"),
            levels=levels.astype(np.int64),
        )

    def bins(self, k: int) -> NDArray[np.int64]:
        """Number k bins of equally many trials in ascending order; or one for each value of a few.

        Trials with the same value may be in two bins if it lies between them.
        """
        if not self.is_range:
            return self.levels
        found = np.empty(len(self.order), dtype=np.int64)
        found[self.order] = np.arange(len(self.order)) * k // len(self.order)
        return found


def settings_of(sweep: SweepTrials) -> tuple[list[Setting], list[str]]:
    """Return the hyperparameters that vary in a sweep, and the names of those that do not.

    They are learning rate, weight decay, and each column ``hp.NAME``.
    """
    columns = [*_OWN, *(str(c) for c in sweep.points if str(c).startswith(_PREFIX))]
    known = [c for c in columns if c in sweep.points and sweep.points[c].notna().any()]
    varied = [c for c in known if sweep.points[c].nunique() > 1]
    same = [c.removeprefix(_PREFIX) for c in known if c not in varied]
    return [_setting(c.removeprefix(_PREFIX), sweep.points[c]) for c in varied], same


def _setting(name: str, cells: pd.Series) -> Setting:
    rows = np.flatnonzero(cells.notna().to_numpy())
    full = cells.iloc[rows]
    labels: tuple[str, ...] = ()
    try:
        values = full.to_numpy(dtype=float)
    except (TypeError, ValueError):
        texts, codes = np.unique(full.astype(str).to_numpy(), return_inverse=True)
        values, labels = codes.astype(float), tuple(map(str, texts))
    return Setting.of(name, values, rows, labels)


def _is_log(values: Floats) -> bool:
    """Return whether the median is nearer the middle of the range on a log scale than on a linear one."""
    low, middle, high = values.min(), float(np.median(values)), values.max()
    if low <= 0 or high / low < 5:
        return False
    linear = (middle - low) / (high - low)
    log = np.log(middle / low) / np.log(high / low)
    return bool(abs(log - 0.5) < abs(linear - 0.5))


def _is_logit(values: Floats) -> bool:
    """Return whether, of values below 1, what is missing to 1 spreads more evenly on a log scale."""
    return bool(values.min() > 0) and _is_log(1 - values)
