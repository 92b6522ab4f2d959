"""Ten ways to break the code that the simulation must notice: each a patch, as a mistake might make it."""

import os
from contextlib import contextmanager
from unittest.mock import patch

from sweep.driver.delivery import TrackingSession
from sweep.driver.recorder import Recorder
from sweep.tracking.send_queue import SendQueue
from sweep.tracking.store import MlflowTracker
from sweep.utils import atomic_files
from sweep.workspace import journal as journals
from sweep.workspace.journal import Journal, TrialHistory


def _write_without_fsync(self, line, *, sync):
    _REAL_WRITE(self, line, sync=False)


def _end_in_mlflow_first(self, trial, record):
    folder = self._folders[trial.key]
    history = folder.journal.history(trial.key)
    if history.is_news("end", record):
        before, history.record = history.record, record
        self._tracking._send(trial.key)
        history.record = before
    _REAL_ON_END(self, trial, record)


@contextmanager
def _no_lock(folder, name, made):
    folder.mkdir(parents=True, exist_ok=True)
    yield


def _append_after_what_was_cut_off(self, line, *, sync):
    with self.path.open("ab") as file:
        file.write(line.encode())
        file.flush()
        os.fsync(file.fileno())
    journals.sync_folder(self.path.parent)


def _forget_what_was_refused(self, batch):
    for item in batch:
        try:
            self._send(item)
        except Exception:
            continue


def _always_news(self, kind, contents):
    return True


def _write_in_place(path, contents):
    with path.open("wb") as file:
        file.write(contents.encode() if isinstance(contents, str) else contents)
    atomic_files.sync_folder(path.parent)


def _swallow_a_full_disk(self, line, *, sync):
    try:
        _REAL_WRITE(self, line, sync=sync)
    except OSError:
        return


def _end_without_the_last_epoch(self, trial, record):
    if record.epoch < 2:
        _REAL_ON_EPOCH(self, trial, record)


def _new_folder_unsynced(folder):
    return


_REAL_WRITE, _REAL_ON_END, _REAL_ON_EPOCH = Journal._write, Recorder.on_end, Recorder.on_epoch

BREAKAGES = {
    "a trial's end is not flushed to the disk": (Journal, "_write", _write_without_fsync),
    "MLflow has a result before the journal": (Recorder, "on_end", _end_in_mlflow_first),
    "the lock is ignored": ("sweep.workspace.trial_folder.driving", None, _no_lock),
    "a line that was cut off is not overwritten": (Journal, "_write", _append_after_what_was_cut_off),
    "what MLflow refused is forgotten": (SendQueue, "_send_all", _forget_what_was_refused),
    "what is repeated is written again": (TrialHistory, "is_news", _always_news),
    "the plan is not written atomically": (
        "sweep.workspace.trial_folder.write_atomically",
        None,
        _write_in_place,
    ),
    "a full disk is passed over": (Journal, "_write", _swallow_a_full_disk),
    "the journal's name is not flushed to the disk": (
        "sweep.workspace.journal.sync_folder",
        None,
        _new_folder_unsynced,
    ),
    "what differs is not sent again": (TrackingSession, "put_differences", lambda self: None),
    "runs that are there are not found": (MlflowTracker, "_search", lambda self, sweep: []),
    "the last epoch is not recorded": (Recorder, "on_epoch", _end_without_the_last_epoch),
}


@contextmanager
def broken(name: str):
    """Break the code, for as long as this context lasts."""
    owner, attribute, replacement = BREAKAGES[name]
    change = patch(owner, replacement) if attribute is None else patch.object(owner, attribute, replacement)
    with change:
        yield
