"""Follows the journals of a folder's sweeps: only what was appended is read, and nothing is written."""

import math
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from sweep.core.costs import cost_of
from sweep.core.plan import Plan
from sweep.core.trial import TrialState
from sweep.errors import DamagedError, InputError
from sweep.results.selection import Filter
from sweep.workspace.journal import TrialHistory
from sweep.workspace.sweep import PLAN, Sweep
from sweep.workspace.workspace import Workspace

_DRIVER_EVERY_S = 2.0
"""How often it is asked which process drives a sweep."""


@dataclass(kw_only=True, slots=True)
class Followed:
    """A sweep that is followed."""

    sweep: Sweep
    plan_stamp: tuple[int, int]
    """By which its plan's file is known to be the same."""
    places: dict[str, int]
    """A trial's key → its place in the plan."""
    driver: str | None = None
    asked_at: float = -1e9
    """When it was asked which process drives it."""

    def ask_driver(self) -> None:
        """Find out which process drives it, unless that was done just before."""
        if time.monotonic() - self.asked_at > _DRIVER_EVERY_S:
            self.driver, self.asked_at = self.sweep.driver, time.monotonic()


@dataclass(kw_only=True)
class Follower:
    """The sweeps of a folder as their journals stand, and what has changed since a version of that."""

    folder: Path
    only: Filter = field(default_factory=Filter)
    version: int = 0
    """Counts the changes."""
    layout: int = 0
    """Counts the changes of what is planned: a page that shows another layout is to be opened anew."""
    problems: dict[str, str] = field(default_factory=dict)
    """Sweep → why it is not shown."""
    _followed: dict[str, Followed] = field(default_factory=dict)
    _changed: dict[tuple[str, str], int] = field(default_factory=dict)
    """Sweep and key → the version of the trial's last change, in the order of these."""

    @property
    def sweeps(self) -> list[Sweep]:
        """The sweeps that are followed."""
        return [each.sweep for each in self._followed.values()]

    @property
    def drivers(self) -> dict[str, str]:
        """Sweep → the process that drives it; those that none drives are absent."""
        return {name: each.driver for name, each in self._followed.items() if each.driver}

    def catch_up(self) -> None:
        """Take in what has happened since.

        Raises
        ------
        InputError
            If the folder is none, or a journal was written by a later version.
        """
        names = Workspace(self.folder).names()
        for name in names if self._followed else sorted(names, key=self._has_other_metric):
            self._open(name)
        for name, each in self._followed.items():
            each.ask_driver()
            for key in each.sweep.journal.read_on():
                self.version += 1
                self._changed.pop((name, key), None)
                self._changed[name, key] = self.version

    def _open(self, name: str) -> None:
        """Open a sweep that is new, or whose plan was extended."""
        path = self.folder / name / PLAN
        try:
            status = path.stat()
            stamp = status.st_ino, status.st_mtime_ns
            known = self._followed.get(name)
            if known and known.plan_stamp == stamp:
                return
            plan = Sweep.read_plan(path)
        except OSError:  # it has just been removed
            return
        except (DamagedError, InputError) as error:
            self.problems[name] = str(error).splitlines()[0]
            return
        self.problems.pop(name, None)
        if not self.only.keeps(plan.model, plan.optimizer, plan.recipe.name) or not self._named(name):
            return
        if problem := self._other_metric(plan):
            self.problems[name] = f"{name} is left out: {problem}"
            return
        sweep = Sweep(self.folder, plan, mend=True)  # damaged lines are left out; nothing is written
        places = {trial.key: place for place, trial in enumerate(sweep.trials)}
        self._followed[name] = Followed(sweep=sweep, plan_stamp=stamp, places=places)
        self.layout += 1

    def _has_other_metric(self, name: str) -> bool:
        """Whether a sweep is not of the top-1 error: such ones give way if a folder has both."""
        try:
            return Sweep.read_plan(self.folder / name / PLAN).recipe.metric is not None
        except (OSError, InputError, DamagedError):
            return False

    def _other_metric(self, plan: Plan) -> str | None:
        """Return why a plan's metric does not go with that of the page; None if it does."""
        known = next((each.sweep.plan.recipe.metric for each in self._followed.values()), plan.recipe.metric)
        if known == plan.recipe.metric:
            return None
        own = plan.recipe.metric.name if plan.recipe.metric else "the top-1 error"
        return f"its metric is {own}, and this page is on {known.name if known else 'top-1 errors'}"

    def _named(self, name: str) -> bool:
        return not self.only.sweep or name.startswith(tuple(filter(None, self.only.sweep)))

    def find(self, key: str) -> Sweep | None:
        """Return the sweep that has a trial of this key."""
        return next((each.sweep for each in self._followed.values() if key in each.places), None)

    def changes(self, since: int) -> dict[str, Any]:
        """Return what has changed since a version, as plain values: of each trial its sweep, its place in the
        plan, state, error, epochs, seconds and why it failed."""
        return {
            "version": self.version,
            "layout": self.layout,
            "drivers": self.drivers,
            "trials": [self._trial(*at) for at in self._since(since)],
        }

    def _since(self, version: int) -> Iterator[tuple[str, str]]:
        for at in reversed(self._changed):
            if self._changed[at] <= version:
                return
            yield at

    def _trial(self, name: str, key: str) -> list[Any]:
        each = self._followed[name]
        history = each.sweep.journal.history(key)
        record = history.record
        return [
            name,
            each.places.get(key, -1),
            history.state.value,
            record and _finite(cost_of(each.sweep.plan.recipe.metric, record)),
            epochs_of(history),
            record and record.wall_s,
            record and record.error,
        ]


def _finite(cost: float | None) -> float | None:
    """Return a cost as JSON can have it: None for what is worse than everything."""
    return None if cost is None or math.isinf(cost) else cost


def epochs_of(history: TrialHistory) -> int | None:
    """Return how many epochs a trial has behind it."""
    if history.record and history.state is not TrialState.FAILED:
        return history.record.epochs
    return max(history.epochs, default=None)
