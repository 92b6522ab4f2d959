"""Sweeps of a user's own training function: real processes, real Ray, real MLflow."""

import shutil

import pytest
from mlflow import MlflowClient
from test_run import sweep, table
from test_trainer import ROOT, run

BAD = """
class Own(Exception):
    pass

def train(config):
    yield 50
    if config.model == "raises":
        raise Own("went wrong")
    yield float("nan") if config.model == "diverges" else 40
"""
WORDS = ("run", "--epochs", "2", "--lr", ".02", "--wd", ".01", "--n", "3", "--trainer")


@pytest.mark.system
def test_the_examples_sweep_gives_what_the_function_gives(tmp_path, monkeypatch):
    shutil.copy(ROOT / "examples" / "breast_cancer.py", tmp_path)
    ran = sweep(tmp_path, *WORDS, "breast_cancer:train", "--model", "logreg")
    assert ran.returncode == 0, ran.stdout + ran.stderr
    trials = table(tmp_path)
    assert (trials["state"] == "finished").all()
    monkeypatch.chdir(tmp_path)
    for trial in trials.itertuples():
        point = {"model": "logreg", "lr": trial.lr, "weight_decay": trial.weight_decay, "seed": trial.seed}
        assert trial.top1_err == run("breast_cancer:train", 2, **point)[-1].top1_err
    client = MlflowClient(f"sqlite:///{tmp_path}/mlflow.db")
    experiment = client.get_experiment_by_name("sweep-breast_cancer.train")
    runs = client.search_runs([experiment.experiment_id])
    assert len(runs) == 5
    assert {each.data.params["trainer"] for each in runs} == {"breast_cancer:train"}
    assert sweep(tmp_path, "cdf", "--out", "edf.svg").returncode == 0


@pytest.mark.system
def test_a_trial_that_diverges_is_a_result_and_one_that_raises_is_none(tmp_path):
    (tmp_path / "bad.py").write_text(BAD)
    words = (*WORDS, "bad:train", "--n", "1", "-m", "raises", "-m", "diverges", "-m", "fine")
    ran = sweep(tmp_path, *words)
    assert ran.returncode == 1, ran.stdout + ran.stderr
    assert ran.stdout.count("bad:train failed: Own: went wrong (bad.py, line 8)") == 2
    states = table(tmp_path).groupby("model")["state"].unique()
    assert {model: list(each) for model, each in states.items()} == {
        "raises": ["failed"], "diverges": ["diverged"], "fine": ["finished"]
    }  # fmt: skip
