import shutil
import sqlite3
from contextlib import closing

import optuna
import pandas as pd
import pytest
from mlflow import MlflowClient
from support.journals import finished
from support.plans import a_plan
from support.workspaces import create

from sweep.core.trial import TrialRecord, TrialState
from sweep.errors import InputError
from sweep.sources.formats import read
from sweep.sources.mapping import Mapping
from sweep.tracking.store import MlflowTracker
from sweep.workspace.trial_table import trial_table
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


def a_folder_store(root):
    """Write an experiment, two runs and a deleted one, as MLflow's file store lays them out."""
    experiment = root / "895430940574719929"
    for folder, meta in (
        (root / "0", "experiment_id: '0'\nlifecycle_stage: active\nname: Default\n"),
        (experiment, "experiment_id: '895430940574719929'\nlifecycle_stage: active\nname: my runs\n"),
    ):
        folder.mkdir(parents=True)
        (folder / "meta.yaml").write_text(meta)
    for i, (stage, values) in enumerate((("active", "40.0"), ("active", "inf"), ("deleted", "1.0"))):
        run = experiment / f"{i:032x}"
        for kind in ("params/opt", "metrics", "tags"):
            (run / kind).mkdir(parents=True)
        (run / "meta.yaml").write_text(
            f"run_id: {i:032x}\nlifecycle_stage: {stage}\nstatus: 3\nstart_time: {1000 + i}\nend_time: 3500\n"
        )
        (run / "params/lr").write_text(repr(0.1 + i))
        (run / "params/opt/wd").write_text("0.05")
        (run / "metrics/val_error").write_text(f"100 50.0 0\n102 {values} 2\n101 45.0 1\n")
        (run / "tags/mlflow.user").write_text("me")
    return root


FOLDER = Mapping(constants={"model": "m"}, nan="diverged")


def test_the_file_store_is_read_by_its_folder_and_by_its_uri(tmp_path, monkeypatch):
    root = a_folder_store(tmp_path / "a b%20c" / "mlruns")
    before = {path: path.read_bytes() for path in root.rglob("*") if path.is_file()}
    tables = [read([name], FOLDER).table for name in (str(root), f"{root}::my runs")]
    quoted = str(root).replace("%", "%25").replace(" ", "%20")
    for uri in (str(root), f"file://{quoted}"):
        monkeypatch.setenv("MLFLOW_TRACKING_URI", uri)
        tables.append(read(["mlflow:my runs"], FOLDER).table)
    for table in tables:
        assert table["top1_err"].tolist() == [40.0, 100.0]
        assert table["state"].tolist() == ["finished", "diverged"]
        assert table["lr"].tolist() == [0.1, 1.1]
        assert table["weight_decay"].tolist() == [0.05, 0.05]
        assert table["wall_s"].tolist() == [2.5, 2.499]
    with pytest.raises(ValueError, match=r"unknown MLflow experiment 'my run'\. Did you mean my runs"):
        read([f"{root}::my run"], FOLDER)
    assert {path: path.read_bytes() for path in root.rglob("*") if path.is_file()} == before


def test_a_damaged_file_of_the_store_is_named(tmp_path):
    root = a_folder_store(tmp_path / "mlruns")
    metric = next(root.rglob("val_error"))
    metric.write_text("100 many 0\n")
    with pytest.raises(ValueError, match="val_error is no metric of MLflow, or damaged"):
        read([str(root)], FOLDER)


def test_an_infinite_metric_is_not_finite(tmp_path, monkeypatch):
    client = MlflowClient(f"sqlite:///{tmp_path}/inf.db")
    experiment = client.create_experiment("e", artifact_location=str(tmp_path))
    for i, value in enumerate((10.0, float("inf"), float("-inf"), float("nan"))):
        run = client.create_run(experiment).info.run_id
        client.log_param(run, "lr", str(0.1 + i))
        client.log_metric(run, "val_error", value)
        client.set_terminated(run)
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"sqlite:///{tmp_path}/inf.db")
    with pytest.raises(ValueError, match=r"3 of 4 trials have no finite metrics\.val_error"):
        read(["mlflow:e"], Mapping(constants={"model": "m"}))


def test_a_database_of_an_older_mlflow_is_read_as_an_upgraded_copy(store, tmp_path, monkeypatch):
    from alembic import command
    from mlflow.store.db.utils import _get_alembic_config

    shutil.copy(store, tmp_path / "old.db")
    uri = f"sqlite:///{tmp_path}/old.db"
    command.downgrade(_get_alembic_config(uri), "-1")
    before = (tmp_path / "old.db").read_bytes()
    monkeypatch.setenv("MLFLOW_TRACKING_URI", uri)
    assert len(read(["mlflow:theirs"], Mapping(fraction=True, nan="diverged")).table) == 6
    assert (tmp_path / "old.db").read_bytes() == before


def test_optunas_file_is_not_taken_for_mlflows_and_stays_as_it_is(tmp_path, monkeypatch):
    optuna.create_study(storage=f"sqlite:///{tmp_path}/optuna.db", study_name="s")
    before = (tmp_path / "optuna.db").read_bytes()
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"sqlite:///{tmp_path}/optuna.db")
    for open_it in (lambda: MlflowTracker("digits"), lambda: read(["mlflow:e"], FOLDER)):
        with pytest.raises(InputError, match=r"has no table experiments|give each a file of its own"):
            open_it()
    assert (tmp_path / "optuna.db").read_bytes() == before


def test_a_file_that_optuna_and_mlflow_share_is_explained(store, tmp_path, monkeypatch):
    optuna.create_study(storage=f"sqlite:///{tmp_path}/both.db", study_name="s")
    with closing(sqlite3.connect(tmp_path / "both.db")) as file:
        file.execute("create table experiments (x)")
        file.execute("create table runs (x)")
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"sqlite:///{tmp_path}/both.db")
    with pytest.raises(InputError, match="is a storage of Optuna"):
        read(["mlflow:e"], FOLDER)
