"""Loading a user-defined training function: import, signature, fingerprint of its source."""

import functools
import hashlib
import importlib
import inspect
import os
import sys
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

from sweep.errors import InputError, unknown
from sweep.recipes.metric import MetricSpec, read_metric
from sweep.user_trainer.contract import METRIC, Trainer
from sweep.utils.tracebacks import last_line


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
        If it cannot be imported, cannot be called with one argument, or its metric is none.
    """
    place, _, word = name.partition(":")
    if not all(part.isidentifier() for part in (*place.split("."), word)):
        raise InputError(f"`trainer` takes PACKAGE.MODULE:FUNCTION, got {name[:80]!r}")
    module = _import(name, place)
    function = getattr(module, word, None)
    if not callable(function):
        functions = [each for each, value in vars(module).items() if inspect.isfunction(value)]
        raise unknown(f"function in {place}", word, functions, "`trainer` takes PACKAGE.MODULE:FUNCTION.")
    _check_call(name, function)
    return Trainer(name, function, _fingerprint(name, module, function), _metric(name, module))


def load_as_it_stands(name: str) -> Trainer:
    """Import a training function whose source is still what it was when this process imported it.

    In a notebook the file may have been edited since: what would run is the function as it was before.

    Raises
    ------
    InputError
        If it is not, or as by `load`.
    """
    place = name.partition(":")[0]
    if place not in sys.modules:  # it was taken out, to be imported again
        load.cache_clear()
    trainer = load(name)
    if _fingerprint(name, sys.modules[place], trainer.function) != trainer.fingerprint:
        raise InputError(
            f"`trainer` {name} has been changed since this process imported it, and the old one would run. "
            "Start Python, or the notebook's kernel, again."
        )
    return trainer


def _import(name: str, place: str) -> ModuleType:
    path, writes_bytecode = list(sys.path), sys.dont_write_bytecode
    sys.path.insert(0, os.getcwd())  # as `python -m` does; a script has its own folder there
    sys.dont_write_bytecode = True
    try:
        return importlib.import_module(place)
    except (Exception, SystemExit) as error:  # whatever a user's module does when it is imported
        raise InputError(
            f"`trainer` {name}: cannot import {place}: {last_line(error)}. It is looked for in the current "
            "folder, on PYTHONPATH and among the installed packages."
        ) from error
    finally:
        sys.path[:], sys.dont_write_bytecode = path, writes_bytecode


def _metric(name: str, module: ModuleType) -> MetricSpec | None:
    """Return the metric that a module describes."""
    if not hasattr(module, METRIC):
        return None
    try:
        return read_metric(getattr(module, METRIC))
    except InputError as error:
        raise InputError(f"`trainer` {name}: {METRIC} names what it yields: {error}") from error


def _check_call(name: str, function: Callable[..., Any]) -> None:
    if inspect.iscoroutinefunction(function) or inspect.isasyncgenfunction(function):
        raise InputError(f"`trainer` {name} is asynchronous; it must be a plain function that yields")
    try:
        inspect.signature(function).bind(None)
    except TypeError as error:
        raise InputError(f"`trainer` {name} must take one argument, the trial's config: {error}") from error
    except ValueError:  # compiled, without a signature
        return


def _fingerprint(name: str, module: ModuleType, function: Callable[..., Any]) -> str:
    """Hash the named module's file, and the one that the function stands in if that is another."""
    files = [getattr(module, "__file__", None)]
    if inspect.isroutine(plain := inspect.unwrap(function)) or inspect.isclass(plain):
        files.append(getattr(sys.modules.get(plain.__module__), "__file__", None))
    contents = {Path(file).read_bytes() for file in files if file}
    if not contents:
        raise InputError(f"`trainer` {name} has no source file")
    return hashlib.sha256(b"\0".join(sorted(contents))).hexdigest()[:32]
