"""What a worker does between two reports, in this process: it goes on from checkpoints, and tells of them."""

import dataclasses
import re

import numpy as np
import pytest
from support.training import make_recipe, make_trial

from sweep.checkpoints.folder import FolderLocation
from sweep.core.jobs import Job, TrialContext
from sweep.core.trial import TrialRecord, TrialState
from sweep.data.datasets import open_dataset
from sweep.data.images import Splits
from sweep.orchestrate import actors, tune_callback
from sweep.orchestrate import worker as runner
from sweep.orchestrate.actors import Worker
from sweep.orchestrate.worker_reports import PackReport, WorkerReport

pytestmark = pytest.mark.usefixtures("one_thread")


@pytest.fixture
def start(tmp_path, monkeypatch):
    """Start a worker on the trial, as Tune would; each has the same folder of checkpoints."""
    monkeypatch.setattr(actors.ray, "get", lambda reference: reference)
    monkeypatch.setattr(runner, "REPORT_EVERY_S", -1.0)
    monkeypatch.setenv(runner.EVERY_S_VARIABLE, "0")
    monkeypatch.setattr("sweep.training.checkpoint.MOST_SHARE", 1e9)
    monkeypatch.setenv("HOME", str(tmp_path))
    recipe = make_recipe(epochs=4, ema_steps=2)
    splits = open_dataset(recipe, None).load(16)
    splits = Splits(splits.train, splits.minival, splits.val.take(np.arange(60)))
    (tmp_path / "checkpoints").mkdir()

    def start_worker(key="k", folder=tmp_path / "checkpoints"):
        trial = dataclasses.replace(make_trial(), key=key)
        setting = TrialContext(
            recipe=recipe, px=16, classes=10, data=splits, checkpoints=folder and FolderLocation(folder)
        )
        worker = Worker.__new__(Worker)
        worker.setup({"jobs": [0]}, [Job(trial, 0)], [setting], on_gpu=False)
        return worker

    return start_worker


def reports(worker, count=99):
    got = []
    while len(got) < count and not (got and got[-1].done):
        (report,) = worker.step()["report"].trials
        got.append(report)
    return got


def records(got):
    return [record for report in got for record in report.epochs]


def end(got):
    return dataclasses.replace(got[-1].record, wall_s=None)


def test_another_worker_goes_on_where_the_first_was_lost(start, tmp_path):
    undisturbed = reports(start(folder=None))
    assert [record.epoch for record in records(undisturbed)] == [1, 2, 3, 4]
    lost = reports(start(), 2)
    assert records(lost) == records(undisturbed)[:2]
    assert [path.name for path in (tmp_path / "checkpoints").iterdir()] == ["k.ckpt"]
    again = reports(start())
    assert "resumes from its checkpoint" in again[0].notes[0]
    assert records(again) == records(undisturbed), "what was told before is told again: the journal knows"
    assert end(again) == end(undisturbed)
    assert not any(report.notes for report in again[1:])


def test_a_damaged_checkpoint_and_one_of_another_trial_are_told(start, tmp_path):
    undisturbed = reports(start(folder=None))
    reports(start(), 2)
    path = tmp_path / "checkpoints" / "k.ckpt"
    whole = path.read_bytes()
    path.write_bytes(whole[:-9])
    got = reports(start())
    assert "is not used: it was truncated" in got[0].notes[0]
    assert (records(got), end(got)) == (records(undisturbed), end(undisturbed))
    path.with_name("other.ckpt").write_bytes(whole)
    (note,) = reports(start("other"))[0].notes
    assert re.search(r"it belongs to k on cpu \(.*\), torch .*, not to other on cpu", note)


def test_a_folder_that_this_machine_does_not_see_is_told_and_not_made(start, tmp_path):
    got = reports(start(folder=tmp_path / "elsewhere"))
    notes = [note for report in got for note in report.notes]
    assert len(notes) == 1
    assert "no checkpoint could be written" in notes[0]
    assert not (tmp_path / "elsewhere").exists()


def test_the_driver_hands_notes_on_and_they_are_no_records(start):
    heard = []

    class TrialObserver:
        def on_message(self, trial, text):
            heard.append((trial.key, text))

        def on_epoch(self, trial, record):
            pass

    spec = dataclasses.replace(make_trial(), key="k")
    reporter = tune_callback.TuneReporter([Job(spec, 0)], TrialObserver())
    trial = type("Trial", (), {"config": {"jobs": [0]}})
    record = TrialRecord(key="k", state=TrialState.FINISHED, top1_err=5.0)
    report = WorkerReport(trial=spec, notes=["mind"], epochs=[], record=record, done=False)
    result = {"report": PackReport(trials=[report], done=False), "done": False}
    reporter.on_trial_result(1, [], trial, result)
    assert heard == [("k", "mind")]
