"""The metric that trials are judged by: its name, unit, direction and bounds.

All statistics are computed of costs, of which less is better: the metric itself, or its negative where more
of it is better. What is shown are the metric's own values again. By default it is the top-1 error in percent.
"""

import math
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from analysis.errors import AnalysisError

Floats = NDArray[np.float64]

RESULTS = ("finished", "diverged")
"""The states of a trial with a result. Both count in the denominator of an EDF."""
THRESHOLDS = (1.0, 2.0, 4.0, 8.0)
"""A sweep is summarised at these multiples of `Metric.step` worse than its optimum."""
DECIMALS = 9
"""Differences are rounded to 1e-9 steps. Without rounding, 8.05 - 4.05 > 4 in binary, and a trial exactly 4
points off would count as further off. True differences are far larger: an error is a share of whole
images."""
METRIC_COLUMNS = ("metric", "unit", "better", "low", "high", "value", "best_value")
"""Columns of a trial table whose metric is another than the top-1 error."""
LOWER, HIGHER = "lower", "higher"
"""What the column ``better`` may hold."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Metric:
    """What is reported of a trial."""

    name: str
    """Such as ``val_loss``."""
    unit: str = ""
    """Such as ``nats``; empty if it has none."""
    higher_better: bool = False
    """Whether more of it is better."""
    low: float | None = None
    """The least possible value; None: there is none."""
    high: float | None = None
    """The greatest possible value; None: there is none."""
    step: float = 1.0
    """The least of the thresholds of Δ. It is 1 for the top-1 error; see `fitted`."""
    relative: bool = False
    """Whether the values are percent of that at the optimum; see `analysis.relative`."""

    def __post_init__(self) -> None:
        problems = list(_problems(self))
        if problems:
            raise AnalysisError(f"metric {self.name!r}: {'; '.join(problems)}.")

    @property
    def best(self) -> float:
        """The least possible cost; −inf if there is none."""
        bound = self.high if self.higher_better else self.low
        return -math.inf if bound is None else float(self.cost(bound))

    @property
    def worst(self) -> float:
        """The cost of a diverged trial: the greatest possible one. Infinite if there is none: the trial is
        worse than everything, counts in every denominator, and is no step of a curve."""
        bound = self.low if self.higher_better else self.high
        return math.inf if bound is None else float(self.cost(bound))

    @property
    def deltas(self) -> tuple[float, ...]:
        """The Δ at which a sweep is summarised."""
        return tuple(threshold * self.step for threshold in THRESHOLDS)

    @property
    def near(self) -> float:
        """The Δ up to which a trial is near the optimum."""
        return 4.0 * self.step

    @property
    def area_to(self) -> float:
        """The Δ up to which the area under an EDF extends."""
        return 8.0 * self.step

    @property
    def decimals(self) -> int:
        """Decimals of a printed value: a tenth of the least threshold, a hundredth of the top-1 error's."""
        return 2 if self.is_top1_error else max(0, 1 - round(math.log10(self.step)))

    @property
    def delta_decimals(self) -> int:
        """Decimals to which differences are rounded before they are compared; see `DECIMALS`."""
        return DECIMALS - round(math.log10(self.step))

    @property
    def delta_unit(self) -> str:
        """The unit of a difference."""
        return "points" if self.unit == "%" and not self.relative else self.unit

    def cost(self, values: Any) -> Any:
        """Return the cost of a value or of an array of values; also the value of a cost."""
        return 0.0 - values if self.higher_better else values

    def amount(self, delta: float) -> str:
        """Write a difference: 4 points, 0.04 nats."""
        return f"{delta:g} {self.delta_unit}".rstrip()

    def level(self, cost: float) -> str:
        """Write a cost as a level: 4.5 % error, val_loss 1.234 nats."""
        if not math.isfinite(cost):
            return f"{self.name} worse than everything"
        if self.is_top1_error:
            return f"{cost:.1f} % error"
        return f"{self.name} {self.cost(cost):.{self.decimals}f} {self.unit}".rstrip()

    @property
    def diverged(self) -> str:
        """Say what a diverged trial counts as."""
        if not math.isfinite(self.worst):
            return f"worse than every {self.name}"
        bound = f"{self.cost(self.worst):g}"
        return f"{bound} % error" if self.is_top1_error else f"{self.name} {bound} {self.unit}".rstrip()

    @property
    def is_top1_error(self) -> bool:
        """Whether it is the top-1 error in percent."""
        return self == TOP1_ERROR

    @property
    def label(self) -> str:
        """Name and unit, for an axis."""
        return f"{self.name} ({self.unit})" if self.unit else self.name

    def __str__(self) -> str:
        ends = ["−∞" if self.low is None else f"{self.low:g}", "∞" if self.high is None else f"{self.high:g}"]
        better = HIGHER if self.higher_better else LOWER
        return f"{self.label}, {better} is better, {' to '.join(ends)}"


def _problems(metric: Metric) -> Iterator[str]:
    """Yield all that is wrong with a metric."""
    if not metric.name.strip():
        yield "it needs a name"
    bounds = [bound for bound in (metric.low, metric.high) if bound is not None]
    if not all(map(math.isfinite, bounds)):
        yield "its bounds must be finite, or left out"
    elif len(bounds) == 2 and bounds[0] >= bounds[1]:
        yield f"its low bound must be below its high one, got {bounds[0]:g} and {bounds[1]:g}"


TOP1_ERROR = Metric(name="top-1 error", unit="%", low=0.0, high=100.0)


