"""Running a user-defined training function, epoch by epoch."""

import math
import sys
from bdb import BdbQuit
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from sweep.core.jobs import TrialContext
from sweep.core.model_spec import split as split_model
from sweep.core.trial import EpochRecord, TrialSpec
from sweep.user_trainer.contract import (
    FIELDS,
    Config,
    Trainer,
    TrainerError,
    WatchedConfig,
    shortened,
)
from sweep.user_trainer.loading import load
from sweep.utils.tracebacks import last_line, location, origin, users_frame

_END = object()


def train(
    trial: TrialSpec, setting: TrialContext, *, device: str = "cpu", checkpoint: Path | None = None
) -> Iterator[list[EpochRecord | None]]:
    """Run a trial whose recipe has a ``trainer``; the counterpart of `sweep.training.loop.train`.

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
    config = _config(trial, setting, device, checkpoint)
    with _saying_what_it_found(checkpoint):
        for epoch, value in enumerate(_values(trainer, config), start=1):
            _check_split(trainer, config, setting.evaluate)
            record = _record(trainer, epoch, value, trial.lr)
            yield [record]
            if record.diverged_step is not None:
                return


def _config(trial: TrialSpec, setting: TrialContext, device: str, checkpoint: Path | None) -> WatchedConfig:
    """Return what the function is given."""
    model, args = split_model(trial.model)
    return WatchedConfig(
        lr=trial.lr,
        weight_decay=trial.weight_decay,
        optimizer=trial.optimizer,
        seed=trial.seed,
        epochs=setting.recipe.epochs,
        model=model,
        model_args=args,
        hyperparameters=dict(trial.over),
        split=setting.evaluate,
        device=device,
        checkpoint=checkpoint,
    )


def _check_split(trainer: Trainer, config: WatchedConfig, evaluate: str) -> None:
    """Refuse errors of the data that is reported, where an optimum is searched."""
    if evaluate != "val" and not config.looked_at:
        raise TrainerError(
            f"{trainer.name} did not look at config.split, so that an optimum would be found on the "
            f"very data that is reported. Where it is {evaluate}, the error has to be of "
            "other data, held out of the training"
        )


@contextmanager
def _saying_what_it_found(folder: Path | None) -> Iterator[None]:
    """Add to a function's failure that it had a checkpoint, and how to train without it."""
    found = folder is not None and any(folder.iterdir())
    try:
        yield
    except TrainerError as error:
        if not found:
            raise
        raise TrainerError(
            f"{error}. It found its own checkpoint in {folder}, and has to yield the errors of all epochs "
            "then too; without that folder it restarts from scratch",
            error.origin,
        ) from error.__cause__


def _values(trainer: Trainer, config: Config) -> Iterator[Any]:
    """Yield what the function yields, if that is one value an epoch."""
    with _blaming(trainer):
        returned = trainer.function(config)
    if not isinstance(returned, Iterator):
        raise TrainerError(
            f"{trainer.name} returned {shortened(returned)}; it must yield an error every epoch"
        )
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
    except BdbQuit:  # nobody is to blame: a debugger was left
        raise
    except (Exception, SystemExit) as error:
        frame = users_frame(error, _home(trainer))
        text = f"{trainer.name} failed: {last_line(error)}{location(frame)}"
        raise TrainerError(text, origin(error, frame)) from error


def _home(trainer: Trainer) -> Path | None:
    """Return the file or folder in which a training function lives with the modules beside it."""
    file = getattr(sys.modules.get(trainer.name.partition(":")[0].partition(".")[0]), "__file__", None)
    return file and (Path(file).parent if Path(file).name == "__init__.py" else Path(file))


def _record(trainer: Trainer, epoch: int, value: Any, lr: float) -> EpochRecord:
    """Read what the function yielded after an epoch (from 1)."""
    name, metric = trainer.name, trainer.metric
    main = metric.name if metric else "error"
    may = [field for field in FIELDS[1:] if field != main]
    told = dict(value) if isinstance(value, Mapping) else {main: value}
    if main not in told or not set(told) <= {main, *may}:
        raise TrainerError(
            f"{name} yielded {shortened(list(told))}; a record has {main} and may have {', '.join(may)}"
        )
    numbers = {field: _number(name, field, told[field]) for field in told if told[field] is not None}
    diverged = main in numbers and not all(map(math.isfinite, numbers.values()))
    result = numbers.get(main, math.nan)
    if not diverged and not (metric.holds(result) if metric else 0.0 <= result <= 100.0):
        allowed = metric.bounds if metric else "in percent, 0 to 100"
        what = f"a {main}" if metric else "an error"
        raise TrainerError(f"{name} yielded {what} of {shortened(told[main])}; it is {allowed}")
    finite = {field: number for field, number in numbers.items() if math.isfinite(number)}
    return EpochRecord(
        epoch=epoch,
        top1_err=None if metric else 100.0 if diverged else result,
        metric=metric.name if metric else None,
        value=result if metric and not diverged else None,
        val_loss=finite.get("val_loss"),
        train_loss=finite.get("train_loss"),
        lr=finite.get("lr", lr),
        diverged_step=epoch if diverged else None,
    )


def _number(name: str, field: str, value: Any) -> float:
    """Read a number of Python's, or numpy's or torch's of one element."""
    plain = value
    if hasattr(value, "item"):
        with suppress(ValueError, RuntimeError, TypeError):  # it has several elements
            plain = value.item()
    if isinstance(plain, bool) or not isinstance(plain, int | float):
        raise TrainerError(f"{name} yielded {shortened(value)} as its {field}; it must be a number")
    return float(plain)
