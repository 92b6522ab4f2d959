"""`sweep run` as its users run it: real processes, real Ray, real MLflow."""

import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pandas as pd
import psutil
import pytest
from mlflow import MlflowClient
from support.runs import (
    MODELS,
    RECIPE,
    TIMEOUT_S,
    WORDS,
    environment,
    events,
    start,
    sweep,
    table,
    wait_for_events,
)

pytestmark = pytest.mark.slow

HERE = ("--address", "none")
"""In the driver's own process: where Ray is not what is tested, starting it is what takes the time."""


def runs(folder: Path) -> list:
    client = MlflowClient(f"sqlite:///{folder}/mlflow.db")
    experiment = client.get_experiment_by_name("sweep-tiny")
    return list(client.search_runs([experiment.experiment_id], max_results=5000))


def check_mlflow(folder: Path, results: pd.DataFrame, n: int) -> None:
    """One run a trial, each with its result, nothing left running."""
    assert len(results) == len(MODELS) * (n + 1)
    children = {
        run.data.tags["sweep.key"]: run for run in runs(folder) if "mlflow.parentRunId" in run.data.tags
    }
    assert len(runs(folder)) == len(children) + len(MODELS)
    assert set(children) == set(results.key)
    assert {run.info.status for run in runs(folder)} == {"FINISHED"}
    for row in results.itertuples():
        run = children[row.key]
        assert float(run.data.params["lr"]) == row.lr
        assert float(run.data.params["weight_decay"]) == row.weight_decay
        assert run.data.tags["sweep.state"] == row.state
        assert run.data.metrics["top1_err"] == row.top1_err


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory):
    folder = tmp_path_factory.mktemp("undisturbed")
    ran = sweep(folder, *WORDS, "--n", "12")
    assert ran.returncode == 0, ran.stdout + ran.stderr
    return folder


@pytest.fixture(scope="module")
def expected(undisturbed):
    """The table of the undisturbed sweeps."""
    return table(undisturbed)


def test_every_trial_has_a_result_and_an_mlflow_run(undisturbed, expected):
    assert set(expected.state) == {"finished"}
    assert expected.groupby("model").role.value_counts().to_dict() == {
        (model, role): count for model in MODELS for role, count in (("point", 12), ("optimum", 1))
    }
    check_mlflow(undisturbed, expected, 12)


def test_models_are_compared_at_the_same_relative_points(expected):
    results = expected.set_index("index")
    one, other = (results[results.model == model] for model in MODELS)
    assert one.u_lr.equals(other.u_lr)
    assert one.seed.equals(other.seed)


def test_mlflow_has_curves_plan_and_figures(undisturbed):
    client = MlflowClient(f"sqlite:///{undisturbed}/mlflow.db")
    everything = runs(undisturbed)
    parents = [run for run in everything if run.data.tags["sweep.role"] == "sweep"]
    assert {run.data.tags["sweep.model"] for run in parents} == set(MODELS)
    for parent in parents:
        assert [a.path for a in client.list_artifacts(parent.info.run_id)] == ["figures", "plan.json"]
        figures = {a.path for a in client.list_artifacts(parent.info.run_id, "figures")}
        names = ("edf", "edf_absolute", "scatter", "map", "tuning")
        assert figures == {f"figures/{name}.png" for name in names}
    for run in everything:
        if run not in parents:
            history = client.get_metric_history(run.info.run_id, "top1_err")
            assert [metric.step for metric in history] == [1, 2, 3]
            assert run.data.tags["mlflow.parentRunId"] in {p.info.run_id for p in parents}


def test_a_finished_sweep_trains_nothing_more(undisturbed):
    before = {path: path.read_bytes() for path in undisturbed.glob("sweeps/*/journal.jsonl")}
    ran = sweep(undisturbed, *WORDS, "--n", "12")
    assert ran.returncode == 0
    assert "0 of 26 trials to train" in ran.stdout
    assert {path: path.read_bytes() for path in before} == before
    check_mlflow(undisturbed, table(undisturbed), 12)


