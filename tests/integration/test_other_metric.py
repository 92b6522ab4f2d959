"""A sweep of a metric that is no error in percent, from the training to the figure."""

import shutil

import pandas as pd
import pytest
from mlflow import MlflowClient
from support.runs import events, sweep
from support.trainers import ROOT

pytestmark = pytest.mark.slow

WORDS = (
    *("run", "--trainer", "language_model:train", "--epochs", "2", "--lr", "3e-3", "--wd", "0.1"),
    *("--seeds", "2", "--address", "none"),
)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """The example's sweep of four points and two trials at the optimum, in two goes."""
    folder = tmp_path_factory.mktemp("language-model")
    shutil.copy(ROOT / "examples" / "language_model.py", folder)
    for n in ("2", "4"):
        ran = sweep(folder, *WORDS, "--n", n)
        assert ran.returncode == 0, ran.stdout + ran.stderr
    return folder


def exported(folder, *words):
    ran = sweep(folder, "export", *words, "--out", "t.csv")
    assert ran.returncode == 0, ran.stderr
    return pd.read_csv(folder / "t.csv")


def test_its_values_are_losses_and_a_larger_n_trains_only_what_is_new(folder):
    trials = exported(folder)
    assert len(trials) == 6
    assert events(folder, "end") == 6
    assert set(trials["state"]) == {"finished"}
    assert (trials["metric"] == "val_loss").all()
    assert trials["value"].between(1.5, 4.6).all()
    assert trials["top1_err"].isna().all()
    assert (trials["best_value"] <= trials["value"]).all()
    assert "val_loss" not in trials, "twice, once under the name that images have"


def test_it_is_drawn_and_told_by_its_name(folder):
    drawn = sweep(folder, "cdf", "--out", "edf.svg")
    assert drawn.returncode == 0, drawn.stderr
    assert "val_loss (nats), lower is better, 0 to ∞" in drawn.stdout
    assert "%" not in drawn.stdout.replace("% of its", "").replace("% confidence", "").replace("% at 95", "")
    assert sweep(folder, "scatter", "--out", "scatter.svg").returncode == 0
    status = sweep(folder, "status")
    assert "numbers are val_loss in nats" in status.stdout


def test_its_own_sweep_and_its_exported_table_give_the_same_figure(folder):
    exported(folder)
    assert sweep(folder, "cdf", "--absolute", "--out", "own.svg").returncode == 0
    assert sweep(folder, "cdf", "--from", "t.csv", "--absolute", "--out", "from.svg").returncode == 0
    assert (folder / "own.svg").read_bytes() == (folder / "from.svg").read_bytes()


def test_mlflow_has_it_under_its_name(folder):
    client = MlflowClient(f"sqlite:///{folder}/mlflow.db")
    experiment = client.get_experiment_by_name("sweep-language_model.train")
    runs = client.search_runs([experiment.experiment_id])
    trials = exported(folder).set_index("key")
    children = [run for run in runs if run.data.tags["sweep.key"] in trials.index]
    assert len(children) == 6
    for run in children:
        trial = trials.loc[run.data.tags["sweep.key"]]
        assert run.data.metrics["val_loss"] == trial["value"]
        assert run.data.metrics["best_val_loss"] == trial["best_value"]
        assert "top1_err" not in run.data.metrics
    (parent,) = [run for run in runs if run not in children]
    assert {"at_optimum", "median", "best"} <= parent.data.metrics.keys()


def test_a_lost_journal_is_read_back_from_mlflow(folder, tmp_path):
    copy = tmp_path / "copy"
    shutil.copytree(folder, copy)
    before = exported(copy)
    (journal,) = copy.glob("sweeps/*/journal.jsonl")
    journal.unlink()
    env = {"MLFLOW_TRACKING_URI": f"sqlite:///{copy}/mlflow.db"}
    ran = sweep(copy, *WORDS, "--n", "4", **env)
    assert ran.returncode == 0, ran.stdout + ran.stderr
    pd.testing.assert_frame_equal(exported(copy), before, check_exact=True)


def test_its_report_speaks_of_it(folder):
    ran = sweep(folder, "report", "--out", "r.html")
    assert ran.returncode == 0, ran.stdout + ran.stderr
    page = (folder / "r.html").read_text()
    assert "val_loss" in page
    assert "% error at the optimum" not in page
