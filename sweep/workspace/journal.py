"""The journal: what happened to a sweep's trials, one JSON line an event, only ever appended to.

It is what results are read from, and what MLflow is brought up to date from.
"""

import json
import os
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import reduce
from pathlib import Path
from typing import Any, Literal

from sweep.core.trial import (
    EpochRecord,
    TrialRecord,
    TrialSpec,
    TrialState,
    read_trial,
    record_contents,
    trial_contents,
)
from sweep.errors import DamagedError, InputError
from sweep.recipes.metric import MetricSpec
from sweep.utils.atomic_files import keep_aside, sync_folder, write_atomically

EventKind = Literal["start", "epoch", "end"]


@dataclass(kw_only=True, slots=True)
class TrialHistory:
    """What the journal knows of one trial."""

    started_ms: int | None = None
    epochs: dict[int, tuple[int, EpochRecord]] = field(default_factory=dict)
    """Epoch → (time in ms since 1970, record)."""
    ended_ms: int | None = None
    record: TrialRecord | None = None
    spec: TrialSpec | None = None
    """The trial itself, where no plan lists it beforehand: in a search."""

    @property
    def state(self) -> TrialState:
        """Where the trial stands, as far as the journal knows."""
        if self.record:
            return self.record.state
        return TrialState.PLANNED if self.started_ms is None else TrialState.RUNNING

    @property
    def last_epoch(self) -> EpochRecord | None:
        """The record of the epoch that ended the trial; None if it has no result."""
        if self.record is None or not self.record.state.has_result:
            return None
        return self.epochs.get(self.record.epochs, (0, None))[1]

    def values_of(self, metric: MetricSpec) -> tuple[float | None, float | None]:
        """Return a metric's value after the last epoch and after the best one; None where there is none."""
        if self.record is None:
            return None, None
        if self.record.metric == metric.name:
            return self.record.value, self.record.best_value
        epochs = [epoch for _, epoch in self.epochs.values() if epoch.diverged_step is None]
        known = [value for epoch in epochs if (value := epoch.value_of(metric.name)) is not None]
        finished = self.record.state is TrialState.FINISHED
        last = self.last_epoch.value_of(metric.name) if finished and self.last_epoch else None
        return last, reduce(metric.better, known) if known else None

    def is_news(self, kind: EventKind, contents: Any) -> bool:
        """Return whether an event adds anything.

        A trial that is run again repeats its epochs: the first of each stands, so that nothing is
        reported twice. A result stands forever, a failure until there is a result.
        """
        if self.record and self.record.state.has_result:
            return False
        return kind != "epoch" or contents.epoch not in self.epochs

    def add(self, kind: EventKind, time_ms: int, contents: Any) -> None:
        """Take an event in, if it is news."""
        if not self.is_news(kind, contents):
            return
        if kind == "epoch":
            self.epochs[contents.epoch] = (time_ms, contents)
        elif kind == "end":
            self.ended_ms, self.record = time_ms, contents
        else:
            self.started_ms, self.spec = self.started_ms or time_ms, contents or self.spec
            self.ended_ms = self.record = None


