"""Rounds of sweeps whose trials have results already: what is decided, and by which of them."""

import numpy as np
import pytest
from support.journals import failed, finished
from support.workspaces import create

import analysis
import sweep as package
from sweep.driver.events import RoundEnded
from sweep.driver.rounds import growth_of, look_at, tasks_of
from sweep.errors import InputError
from sweep.planning.command_options import Request
from sweep.planning.plans import make_plans
from sweep.results.figures import with_places
from sweep.workspace.sweep import Growth
from sweep.workspace.trial_table import trial_table
from sweep.workspace.workspace import Workspace

MODELS = ("vit_p_1mf", "vit_c_1mf")
REQUEST = Request(models=MODELS, n=8, until="settled", max_n=64)
GROWTH = Growth(first_n=8, max_n=64)


def fill(folder, n=64, lost=()):
    """Give every trial of n points a result, one model's errors being far steeper; those of ``lost`` fail."""
    planned = make_plans(Request(models=MODELS, n=n))
    for each, best, steep in zip(planned, (10.0, 13.0), (4.0, 200.0), strict=True):
        made, rng = create(Workspace(folder), each.plan), np.random.default_rng(3)
        for trial in made.plan.trials:
            far = 0 if trial.u_lr is None else (trial.u_lr - 0.6) ** 2
            error = round(float(best + steep * far + rng.normal(0, 0.3)), 1)
            record = failed(trial.key) if trial.index in lost else finished(trial.key, error)
            made.journal.append("end", trial.key, record)
    return planned


def test_a_request_says_how_its_sweeps_grow():
    assert growth_of(REQUEST) == GROWTH
    assert growth_of(Request(models=MODELS)) is None
    assert [len(each.plan.trials) for each in make_plans(REQUEST)] == [64 + 5] * 2


def test_a_round_is_what_a_sweep_of_so_many_points_is(tmp_path):
    planned = make_plans(REQUEST)
    tasks = tasks_of(planned, 8, GROWTH, Workspace(tmp_path))
    plain = make_plans(Request(models=MODELS, n=8))
    assert [task.wanted for task in tasks] == [each.plan.trials for each in plain]
    assert [task.growth for task in tasks] == [GROWTH, GROWTH]
    several = Request(models=MODELS, n=8, until="settled", max_n=32, seeds_per_point=2, seeds=2)
    (task, _) = tasks_of(make_plans(several), 16, Growth(8, 32), Workspace(tmp_path))
    assert len(task.wanted) == 2 + 16 + 16


def test_it_is_decided_by_the_points_of_the_round_as_compare_decides(tmp_path):
    planned, workspace = fill(tmp_path), Workspace(tmp_path)
    tasks = tasks_of(planned, 16, GROWTH, workspace)
    for task in tasks:
        task.sweep.write_growth(GROWTH)
    (seen,) = look_at(tasks, 16, GROWTH).pairs
    table = with_places(trial_table(workspace.sweeps()))
    first = table[(table["index"] < 16)]
    (said,) = analysis.compare(analysis.read_sweeps(first))
    assert seen.n_a == 16
    assert (seen.q, seen.level, seen.q_robust) == (said.q, said.level, said.q_robust)
    assert seen.level == analysis.compare(analysis.read_sweeps(table))[0].level / 4


@pytest.fixture
def events(tmp_path, monkeypatch, mlflow_database):
    """Run the rounds of sweeps that have all results; return what was reported of rounds."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "mlflow.db").write_bytes(mlflow_database.read_bytes())

    def run(**asked):
        seen = []
        words = {"n": 8, "until": "settled", "max_n": 64, "address": "none"} | asked
        result = package.run_sweep(MODELS, observer=seen.append, **words)
        return result, [event for event in seen if isinstance(event, RoundEnded)]

    return run


def test_the_last_round_alone_is_reported_of_sweeps_that_have_all_results(tmp_path, events):
    fill(tmp_path / "sweeps", n=16)
    result, (ended,) = events()
    assert ended.is_last
    assert ended.sentences[-1] == "Settled with 16 of at most 64 points."
    assert not result.missing
    assert result.mlflow_complete
    with pytest.raises(InputError, match=r"grows in rounds from 8 to 64 points.*got 8 to 128"):
        events(max_n=128)


def test_it_ends_after_a_round_with_a_failed_trial_as_nothing_is_decided_then(tmp_path, events):
    fill(tmp_path / "sweeps", n=8, lost={3})
    result, ended = events()
    assert not ended
    assert {trial.index for trial in result.missing} == {3}
