"""Sweeps of images, judged by their validation loss or their top-5 error."""

import dataclasses
import json

import pandas as pd
import pytest
from support.journals import epoch, finished
from support.plans import a_plan
from support.workspaces import create

from sweep.core.trial import TrialRecord, TrialState
from sweep.recipes.metric import MetricSpec
from sweep.workspace.trial_table import learning_table
from sweep.workspace.workspace import Workspace

LOST = 3
"""The trial that diverges."""


def a_sweep(folder, model="vit_p_1mf", spread=0.1, **left_out):
    """A sweep whose loss grows with its index as its error falls, and which fell before."""
    made = create(Workspace(folder), a_plan(model=model, n=40))
    for i, trial in enumerate(made.plan.trials):
        lost = i == LOST
        numbers = {"val_loss": 0.5 + spread * i, "top5_err": 2.0 + i / 10} | left_out
        numbers |= {"val_loss": None, "top5_err": 100.0, "diverged_step": 9} if lost else {}
        error = 100.0 if lost else 50.0 - i
        made.journal.append("epoch", trial.key, epoch(1, 60.0, val_loss=0.25 + i, top5_err=1.5))
        made.journal.append("epoch", trial.key, epoch(2, error, **numbers))
        end = dataclasses.replace(finished(trial.key, error))
        if lost:
            end = TrialRecord(key=trial.key, state=TrialState.DIVERGED, top1_err=100.0, epochs=2)
        made.journal.append("end", trial.key, end)
    return made


@pytest.fixture
def two(tmp_path):
    return [a_sweep(tmp_path / "sweeps"), a_sweep(tmp_path / "sweeps", "vit_c_1mf", 0.01)]


def test_the_loss_is_that_of_the_last_epoch_and_what_diverged_has_none(two, sweep):
    assert sweep("export", "--metric", "val_loss", "--out", "t.csv")[0] == 0
    table = pd.read_csv("t.csv")
    own = table[table["model"] == "vit_p_1mf"].reset_index()
    assert own["value"].drop(LOST).tolist() == pytest.approx([0.5 + 0.1 * i for i in range(41) if i != LOST])
    assert own["best_value"].drop(LOST).tolist() == pytest.approx(
        [min(0.25 + i, 0.5 + 0.1 * i) for i in range(41) if i != LOST]
    )
    assert own.loc[LOST, "state"] == "diverged"
    assert pd.isna(own.loc[LOST, "value"])
    assert table["top1_err"].isna().all()
    assert set(table["unit"]) == {"nats"}
    assert (table["low"] == 0).all()
    assert table["high"].isna().all()


def test_every_table_ends_with_what_else_was_reported(two, sweep):
    assert sweep("export", "--out", "t.csv")[0] == 0
    table = pd.read_csv("t.csv")
    assert list(table)[-3:] == ["wall_s", "top5_err", "val_loss"]
    assert table["top5_err"].tolist()[:4] == [2.0, 2.1, 2.2, 100.0]
    assert table["top1_err"].notna().all()


def test_figures_tables_and_report_speak_of_it(two, sweep, tmp_path):
    for command, out in {"cdf": "f.svg", "scatter": "s.svg", "report": "r.html"}.items():
        code, printed, err = sweep(command, "--metric", "val_loss", "--out", out)
        assert code == 0, err
        assert "val_loss" in (tmp_path / out).read_text()
        assert "error" not in printed.replace("standard error", "")
    code, printed, err = sweep("compare", "--metric", "val_loss", "--json")
    assert code == 0, err
    (p, c) = sorted(json.loads(printed)["sweeps"], key=lambda row: -row["median"])
    assert (p["at_optimum"], c["at_optimum"]) == (0.5, 0.5)
    assert p["diverged"] == 1
    assert "within_1" not in p
    code, printed, err = sweep("cdf", "--metric", "top5_err", "--absolute", "--out", "f.svg")
    assert code == 0, err
    assert "top5_err (%), lower is better, 0 to 100" in " ".join(printed.split())


def test_cdf_tells_how_many_trials_learned_nothing(two, sweep):
    """Of ten classes, a guess has a loss of ln 10: one model's grows from 0.5 to 4.4."""
    code, printed, err = sweep("cdf", "--metric", "val_loss", "--absolute", "--out", "f.svg")
    assert code == 0, err
    said = "vit_p_1mf: 22 of 39 finished trials are no better than chance (val_loss 2.30 nats)"
    assert said in " ".join(printed.split())
    assert "chance" not in sweep("cdf", "--out", "f.svg")[1]


def test_delta_may_be_relative_to_the_optimum(two, sweep, refused):
    code, printed, err = sweep("cdf", "--metric", "val_loss", "--relative", "--out", "f.svg")
    assert code == 0, err
    words = " ".join(printed.split())
    assert "at most x % above the val_loss at the optimum, relative to that" in words
    assert "of its trials within 200 % of its optimum" in words
    assert "0.50" in words
    assert "give either --absolute" in refused("cdf", "--relative", "--absolute", "--out", "f.svg")


def test_its_exported_table_gives_the_same_figure(two, sweep, tmp_path):
    assert sweep("cdf", "--metric", "val_loss", "--out", "own.svg")[0] == 0
    assert sweep("export", "--metric", "val_loss", "--out", "judged.csv")[0] == 0
    assert sweep("cdf", "--from", "judged.csv", "--out", "judged.svg")[0] == 0
    assert (tmp_path / "judged.svg").read_bytes() == (tmp_path / "own.svg").read_bytes()


def test_the_learning_curves_are_those_of_the_loss(two):
    key = two[0].plan.trials[5].key
    curves = learning_table(two, "val_loss")
    assert curves[curves["key"] == key]["top1_err"].tolist() == [5.25, 1.0]
    assert learning_table(two)["top1_err"].max() == 100.0


def test_trials_that_do_not_report_it_are_named_in_one_message(tmp_path, refused):
    a_sweep(tmp_path / "sweeps")
    old = a_sweep(tmp_path / "sweeps", "vit_c_1mf", top5_err=None)
    said = refused("cdf", "--metric", "top5_err", "--out", "f.svg")
    assert f"--metric top5_err is not reported in 40 of 40 finished trials of {old.name}." in said
    assert "A version that did not record it" in said
    said = refused("report", "--metric", "val_los", "--out", "r.html")
    assert "Did you mean val_loss" in said
    assert "--unit tells what the trials of --from are" in refused("cdf", "--unit", "nats", "--out", "f.svg")


def test_the_metric_of_a_user_defined_function_is_its_own(tmp_path, make_recipe):
    """One that is called val_loss has the unit and bounds that the function names."""
    own = MetricSpec(name="val_loss", unit="bits", low=-1.0)
    for metric in (own, None):
        recipe = make_recipe(trainer="toy:train", metric=metric)
        made = create(Workspace(tmp_path / "sweeps"), a_plan(recipe=recipe))
        assert made.metric("val_loss") == (own if metric else MetricSpec(name="val_loss"))