@pytest.mark.system
def test_killed_midway_it_finishes_the_rest_and_the_table_is_the_same(expected, mlflow_database, tmp_path):
    shutil.copy(mlflow_database, tmp_path)
    driver = start(tmp_path, *WORDS, "--n", "12")
    wait_for_events(tmp_path, "end", 5)
    driver.kill()
    driver.wait()
    done = events(tmp_path, "end")
    assert 5 <= done < 26
    ran = sweep(tmp_path, *WORDS, "--n", "12")
    assert ran.returncode == 0, ran.stdout + ran.stderr
    assert f"{26 - done} of 26 trials to train" in ran.stdout
    results = table(tmp_path)
    pd.testing.assert_frame_equal(results, expected, check_exact=True)
    check_mlflow(tmp_path, results, 12)


@pytest.mark.system
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupted_sweep_keeps_what_is_finished_and_grows(expected, tmp_path, number):
    driver = start(tmp_path, *WORDS, "--n", "8")
    wait_for_events(tmp_path, "end", 3)
    driver.send_signal(number)
    out, _ = driver.communicate(timeout=TIMEOUT_S)
    assert driver.returncode == 130, out
    assert "Every finished trial is kept" in out
    assert "Traceback" not in out
    assert {run.info.status for run in runs(tmp_path)} == {"FINISHED", "KILLED"}
    assert sweep(tmp_path, *WORDS, "--n", "12").returncode == 0
    results = table(tmp_path)
    pd.testing.assert_frame_equal(results, expected, check_exact=True)
    check_mlflow(tmp_path, results, 12)


@pytest.mark.system
def test_a_trial_whose_worker_is_killed_is_tried_again(expected, tmp_path):
    driver = start(tmp_path, *WORDS, "--n", "12")
    wait_for_events(tmp_path, "end", 4)
    children = psutil.Process(driver.pid).children(recursive=True)
    next(child for child in children if "ray::ResourceTrainable" in " ".join(child.cmdline())).kill()
    out, _ = driver.communicate(timeout=TIMEOUT_S)
    assert driver.returncode == 0, out
    results = table(tmp_path)
    pd.testing.assert_frame_equal(results, expected, check_exact=True)
    check_mlflow(tmp_path, results, 12)


POISONED = """
import os, sys
from pathlib import Path
from sweep.cli import main
from sweep.orchestrate import actors, ray_executor

class Worker(actors.Worker):
    def reset_config(self, config):
        (self.trial,) = [self._jobs[job].trial for job in config[actors.PACK]]
        marker = Path(sys.argv[-1])
        if self.trial.index == 7 and not marker.exists():
            marker.touch()
            os.kill(os.getpid(), 9)  # once, on the way from one trial to the next
        return super().reset_config(config)

    def step(self):
        if self.trial.index == 2 and self.trial.model == "vit_p_1mf":
            os.kill(os.getpid(), 9)  # always
        return super().step()

if __name__ == "__main__":
    ray_executor.Worker = Worker
    main.main()
"""


@pytest.mark.system
def test_a_trial_that_always_kills_its_worker_is_given_up_while_the_others_go_on(expected, tmp_path):
    (tmp_path / "tiny.toml").write_text(RECIPE)
    script = POISONED.replace("sys.argv[-1]", repr(str(tmp_path / "marker")))
    ran = subprocess.run(
        [sys.executable, "-c", script, *WORDS, "--n", "12"],
        cwd=tmp_path,
        env=environment(),
        capture_output=True,
        text=True,
        timeout=TIMEOUT_S,
        check=False,
    )
    assert ran.returncode == 1, ran.stdout + ran.stderr
    assert (tmp_path / "marker").exists()
    results = table(tmp_path).set_index(["model", "index"])
    assert results.state.to_dict().pop((MODELS[0], 2)) == "failed"
    assert results.state.value_counts().to_dict() == {"finished": 25, "failed": 1}
    key = results.key[MODELS[0], 2]
    assert f"no result: vit_p_1mf point 2 ({key}): failed: ActorDiedError" in ran.stdout
    (journal,) = tmp_path.glob("sweeps/vit_p_1mf*/journal.jsonl")
    assert journal.read_text().count(f'"event": "start", "key": "{key}"') == 4

    again = sweep(tmp_path, *WORDS, "--n", "12")
    assert again.returncode == 1
    assert "0 of 26 trials to train" in again.stdout
    assert f"no result: vit_p_1mf point 2 ({key})" in again.stdout
    assert "The same command with --retry-failed trains the failed ones again" in again.stdout

    retried = sweep(tmp_path, *WORDS, "--n", "12", "--retry-failed")
    assert retried.returncode == 0, retried.stdout + retried.stderr
    assert "1 of 26 trials to train" in retried.stdout
    results = table(tmp_path)
    pd.testing.assert_frame_equal(results, expected, check_exact=True)
    check_mlflow(tmp_path, results, 12)


