"""A user-defined training function instead of ours: ``--trainer package.module:function``.

The whole contract: the function takes one `Config` and yields its error in percent after every epoch,
``config.epochs`` times. Instead of a number it may yield a mapping: ``error`` and, optionally, ``val_loss``,
``train_loss`` and ``lr``. A value that is not finite means that the trial has diverged, which is a result.
The function imports nothing of this package::

    def train(config):
        rng = np.random.default_rng(config.seed)
        ...
        for epoch in range(config.epochs):
            ...
            yield 100 * wrong / count

A function whose metric is not an error in percent says so beside it, in the module's ``METRIC``, and yields
that, or a mapping that has it under its name::

    METRIC = {"name": "val_loss", "unit": "nats", "low": 0}

It may also have ``"higher_better": True``, ``"high"``, and ``"chance"``: what a model gets that has learned
nothing. A diverged trial counts as the worse bound; without one, as worse than everything.

``config.split`` names the data on which the error is computed. `sweep run` asks for ``val``, which is
reported. `sweep tune` asks for ``minival``: other data, held out of the training too, so that an optimum is
not searched on the data that is reported. In a search, a trial fails if the function never reads
``config.split``. Whether the function uses that split is not checked.

An interrupted trial restarts from scratch, unless the function saves its state. ``config.checkpoint`` is a
folder of the trial's own that survives interruptions. A function that resumes from it yields one value an
epoch all the same, from the first epoch on: the values of finished epochs once more. It writes a file under
another name and renames it, so that the file is there whole or not at all.

The function draws everything random from ``config.seed``: no global generator is seeded for it, and a worker
runs one trial after the other in one process. A trial's key holds the function's name and a fingerprint of
its source file. Data, imported modules and versions of packages are not in the key.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

from sweep.recipes.metric import MetricSpec

FIELDS = ("error", "val_loss", "train_loss", "lr")
"""What an epoch's record may hold; another metric takes the place of the error."""
METRIC = "METRIC"
"""The name in a module under which it describes another metric."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Config:
    """What a training function is given."""

    lr: float
    """Peak learning rate."""
    weight_decay: float
    """Weight decay."""
    optimizer: str
    """From ``--optimizer``: ``adamw``, unless another was asked for."""
    seed: int
    """Everything random in this trial must be drawn from it. It has 32 bits."""
    epochs: int
    """How many epochs to train, and how many errors to yield."""
    model: str
    """The name from ``--model``; by default the function's own."""
    model_args: Mapping[str, Any]
    """The arguments from ``--model-args``, as plain values."""
    hyperparameters: Mapping[str, float | int | str] = field(default_factory=dict)
    """The values of those that ``--over`` names beside learning rate and weight decay."""
    split: str = "val"
    """Which data the error is measured on: ``val``, or ``minival`` when an optimum is searched. That must be
    other data, so that the reported error never influences the optimum."""
    device: str = "cpu"
    """``cuda`` if Ray gave the trial a GPU or a share of one."""
    checkpoint: Path | None = None
    """A folder that belongs to this trial, empty at first. After an interruption it is there again, with what
    was saved in it. It is removed once the trial has its result. None on a cluster without ``--storage``, or
    if the storage is a bucket."""


class WatchedConfig(Config):
    """A config that knows whether its split was looked at."""

    looked_at = False

    def __getattribute__(self, name: str) -> Any:
        if name == "split":
            object.__setattr__(self, "looked_at", True)
        return super().__getattribute__(name)


class Trainer(NamedTuple):
    """A training function, and what tells its source from another version of it."""

    name: str
    """``package.module:function``."""
    function: Callable[[Config], Any]
    fingerprint: str
    metric: MetricSpec | None = None
    """What it reports; None: its error in percent."""


class TrainerError(Exception):
    """A training function that did not keep to the contract, or failed: the trial has no result.

    ``origin`` tells failures apart that come from different lines; None: the message does.
    """

    def __init__(self, message: str, origin: str | None = None) -> None:
        super().__init__(message)
        self.origin = origin


def shortened(value: Any) -> str:
    """Return a value as text of up to 60 letters."""
    return " ".join(repr(value).split())[:60]
