"""What the parent run of a sweep shows in MLflow."""

import math

import pytest
from support.journals import finished
from support.plans import a_plan
from support.searches import PLAN as SEARCH
from support.workspaces import create

from sweep.core.trial import Role, TrialRecord, TrialState
from sweep.results.parent_run import parent_run
from sweep.workspace.search import Search
from sweep.workspace.workspace import Workspace


@pytest.fixture
def sweep(tmp_path):
    """Sixteen points with errors 5, 6, … 20; three trials at the optimum with 4, 5 and 6."""
    made = create(Workspace(tmp_path), a_plan(n=17, seeds=3))
    for trial in made.plan.trials:
        if trial.role is Role.OPTIMUM:
            record = finished(trial.key, error=4.0 + trial.repeat)
        else:
            record = finished(trial.key, error=5.0 + trial.index)
        if trial.index == 16:
            record = TrialRecord(key=trial.key, state=TrialState.DIVERGED, top1_err=100.0, best_top1_err=9.0)
        made.journal.append("end", trial.key, record)
    return made


def test_its_results_are_metrics_with_their_limits(sweep):
    metrics = parent_run(sweep).metrics
    assert metrics["optimum_err"] == 5.0
    assert metrics["optimum_se"] == pytest.approx(1 / math.sqrt(3), abs=1e-4)
    assert (metrics["best"], metrics["median"]) == (5.0, 13.0)
    assert metrics["within_4"] == pytest.approx(5 / 17, abs=1e-4)
    assert metrics["divergence_rate"] == pytest.approx(1 / 17, abs=1e-4)
    area = sum(max(0, 8 - delta) / 8 for delta in range(16)) / 17
    assert metrics["area_8"] == pytest.approx(area, abs=1e-4)
    for name in ("optimum_err", "median", "within_4", "area_8", "divergence_rate"):
        assert metrics[name + "_low"] <= metrics[name] <= metrics[name + "_high"]
    assert all(map(math.isfinite, metrics.values()))


def test_its_note_says_what_it_is_with_its_figure_and_numbers(sweep):
    note = parent_run(sweep).note
    assert note.startswith("**A sweep** of vit_p_1mf, adamw, recipe digits (25 epochs, batch 64, 16 px).")
    assert "![EDF of Δ](get-artifact?path=figures%2Fedf.png&run_uuid={run})" in note
    assert "| error at the optimum (± standard error) | 5.00 ± 0.58 % |" in note
    assert "| within 4 points | 0.29 (" in note


def test_without_a_point_there_are_no_numbers(tmp_path):
    made = create(Workspace(tmp_path), a_plan(n=2))
    optimum = made.plan.trials[0].key
    made.journal.append("end", optimum, finished(optimum))
    shown = parent_run(made)
    assert shown.metrics == {}
    assert "edf.png" not in shown.note


def test_a_search_says_what_it_is(tmp_path):
    shown = parent_run(Search(tmp_path, SEARCH))
    assert shown.metrics == {}
    assert shown.note.startswith("**A search for the optimum** of vit_p_1mf")