@pytest.fixture
def swept(undisturbed, mlflow_database, tmp_path):
    """A folder with the undisturbed sweeps, and an MLflow that knows nothing of them."""
    shutil.copytree(undisturbed / "sweeps", tmp_path / "sweeps")
    shutil.copy(mlflow_database, tmp_path)
    return tmp_path


def test_a_lost_mlflow_is_written_again_from_the_journal(undisturbed, expected, tmp_path):
    shutil.copytree(undisturbed / "sweeps", tmp_path / "sweeps")
    assert sweep(tmp_path, *WORDS, "--n", "12").returncode == 0
    check_mlflow(tmp_path, expected, 12)


def test_a_lost_journal_is_written_again_from_mlflow(undisturbed, expected, tmp_path):
    shutil.copytree(undisturbed, tmp_path, dirs_exist_ok=True)
    for journal in tmp_path.glob("sweeps/*/journal.jsonl"):
        journal.unlink()
    (plan, _) = tmp_path.glob("sweeps/*/plan.json")
    plan.write_text(plan.read_text()[:-100])
    assert sweep(tmp_path, "status", "--check").returncode == 1
    ran = sweep(tmp_path, *WORDS, "--n", "12")
    assert ran.returncode == 0, ran.stdout + ran.stderr
    assert "26 results that the journal had lost were written again from MLflow" in ran.stdout
    assert "plan.json was damaged and is written anew" in ran.stdout
    assert sweep(tmp_path, "status", "--check").returncode == 0
    results = table(tmp_path)
    pd.testing.assert_frame_equal(results, expected, check_exact=True)
    one, other = (pd.read_parquet(folder / "t.parquet") for folder in (tmp_path, undisturbed))
    pd.testing.assert_frame_equal(one, other, check_exact=True)  # how long it took, too
    check_mlflow(tmp_path, results, 12)


def test_a_diverged_trial_is_a_result(tmp_path, mlflow_database):
    shutil.copy(mlflow_database, tmp_path)
    words = (
        "run",
        "--model",
        "vit_p_1mf",
        "--recipe",
        "tiny.toml",
        "--optimizer",
        "sgd",
        "--n",
        "2",
        "--seeds",
        "1",
    )
    ran = sweep(tmp_path, *words, "--lr", "1e12", "--wd", "1e-3", *HERE)
    assert ran.returncode == 0, ran.stdout + ran.stderr
    results = table(tmp_path)
    assert set(results.state) == {"diverged"}
    assert set(results.top1_err) == {100.0}
    assert "3 diverged" in ran.stdout
    assert {run.data.tags.get("sweep.state", "") for run in runs(tmp_path)} == {"", "diverged"}


def test_the_very_same_trial_is_not_trained_for_another_design(swept):
    neighbour = swept / "sweeps" / f"{MODELS[0]}-damaged"
    neighbour.mkdir()
    (neighbour / "plan.json").write_text("{")
    ran = sweep(swept, *WORDS, "--n", "4", "--design", "grid", *HERE)
    assert ran.returncode == 0, ran.stdout + ran.stderr
    assert "damaged" in ran.stdout
    assert "2 results taken over" in ran.stdout
    assert "trials 8/8" in ran.stdout


