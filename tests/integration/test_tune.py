"""`sweep tune`: which trial is next, and whole searches as users run them: real Ray, real MLflow."""

import json
from pathlib import Path
from types import SimpleNamespace

import pandas as pd
import pytest
from mlflow import MlflowClient
from support.runs import environment, start, sweep, wait_for_events
from support.searches import PLAN, end

from search_spaces import Found, read_found
from sweep.console import search as console_search
from sweep.core.resources import Resources
from sweep.core.search_plan import SearchBudget
from sweep.core.trial import EpochRecord, TrialRecord, TrialState
from sweep.driver.checkpoint_cleanup import Checkpoints
from sweep.driver.recorder import Recorder
from sweep.driver.tune import RecordedSource, save
from sweep.tuning.finalists import outcomes, remaining
from sweep.tuning.tuner import Tuner
from sweep.workspace.search import Search

EFFORT = SearchBudget(points=5, finalists=2, seeds=2)

# ---- which trial is next


@pytest.fixture
def search(tmp_path):
    search = Search(tmp_path, PLAN)
    search.folder.mkdir()
    return search


def recorded(tuner):
    """A tuner whose trials are recorded as a driver records them, and the search's checkpoints."""
    search, ignore = tuner.search, lambda *_: None
    kept, tracking = Checkpoints(search, Resources()), SimpleNamespace(put=ignore, waiting=0)
    return RecordedSource(tuner, Recorder([search], [kept], tracking, ignore)), kept


def play(search, budget, *, stop=10**6, error=lambda trial: 5.0, state=lambda trial: TrialState.FINISHED):
    """Run the jobs of a tuner one at a time, as an orchestrator would; return their trials."""
    tuner, ran = Tuner(search, budget), []
    source, _ = recorded(tuner)
    while len(ran) < stop and (job := source.next_job()):
        end(search, job.trial, error(job.trial), state=state(job.trial))
        tuner.on_end(job.trial, search.history(job.trial).record)
        ran.append(job.trial)
    return ran


def test_points_come_first_then_the_best_with_other_seeds(search):
    ran = play(search, EFFORT, error=lambda trial: 10.0 - trial.index)
    assert [trial.index for trial in ran[:5]] == [0, 1, 2, 3, 4]
    assert [(trial.index, trial.repeat) for trial in ran[5:]] == [(4, 1), (4, 2), (3, 1), (3, 2)]
    assert len(ran) == EFFORT.trials
    assert remaining(search, EFFORT) == 0
    assert play(search, EFFORT) == []


def test_repeats_wait_for_points_that_still_run(search):
    tuner = Tuner(search, SearchBudget(points=2, finalists=1, seeds=2))
    source, _ = recorded(tuner)
    first, second = source.next_job().trial, source.next_job().trial
    assert source.next_job() is None
    end(search, first, 5.0)
    tuner.on_end(first, search.history(first).record)
    assert source.next_job() is None
    end(search, second, 4.0)
    tuner.on_end(second, search.history(second).record)
    assert (source.next_job().trial.index, source.next_job().trial.repeat) == (1, 2)


@pytest.mark.parametrize("stop", [1, 4, 6, 8])
def test_stopped_anywhere_it_goes_on_and_more_is_added(search, tmp_path, stop):
    begun = play(search, EFFORT, stop=stop)
    waiting = recorded(Tuner(search, EFFORT))[0].next_job()  # asked for, but its driver dies before it ends
    again = Search(tmp_path, PLAN)
    assert remaining(again, EFFORT) == EFFORT.trials - stop
    rest = play(again, EFFORT)
    assert len(begun) + len(rest) == EFFORT.trials
    assert len({trial.key for trial in begun + rest}) == EFFORT.trials
    if waiting.trial.role == "point":
        assert rest[0] == waiting.trial
    more = play(again, SearchBudget(points=7, finalists=2, seeds=3), error=lambda trial: 9.0)
    assert [trial.index for trial in more[:2]] == [5, 6]
    assert [trial.repeat for trial in more[2:]] == [3, 3]


