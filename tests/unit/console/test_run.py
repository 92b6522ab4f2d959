"""What is said before anything is trained, and of what was."""

import io
import json

import pytest
from rich.console import Console
from support.journals import finished
from support.plans import a_plan
from support.workspaces import create

from sweep.console import run
from sweep.console.run import optimum_lines
from sweep.planning.command_options import Request
from sweep.planning.plans import make_plans
from sweep.planning.studies import Study, requests_of
from sweep.workspace.workspace import Workspace


def test_an_optimum_used_for_several_lengths_is_told_of_once():
    study = Study(kind="lengths", epochs=[6, 3, 25], models=["vit_p_1mf"])
    plans = [planned.plan for request in requests_of(study) for planned in make_plans(request)]
    assert len(plans) == 3
    (line,) = optimum_lines(plans)
    assert line.startswith("optimum of vit_p_1mf with adamw: benchmarks/optima/")
    assert line.endswith("; used for 3, 6 epochs, too")


def test_an_optimum_of_the_very_length_is_not_said_to_be_used_for_others():
    plans = [p.plan for r in requests_of(Study(kind="hyperparameters", n=1)) for p in make_plans(r)]
    lines = optimum_lines(plans)
    assert len(lines) == 6  # three models with two optimizers
    assert not any("used for" in line for line in lines)


def test_an_optimum_that_was_given_has_no_source_to_tell():
    plans = [p.plan for p in make_plans(Request(models=["vit_p_1mf", "vit_c_1mf"], n=1, lr=0.01, wd=0.1))]
    assert len(plans) == 2
    assert optimum_lines(plans) == []


def test_each_trial_of_a_sweep_is_named_apart():
    plan = a_plan(n=2, seeds=2, repeated=[1])
    said = ["optimum", "optimum repeat 1", "point 0", "point 1", "point 1 repeat 1"]
    assert [run.trial_label(trial) for trial in plan.trials] == said


def test_status_counts_repeats_but_not_as_the_best(sweep, tmp_path):
    made = create(Workspace(tmp_path / "sweeps"), a_plan(n=2, seeds=2, repeated=[1]))
    for trial, error in zip(made.plan.trials, [7.0, 6.5, 6.0, 5.0, 4.0], strict=True):
        made.journal.append("end", trial.key, finished(trial.key, error))
    other = create(Workspace(tmp_path / "sweeps"), a_plan(n=2, model="vit_c_1mf"))
    for trial in other.plan.trials:
        other.journal.append("end", trial.key, finished(trial.key))
    _, row = json.loads(sweep("status", "--json")[1])
    assert (row["n"], row["seeds"], row["repeats"], row["finished"]) == (2, 2, 1, 5)
    assert row["best_err"] == 5.0
    tables = json.loads(sweep("compare", "--json")[1])
    (again,) = tables["repeats"]
    assert (again["index"], again["first"], again["mean"], again["delta"]) == (1, 5.0, 4.0, -2.75)
    out = sweep("compare")[1]
    assert "point 1 (lr " in out
    assert (
        "with 1 other seed: 4.00 %; its own trial gave 5.00 %. That minus the mean at the optimum: -2.75"
        in out
    )
    assert sweep("export", "--out", str(tmp_path / "all.csv"))[0] == 0
    assert "with 1 other seed: 4.00 %" in sweep("compare", "--from", str(tmp_path / "all.csv"))[1]


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({}, ""),
        ({"repeated": [1]}, "; point 1 with 2 other seeds"),
        ({"seeds_per_point": 2}, ", every point with 2 seeds"),
        (
            {"seeds_per_point": 2, "repeated": [0, 1]},
            ", every point with 2 seeds; point 0, point 1 with 2 other",
        ),
    ],
)
def test_a_dry_run_says_which_points_are_trained_again(changes, said):
    console = Console(width=300, record=True, file=io.StringIO())
    run._print_plan(a_plan(n=4, seeds=3, **changes), console)
    (line,) = [line for line in console.export_text().splitlines() if "iid points" in line]
    assert line.split(", with 3 seeds")[1].startswith(said)
    assert bool(said) == bool(line.split(", with 3 seeds")[1])