def test_more_seeds_at_the_optimum_go_on_with_the_same_sweeps(swept, expected):
    ran = sweep(swept, *WORDS, "--n", "2", "--seeds", "3", *HERE)
    assert ran.returncode == 0, ran.stdout + ran.stderr
    assert "4 of 10 trials to train" in ran.stdout
    assert "trials 4/4" in ran.stdout
    assert ran.stdout.count(" ± ") == 2, "of both optima"
    results = table(swept)
    kept = results[results.repeat == 0].reset_index(drop=True)
    pd.testing.assert_frame_equal(kept, expected, check_exact=True)
    one, other = (results[(results.model == model) & (results.role == "optimum")] for model in MODELS)
    assert one.repeat.tolist() == [0, 1, 2]
    assert one.seed.tolist() == other.seed.tolist()
    assert one.lr.nunique() == 1
    assert one.best_top1_err.nunique() > 1, "another seed gives another training"
    check_mlflow(swept, results, 12 + 2)
    names = [(run.info.run_name, run.data.tags.get("sweep.repeat")) for run in runs(swept)]
    for repeat, name in enumerate(("optimum", "optimum-seed-1", "optimum-seed-2")):
        assert names.count((name, str(repeat))) == len(MODELS)


def test_a_chosen_point_is_trained_with_other_seeds_and_changes_nothing_else(swept, expected):
    ran = sweep(swept, *WORDS, "--n", "4", "--seeds", "2", "--repeat", "1", *HERE)
    assert ran.returncode == 0, ran.stdout + ran.stderr
    assert "4 of 14 trials to train" in ran.stdout
    results = table(swept)
    kept = results[results.repeat == 0].reset_index(drop=True)
    pd.testing.assert_frame_equal(kept, expected, check_exact=True)
    again = results[results.role == "repeat"]
    assert again[["index", "repeat"]].to_numpy().tolist() == [[1, 1]] * len(MODELS)
    assert set(again.state) <= {"finished", "diverged"}
    check_mlflow(swept, results, 14)
    assert sweep(swept, "status", "--check").returncode == 0
    next(swept.glob("sweeps/*/journal.jsonl")).unlink()
    assert "15 results that the journal had lost were written again" in sweep(swept, "sync").stdout
    pd.testing.assert_frame_equal(table(swept), results, check_exact=True)
    drawn = sweep(swept, "cdf", "--out", "fig.pdf")
    assert drawn.stdout.count("with 1 other seed: ") == len(MODELS), drawn.stdout + drawn.stderr
    assert drawn.stdout.count("That minus the mean at the optimum: ") == len(MODELS)


@pytest.mark.parametrize("uri", ["http://127.0.0.1:9", "nonsense://x", "sqlite:////dev/null/mlflow.db"])
def test_a_dead_tracking_server_is_said_before_anything_is_trained(uri, tmp_path):
    ran = sweep(tmp_path, *WORDS, "--n", "2", MLFLOW_TRACKING_URI=uri)
    assert ran.returncode == 2, ran.stdout + ran.stderr
    assert f"MLflow at {uri} cannot be used" in ran.stderr
    assert "Traceback" not in ran.stderr
    assert not (tmp_path / "sweeps").exists()


def test_no_cluster_at_the_address(tmp_path):
    ran = sweep(tmp_path, *WORDS, "--n", "2", "--address", "127.0.0.1:1")
    assert ran.returncode == 2, ran.stdout + ran.stderr
    assert "no Ray cluster at --address 127.0.0.1:1" in ran.stderr
    assert [path.name for path in tmp_path.iterdir()] == ["tiny.toml"]


def test_ray_that_does_not_start_is_said_in_one_line(tmp_path):
    ran = sweep(tmp_path, *WORDS, "--n", "2", RAY_TMPDIR="/dev/null/below")
    assert ran.returncode == 2, ran.stdout + ran.stderr
    assert "Ray does not start here: " in ran.stderr
    assert "Traceback" not in ran.stderr
    assert [path.name for path in tmp_path.iterdir()] == ["tiny.toml"]


@pytest.mark.system
def test_a_temporary_folder_too_long_for_sockets_is_replaced(tmp_path):
    folder = tmp_path / ("long" * 20)
    folder.mkdir()
    ran = sweep(tmp_path, *WORDS, "--n", "1", "--seeds", "1", TMPDIR=str(folder))
    assert ran.returncode == 0, ran.stdout + ran.stderr
    assert ran.stdout.count("Ray's files lie in /") == 1


def test_more_than_the_machine_has_is_refused(tmp_path):
    ran = sweep(tmp_path, *WORDS, "--n", "2", "--cpus-per-trial", "9999")
    assert ran.returncode == 2
    assert "--cpus-per-trial 9999: the cluster has" in ran.stderr
    assert [path.name for path in tmp_path.iterdir()] == ["tiny.toml"]
