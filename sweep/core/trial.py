"""The words the rest speaks: what a trial is, which states it has, what is recorded of it."""

import dataclasses
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:  # it imports numpy, which would slow every command down
    from search_spaces import Value

_LARGEST = sys.float_info.max


class TrialState(StrEnum):
    """Where a trial stands."""

    PLANNED = "planned"
    RUNNING = "running"
    FINISHED = "finished"
    """Trained to its last epoch."""
    DIVERGED = "diverged"
    """Its loss or weights are no longer finite. This is a result: the error counts as 100 %."""
    FAILED = "failed"
    """The infrastructure's fault: no result, in spite of some retries. Tried again when asked for."""
    PRUNED = "pruned"
    """Given up early by `sweep tune` as too bad to be an optimum. A sweep never does this."""

    @property
    def has_result(self) -> bool:
        """Whether the trial counts in an EDF and is never trained again."""
        return self in (TrialState.FINISHED, TrialState.DIVERGED)

    @property
    def is_over(self) -> bool:
        """Whether the trial is never trained again: it has a result, or was pruned."""
        return self.has_result or self is TrialState.PRUNED


SWEEP_STATES = tuple(state for state in TrialState if state is not TrialState.PRUNED)
"""Those that a sweep's trials have."""


class Role(StrEnum):
    """What a trial is for."""

    POINT = "point"
    """A point of the design, or one that a search tried."""
    OPTIMUM = "optimum"
    """A trial at the box's centre, the zero of Δ."""
    REPEAT = "repeat"
    """A chosen point again, with another seed; in no EDF."""
    FINALIST = "finalist"
    """In a search, a good point again, with another seed."""

    @classmethod
    def _missing_(cls, value: object) -> None:
        raise ValueError(f"role must be one of {', '.join(cls)}, got {repr(value)[:40]}")


@dataclass(frozen=True, kw_only=True, slots=True)
class TrialSpec:
    """One point, one training. Recipe and data are the sweep's."""

    key: str
    """A hash of all that determines the result."""
    model: str
    optimizer: str
    lr: float
    weight_decay: float
    seed: int
    """Draws the initial weights."""
    role: Role = Role.POINT
    index: int = 0
    """Place among the points of the design; -1 at the optimum."""
    repeat: int = 0
    """Counts the trials at the optimum, of a repeated point or of a finalist, which differ in their seed
    alone; 0 at a point."""
    u_lr: float | None = None
    """Relative point in [0, 1); None at the optimum, and where the learning rate is not swept."""
    u_wd: float | None = None
    """None at the optimum, and where the weight decay is not swept."""
    over: "tuple[tuple[str, Value], ...]" = ()
    """The further hyperparameters that are swept, in alphabetical order, with their values."""
    u_over: tuple[float, ...] = ()
    """Their relative values in [0, 1); empty at the optimum."""


def trial_contents(trial: TrialSpec) -> dict[str, Any]:
    """Return a trial as the plain values that it is written as, without further ones where it has none."""
    values = dataclasses.asdict(trial)
    return {name: value for name, value in values.items() if value or name not in ("over", "u_over")}


def read_trial(values: Mapping[str, Any]) -> TrialSpec:
    """Make a trial of the plain values that it was written as.

    Raises
    ------
    TypeError, ValueError
        If a field is missing or unknown, or its role is none.
    """
    own: dict[str, Any] = {"role": Role(values["role"])} if "role" in values else {}
    if "over" in values:
        own["over"] = tuple((str(name), value) for name, value in values["over"])
    if "u_over" in values:
        own["u_over"] = tuple(map(float, values["u_over"]))
    return TrialSpec(**(dict(values) | own))


def _check_number(name: str, value: float | None, least: float = -_LARGEST, most: float = _LARGEST) -> None:
    """Refuse what is no finite number in a range; NaN is in none."""
    if isinstance(value, bool) or not isinstance(value, int | float) or not least <= value <= most:
        allowed = f"a number from {least:g} to {most:g}" if most < _LARGEST else "a finite number"
        raise ValueError(f"{name} must be {allowed}, got {repr(value)[:40]}")


def _check_whole(name: str, value: int, least: int) -> None:
    if isinstance(value, bool) or not isinstance(value, int) or value < least:
        raise ValueError(f"{name} must be a whole number of at least {least}, got {repr(value)[:40]}")