def test_what_failed_is_tried_again_by_the_next_driver_and_holds_nothing_up(search):
    def fails(trial):
        return TrialState.FAILED if trial.index == 2 else TrialState.FINISHED

    ran = play(search, EFFORT, state=fails)
    assert len(ran) == EFFORT.trials
    assert [trial.index for trial in search.failed] == [2]
    again = play(search, EFFORT)
    assert [(trial.index, trial.role) for trial in again] == [(2, "point")]
    assert search.failed == []


def test_no_more_finalists_than_finished_points(search):
    pruned = {0, 1, 3}
    ran = play(
        search,
        EFFORT,
        state=lambda t: TrialState.PRUNED if t.role == "point" and t.index in pruned else TrialState.FINISHED,
    )
    assert {trial.index for trial in ran if trial.repeat} == {2, 4}


# ---- a trial that goes on from its checkpoint tells its first epochs again


def epochs(error, *numbers):
    return [
        EpochRecord(epoch=number, top1_err=error, val_loss=1.0, train_loss=1.0, lr=0.1) for number in numbers
    ]


@pytest.fixture
def six(search):
    """A search of six points that were trained to their end, in 25 epochs each."""
    for _ in range(6):
        trial = recorded(Tuner(search, EFFORT_7))[0].next_job().trial
        for epoch in epochs(5.0, *range(1, 26)):
            search.journal.append("epoch", trial.key, epoch)
        end(search, trial, 5.0)
    return search


EFFORT_7 = SearchBudget(points=7, finalists=1, seeds=2)


@pytest.mark.parametrize("known", [1, 8, 9])
@pytest.mark.parametrize("more", [0, 1])
def test_it_is_given_up_where_an_undisturbed_one_is(six, tmp_path, known, more):
    tuner, _ = recorded(Tuner(six, EFFORT_7))
    point = tuner.next_job().trial
    assert [tuner.prunes(point, epochs(90.0, n)) for n in range(1, 11)] == [False] * 9 + [True]
    for epoch in epochs(90.0, *range(1, known + 1)):
        tuner.on_epoch(point, epoch)

    again, _ = recorded(Tuner(Search(tmp_path, PLAN), EFFORT_7))
    assert again.next_job().trial == point
    told = known + more  # the checkpoint is of a later epoch than the last that was reported
    decisions = [again.prunes(point, epochs(90.0, *range(1, told + 1)))]
    decisions += [again.prunes(point, epochs(90.0, n)) for n in range(told + 1, 11)]
    assert decisions == [False] * (10 - told) + [True]


def test_what_it_tells_again_is_not_written_again(six, tmp_path):
    tuner, _ = recorded(Tuner(six, EFFORT_7))
    point = tuner.next_job().trial
    for number in (1, 2, 1, 2, 3):
        tuner.on_epoch(point, *epochs(90.0, number))
    written = six.journal.path.read_text()
    assert [written.count(f'"{point.key}"'), written.count('"top1_err": 90.0')] == [4, 3]


@pytest.mark.parametrize(
    "state", [s for s in TrialState if s not in (TrialState.PLANNED, TrialState.RUNNING)]
)
def test_its_checkpoint_goes_when_it_is_over_and_stays_when_it_failed(search, state):
    tuner, kept = recorded(Tuner(search, EFFORT))
    point = tuner.next_job().trial
    error = {TrialState.FAILED: None, TrialState.DIVERGED: 100.0}.get(state, 50.0)
    with kept:
        (kept.location.path / f"{point.key}.ckpt").touch()
        tuner.on_end(point, TrialRecord(key=point.key, state=state, top1_err=error))
    left = [path.name for path in kept.location.path.glob("*")]
    assert left == ([f"{point.key}.ckpt"] if state is TrialState.FAILED else [])
    assert kept.location.path.exists() == bool(left)


# ---- what is said and saved