def fitted(metric: Metric, deltas: Floats, first: float = 1.0) -> Metric:
    """Give a metric thresholds that fit its size.

    They are 1, 2, 4 and 8 times the least power of ten with which the last one is at least the median of |Δ|
    over all finished points that are shown together. Those of the top-1 error are always 1 to 8 points.

    Parameters
    ----------
    metric : Metric
        What is shown.
    deltas : ndarray
        Δ of all finished points.
    first : float
        A further factor of all thresholds.
    """
    sizes = np.abs(deltas[np.isfinite(deltas)])
    if metric.is_top1_error or not sizes.any():
        return metric
    size = float(np.median(sizes)) or float(sizes.max())
    exponent = math.ceil(math.log10(size / THRESHOLDS[-1] / first) - 1e-9)
    return replace(metric, step=float(f"{first:g}e{exponent}"))


def bounded(metric: Metric, costs: Floats) -> Metric:
    """Give a metric that nothing bounds a worst value: far beyond all finite costs, for ranks."""
    finite = costs[np.isfinite(costs)]
    worst = float(finite.max() + np.ptp(finite) + metric.area_to) if finite.size else metric.area_to
    end = metric.cost(worst)
    return replace(metric, low=end) if metric.higher_better else replace(metric, high=end)


def metric_cells(metric: Metric) -> dict[str, Any]:
    """Return the cells that name a metric in each row of a table."""
    better = HIGHER if metric.higher_better else LOWER
    low, high = (math.nan if bound is None else bound for bound in (metric.low, metric.high))
    return {"metric": metric.name, "unit": metric.unit, "better": better, "low": low, "high": high}


def in_costs(table: pd.DataFrame) -> tuple[pd.DataFrame, Metric]:
    """Return a trial table whose column top1_err holds costs as floats, and the metric that they are of.

    Raises
    ------
    AnalysisError
        If trials have different metrics, a result lies outside the metric's bounds, or a finished trial has
        none.
    """
    metric = _one_metric(table)
    if metric.is_top1_error:
        table = table.assign(top1_err=pd.to_numeric(table["top1_err"], errors="coerce").astype(float))
        _check_errors(table)
        return table, metric
    values = pd.to_numeric(table["value"], errors="coerce").astype(float)
    finished = table["state"] == "finished"
    low, high = (-math.inf if metric.low is None else metric.low), metric.high
    wrong = finished & ~(values.between(low, math.inf if high is None else high) & np.isfinite(values))
    if wrong.any():
        raise AnalysisError(
            f"a finished trial has a finite {metric.name} within its bounds ({metric}), got "
            f"{_example(table, wrong, 'value')}: mend the table."
        )
    costs = metric.cost(values.where(finished))
    return table.assign(top1_err=costs.mask(table["state"] == "diverged", metric.worst)), metric


def _check_errors(table: pd.DataFrame) -> None:
    wrong = table["state"].isin(RESULTS) & ~table["top1_err"].between(0.0, 100.0)
    if wrong.any():
        raise AnalysisError(
            f"top1_err must be a percentage from 0 to 100, got {_example(table, wrong)}: mend the table."
        )
    wrong = (table["state"] == "diverged") & (table["top1_err"] != TOP1_ERROR.worst)
    if wrong.any():
        raise AnalysisError(
            f"a diverged trial has top1_err 100, got {_example(table, wrong)}: set 100, or state finished."
        )


def _example(table: pd.DataFrame, wrong: pd.Series, column: str = "top1_err") -> str:
    """Describe the first of the wrong rows and how many more there are."""
    row = table[wrong].iloc[0]
    more = f" (and {int(wrong.sum()) - 1} more)" if wrong.sum() > 1 else ""
    value = pd.to_numeric(row[column], errors="coerce")
    return f"{value:g} at {row['role']} {row['index']} of sweep {row['sweep']}{more}"


def _one_metric(table: pd.DataFrame) -> Metric:
    """Return the metric that all trials have; the top-1 error if none is named."""
    if "metric" not in table:
        return TOP1_ERROR
    kinds = table.reindex(columns=["sweep", *METRIC_COLUMNS[:5]]).astype(object).drop_duplicates()
    found: dict[Metric, list[str]] = {}
    for row in kinds.to_dict("records"):
        found.setdefault(_of_row({str(name): cell for name, cell in row.items()}), []).append(
            str(row["sweep"])
        )
    if len(found) > 1:
        kinds_named = "; ".join(f"{metric} in {', '.join(sweeps)}" for metric, sweeps in found.items())
        raise AnalysisError(
            f"trials are compared by one metric, got {len(found)}: {kinds_named}. Choose sweeps of one with "
            "`sweep` ID."
        )
    return next(iter(found), TOP1_ERROR)


def _of_row(row: dict[str, Any]) -> Metric:
    """Return the metric that a row names."""
    if pd.isna(row["metric"]) or not str(row["metric"]).strip():
        return TOP1_ERROR
    if row["better"] not in (LOWER, HIGHER):
        raise AnalysisError(
            f"better must be {LOWER} or {HIGHER}, got {row['better']!r} in sweep {row['sweep']}: mend the "
            "table."
        )
    low, high = (None if pd.isna(row[name]) else float(row[name]) for name in ("low", "high"))
    return Metric(
        name=str(row["metric"]),
        unit="" if pd.isna(row["unit"]) else str(row["unit"]),
        higher_better=row["better"] == HIGHER,
        low=low,
        high=high,
    )
