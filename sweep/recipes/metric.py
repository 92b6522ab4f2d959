"""The metric of a training that reports something else than a top-1 error."""

import math
import re
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, fields
from typing import Any

from sweep.errors import InputError

RESERVED = ("top1_err", "best_top1_err", "error", "lr", "weight_decay", "epoch_lr", "wall_s")
"""Names under which MLflow and tables have something else."""


@dataclass(frozen=True, kw_only=True, slots=True)
class MetricSpec:
    """What is reported instead of the top-1 error in percent."""

    name: str
    """Such as ``val_loss``. MLflow has its values under this name."""
    unit: str = ""
    """Such as ``nats``; empty if it has none."""
    higher_better: bool = False
    """Whether more of it is better."""
    low: float | None = None
    """The least possible value; None: there is none."""
    high: float | None = None
    """The greatest possible value; None: there is none. A diverged trial counts as the worse bound; without
    that bound, as worse than everything."""
    chance: float | None = None
    """What a model that has learned nothing gets; None: not known."""

    def __post_init__(self) -> None:
        problems = list(_problems(self))
        if problems:
            raise InputError("; ".join(problems))

    def holds(self, value: float) -> bool:
        """Return whether a value is finite and within the bounds."""
        low, high = (-math.inf if self.low is None else self.low), self.high
        return math.isfinite(value) and low <= value <= (math.inf if high is None else high)

    @property
    def contents(self) -> dict[str, Any]:
        """The plain values that it is written as: a field that came later is left out where it has none."""
        values = asdict(self)
        return {name: value for name, value in values.items() if name != "chance" or value is not None}

    @property
    def worst(self) -> float | None:
        """The worse bound; None: there is none."""
        return self.low if self.higher_better else self.high

    def better(self, one: float, other: float) -> float:
        """Return the better of two values."""
        return max(one, other) if self.higher_better else min(one, other)

    @property
    def bounds(self) -> str:
        """What a value may be, in words."""
        ends = (("from", self.low), ("to", self.high))
        return " ".join(f"{word} {end:g}" for word, end in ends if end is not None) or "any finite number"


FURTHER = ("top5_err", "val_loss")
"""What a training may report beside the metric that it is judged by; less of it is better."""


def further_metric(name: str, classes: int | None) -> MetricSpec:
    """Return one of the `FURTHER` metrics.

    Parameters
    ----------
    name : str
        Its name.
    classes : int or None
        Of the images that are classified. None: the training is a user-defined function, and what that yields
        as its ``val_loss`` has no known unit and no known bounds.
    """
    if classes is None:
        return MetricSpec(name=name)
    if name == "top5_err":
        return MetricSpec(name=name, unit="%", low=0.0, high=100.0, chance=chance_error(classes, 5))
    return MetricSpec(name=name, unit="nats", low=0.0, chance=math.log(classes))


def chance_error(classes: int, guesses: int = 1) -> float:
    """Return the error in percent of guesses at random among equally frequent classes."""
    return 100.0 - 100.0 * min(1.0, guesses / classes)


def _problems(metric: MetricSpec) -> Iterator[str]:
    """Yield all that is wrong with a metric."""
    if not isinstance(metric.name, str) or not re.fullmatch(r"[A-Za-z][\w.-]{0,59}", metric.name, re.ASCII):
        yield f"name takes up to 60 letters, digits, _, . and -, a letter first, got {metric.name!r:.60}"
    elif metric.name in RESERVED:
        yield f"name must not be one of {', '.join(RESERVED)}, which mean something else, got {metric.name!r}"
    if not isinstance(metric.unit, str):
        yield f"unit must be text, got {metric.unit!r:.60}"
    if not isinstance(metric.higher_better, bool):
        yield f"higher_better must be True or False, got {metric.higher_better!r:.60}"
    wrong = [name for name in _NUMBERS if not _is_bound(getattr(metric, name))]
    for name in wrong:
        yield f"{name} must be a finite number or None, got {getattr(metric, name)!r:.60}"
    if not wrong and metric.low is not None and metric.high is not None and metric.low >= metric.high:
        yield f"low must be below high, got {metric.low:g} and {metric.high:g}"
    elif not wrong and metric.chance is not None and not metric.holds(metric.chance):
        yield f"chance must be {metric.bounds}, got {metric.chance:g}"


_NUMBERS = ("low", "high", "chance")


def _is_bound(value: Any) -> bool:
    if value is None:
        return True
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)


def read_metric(values: Any) -> MetricSpec:
    """Make a metric of a dictionary of its fields.

    Raises
    ------
    InputError
        Naming all that is wrong with it.
    """
    names = [field.name for field in fields(MetricSpec)]
    if not isinstance(values, Mapping):
        raise InputError(f"it is a dictionary with {', '.join(names)}, got {values!r:.60}")
    strange = [str(name) for name in values if name not in names]
    if strange or "name" not in values:
        odd = f"unknown {', '.join(strange)}" if strange else "name is missing"
        raise InputError(f"it is a dictionary with name and, optionally, {', '.join(names[1:])}: {odd}")
    bounds = {name: float(values[name]) for name in _NUMBERS if type(values.get(name)) is int}
    return MetricSpec(**(dict(values) | bounds))