class Journal:
    """The journal of one sweep.

    Parameters
    ----------
    path : Path
        The file; there need be none yet.
    mend : bool
        Whether to leave damaged lines out, for a driver that puts the file right with `mend`.

    Raises
    ------
    DamagedError
        If a line is damaged, and ``mend`` is not given.
    InputError
        If it holds events of a later version.
    """

    def __init__(self, path: Path, *, mend: bool = False) -> None:
        self.path = path
        self._forget()
        for kind, key, time_ms, contents in self._read(self._lines(), mend):
            self.history(key).add(kind, time_ms, contents)

    def _forget(self) -> None:
        self.trials: dict[str, TrialHistory] = {}
        self._complete_bytes = 0
        self._lines_read = 0
        self._inode: int | None = None
        self._named = False
        self._damaged: list[int] = []

    @property
    def damaged(self) -> int:
        """How many damaged lines were left out."""
        return len(self._damaged)

    def read_on(self) -> set[str]:
        """Take in what another process has appended; return the keys of the trials it is about.

        Only that is read. A file that was replaced, as a driver does that mends it, is read anew. Damaged
        lines are left out, and a line that is still being written is read the next time.
        """
        try:
            with self.path.open("rb") as file:
                status = os.fstat(file.fileno())
                if status.st_ino != self._inode or status.st_size < self._complete_bytes:
                    self._forget()
                    self._inode = status.st_ino
                file.seek(self._complete_bytes)
                raw = file.read()
        except OSError:  # there is none yet, or a shared folder is away
            return set()
        keys = set()
        for kind, key, time_ms, contents in self._read(self._complete(raw), mend=True):
            self.history(key).add(kind, time_ms, contents)
            keys.add(key)
        return keys

    def mend(self) -> str | None:
        """Write the file without its damaged lines, keeping it aside as it was; say so if there were any."""
        if not self._damaged:
            return None
        good = [line for number, line in self._lines() if number not in self._damaged]
        aside = keep_aside(self.path)
        write_atomically(self.path, "".join(line.decode() + "\n" for line in good))
        self._complete_bytes = self.path.stat().st_size
        count, self._damaged = len(self._damaged), []
        lines = "1 damaged line" if count == 1 else f"{count} damaged lines"
        return f"{self.path}: {lines} left out; as it was, it is {aside.name}"

    def history(self, key: str) -> TrialHistory:
        """Return what is known of a trial; an empty history for a new one."""
        history = self.trials.get(key)
        if history is None:
            history = self.trials[key] = TrialHistory()
        return history

    def append(
        self,
        kind: EventKind,
        key: str,
        contents: EpochRecord | TrialRecord | TrialSpec | None = None,
        time_ms: int | None = None,
    ) -> bool:
        """Note an event; say whether it was news. Only news is written, a trial's end through to the disk.

        Raises
        ------
        InputError
            If the file cannot be written: the disk is full, say. The event has not happened then.
        """
        time_ms = time_ms or time.time_ns() // 1_000_000
        event = {"event": kind, "key": key, "time_ms": time_ms}
        if contents is not None:
            event |= _plain(contents)
        line = json.dumps(event, allow_nan=False) + "\n"
        if not self.history(key).is_news(kind, contents):
            return False
        try:
            self._write(line, sync=kind == "end")
        except OSError as error:
            raise InputError(f"cannot write {self.path}: {error.strerror or error}") from error
        self.history(key).add(kind, time_ms, contents)
        return True

    def adopt(self, key: str, history: TrialHistory) -> None:
        """Take over a trial's whole history from another sweep's journal."""
        self.append("start", key, time_ms=history.started_ms)
        for time_ms, epoch in history.epochs.values():
            self.append("epoch", key, epoch, time_ms)
        self.append("end", key, history.record, history.ended_ms)

    def _write(self, line: str, *, sync: bool) -> None:
        created = not self.path.exists()
        with self.path.open("r+b" if not created else "wb") as file:
            # A line that a killed driver left unfinished is overwritten.
            file.seek(self._complete_bytes)
            file.truncate()
            file.write(line.encode())
            file.flush()
            if sync or created:
                os.fsync(file.fileno())
        if not self._named:  # an earlier driver may have created it and died, or found the disk full
            sync_folder(self.path.parent)
            self._named = True
        self._complete_bytes += len(line.encode())

    def _read(
        self, lines: Iterator[tuple[int, bytes]], mend: bool
    ) -> Iterator[tuple[EventKind, str, int, Any]]:
        for number, line in lines:
            try:
                yield _parse(_decoded(line.decode()))
            except InputError as error:
                raise InputError(f"{self.path}, line {number}: {error}") from error
            except (ValueError, LookupError, TypeError, AttributeError, RecursionError) as error:
                if not mend:
                    raise DamagedError(
                        f"{self.path}, line {number} is damaged: {error}\n"
                        "Its own `sweep run …` or `sweep tune …` leaves the line out and trains what is lost."
                    ) from error
                self._damaged.append(number)

    def _lines(self) -> Iterator[tuple[int, bytes]]:
        """Yield all lines, numbered from 1."""
        if not self.path.exists():
            return
        self._complete_bytes = self._lines_read = 0
        with self.path.open("rb") as file:
            self._inode = os.fstat(file.fileno()).st_ino
            raw = file.read()
        yield from self._complete(raw)

    def _complete(self, raw: bytes) -> Iterator[tuple[int, bytes]]:
        """Yield the lines of what follows the last known one."""
        # What follows the last line end was cut off in the middle of a write: it never happened.
        end = raw.rfind(b"\n") + 1
        self._complete_bytes += end
        for line in raw[:end].split(b"\n")[:-1]:
            self._lines_read += 1
            yield self._lines_read, line


def _decoded(line: str) -> Any:
    """Return what one line says: `json.loads`, without what that does for each of very many lines."""
    value, end = _raw_decode(line)
    if end != len(line):
        raise ValueError(f"extra data from letter {end + 1} on")
    return value


_raw_decode = json.JSONDecoder().raw_decode


def _parse(event: dict[str, Any]) -> tuple[EventKind, str, int, Any]:
    kind, key, time_ms = event.pop("event"), event.pop("key"), event.pop("time_ms")
    if not isinstance(key, str) or type(time_ms) is not int or time_ms < 0:
        raise ValueError(f"key must be text and time_ms a whole number, got {key!r:.40} and {time_ms!r:.40}")
    if kind == "start":
        return kind, key, time_ms, read_trial({"key": key} | event) if event else None
    if kind == "epoch":
        return kind, key, time_ms, EpochRecord(**event)
    if kind == "end":
        return kind, key, time_ms, TrialRecord(key=key, **(event | {"state": TrialState(event["state"])}))
    raise InputError(f"unknown event {str(kind)[:40]!r}: was it written by a later version?")


def _plain(contents: EpochRecord | TrialRecord | TrialSpec) -> dict[str, Any]:
    return trial_contents(contents) if isinstance(contents, TrialSpec) else record_contents(contents)
