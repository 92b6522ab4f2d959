"""`sweep status --check` and `sweep sync`: plan, journal and a real MLflow are brought into agreement."""

import json
import shutil

import pytest
from mlflow import MlflowClient
from support.journals import failed

from sweep.workspace.workspace import Workspace


@pytest.fixture(autouse=True)
def address(tmp_path, monkeypatch):
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"sqlite:///{tmp_path}/mlflow.db")


def in_mlflow(tmp_path) -> list:
    client = MlflowClient(f"sqlite:///{tmp_path}/mlflow.db")
    return list(client.search_runs([client.get_experiment_by_name("sweep-digits").experiment_id]))


def test_what_mlflow_lacks_is_said_and_sent(sweep, results, tmp_path):
    trial = Workspace(results).open("vit_p").plan.trials[3]
    code, out, _ = sweep("status", "--check")
    assert code == 1
    assert f"point-002 ({trial.key}): no run in MLflow" in out
    assert "10 disagreements" in out
    assert "`sweep sync`" in out
    assert not (tmp_path / "mlflow.db").exists()
    assert sweep("sync")[0] == 0
    assert len(in_mlflow(tmp_path)) == 20
    code, out, _ = sweep("status", "--check")
    assert (code, out.count("in order")) == (0, 2)
    client = MlflowClient(f"sqlite:///{tmp_path}/mlflow.db")
    for run in in_mlflow(tmp_path):
        if run.data.tags["sweep.key"] == trial.key:
            client.delete_run(run.info.run_id)
    problems = json.loads(sweep("status", "vit_p", "--check", "--json")[1])
    assert list(problems.values()) == [[f"point-002 ({trial.key}): no run in MLflow"]]
    assert sweep("sync", "vit_p")[0] == 0
    assert sweep("status", "--check")[0] == 0
    assert len(in_mlflow(tmp_path)) == 20


def test_a_lost_journal_is_written_again_from_mlflow(sweep, results, tmp_path, mlflow_database):
    shutil.copy(mlflow_database, tmp_path)
    assert sweep("sync")[0] == sweep("export", "--out", "before.csv")[0] == 0
    for path in results.glob("*/journal.jsonl"):
        path.unlink()
    code, out, _ = sweep("status", "--check")
    assert code == 1
    assert "finished in MLflow, without a result in the journal" in out
    code, out, _ = sweep("sync")
    assert code == 0
    assert "9 results that the journal had lost were written again from MLflow" in out
    assert sweep("export", "--out", "after.csv")[0] == 0
    assert (tmp_path / "after.csv").read_text() == (tmp_path / "before.csv").read_text()


def test_damage_is_said_and_a_running_sweep_is_left_to_its_driver(sweep, results):
    one, other = sorted(results.glob("*-*"))
    (one / "plan.json").write_text("{")
    with (other / "journal.jsonl").open("a") as file:
        file.write("nonsense\n")
    problems = json.loads(sweep("status", "--check", "--json")[1])
    assert "not a plan, or damaged" in problems[one.name][0]
    assert "line 10 is damaged" in problems[other.name][0]
    assert sweep("sync")[0] == 2
    (other / "journal.jsonl").write_text("")
    running = Workspace(results).open(other.name)
    with running.driving():
        assert json.loads(sweep("status", "vit_p", "--check", "--json")[1]) == {other.name: []}
        code, _, err = sweep("sync", "vit_p")
        assert code == 2
        assert "is being run already" in err


def test_trials_that_only_the_journal_has_are_said(sweep, results):
    made = Workspace(results).open("vit_p")
    made.journal.append("end", "0" * 16, failed("0" * 16))
    assert "the journal has 1 trial that the plan does not have" in sweep("status", "--check")[1]


def test_mlflow_that_is_away(sweep, results, monkeypatch):
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "http://127.0.0.1:9")
    code, out, _ = sweep("status", "--check")
    assert code == 1
    assert "MLflow at http://127.0.0.1:9 cannot be used" in out
    code, _, err = sweep("sync")
    assert code == 2
    assert "cannot be used" in err
