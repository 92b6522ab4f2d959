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

import functools
import hashlib
import importlib
import inspect
import math
import os
import sys
import traceback
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any, NamedTuple

from sweep.errors import InputError, unknown
from sweep.jobs import Setting
from sweep.model_args import split as split_model
from sweep.trial import EpochRecord, TrialSpec

FIELDS = ("error", "val_loss", "train_loss", "lr")
"""What an epoch's record may hold."""
_END = object()


@dataclass(frozen=True, kw_only=True, slots=True)
class Config:
    """What a training function is told."""

    lr: float
    """Peak learning rate."""
    weight_decay: float
    optimizer: str
    """``adamw`` or ``sgd``, as asked for by ``--optimizer``."""
    seed: int
    """All that is random in this trial comes from it; of 32 bits."""
    epochs: int
    model: str
    """What ``--model`` says, any name; by default the function's."""
    model_args: Mapping[str, Any]
    """What ``--model-args`` says, as plain values."""
    split: str = "val"
    """Which data the error is of: ``val``, or ``minival`` where an optimum is looked for, which has to be
    other data, so that the reported error never sees it."""
    device: str = "cpu"
    """``cuda`` where Ray gave the trial a GPU, or a share of one."""
    checkpoint: Path | None = None
    """A folder, empty at first, of this trial's own: it is there again, with what was saved in it, if the
    trial was interrupted, and removed once the trial has its result. None on a cluster without
    ``--storage``, or where that is a bucket."""


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
    """A training function that did not keep to the contract, or failed: the trial has no result."""


@functools.cache  # what was imported is what runs, even if its file is changed meanwhile
def load(name: str) -> Trainer:
    """Import a training function.

    Parameters
    ----------
    name : str
        ``package.module:function``, to be found in the current folder, on PYTHONPATH or among the installed
        packages.

    Raises
    ------
    InputError
        If it cannot be imported, or cannot be called with one argument.
    """
    place, _, word = name.partition(":")
    if not all(part.isidentifier() for part in (*place.split("."), word)):
        raise InputError(f"--trainer takes PACKAGE.MODULE:FUNCTION, got {name[:80]!r}")
    module = _import(name, place)
    function = getattr(module, word, None)
    if not callable(function):
        functions = [each for each, value in vars(module).items() if inspect.isfunction(value)]
        raise unknown(f"function in {place}", word, functions, "--trainer takes PACKAGE.MODULE:FUNCTION.")
    _check_call(name, function)
    return Trainer(name, function, _fingerprint(name, module, function))


def _import(name: str, place: str) -> ModuleType:
    path, writes_bytecode = list(sys.path), sys.dont_write_bytecode
    sys.path.insert(0, os.getcwd())  # as `python -m` does; a script has its own folder there
    sys.dont_write_bytecode = True
    try:
        return importlib.import_module(place)
    except (Exception, SystemExit) as error:  # whatever a user's module does when it is imported
        raise InputError(
            f"--trainer {name}: cannot import {place}: {_said(error)}. It is looked for in the current "
            "folder, on PYTHONPATH and among the installed packages."
        ) from error
    finally:
        sys.path[:], sys.dont_write_bytecode = path, writes_bytecode


def _check_call(name: str, function: Callable[..., Any]) -> None:
    if inspect.iscoroutinefunction(function) or inspect.isasyncgenfunction(function):
        raise InputError(f"--trainer {name} is asynchronous; it must be a plain function that yields")
    try:
        inspect.signature(function).bind(None)
    except TypeError as error:
        raise InputError(f"--trainer {name} must take one argument, the trial's config: {error}") from error
    except ValueError:  # compiled, without a signature
        return


def _fingerprint(name: str, module: ModuleType, function: Callable[..., Any]) -> str:
    """Hash the named module's file, and the one that the function stands in if that is another."""
    files = [getattr(module, "__file__", None)]
    if inspect.isroutine(plain := inspect.unwrap(function)) or inspect.isclass(plain):
        files.append(getattr(sys.modules.get(plain.__module__), "__file__", None))
    contents = {Path(file).read_bytes() for file in files if file}
    if not contents:
        raise InputError(f"--trainer {name} has no source file")
    return hashlib.sha256(b"\0".join(sorted(contents))).hexdigest()[:32]


