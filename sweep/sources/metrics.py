"""Another metric than the top-1 error: what the user says of it, and where a source has it."""

import math
import re
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from analysis.errors import AnalysisError
from analysis.metric import Metric
from sweep.errors import InputError, unknown
from sweep.sources.base import Source
from sweep.sources.cell_values import some_rows

Floats = NDArray[np.float64]

_LOWER = re.compile(
    r"(^|_)(err|errors?|loss|losses|nll|perplexity|ppl|rmse|mse|mae|fid|wer|cer|regret|bpb|bpc)(_|$)"
)
_HIGHER = re.compile(
    r"(^|_)(acc\d*|accuracy|f1|f_score|auc|auroc|map\d*|miou|iou|dice|bleu|rouge\w?|psnr|ssim|returns?|rewards?|"
    r"precision|recall|r2|elo|top_?\d+)(_|$)"
)
"""Words in the names of metrics of which less, or more, is better."""


@dataclass(frozen=True, kw_only=True)
class AskedMetric:
    """A metric as the user describes it."""

    name: str
    """The source's column, or the end of its name."""
    higher_better: bool | None = None
    """Whether more of it is better. None: decided by its name, or by what the source maximised."""
    unit: str = ""
    """Such as ``nats``."""
    low: float | None = None
    """The least possible value; None: none is known."""
    high: float | None = None
    """The greatest possible value; None: none is known."""


@dataclass(frozen=True, kw_only=True)
class Reported:
    """A metric, and the column of a source that holds it."""

    metric: Metric
    column: str

    def results(self, values: Floats, finished: NDArray[np.bool_]) -> Floats:
        """Return the value of each finished trial; NaN for the others."""
        return np.where(finished, values, np.nan)

    def best(self, source: Source, states: list[str]) -> Floats:
        """Return each trial's best value over its epochs; NaN where the source does not have them."""
        series = source.series.get(self.column, [[]] * len(states))
        return np.array([self._best(np.array(each, dtype=float)) for each in series], dtype=float)

    def _best(self, values: Floats) -> float:
        finite = values[np.isfinite(values)]
        if not finite.size:
            return math.nan
        return float(finite.max() if self.metric.higher_better else finite.min())

    def outside(self, source: Source, values: Floats) -> list[str]:
        """Return what is wrong with values outside the metric's bounds."""
        low, high = self.metric.low, self.metric.high
        wrong = np.isfinite(values) & (
            (values < (-math.inf if low is None else low)) | (values > (math.inf if high is None else high))
        )
        if not wrong.any():
            return []
        return [
            f"{source.name}: {self.column} is {values[wrong][0]:g}, outside the bounds of the metric "
            f"({self.metric}), in {some_rows(wrong)} ({int(wrong.sum())}). Mend `bounds`, or the table"
        ]


def asked(
    name: str | None,
    higher_better: bool | None = None,
    unit: str | None = None,
    bounds: str | None = None,
    accuracy: bool | None = None,
    fraction: bool | None = None,
) -> AskedMetric | None:
    """Return the metric that the user describes; None: it is the top-1 error.

    Parameters
    ----------
    name, higher_better, unit
        See `AskedMetric`.
    bounds : str, optional
        ``LOW:HIGH``; either may be missing.
    accuracy, fraction : bool, optional
        What is said of a top-1 error, and of no other metric.

    Raises
    ------
    InputError
        Naming all that does not go together, and bounds that are none.
    """
    about = {"higher_better": higher_better, "unit": unit, "bounds": bounds}
    given = [f"`{key}`" for key, value in about.items() if value is not None]
    if name is None:
        if given:
            raise InputError(f"{', '.join(given)} describes another metric: name its column with `metric`")
        return None
    errors = {"accuracy": accuracy, "fraction": fraction}
    problems = [f"`{key}` describes a top-1 error" for key, value in errors.items() if value is not None]
    try:
        low, high = _bounds(bounds or ":")
        if not problems:
            return AskedMetric(
                name=name.strip(), higher_better=higher_better, unit=unit or "", low=low, high=high
            )
    except InputError as error:
        problems.append(str(error))
    raise InputError(f"`metric` {name}: {'; '.join(problems)}")


def _bounds(text: str) -> tuple[float | None, float | None]:
    """Parse ``0:1``, ``0:`` or ``:100``."""
    low, colon, high = text.partition(":")
    try:
        found = [float(part) if part.strip() else None for part in (low, high)]
    except ValueError:
        found = [math.nan]
    numbers = [number for number in found if number is not None]
    if not colon or not all(map(math.isfinite, numbers)) or (len(numbers) == 2 and numbers[0] >= numbers[1]):
        raise InputError(
            f"`bounds` takes LOW:HIGH, of which one may be missing, such as 0:1 or 0:, got {text!r}"
        )
    return found[0], found[1]


def find(source: Source, wanted: AskedMetric) -> Reported:
    """Find the column of a metric, and decide its direction.

    Raises
    ------
    InputError
        If the source does not have it, has several, or its direction is not clear.
    """
    column = _column(source, wanted.name)
    directions = (wanted.higher_better, is_higher_better(column), source.maximize)
    higher = next((each for each in directions if each is not None), None)
    if higher is None:
        raise InputError(f"{source.name}: is more of {column} better, or less? Say `higher_better`")
    try:
        metric = Metric(
            name=_last(column), unit=wanted.unit, higher_better=higher, low=wanted.low, high=wanted.high
        )
    except AnalysisError as error:
        raise InputError(f"{source.name}: {error}") from error
    return Reported(metric=metric, column=column)


def is_higher_better(column: str) -> bool | None:
    """Return whether, by its name, more of a metric is better; None if the name does not say."""
    name = _plain(column)
    return False if _LOWER.search(name) else True if _HIGHER.search(name) else None


def _column(source: Source, name: str) -> str:
    """Return the column of a metric by its name, or by the end of it."""
    if name in source.rows.columns:
        return name
    fitting = [column for column in source.measures if _plain(column) == _plain(name)]
    if not fitting:
        raise unknown(f"`metric` in {source.name}:", name, source.measures)
    if len(fitting) > 1:
        raise InputError(
            f"{source.name}: {', '.join(fitting)} could each be `metric` {name}: give the whole name"
        )
    return fitting[0]


def _last(column: str) -> str:
    return re.split(r"[/.]", column)[-1].strip() or column


def _plain(column: str) -> str:
    return _last(column).lower().replace("-", "_").replace(" ", "_")
