"""Hyperparameters that are swept beside learning rate and weight decay: their scales and their values."""

import math
import re
from collections.abc import Callable
from dataclasses import dataclass

from search_spaces.errors import SearchSpaceError

Value = float | int | str

SCALES = ("linear", "log", "logit", "integer", "choice")
LARGEST = 2**53
"""Floats represent all whole numbers up to this one exactly."""
FIRST = ("lr", "weight_decay")
"""The two that every trial has. Their ranges are a `Box`."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Hyperparameter:
    """A named hyperparameter with a scale and a range, and its value at the optimum."""

    name: str
    scale: str
    """``linear``, ``log``, ``logit`` (for shares near 0 or 1), ``integer`` or ``choice``."""
    low: float | None = None
    """Lowest value; None of a choice."""
    high: float | None = None
    """Highest value; None of a choice."""
    choices: tuple[str, ...] = ()
    optimum: Value | None = None
    """What the trials at the optimum have, the zero of Δ; None where it is searched."""

    def __post_init__(self) -> None:
        problems = _problems(self)
        if problems:
            raise SearchSpaceError("; ".join(f"{self.name}: {problem}" for problem in problems))

    def __str__(self) -> str:
        """Return it in words: ``beta2 0.9 to 0.999 (logit)``."""
        if self.scale == "choice":
            return f"{self.name} {' or '.join(self.choices)}"
        low, high = self._range
        return f"{self.name} {low:g} to {high:g} ({self.scale})"

    @property
    def count(self) -> float:
        """How many values it can have."""
        if self.scale == "choice":
            return len(self.choices)
        low, high = self._range
        return high - low + 1 if self.scale == "integer" else math.inf

    @property
    def _range(self) -> tuple[float, float]:
        assert self.low is not None
        assert self.high is not None
        return self.low, self.high

    def value(self, u: float) -> Value:
        """Return the value at a relative point in [0, 1]; a search may try its very end.

        Continuous ones are rounded to 8 significant digits: the last bits depend on the platform, and must
        not change a trial's key.
        """
        if self.scale == "choice":
            return self.choices[self._place(u)]
        low, high = self._range
        if self.scale == "integer":
            return int(low) + self._place(u)
        inner, outer = _SCALES[self.scale]
        at = inner(low) + u * (inner(high) - inner(low))
        return min(max(float(f"{outer(at):.8g}"), low), high)

    def _place(self, u: float) -> int:
        return int(min(u * self.count, self.count - 1))


def _logit(share: float) -> float:
    return math.log(share / (1 - share))


def _share(logit: float) -> float:
    return 1 / (1 + math.exp(-logit))


_SCALES: dict[str, tuple[Callable[[float], float], Callable[[float], float]]] = {
    "linear": (float, float),
    "log": (math.log, math.exp),
    "logit": (_logit, _share),
}
"""From a value to where it lies on its scale, and back."""


def _problems(given: Hyperparameter) -> list[str]:
    """Say what is wrong with a hyperparameter."""
    if not re.fullmatch(r"[A-Za-z_][A-Za-z0-9_]*", given.name):
        return ["a hyperparameter's name takes letters, digits and _"]
    if given.scale not in SCALES:
        return [f"no scale is called {given.scale!r}; there are {', '.join(SCALES)}"]
    if given.scale == "choice":
        return _choice_problems(given)
    low, high = given.low, given.high
    if low is None or high is None or not (math.isfinite(low) and math.isfinite(high) and low < high):
        return [f"a range needs low < high, both finite, got {low} to {high}"]
    return _range_problems(given, low, high)


def _choice_problems(given: Hyperparameter) -> list[str]:
    if len(set(given.choices)) < len(given.choices) or len(given.choices) < 2:
        return [f"a choice needs two values or more, each once, got {'|'.join(given.choices)!r}"]
    if given.optimum is not None and given.optimum not in given.choices:
        return [f"its value at the optimum must be one of {', '.join(given.choices)}, got {given.optimum!r}"]
    return []


def _range_problems(given: Hyperparameter, low: float, high: float) -> list[str]:
    said = []
    if given.scale == "log" and low <= 0:
        said.append(f"a log scale needs low > 0, got {low:g}")
    if given.scale == "logit" and not 0 < low < high < 1:
        said.append(f"a logit scale needs 0 < low < high < 1, got {low:g} to {high:g}")
    if given.scale == "integer" and not (_is_whole(low) and _is_whole(high)):
        said.append(f"an integer needs whole numbers, got {low:g} to {high:g}")
    at = given.optimum
    if at is None:
        return said
    if isinstance(at, bool | str) or not low <= at <= high:
        said.append(f"its value at the optimum must lie in {low:g} to {high:g}, got {at!r}")
    elif given.scale == "integer" and not _is_whole(at):
        said.append(f"its value at the optimum must be a whole number, got {at!r}")
    return said


def _is_whole(value: float) -> bool:
    return float(value).is_integer() and abs(value) <= LARGEST
