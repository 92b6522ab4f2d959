"""A driver as a program uses it: it prints nothing, and reports each thing that happens."""

import shutil
import sys

import pytest
from mlflow import MlflowClient

from sweep.core.resources import Resources
from sweep.core.trial import Role, TrialState
from sweep.driver import run, sync, tune
from sweep.driver.events import (
    EpochReported,
    FiguresFailed,
    OptimumSaved,
    ResultsRecovered,
    SearchStarted,
    SweepsStarted,
    TrainingEnded,
    TrainingStarted,
    TrialEnded,
    TrialMessage,
    TrialStarted,
)
from sweep.driver.prepare import search_run
from sweep.planning.command_options import Request, TuneRequest
from sweep.planning.plans import make_plans
from sweep.workspace.sweep_run import SweepRun
from sweep.workspace.workspace import Workspace

pytestmark = pytest.mark.slow

TRAINER = """
def train(config):
    assert config.split in ("val", "minival")
    for epoch in range(config.epochs):
        yield 10.0 + 100 * config.lr + epoch
"""
HERE = Resources(address="none")


@pytest.fixture
def workspace(tmp_path, monkeypatch, mlflow_database):
    shutil.copy(mlflow_database, tmp_path)
    (tmp_path / "own_events.py").write_text(TRAINER)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"sqlite:///{tmp_path}/mlflow.db")
    monkeypatch.delitem(sys.modules, "own_events", raising=False)
    return Workspace(tmp_path / "sweeps")


def task_of(workspace, n=2):
    request = Request(trainer="own_events:train", epochs=3, lr=0.01, wd=0.1, n=n, seeds=1)
    (planned,) = make_plans(request)
    return SweepRun(sweep=workspace.prepare(planned.plan), splits=planned.splits, n=n, seeds=1)


def parents(tmp_path):
    client = MlflowClient(f"sqlite:///{tmp_path}/mlflow.db")
    experiments = [each.experiment_id for each in client.search_experiments()]
    runs = client.search_runs(experiments)
    return [run for run in runs if "mlflow.parentRunId" not in run.data.tags]


def test_a_sweep_reports_what_happens_in_that_order_and_prints_nothing(workspace, tmp_path, capfd):
    events = []
    assert run.run([task_of(workspace)], workspace, HERE, events.append)
    trial = [TrialStarted, *[EpochReported] * 3, TrialEnded]
    heard = [event for event in events if not isinstance(event, TrialMessage)]
    assert [type(event) for event in heard] == [SweepsStarted, TrainingStarted, *trial * 3, TrainingEnded]
    started, training = heard[:2]
    assert (started.wanted, started.to_train) == (3, 3)
    assert training.work == ((started.plans[0].model, 3),) * 3
    assert [event.record.epoch for event in heard if isinstance(event, EpochReported)] == [1, 2, 3] * 3
    assert {event.record.state for event in heard if isinstance(event, TrialEnded)} == {TrialState.FINISHED}
    assert "".join(capfd.readouterr()) == ""

    again = []
    assert run.run([task_of(workspace)], workspace, HERE, again.append)
    assert [(type(event), event.to_train) for event in again] == [(SweepsStarted, 0)]


def test_figures_that_cannot_be_drawn_are_not_blamed_on_mlflow(workspace, tmp_path, caplog):
    task, events = task_of(workspace), []
    task.sweep.folder.mkdir(parents=True)
    (task.sweep.folder / "figures").write_text("in the way")
    assert not run.run([task], workspace, HERE, events.append)
    (failed,) = [event for event in events if isinstance(event, FiguresFailed)]
    assert failed.name == task.sweep.name
    assert failed.problem.startswith("FileExistsError: ")
    assert events[-1] == failed  # MLflow has taken all the rest
    (record,) = [each for each in caplog.records if each.name == "sweep.driver.draw_figures"]
    assert record.exc_info[0] is FileExistsError
    (parent,) = parents(tmp_path)
    assert parent.info.status == "FINISHED"
    assert parent.data.tags["sweep.finished"] == "3"

    (task.sweep.folder / "figures").unlink()
    repaired = []
    assert sync.sync([workspace.open_any(task.sweep.name)], workspace, repaired.append)
    assert repaired == []
    assert len(list((task.sweep.folder / "figures").glob("*.png"))) == 5


def test_results_that_a_journal_had_lost_are_reported_as_recovered(workspace):
    assert run.run([task_of(workspace)], workspace, HERE, lambda event: None)
    task_of(workspace).sweep.journal.path.unlink()
    events = []
    assert run.run([task_of(workspace)], workspace, HERE, events.append)
    assert [type(event) for event in events] == [SweepsStarted, ResultsRecovered]
    assert events[1].count == 3


def test_a_search_reports_its_trials_and_the_optimum_that_it_saves(workspace, tmp_path):
    request = TuneRequest(trainer="own_events:train", epochs=3, n_trials=3, finalists=1, seeds=2)
    events = []
    task = search_run(request, workspace, ["sweep", "tune"], events.append)
    found, complete = tune.run(task, workspace, HERE, events.append)
    assert complete
    assert [type(events[0]), type(events[1])] == [SearchStarted, TrainingStarted]
    assert events[0].to_train == len(events[1].work) == 5
    ended = [event for event in events if isinstance(event, TrialEnded)]
    assert [event.trial.role for event in ended] == [Role.POINT] * 3 + [Role.FINALIST] * 2
    assert events[-1] == OptimumSaved(found=found)
    assert found.lr == min(event.trial.lr for event in ended if event.record.state is TrialState.FINISHED)
    (parent,) = parents(tmp_path)
    assert parent.info.status == "FINISHED"
    assert float(parent.data.tags["sweep.optimum_lr"]) == found.lr
