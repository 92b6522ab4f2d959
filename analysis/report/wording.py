"""How a report speaks of the metric that the trials are judged by."""

import math
from dataclasses import dataclass

from analysis.intervals import Interval
from analysis.metric import Metric
from analysis.report.html_tables import Cell, estimate, number
from analysis.summaries import own_values


@dataclass(frozen=True, kw_only=True, slots=True)
class Wording:
    """The words and numbers of one metric."""

    metric: Metric
    """What the trials are judged by; statistics are of its costs."""

    @property
    def error(self) -> str:
        """What a sentence calls it: error, or its name."""
        return "error" if self.metric.is_top1_error else self.metric.name

    @property
    def errors(self) -> str:
        """What several are called: the errors, or its name."""
        return "the errors" if self.metric.is_top1_error else self.metric.name

    @property
    def title(self) -> str:
        """What a heading calls it."""
        return "Error" if self.metric.is_top1_error else self.metric.name

    @property
    def head(self) -> str:
        """What a table's column of it is called: error, %."""
        return f"{self.error}{self.comma_unit}"

    @property
    def comma_unit(self) -> str:
        """Its unit after a comma, if it has one."""
        return f", {self.metric.unit}" if self.metric.unit else ""

    @property
    def comma_points(self) -> str:
        """The unit of a difference after a comma, if it has one."""
        return f", {self.metric.delta_unit}" if self.metric.delta_unit else ""

    @property
    def points(self) -> str:
        """The unit of a difference after a number, if it has one."""
        return f" {self.metric.delta_unit}" if self.metric.delta_unit else ""

    @property
    def at_most(self) -> str:
        """What at least as good a trial has: at most this error."""
        return f"at {'least' if self.metric.higher_better else 'most'} this {self.error}"

    @property
    def lowest(self) -> str:
        """What the best result is called: lowest error, best F1."""
        return "lowest error" if self.metric.is_top1_error else f"best {self.metric.name}"

    @property
    def highest(self) -> str:
        """What the worst result is called that a trial finished with."""
        return "highest finished error" if self.metric.is_top1_error else f"worst finished {self.metric.name}"

    @property
    def better(self) -> str:
        """What the better one of two has: the lower error."""
        return f"the {'higher' if self.metric.higher_better else 'lower'} {self.error}"

    @property
    def is_bounded(self) -> bool:
        """Whether means have a meaning where trials diverged; see `analysis.tuning.tuning_of`."""
        return math.isfinite(self.metric.best) and math.isfinite(self.metric.worst)

    @property
    def tuning(self) -> str:
        """What a tuning curve shows."""
        if self.metric.is_top1_error:
            return "expected error of the best, %"
        return f"{'expected' if self.is_bounded else 'median'} {self.error} of the best{self.comma_unit}"

    def short(self, cost: float) -> str:
        """Write a result in a sentence, with one decimal if it is an error: 4.5 %."""
        if not math.isfinite(cost):
            return "diverged"
        digits = 1 if self.metric.is_top1_error else self.metric.decimals
        return f"{self.metric.cost(cost):.{digits}f} {self.metric.unit}".rstrip()

    def number(self, cost: float | None) -> Cell:
        """Return a cell with a result."""
        return number(None if cost is None else self.metric.cost(cost), self.form)

    def estimate(self, costs: Interval) -> Cell:
        """Return a cell with an estimate of results, or of their difference."""
        return estimate(own_values(self.metric, costs), self.form)

    def spread(self, value: float) -> Cell:
        """Return a cell with a number without a direction, such as a standard deviation."""
        return number(value, self.form)

    @property
    def form(self) -> str:
        """The format of a number."""
        return f"{{:.{self.metric.decimals}f}}"
