"""Sweeps over more than learning rate and weight decay, from the command line to the table."""

import json

import pandas as pd
import pytest
from mlflow import MlflowClient
from support.runs import sweep, table

pytestmark = pytest.mark.slow

TRAINER = """
import json

def train(config):
    with open("calls", "a") as calls:
        calls.write(json.dumps([config.seed, config.lr, dict(config.hyperparameters)]) + "\\n")
    for epoch in range(config.epochs):
        yield 100 * abs(config.hyperparameters["momentum"] - 0.9) + config.hyperparameters["depth"]
"""
OWN = (
    *("run", "--trainer", "own:train", "--epochs", "1", "--lr", "0.1", "--wd", "0.01", "--n", "6"),
    *("--seeds", "2", "--address", "none"),
    *("--over", "lr,momentum=0.5:0.99:logit@0.9,depth=1:3:integer@2,act=relu|gelu@gelu"),
)


def test_a_function_gets_what_the_table_and_mlflow_say(tmp_path):
    (tmp_path / "own.py").write_text(TRAINER)
    ran = sweep(tmp_path, *OWN, "-m", "a", "-m", "b")
    assert ran.returncode == 0, ran.stdout + ran.stderr
    trials = table(tmp_path)
    called = {seed: (lr, values) for seed, lr, values in map(json.loads, (tmp_path / "calls").open())}
    for row in trials.to_dict("records"):
        lr, values = called[row["seed"]]
        assert (lr, row["weight_decay"]) == (row["lr"], 0.01)
        assert values == {name: row[f"hp.{name}"] for name in ("act", "depth", "momentum")}
        assert row["top1_err"] == 100 * abs(row["hp.momentum"] - 0.9) + row["hp.depth"]
    client = MlflowClient(f"sqlite:///{tmp_path}/mlflow.db")
    (experiment,) = [e for e in client.search_experiments() if e.name != "Default"]
    runs = {run.data.tags["sweep.key"]: run for run in client.search_runs([experiment.experiment_id])}
    for row in trials.to_dict("records"):
        assert runs[row["key"]].data.params["momentum"] == repr(row["hp.momentum"])
        assert runs[row["key"]].data.params["act"] == row["hp.act"]


def test_it_resumes_and_is_compared(tmp_path):
    (tmp_path / "own.py").write_text(TRAINER)
    assert sweep(tmp_path, *OWN, "-m", "a", "--n", "2").returncode == 0
    before = table(tmp_path)
    assert sweep(tmp_path, *OWN, "-m", "a", "-m", "b").returncode == 0
    after = table(tmp_path)
    pd.testing.assert_frame_equal(after[after["key"].isin(before["key"])].reset_index(drop=True), before)
    assert len((tmp_path / "calls").read_text().splitlines()) == 16, "nothing is trained twice"
    compared = sweep(tmp_path, "compare", "--json")
    assert compared.returncode == 0, compared.stderr
    assert '"paired": true' in compared.stdout
    for words in (("cdf", "-o", "f.svg"), ("scatter", "-o", "s.svg"), ("report", "-o", "r.html")):
        drawn = sweep(tmp_path, *words)
        assert drawn.returncode == 0, drawn.stdout + drawn.stderr


SEARCHED = """
def train(config):
    assert config.split in ("val", "minival")
    for epoch in range(config.epochs):
        at = config.hyperparameters
        wrong = 100 * abs(at["momentum"] - 0.8) + 10 * (at["act"] != "gelu") + 10 * abs(at["depth"] - 3)
        yield min(100, wrong + config.seed % 5 / 10)
"""
OVER = "lr,weight_decay,momentum=0.5:0.99,depth=1:4:integer,act=relu|gelu"


@pytest.mark.system
def test_an_optimum_is_searched_over_all_of_it_and_swept_around(tmp_path):
    (tmp_path / "own.py").write_text(SEARCHED)
    own = ("--trainer", "own:train", "--epochs", "1", "--address", "none", "--over", OVER)
    tune = ("tune", *own, "--n-trials", "24", "--finalists", "2", "--seeds", "2")
    begun = sweep(tmp_path, *tune, "--n-trials", "9")
    assert begun.returncode == 0, begun.stdout + begun.stderr
    whole = sweep(tmp_path, *tune)
    assert whole.returncode == 0, whole.stdout + whole.stderr
    assert "Next: sweep run --trainer own:train" in whole.stdout
    (found,) = pd.read_csv(tmp_path / "sweeps" / "optima.csv").to_dict("records")
    values = json.loads(found["over"])
    assert set(values) == {"act", "depth", "momentum"}
    assert found["top1_err"] < 15, "a random point has 50"
    ran = sweep(tmp_path, "run", *own, "--n", "3", "--seeds", "1")
    assert ran.returncode == 0, ran.stdout + ran.stderr
    optimum = table(tmp_path).query("role == 'optimum'").to_dict("records")[0]
    assert {name: optimum[f"hp.{name}"] for name in values} == values
    assert optimum["lr"] == found["lr"]
    plain = sweep(tmp_path, "run", *own[:-2], "--n", "3")
    assert plain.returncode == 2
    assert "no optimum is known" in plain.stderr
    assert "sweep tune" in plain.stderr


def test_a_search_needs_both_of_the_usual_two(tmp_path):
    (tmp_path / "own.py").write_text(SEARCHED)
    ran = sweep(tmp_path, "tune", "--trainer", "own:train", "--epochs", "1", "--over", "lr,momentum=0.5:0.99")
    assert ran.returncode == 2
    assert "--over: a search needs weight_decay, too" in ran.stderr


@pytest.mark.parametrize("text", ["lr,momentum=0.99:0.5@0.9", "lr,momentum", "lr,momentum=0.5:0.9:cubic@0.9"])
def test_what_is_no_range_is_one_message(tmp_path, text):
    (tmp_path / "own.py").write_text(TRAINER)
    ran = sweep(tmp_path, *OWN[:-1], text)
    assert ran.returncode == 2
    assert "--over: " in ran.stderr
    assert "momentum" in ran.stderr
    assert "Traceback" not in ran.stderr
    assert not (tmp_path / "sweeps").exists()
