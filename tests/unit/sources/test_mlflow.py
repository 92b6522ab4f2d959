import shutil

import pandas as pd
import pytest
from mlflow import MlflowClient
from support.journals import finished
from support.plans import a_plan
from support.workspaces import create

from sweep.core.trial import TrialRecord, TrialState
from sweep.sources.mapping import Mapping
from sweep.sources.reading import read
from sweep.tracking.store import MlflowTracker
from sweep.workspace.table import trial_table
from sweep.workspace.workspace import Workspace


@pytest.fixture(scope="module")
def store(tmp_path_factory):
    """An experiment that others wrote: a parent, six children, and a run that was deleted."""
    folder = tmp_path_factory.mktemp("mlflow")
    client = MlflowClient(f"sqlite:///{folder}/theirs.db")
    client.create_experiment("empty", artifact_location=str(folder))
    experiment = client.create_experiment("theirs", artifact_location=str(folder))
    parent = client.create_run(experiment).info.run_id
    runs = [
        ("FINISHED", 0.75),
        ("FINISHED", 0.5),
        ("FINISHED", float("nan")),
        ("FAILED", 0.4),
        ("KILLED", None),
        ("RUNNING", 0.3),
    ]
    for i, (status, accuracy) in enumerate(runs):
        run = client.create_run(experiment, tags={"mlflow.parentRunId": parent}, start_time=1_000).info.run_id
        client.log_param(run, "lr", repr(0.1 + i))
        client.log_param(run, "wd", "0.05")
        client.log_param(run, "arch", "vit")
        for step in range(2):
            if accuracy is not None:
                client.log_metric(run, "val_acc", accuracy if step else 0.9, step=step)
        if status != "RUNNING":
            client.set_terminated(run, status, end_time=3_500)
    client.delete_run(client.create_run(experiment).info.run_id)
    return folder / "theirs.db"


def test_runs_are_trials_and_their_last_metric_counts(store, monkeypatch):
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"sqlite:///{store}")
    got = read(["mlflow:theirs"], Mapping(fraction=True, nan="diverged"))
    table = got.table.sort_values("lr", ignore_index=True)
    assert table["state"].tolist() == ["finished", "finished", "diverged", "failed", "failed", "running"]
    assert table["top1_err"].fillna(-1.0).tolist() == [25.0, 50.0, 100.0, -1.0, -1.0, -1.0]
    assert table["lr"].tolist() == [0.1 + i for i in range(6)]
    assert set(table["model"]) == {"vit"}
    assert table["wall_s"].fillna(-1.0).tolist() == [2.5] * 5 + [-1.0]
    shown = "\n".join(got.preview)
    assert "1 parent runs are no trials" in shown
    assert "← metrics.val_acc (by its name), accuracy as a fraction" in shown


def test_our_own_experiment_reads_back_as_the_journal_does(store, tmp_path, monkeypatch):
    shutil.copy(store, tmp_path / "ours.db")
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"sqlite:///{tmp_path}/ours.db")
    made = create(Workspace(tmp_path / "sweeps"), a_plan(n=3))
    mlflow, (optimum, first, second, _) = MlflowTracker("digits"), made.plan.trials
    mlflow.open_sweep(made.plan, made.folder / "plan.json", "this workspace")
    diverged = TrialRecord(key=first.key, state=TrialState.DIVERGED, top1_err=100.0, best_top1_err=90.0)
    failed = TrialRecord(key=second.key, state=TrialState.FAILED, error="no memory")
    for trial, record in ((optimum, finished(optimum.key)), (first, diverged), (second, failed)):
        made.journal.append("end", trial.key, record)
        mlflow.send_trial(made.plan.name, trial, made.journal.history(trial.key))
    ours = trial_table([made]).head(3).drop(columns=["key", "epochs", "wall_s"])
    theirs = read(["mlflow:sweep-digits"], Mapping()).table.sort_values("index", ignore_index=True)
    pd.testing.assert_frame_equal(theirs[ours.columns], ours)


def test_what_is_no_experiment_is_refused_and_left_alone(store, sweep, tmp_path, monkeypatch):
    (tmp_path / "garbage.db").write_bytes(b"\x00\xff" * 2000)
    before = store.read_bytes()
    for uri, experiment, message in (
        (f"sqlite:///{store}", "thiers", "Did you mean theirs"),
        (f"sqlite:///{store}", "zzzzzz", "Known: Default, empty, theirs."),
        (f"sqlite:///{store}", "empty", "the experiment has no runs"),
        ("sqlite:///none.db", "theirs", "there is no file none.db"),
        ("sqlite:///garbage.db", "theirs", "file is not a database"),
        ("nowhere", "theirs", "there is no folder nowhere"),
        ("http://me:secret@127.0.0.1:9", "theirs", "MLflow at http://***@127.0.0.1:9 cannot be used"),
        (None, "theirs", "there is no file"),
    ):
        monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
        if uri:
            monkeypatch.setenv("MLFLOW_TRACKING_URI", uri)
        code, out, err = sweep("export", "--from", f"mlflow:{experiment}", "--out", "o.csv")
        assert code == 2
        assert message in err
        assert "Traceback" not in out + err
        assert "secret" not in err
    assert store.read_bytes() == before
    assert [path.name for path in tmp_path.iterdir()] == ["garbage.db"]