def found(**changes):
    values = {
        "model": "m",
        "optimizer": "sgd",
        "recipe": "r",
        "lr": 1e-2,
        "weight_decay": 1e-2,
        "batch": 64,
        "epochs": 2,
        "data": "d",
        "top1_err": 5.0,
        "standard_error": 0.1,
        "seeds": 2,
        "trials": 9,
        "lr_low": 1e-4,
        "lr_high": 1.0,
        "wd_low": 1e-4,
        "wd_high": 1.0,
        "search": "s",
        "command": "c",
        "versions": "v",
        "found": "2026-01-01",
    }
    return Found(**values | changes)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({}, []),
        ({"lr": 1.7e-4}, []),
        ({"lr": 1.5e-4}, ["lr 0.00015 lies at the lower border", "--lr-range 1e-05:1"]),
        ({"lr": 0.7}, ["lr 0.7 lies at the upper border", "--lr-range 0.0001:10"]),
        ({"weight_decay": 1.0}, ["wd 1 lies at the upper border", "--wd-range 0.0001:10"]),
        ({"lr": 1.0, "weight_decay": 1e-4}, ["lr 1 lies", "wd 0.0001 lies"]),
    ],
)
def test_an_optimum_at_the_border_is_doubted(changes, words):
    said = console_search.warnings(found(**changes))
    assert len(said) == sum(" lies" in word for word in words)
    for word in words:
        assert word in " ".join(said)


def test_two_searches_save_their_optima_in_one_table(tmp_path):
    save(tmp_path / "optima.csv", found())
    save(tmp_path / "optima.csv", found(optimizer="adamw"))
    save(tmp_path / "optima.csv", found(lr=0.5))
    rows = {row.optimizer: row.lr for row in read_found(tmp_path / "optima.csv")}
    assert rows == {"adamw": 1e-2, "sgd": 0.5}


def test_dry_run_says_what_would_be_trained_and_changes_nothing(tmp_path, monkeypatch):
    ran = sweep(tmp_path, "tune", "-m", "vit_p_1mf", "--recipe", "tiny.toml", "--dry-run")
    assert ran.returncode == 0, ran.stderr
    assert "40 of 40 trials to train (24 points, then the best 4 with 4 other seeds each)" in ran.stdout
    assert "ranges lr 0.0001 to 0.1, wd 0.001 to 2" in ran.stdout
    assert [path.name for path in tmp_path.iterdir()] == ["tiny.toml"]


# ---- whole searches

WORDS = (
    "tune",
    "-m",
    "vit_p_1mf",
    "--recipe",
    "tiny.toml",
    "--n-trials",
    "6",
    "--finalists",
    "2",
    "--seeds",
    "2",
    "--lr-range",
    "1e-3:1e-1",
)


def runs(folder: Path) -> list:
    client = MlflowClient(f"sqlite:///{folder}/mlflow.db")
    experiment = client.get_experiment_by_name("tune-tiny")
    return list(client.search_runs([experiment.experiment_id]))


def opened(folder: Path) -> Search:
    from sweep.core.search_plan import SearchPlan

    (settings,) = folder.glob("sweeps/tune-*/search.json")
    return Search(folder / "sweeps", SearchPlan.from_json(settings.read_text(), "search.json"))


def check(folder: Path, trials: int = 10) -> None:
    """The best mean is in the table; MLflow has one ended run a trial, under one parent with the figures."""
    search, (row,) = opened(folder), read_found(folder / "sweeps" / "optima.csv")
    best = outcomes(search)[0]
    assert (row.lr, row.weight_decay, row.top1_err) == (best.point.lr, best.point.weight_decay, best.mean)
    assert (row.seeds, row.trials, row.epochs, row.batch) == (2, trials, 3, 32)
    table = pd.read_csv(search.folder / "trials.csv")
    assert len(table) == table.key.nunique() == trials
    children = {
        run.data.tags["sweep.key"]: run for run in runs(folder) if "mlflow.parentRunId" in run.data.tags
    }
    (parent,) = [run for run in runs(folder) if "mlflow.parentRunId" not in run.data.tags]
    assert set(children) == set(table.key)
    for trial in table.itertuples():
        run = children[trial.key]
        assert run.data.tags["sweep.state"] == trial.state
        assert run.info.status == ("KILLED" if trial.state == "pruned" else "FINISHED")
        assert run.data.metrics["top1_err"] == trial.top1_err
        assert float(run.data.params["lr"]) == trial.lr
        assert run.data.params["evaluate"] == "minival"
    assert parent.info.status == "FINISHED"
    assert float(parent.data.tags["sweep.optimum_lr"]) == row.lr
    client = MlflowClient(f"sqlite:///{folder}/mlflow.db")
    figures = {Path(artifact.path).name for artifact in client.list_artifacts(parent.info.run_id, "figures")}
    assert figures == {"history.png", "map.png", "importances.png", "trials.csv"}


