"""The driver's log, `sweeps/NAME/driver.log`: one a sweep or search, appended to by each of its drivers."""

import dataclasses
import importlib.metadata
import logging
import os
import platform
import shlex
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from importlib.metadata import PackageNotFoundError
from pathlib import Path
from typing import Any

from sweep.core.base_plan import BasePlan
from sweep.core.jobs import AttemptFailure
from sweep.core.resources import Resources
from sweep.core.trial import EpochRecord, TrialRecord, TrialSpec
from sweep.driver.events import (
    AttemptFailed,
    EpochReported,
    Event,
    FiguresFailed,
    OnEvent,
    TrackerBehind,
    TrackerRefused,
)
from sweep.errors import InputError
from sweep.utils.logs import logged_to
from sweep.workspace.lock import LOG
from sweep.workspace.trial_folder import TrialFolder

_PACKAGES = ("robustness-sweep", "ray", "torch", "timm", "optuna", "mlflow", "numpy")

_log = logging.getLogger(__name__)


@contextmanager
def driver_log(folders: Sequence[TrialFolder[Any]], resources: Resources) -> Iterator[None]:
    """Log what a driver does to the folders that it drives, its versions first, its end last."""
    with logged_to({folder.name: folder.folder / LOG for folder in folders}):
        _log.info("driver starts: process %d on %s, %s", os.getpid(), platform.node(), resources)
        _log.info("command: %s", _command())
        _log.info("versions: Python %s, %s", platform.python_version(), ", ".join(_versions()))
        try:
            yield
        except InputError as error:
            _log.error("driver is refused: %s", error)
            raise
        except KeyboardInterrupt:
            _log.warning("driver is interrupted")
            raise
        except BaseException:
            _log.exception("driver breaks down")
            raise
        _log.info("driver ends")


def _command() -> str:
    """Return our own command line; of another program only its name: its words may hold secrets."""
    program = Path(sys.argv[0]).name
    ours = program == "sweep" or sys.argv[0].endswith("sweep/__main__.py")
    return shlex.join(sys.argv) if ours else program


def _versions() -> Iterator[str]:
    for name in _PACKAGES:
        try:
            yield f"{name} {importlib.metadata.version(name)}"
        except PackageNotFoundError:
            continue


def logged(on_event: OnEvent, folders: Sequence[TrialFolder[Any]]) -> OnEvent:
    """Return a function that logs each event, to the log of its trial's sweep, and then handles it."""
    names = {trial.key: folder.name for folder in folders for trial in folder.trials}

    def handle(event: Event) -> None:
        trial = getattr(event, "trial", None)
        extra = {"sweep": names.get(trial.key, folders[0].name)} if trial else {}
        _log.log(_level(event), "%s: %s", type(event).__name__, _described(event), extra=extra)
        on_event(event)

    return handle


def _level(event: Event) -> int:
    match event:
        case EpochReported():
            return logging.DEBUG
        case AttemptFailed() | FiguresFailed() | TrackerRefused() | TrackerBehind():
            return logging.WARNING
        case _:
            return logging.INFO


def _described(event: Event) -> str:
    fields = {field.name: getattr(event, field.name) for field in dataclasses.fields(event)}
    return ", ".join(f"{name} {text}" for name, value in fields.items() if (text := _text(value)))


def _text(value: Any) -> str:
    """Describe a field of an event in a few words; nothing for a long list."""
    match value:
        case TrialSpec():
            return f"{value.key} ({value.model}, {value.role} {value.index}, repeat {value.repeat})"
        case BasePlan():
            return value.name
        case TrialRecord() | EpochRecord():
            known = dataclasses.asdict(value).items()
            return " ".join(f"{name}={each}" for name, each in known if each is not None and name != "key")
        case AttemptFailure():
            return f"{value.attempt} on {value.host}: {value.message}\n{value.traceback.rstrip()}"
        case tuple():
            return ""
        case _:
            return str(value)