@dataclass(frozen=True, kw_only=True, slots=True)
class EpochRecord:
    """What one epoch of one trial gave. Every number is finite."""

    epoch: int
    """From 1."""
    top1_err: float | None
    """Percent of the evaluated images, of the averaged weights where the recipe averages. None if the
    training reports another metric."""
    val_loss: float | None
    """None where it is not finite."""
    train_loss: float | None
    """Mean over the epoch's steps before any divergence; None without any."""
    lr: float
    """At the epoch's last step."""
    diverged_step: int | None = None
    """The step, from 1 over the whole training, at which the loss was first not finite; with a training
    function of the user's own, the epoch."""
    last_finite_loss: float | None = None
    """The training loss one step before; None if there was none."""
    metric: str | None = None
    """The metric that is reported instead of the top-1 error."""
    value: float | None = None
    """Its value; None if the trial has diverged."""
    top5_err: float | None = None
    """As `top1_err`, of the five likeliest classes. None with five classes or fewer, with a user-defined
    training function, and in a journal of an earlier version."""

    @property
    def result(self) -> float | None:
        """The top-1 error, or the value of the other metric."""
        return self.top1_err if self.metric is None else self.value

    def value_of(self, metric: str | None) -> float | None:
        """Return the value of its own metric (None), or of a further one that it reports."""
        return self.result if metric in (None, self.metric) else getattr(self, metric, None)

    def __post_init__(self) -> None:
        _check_whole("epoch", self.epoch, 1)
        if self.top5_err is not None:
            _check_number("top5_err", self.top5_err, 0.0, 100.0)
        if self.metric is None:
            _check_number("top1_err", self.top1_err, 0.0, 100.0)
        _check_other(self, has_value=self.diverged_step is None)
        _check_number("lr", self.lr)
        for name in ("val_loss", "train_loss", "last_finite_loss"):
            if getattr(self, name) is not None:
                _check_number(name, getattr(self, name))
        if self.diverged_step is not None:
            _check_whole("diverged_step", self.diverged_step, 1)


@dataclass(frozen=True, kw_only=True, slots=True)
class TrialRecord:
    """A trial's end: its result, or why it has none."""

    key: str
    state: TrialState
    top1_err: float | None = None
    """The last epoch's, in percent; 100 if it diverged; None if it failed; the last one known if pruned."""
    best_top1_err: float | None = None
    epochs: int = 0
    """Epochs that were evaluated."""
    wall_s: float | None = None
    diverged_step: int | None = None
    error: str | None = None
    """Why it failed, in one line."""
    device: str | None = None
    host: str | None = None
    metric: str | None = None
    """The metric that is reported instead of the top-1 error, if there is one and the trial has a result."""
    value: float | None = None
    """Its value after the last epoch; None if the trial has diverged."""
    best_value: float | None = None
    """That after the best epoch."""

    @property
    def result(self) -> float | None:
        """The top-1 error, or the value of the other metric."""
        return self.top1_err if self.metric is None else self.value

    def __post_init__(self) -> None:
        for name, most in (("top1_err", 100.0), ("best_top1_err", 100.0), ("wall_s", _LARGEST)):
            if getattr(self, name) is not None:
                _check_number(name, getattr(self, name), 0.0, most)
        _check_whole("epochs", self.epochs, 0)
        if self.diverged_step is not None:
            _check_whole("diverged_step", self.diverged_step, 1)
        for name in ("error", "device", "host"):
            if not isinstance(getattr(self, name), str | None):
                raise ValueError(f"{name} must be text, got {str(getattr(self, name))[:40]}")
        if self.state in (TrialState.PLANNED, TrialState.RUNNING):
            raise ValueError(f"a record needs a final state, got {self.state!r}")
        _check_other(self, has_value=self.state not in (TrialState.FAILED, TrialState.DIVERGED))
        if self.metric is not None:
            return
        if (self.state is TrialState.FAILED) != (self.top1_err is None):
            raise ValueError(
                f"a trial {self.state} with top1_err {self.top1_err}: only a result has an error"
            )
        if self.state is TrialState.DIVERGED and self.top1_err != 100.0:
            raise ValueError(f"a diverged trial has top1_err 100, got {self.top1_err}")


def _check_other(record: EpochRecord | TrialRecord, *, has_value: bool) -> None:
    """Check what a record says of another metric than the top-1 error."""
    best = getattr(record, "best_value", None)
    if record.metric is None:
        if record.value is not None or best is not None:
            raise ValueError(f"value {record.value} needs its metric")
        return
    if not isinstance(record.metric, str):
        raise ValueError(f"metric must be text, got {repr(record.metric)[:40]}")
    if record.top1_err is not None or has_value != (record.value is not None):
        wanted = "a value" if has_value else "no value"
        raise ValueError(f"a record of {record.metric} has {wanted} and no top1_err, got {record.value}")
    for name, number in (("value", record.value), ("best_value", best)):
        if number is not None:
            _check_number(name, number)


_OF_METRIC = ("metric", "value", "best_value")
"""Fields that only records of another metric than the top-1 error have."""
_OPTIONAL = ("top5_err",)
"""Fields that are written where they have a value."""


def record_contents(record: EpochRecord | TrialRecord) -> dict[str, Any]:
    """Return a record as the plain values that it is written as."""
    values = dataclasses.asdict(record)
    unused = set() if record.metric else set(_OF_METRIC)
    unused |= {name for name in _OPTIONAL if values.get(name) is None}
    return {name: value for name, value in values.items() if name not in unused}