@pytest.mark.slow
def test_a_search_saves_an_optimum_that_run_and_models_use(tmp_path):
    ran = sweep(tmp_path, *WORDS, "--json")
    assert ran.returncode == 0, ran.stdout + ran.stderr
    check(tmp_path)
    said = json.loads(ran.stdout)
    (row,) = read_found(tmp_path / "sweeps" / "optima.csv")
    assert said["optimum"]["lr"] == row.lr
    assert row.command == " ".join(["sweep", *WORDS, "--json"])
    assert sum(said["trials"].values()) == 10
    planned = sweep(tmp_path, "run", "-m", "vit_p_1mf", "--recipe", "tiny.toml", "--dry-run")
    assert f"optimum lr {row.lr:.3g}, wd {row.weight_decay:.3g}" in planned.stdout


@pytest.mark.system
def test_killed_midway_it_goes_on_and_nothing_is_trained_twice(tmp_path):
    driver = start(tmp_path, *WORDS)
    wait_for_events(tmp_path, "end", 3)
    driver.kill()
    driver.wait()
    assert not (tmp_path / "sweeps" / "optima.csv").exists()
    before = opened(tmp_path)
    ended = [trial for trial, record in before.records().items() if record]
    assert 3 <= len(ended) < 10
    ran = sweep(tmp_path, *WORDS)
    assert ran.returncode == 0, ran.stdout + ran.stderr
    assert f"{10 - len(ended)} of 10 trials to train" in ran.stdout
    check(tmp_path)
    (journal,) = tmp_path.glob("sweeps/tune-*/journal.jsonl")
    assert journal.read_text().count('"event": "end"') == 10
    again = sweep(tmp_path, *WORDS)
    assert again.returncode == 0
    assert "0 of 10 trials to train" in again.stdout
    more = sweep(tmp_path, *WORDS, "--n-trials", "7")
    assert more.returncode == 0, more.stdout + more.stderr
    table = pd.read_csv(next(tmp_path.glob("sweeps/tune-*/trials.csv")))
    assert (table.role == "point").sum() == 7


POISONED = """
import os
from sweep.cli import main
from sweep.orchestrate import actors, ray_executor

class Worker(actors.Worker):
    def reset_config(self, config):
        self.index = config["trial"]["index"]
        return super().reset_config(config)

    def step(self):
        if self.index == 1:
            os.kill(os.getpid(), 9)
        return super().step()

if __name__ == "__main__":
    ray_executor.Worker = Worker
    main.main()
"""


@pytest.mark.system
def test_a_point_that_always_kills_its_worker_is_given_up_and_the_rest_is_judged(tmp_path):
    import subprocess
    import sys

    from support.runs import RECIPE, TIMEOUT_S

    (tmp_path / "tiny.toml").write_text(RECIPE)
    ran = subprocess.run(
        [sys.executable, "-c", POISONED, *WORDS],
        cwd=tmp_path,
        env=environment(),
        text=True,
        capture_output=True,
        timeout=TIMEOUT_S,
        check=False,
    )
    assert ran.returncode == 1, ran.stdout + ran.stderr
    assert "no result: point 1" in ran.stdout
    assert "ActorDiedError" in ran.stdout
    assert "The same command tries those again" in ran.stdout
    assert len(read_found(tmp_path / "sweeps" / "optima.csv")) == 1
    ran = sweep(tmp_path, *WORDS)
    assert ran.returncode == 0, ran.stdout + ran.stderr
    assert "trials 1/5: 1 finished, 0 diverged, 0 failed" in ran.stdout  # what the finalists gave is known


@pytest.mark.system
def test_where_nothing_trains_there_is_no_optimum(tmp_path):
    words = [*WORDS[:-2], "--lr-range", "1e11:1e12", "--optimizer", "sgd"]
    ran = sweep(tmp_path, *words)
    assert ran.returncode == 1, ran.stdout + ran.stderr
    assert "No optimum (6 diverged)" in ran.stdout
    assert not (tmp_path / "sweeps" / "optima.csv").exists()
