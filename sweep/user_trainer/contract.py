"""A user's own training function in the place of ours: ``--trainer package.module:function``.

The whole contract: the function takes one `Config` and yields its error in percent after every epoch, as many
as ``config.epochs`` says. In place of a number it may yield a mapping: ``error`` and, if it likes,
``val_loss``, ``train_loss`` and ``lr``. What is not finite means that the trial has diverged, which is a
result. Nothing of this package needs to be imported for it::

    def train(config):
        rng = np.random.default_rng(config.seed)
        ...
        for epoch in range(config.epochs):
            ...
            yield 100 * wrong / count

``config.split`` says which data the error has to be of. `sweep run` asks for ``val``: what is reported.
`sweep tune` asks for ``minival``: other data, held out of the training too, so that an optimum is not found
on what is reported. A trial there has failed if the function does not look at ``config.split``; whether it
does as it says is the function's affair.

A trial that was interrupted begins anew, unless the function goes on by itself: ``config.checkpoint`` is a
folder of the trial's own that survives interruptions, for whatever the function wants to find there when it
is called again. It yields one value an epoch then too, from the first on: those that are behind it once more.
What it saves must be there whole or not at all: written beside and renamed.

It has to draw all that is random from ``config.seed``: no global generator is seeded for it, and a worker
runs one trial after the other in one process. A trial's key holds the function's name and a fingerprint of
the source file that it stands in, of no other file: data, imported modules and versions of packages are not
covered.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

FIELDS = ("error", "val_loss", "train_loss", "lr")
"""What an epoch's record may hold."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Config:
    """What a training function is given."""

    lr: float
    """Peak learning rate."""
    weight_decay: float
    """Weight decay."""
    optimizer: str
    """``adamw`` or ``sgd``, from ``--optimizer``."""
    seed: int
    """Everything random in this trial must be drawn from it. It has 32 bits."""
    epochs: int
    """How many epochs to train, and how many errors to yield."""
    model: str
    """The name from ``--model``; by default the function's own."""
    model_args: Mapping[str, Any]
    """The arguments from ``--model-args``, as plain values."""
    split: str = "val"
    """Which data the error is measured on: ``val``, or ``minival`` when an optimum is searched. That must be
    other data, so that the reported error never influences the optimum."""
    device: str = "cpu"
    """``cuda`` if Ray gave the trial a GPU or a share of one."""
    checkpoint: Path | None = None
    """A folder that belongs to this trial, empty at first. After an interruption it is there again, with what
    was saved in it. It is removed once the trial has its result. None on a cluster without ``--storage``, or
    if the storage is a bucket."""


class _Watched(Config):
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


class TrainerError(Exception):
    """A training function that did not keep to the contract, or failed: the trial has no result.

    ``origin`` tells failures apart that come from different lines; None: the message does.
    """

    def __init__(self, message: str, origin: str | None = None) -> None:
        super().__init__(message)
        self.origin = origin


def _said(error: BaseException) -> str:
    lines = str(error).strip().splitlines()
    return f"{type(error).__name__}: {lines[-1] if lines else ''}"[:300]


def _short(value: Any) -> str:
    return " ".join(repr(value).split())[:60]