def train(
    trial: TrialSpec, setting: Setting, *, device: str = "cpu", checkpoint: Path | None = None
) -> Iterator[list[EpochRecord | None]]:
    """Run a trial of a setting whose recipe has a ``trainer``; the counterpart of `sweep.training.train`.

    ``checkpoint`` is the trial's own folder, which is there.

    Yields
    ------
    list of EpochRecord
        After each epoch one record; the last one at the last epoch, or that in which the trial diverged.

    Raises
    ------
    TrainerError
        If the function fails, yields something else, too often or not often enough, or if its source here is
        not the one that was planned.
    """
    assert setting.recipe.trainer
    trainer = load(setting.recipe.trainer)
    if trainer.fingerprint != setting.fingerprint:
        raise TrainerError(f"{trainer.name} is another version on this machine than the one that was planned")
    model, args = split_model(trial.model)
    config = _Watched(
        lr=trial.lr, weight_decay=trial.weight_decay, optimizer=trial.optimizer, seed=trial.seed,
        epochs=setting.recipe.epochs, model=model, model_args=args, split=setting.evaluate, device=device,
        checkpoint=checkpoint,
    )  # fmt: skip
    with _saying_what_it_found(checkpoint):
        for epoch, value in enumerate(_values(trainer, config), start=1):
            if setting.evaluate != "val" and not config.looked_at:
                raise TrainerError(
                    f"{trainer.name} did not look at config.split, so that an optimum would be found on the "
                    f"very data that is reported. Where it is {setting.evaluate}, the error has to be of "
                    "other data, held out of the training"
                )
            record = _record(trainer.name, epoch, value, trial.lr)
            yield [record]
            if record.diverged_step is not None:
                return


@contextmanager
def _saying_what_it_found(folder: Path | None) -> Iterator[None]:
    """Say of a function that failed if it had something to go on from, and how to do without."""
    found = folder is not None and any(folder.iterdir())
    try:
        yield
    except TrainerError as error:
        if not found:
            raise
        raise TrainerError(
            f"{error}. It found what it had saved in {folder}, and has to yield the errors of all epochs "
            "then too; without that folder it begins anew"
        ) from None


def _values(trainer: Trainer, config: Config) -> Iterator[Any]:
    """Yield what the function yields, if that is one value an epoch."""
    with _blaming(trainer):
        returned = trainer.function(config)
    if not isinstance(returned, Iterator):
        raise TrainerError(f"{trainer.name} returned {_short(returned)}; it must yield an error every epoch")
    for epoch in range(1, config.epochs + 1):
        with _blaming(trainer):
            value = next(returned, _END)
            more = epoch == config.epochs and next(returned, _END) is not _END
        if value is _END:
            raise TrainerError(f"{trainer.name} yielded {epoch - 1} errors in {config.epochs} epochs")
        if more:
            raise TrainerError(f"{trainer.name} yielded more errors than the {config.epochs} of its epochs")
        yield value


@contextmanager
def _blaming(trainer: Trainer) -> Iterator[None]:
    """Say of whatever the user's code raises where it did, in one line that every process can read."""
    try:
        yield
    except (Exception, SystemExit) as error:
        frames = traceback.extract_tb(error.__traceback__)
        own = [f for f in frames if f.filename != __file__]
        place = f" ({Path(own[0].filename).name}, line {own[0].lineno})" if own else ""
        raise TrainerError(f"{trainer.name} failed: {_said(error)}{place}") from None


def _record(name: str, epoch: int, value: Any, lr: float) -> EpochRecord:
    """Read what the function yielded after an epoch (from 1)."""
    told = dict(value) if isinstance(value, Mapping) else {"error": value}
    if "error" not in told or not set(told) <= set(FIELDS):
        may = ", ".join(FIELDS[1:])
        raise TrainerError(f"{name} yielded {_short(list(told))}; a record has error and may have {may}")
    numbers = {field: _number(name, field, told[field]) for field in told if told[field] is not None}
    diverged = "error" in numbers and not all(map(math.isfinite, numbers.values()))
    error = 100.0 if diverged else numbers.get("error", math.nan)
    if not 0.0 <= error <= 100.0:
        raise TrainerError(f"{name} yielded an error of {_short(told['error'])}; it is in percent, 0 to 100")
    finite = {field: number for field, number in numbers.items() if math.isfinite(number)}
    return EpochRecord(
        epoch=epoch, top1_err=error, val_loss=finite.get("val_loss"), train_loss=finite.get("train_loss"),
        lr=finite.get("lr", lr), diverged_step=epoch if diverged else None,
    )  # fmt: skip


def _number(name: str, field: str, value: Any) -> float:
    """Read a number of Python's, or numpy's or torch's of one element."""
    plain = value
    if hasattr(value, "item"):
        with suppress(ValueError, RuntimeError, TypeError):  # it has several elements
            plain = value.item()
    if isinstance(plain, bool) or not isinstance(plain, int | float):
        raise TrainerError(f"{name} yielded {_short(value)} as its {field}; it must be a number")
    return float(plain)


def _said(error: BaseException) -> str:
    lines = str(error).strip().splitlines()
    return f"{type(error).__name__}: {lines[-1] if lines else ''}"[:300]


def _short(value: Any) -> str:
    return " ".join(repr(value).split())[:60]
