"""All four studies, end to end, at a tiny size: real processes, Ray and MLflow."""

import shutil
import subprocess

import pandas as pd
import pytest
from mlflow import MlflowClient
from support.runs import environment, start, sweep, wait_for_events

pytestmark = pytest.mark.system

LENGTHS = ("--epochs", "1", "--epochs", "2")
STUDIES = {
    "hyperparameters": (("--n", "3", "--epochs", "1", "--seeds", "1", "--absolute"), 24),
    "optimizers": ((*LENGTHS, "--seeds", "2"), 18),  # 24, six of which are there
    "lengths": ((*LENGTHS, "--seeds", "2"), 0),
    "peak": ((*LENGTHS, "--seeds", "2", "--limit", "0.5"), 0),
}


@pytest.fixture(scope="module")
def studied(tmp_path_factory):
    """A folder in which all four were run, one after the other; and what they said."""
    folder = tmp_path_factory.mktemp("studied")
    said = {}
    for kind, (words, count) in STUDIES.items():
        ran = sweep(folder, "study", kind, *words, "--out", f"{kind}.png")
        assert ran.returncode == 0, ran.stdout + ran.stderr
        assert f" {count} of " in ran.stdout.splitlines()[0], ran.stdout
        said[kind] = ran.stdout
    return folder, said


def test_nothing_is_trained_twice_and_every_trial_has_one_run(studied):
    folder, _ = studied
    assert sweep(folder, "export", "--out", "t.csv").returncode == 0
    trials = pd.read_csv(folder / "t.csv")
    assert len(trials) == 42
    assert trials["key"].is_unique
    assert set(trials["state"]) <= {"finished", "diverged"}
    client = MlflowClient(f"sqlite:///{folder}/mlflow.db")
    experiment = client.get_experiment_by_name("sweep-digits")
    runs = client.search_runs([experiment.experiment_id], max_results=500)
    assert sum("mlflow.parentRunId" in run.data.tags for run in runs) == 42


def test_each_study_draws_its_figures_and_prints_its_numbers(studied):
    folder, said = studied
    for kind in STUDIES:
        assert (folder / f"{kind}.png").read_bytes().startswith(b"\x89PNG")
        assert all(model in said[kind] for model in ("vit_p_1mf", "vit_c_1mf", "regnety_1mf"))
    assert (folder / "hyperparameters-scatter.png").exists()


def test_the_same_command_draws_again_without_training(studied):
    folder, _ = studied
    drawn = (folder / "lengths.png").read_bytes()
    (folder / "lengths.png").unlink()
    ran = sweep(folder, "study", "lengths", *STUDIES["lengths"][0], "--out", "lengths.png", "--draw-only")
    assert ran.returncode == 0, ran.stdout + ran.stderr
    assert (folder / "lengths.png").read_bytes() == drawn


def test_a_study_that_was_killed_goes_on(studied, tmp_path):
    words = ("study", "lengths", "-m", "vit_c_1mf", *LENGTHS, "--seeds", "2")
    driver = start(tmp_path, *words)
    wait_for_events(tmp_path, "end", 1)  # of 4: two are trained at a time, seconds each
    driver.kill()
    driver.wait(60)
    half = sweep(tmp_path, *words, "--draw-only")
    assert half.returncode == 1, "incomplete, and drawn as far as it goes"
    assert "without a result" in half.stdout
    whole = sweep(tmp_path, *words)
    assert whole.returncode == 0, whole.stdout + whole.stderr
    columns = ["key", "top1_err"]
    for folder in (tmp_path, studied[0]):
        assert sweep(folder, "export", "--out", "t.csv").returncode == 0
    mine = pd.read_csv(tmp_path / "t.csv")[columns]
    undisturbed = pd.read_csv(studied[0] / "t.csv")[columns]
    merged = mine.merge(undisturbed, on="key", validate="1:1")
    assert len(merged) == len(mine) == 4
    assert (merged.top1_err_x == merged.top1_err_y).all()


@pytest.mark.skipif(shutil.which("pdftoppm") is None, reason="no pdftoppm (Debian package poppler-utils)")
def test_the_figures_are_real_pdfs(studied):
    folder, _ = studied
    for kind, (words, _) in STUDIES.items():
        assert sweep(folder, "study", kind, *words, "--draw-only").returncode == 0
        subprocess.run(
            ["pdftoppm", "-r", "100", "-png", f"{kind}.pdf", f"page-{kind}"],
            cwd=folder,
            env=environment(),
            check=True,
        )
        assert len(list(folder.glob(f"page-{kind}*.png"))) == 1
