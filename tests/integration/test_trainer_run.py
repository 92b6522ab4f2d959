"""Sweeps of a user's own training function: real processes, real Ray, real MLflow."""

import json
import re
import shutil
from collections import Counter

import pytest
from mlflow import MlflowClient
from support.resuming import wait_for
from support.runs import events, start, sweep, table
from support.trainers import ROOT, run

SEARCH = ("--n-trials", "6", "--finalists", "2", "--seeds", "2", "--epochs", "4", "--trainer")

BAD = """
import helper

def train(config):
    with open("attempts", "a") as attempts:  # where the command was given
        attempts.write(f"{config.model} {config.seed}\\n")
    yield 50
    if config.model == "raises":
        helper.go_wrong(0)
    yield float("nan") if config.model == "diverges" else 40
"""
WORDS = (
    *("run", "--epochs", "2", "--lr", ".02", "--wd", ".01"),
    *("--n", "3", "--seeds", "1", "--trainer"),
)


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
    (tmp_path / "helper.py").write_text("def go_wrong(number):\n    return 1 / number\n")
    words = (*WORDS, "bad:train", "--n", "1", "-m", "raises", "-m", "diverges", "-m", "fine")
    ran = sweep(tmp_path, *words)
    assert ran.returncode == 1, ran.stdout + ran.stderr
    message = "bad:train failed: ZeroDivisionError: division by zero (helper.py, line 2, in go_wrong)"
    assert ran.stdout.count(f"failed: {message}; see sweeps/raises-") == 2
    files = [tmp_path / name for name in re.findall(r"; see (sweeps/.*/errors/.*\.txt)", ran.stdout)]
    assert len(files) == 2
    for file in files:
        assert file.read_text().startswith(f"Attempt 2 of trial {file.stem} failed at ")
        assert "return 1 / number" in file.read_text()
        assert "helper.go_wrong(0)" in file.read_text()
    tries = Counter((tmp_path / "attempts").read_text().splitlines())
    assert sorted(tries.values()) == [1, 1, 1, 1, 2, 2], "the same error again is not retried once more"
    states = table(tmp_path).groupby("model")["state"].unique()
    assert {model: list(each) for model, each in states.items()} == {
        "raises": ["failed"],
        "diverges": ["diverged"],
        "fine": ["finished"],
    }
    assert set(tmp_path.glob("sweeps/*/errors/*")) == set(files)
    (tmp_path / "helper.py").write_text("def go_wrong(number):\n    return number\n")
    ran = sweep(tmp_path, *words, "--retry-failed")
    assert ran.returncode == 0, ran.stdout + ran.stderr
    assert not list(tmp_path.glob("sweeps/*/errors")), "removed with their results"


@pytest.mark.system
def test_the_examples_optimum_is_searched_on_other_data_and_run_takes_it(tmp_path, monkeypatch):
    shutil.copy(ROOT / "examples" / "breast_cancer.py", tmp_path)
    ran = sweep(tmp_path, "tune", *SEARCH, "breast_cancer:train", "--lr-range", "1e-3:10", "--json")
    assert ran.returncode == 0, ran.stdout + ran.stderr
    said = json.loads(ran.stdout)
    assert "Next: sweep run --trainer breast_cancer:train --optimizer adamw --epochs 4 --n 64" in ran.stderr
    monkeypatch.chdir(tmp_path)
    (journal,) = tmp_path.glob("sweeps/tune-train-adamw-breast_cancer.train-*/journal.jsonl")
    events = [json.loads(line) for line in journal.read_text().splitlines()]
    ends = {event["key"]: event["top1_err"] for event in events if event["event"] == "end"}
    specs = {event["key"]: event for event in events if event["event"] == "start"}
    assert len(ends) == 10
    for key, error in ends.items():
        point = {name: specs[key][name] for name in ("model", "lr", "weight_decay", "seed")}
        assert error in [r.top1_err for r in run("breast_cancer:train", 4, evaluate="minival", **point)]
    client = MlflowClient(f"sqlite:///{tmp_path}/mlflow.db")
    experiment = client.get_experiment_by_name("tune-breast_cancer.train")
    assert len(client.search_runs([experiment.experiment_id])) == 11
    planned = sweep(tmp_path, "run", "--trainer", "breast_cancer:train", "--epochs", "4", "--dry-run")
    lr, wd = said["optimum"]["lr"], said["optimum"]["weight_decay"]
    assert f"optimum lr {lr:.3g}, wd {wd:.3g}" in planned.stdout
    (tmp_path / "breast_cancer.py").write_text((tmp_path / "breast_cancer.py").read_text() + "# changed\n")
    changed = sweep(tmp_path, "run", "--trainer", "breast_cancer:train", "--epochs", "4", "--dry-run")
    assert changed.returncode == 2
    assert "was found with another version of its source" in changed.stderr


@pytest.mark.system
def test_a_search_of_a_function_that_ignores_the_split_ends_with_the_reason(tmp_path):
    (tmp_path / "bad.py").write_text("def train(config):\n    yield 50\n")
    ran = sweep(
        tmp_path, "tune", "--n-trials", "1", "--finalists", "1", "--epochs", "1", "--trainer", "bad:train"
    )
    assert ran.returncode == 1, ran.stdout + ran.stderr
    assert "bad:train did not look at config.split" in ran.stdout
    assert "No optimum yet (1 failed)" in ran.stdout
    assert "MLflow did not" not in ran.stdout


GOING_ON = """
import json
import time
from pathlib import Path

def train(config):
    errors, file = [], config.checkpoint / "errors.json"
    if file.exists():
        errors = json.loads(file.read_text())
    yield from errors
    for epoch in range(len(errors), config.epochs):
        time.sleep(0.2)
        with Path(__file__).with_name("trained").open("a") as trained:
            trained.write(f"{config.seed} {epoch}\\n")
        errors.append(90 - epoch - config.lr)
        file.with_name("beside").write_text(json.dumps(errors))
        file.with_name("beside").replace(file)
        yield errors[-1]
"""


@pytest.mark.system
def test_a_function_that_goes_on_trains_no_epoch_twice_when_its_driver_is_killed(tmp_path):
    (tmp_path / "own.py").write_text(GOING_ON)
    words = (
        *("run", "--trainer", "own:train", "--epochs", "20"),
        *("--lr", ".02", "--wd", ".01", "--n", "1", "--seeds", "1"),
    )
    driver = start(tmp_path, *words)
    wait_for(lambda: len(list(tmp_path.glob("sweeps/*/checkpoints/*/errors.json"))) == 2)
    driver.kill()
    driver.wait()
    ran = sweep(tmp_path, *words)
    assert ran.returncode == 0, ran.stdout + ran.stderr
    assert ran.stdout.count("its function finds what it saved in") == 2
    trained = (tmp_path / "trained").read_text().splitlines()
    assert len(set(trained)) == 2 * 20
    assert len(trained) <= 2 * 20 + 2, "each but the one in which it was killed"
    assert table(tmp_path).top1_err.tolist() == (71 - table(tmp_path).lr).tolist()
    assert events(tmp_path, "epoch") == 2 * 20
    assert not list(tmp_path.glob("sweeps/*/checkpoints"))
