"""`sweep run --dry-run`: what would be trained, and what would not."""

import numpy as np
from support.journals import failed, finished
from support.workspaces import create

from sweep.planning.command_options import Request
from sweep.planning.plans import make_plans
from sweep.workspace.sweep_run import SweepRun
from sweep.workspace.workspace import Workspace


def test_dry_run_says_what_would_be_trained_and_writes_nothing(sweep, tmp_path):
    code, out, _ = sweep("run", "--model", "vit_p_1mf", "--n", "3", "--seeds", "1", "--dry-run")
    assert code == 0
    assert "4 of 4 trials to train" in out
    assert ", with" not in out
    assert not list(tmp_path.iterdir())


def test_dry_run_counts_the_seeds_at_the_optimum_and_those_that_are_there(sweep, tmp_path):
    words = ("run", "--model", "vit_p_1mf", "--n", "3", "--dry-run", "--seeds")
    out = sweep(*words[:-1])[1]
    assert "8 of 8 trials to train" in out
    assert "with 5 seeds" in out
    out = sweep(*words, "3", "--repeat", "2", "--repeat", "0")[1]
    assert "10 of 10 trials to train" in out
    assert "with 3 seeds; point 0, point 2 with 2 other seeds" in out
    from sweep.planning.command_options import Request
    from sweep.planning.plans import make_plans

    (planned,) = make_plans(Request(models=["vit_p_1mf"], n=3, seeds=2))
    made = create(Workspace(tmp_path / "sweeps"), planned.plan)
    for trial in made.plan.trials:
        made.journal.append("end", trial.key, finished(trial.key))
    assert "3 of 8 trials to train" in sweep(*words, "5")[1]
    assert "0 of 4 trials to train" in sweep(*words, "1")[1]


def test_dry_run_says_in_which_rounds_sweeps_grow(sweep, tmp_path):
    words = ("run", "-m", "vit_p_1mf", "-m", "vit_c_1mf", "--n", "16", "--until", "settled", "--max-n", "128")
    code, out, _ = sweep(*words, "--dry-run")
    assert code == 0
    assert "133 of 133 trials to train" in out
    assert "In rounds of 16, 32, 64, 128 points, until the comparison is settled" in out
    assert not list(tmp_path.iterdir())


def test_dry_run_counts_what_other_sweeps_have_of_the_same_trials(sweep, tmp_path):
    (planned,) = make_plans(Request(models=["vit_p_1mf"], n=16, seeds=2, design="sobol"))
    made = create(Workspace(tmp_path / "sweeps"), planned.plan)
    for trial in made.plan.trials[:3]:  # two at the optimum, which is the same for every design
        made.journal.append("end", trial.key, finished(trial.key))
    out = sweep("run", "--model", "vit_p_1mf", "--n", "3", "--seeds", "3", "--dry-run")[1]
    assert "4 of 6 trials to train; 2 results taken over from other sweeps" in out


def test_a_trial_given_up_here_is_taken_over_where_another_sweep_has_it(sweep, tmp_path):
    workspace = Workspace(tmp_path / "sweeps")
    (here,), (there,) = (
        make_plans(Request(models=["vit_p_1mf"], n=n, design=design, seeds=1))
        for n, design in ((3, "iid"), (16, "sobol"))
    )
    centre = here.plan.trials[0].key
    create(workspace, there.plan).journal.append("end", centre, finished(centre))
    create(workspace, here.plan).journal.append("end", centre, failed(centre))
    out = sweep("run", "--model", "vit_p_1mf", "--n", "3", "--seeds", "1", "--dry-run")[1]
    assert "3 of 4 trials to train; 1 result taken over" in out


def test_what_was_given_up_is_not_trained_unless_asked_for(sweep, tmp_path):
    (planned,) = make_plans(Request(models=["vit_p_1mf"], n=3, seeds=1))
    made = create(Workspace(tmp_path / "sweeps"), planned.plan)
    one, other, *_ = planned.plan.trials
    made.journal.append("end", one.key, finished(one.key))
    made.journal.append("end", other.key, failed(other.key))
    words = ("run", "--model", "vit_p_1mf", "--n", "3", "--seeds", "1")
    assert "2 of 4 trials to train, and 1 failed that --retry-failed" in sweep(*words, "--dry-run")[1]
    for retry_failed, count in ((False, 2), (True, 3)):
        task = SweepRun(sweep=made, splits=planned.splits, n=3, seeds=1, retry_failed=retry_failed)
        assert len(task.missing) == 3
        assert len(task.to_train) == count


def test_dry_run_plans_how_many_points_show_a_difference(sweep, tmp_path):
    words = ("run", "-m", "vit_p_1mf", "-m", "vit_c_1mf", "--n", "16", "--dry-run", "--detect", "0.1")
    code, out, _ = sweep(*words)
    assert code == 0
    text = " ".join(out.split())
    assert "A difference of 0.1 in the area under the EDF of Δ is seen in 4 of 5 studies with about" in text
    assert "92 to 292 points of each model (594 trainings at most), if points differ as of the demo's" in text
    assert "16 points show a difference of 0.24 to 0.43" in text
    planned = make_plans(Request(models=["vit_p_1mf", "vit_c_1mf"], n=16))
    rng = np.random.default_rng(0)
    for each in planned:
        made = create(Workspace(tmp_path / "sweeps"), each.plan)
        for trial in made.plan.trials:
            made.journal.append("end", trial.key, finished(trial.key, 10 + 8 * float(rng.random())))
    assert "if points differ as of their trials so far" in " ".join(sweep(*words)[1].split())
