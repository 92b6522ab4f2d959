import json
import subprocess
import sys
import threading

import pytest
from support.journals import finished
from support.plans import a_plan
from support.workspaces import create

from sweep.core.trial import TrialState
from sweep.errors import InputError
from sweep.workspace.sweep_run import SweepRun
from sweep.workspace.trial_table import COLUMN_NAMES
from sweep.workspace.workspace import Workspace


@pytest.fixture
def workspace(tmp_path):
    return Workspace(tmp_path / "sweeps")


def test_a_sweep_is_found_again_by_its_name_or_a_beginning_of_it(workspace):
    plan = a_plan()
    create(workspace, plan)
    assert workspace.names() == [plan.name]
    assert workspace.open(plan.name).plan == plan
    assert workspace.open("vit_p").plan == plan


def test_names_that_fit_no_sweep_or_several_are_refused(workspace):
    create(workspace, a_plan())
    create(workspace, a_plan(seed=1))
    with pytest.raises(InputError, match="fits 2 sweeps"):
        workspace.open("vit_p")
    with pytest.raises(InputError, match="unknown sweep 'resnet'"):
        workspace.open("resnet")
    with pytest.raises(InputError, match="unknown sweep ''"):
        workspace.open("")


def test_a_larger_plan_replaces_a_smaller_one_and_never_the_other_way_round(workspace):
    assert create(workspace, a_plan(n=4)).plan.n == 4
    assert create(workspace, a_plan(n=9)).plan.n == 9
    assert create(workspace, a_plan(n=4)).plan.n == 9
    assert len(workspace.names()) == 1


def test_points_and_seeds_grow_in_any_order_and_none_is_lost(workspace):
    create(workspace, a_plan(n=9))
    create(workspace, a_plan(n=2, seeds=3))
    sweep = create(workspace, a_plan(n=1, seeds=2))
    assert sweep.plan == workspace.open(sweep.name).plan == a_plan(n=9, seeds=3)
    assert len(workspace.names()) == 1


def test_a_plan_that_another_driver_grew_meanwhile_is_not_written_over(workspace):
    small = workspace.prepare(a_plan(n=4))
    create(workspace, a_plan(n=9))
    with small.driving():
        small.write_plan()
    assert small.plan == workspace.open(small.name).plan == a_plan(n=9)


def test_the_wanted_trials_are_those_of_the_command_not_of_a_larger_plan(workspace):
    sweep = create(workspace, a_plan(n=4, seeds=3))
    first = sweep.plan.trials[0]
    sweep.journal.append("end", first.key, finished(first.key))
    wanted = SweepRun(sweep=sweep, splits=None, n=1, seeds=2).missing
    assert [(trial.role, trial.index, trial.repeat) for trial in wanted] == [
        ("optimum", -1, 1),
        ("point", 0, 0),
    ]


def test_repeats_are_wanted_by_the_command_that_names_them_alone(workspace):
    sweep = create(workspace, a_plan(n=4, seeds=3, repeated=[1, 3]))

    def repeats(**words):
        wanted = SweepRun(sweep=sweep, splits=None, n=4, seeds=3, **words).wanted
        return [(trial.index, trial.repeat) for trial in wanted if trial.role == "repeat"]

    assert repeats() == []
    assert repeats(again={(3, 1), (1, 1)}) == [(1, 1), (3, 1)]
    assert repeats(again={(3, 1), (3, 2)}) == [(3, 1), (3, 2)]


def test_the_plan_is_readable(workspace):
    sweep = create(workspace, a_plan())
    values = json.loads((sweep.folder / "plan.json").read_text())
    assert values["trials"][0]["role"] == "optimum"


def test_rows_have_the_exported_columns_and_one_row_a_trial(workspace):
    sweep = create(workspace, a_plan())
    key = sweep.plan.trials[2].key
    sweep.journal.append("end", key, finished(key, error=12.5))
    rows = list(sweep.rows())
    assert [tuple(row) for row in rows] == [COLUMN_NAMES] * 5
    assert [row["state"] for row in rows] == ["planned", "planned", "finished", "planned", "planned"]
    assert rows[2]["top1_err"] == 12.5
    assert rows[0]["top1_err"] is None
    assert sweep.counts()[TrialState.PLANNED] == 4


def test_a_trial_is_running_only_while_a_driver_is(workspace):
    sweep = create(workspace, a_plan())
    trial = sweep.plan.trials[0]
    sweep.journal.append("start", trial.key)
    assert sweep.states()[trial.key] is TrialState.PLANNED
    with sweep.driving():
        assert sweep.is_running
        assert sweep.states()[trial.key] is TrialState.RUNNING
    assert not sweep.is_running


def test_a_second_driver_is_told_of_the_first(workspace):
    sweep = create(workspace, a_plan())
    second = workspace.open(sweep.name)
    with (
        sweep.driving(),
        pytest.raises(InputError, match=r"is being run already, by process \d+ on \S+"),
        second.driving(),
    ):
        pytest.fail("two drivers")
    with second.driving():
        pass


def test_the_lock_of_a_killed_driver_is_free(workspace):
    sweep = create(workspace, a_plan())
    code = (
        "import os, sys; from pathlib import Path; from sweep.workspace.workspace import Workspace\n"
        "with Workspace(Path(sys.argv[1])).open(sys.argv[2]).driving(): os.kill(os.getpid(), 9)"
    )
    ran = subprocess.run([sys.executable, "-c", code, str(workspace.folder), sweep.name], check=False)
    assert ran.returncode == -9
    assert (sweep.folder / ".driver").exists()
    with sweep.driving():
        pass


def test_a_driver_sees_what_another_has_added_meanwhile(workspace):
    early, late = create(workspace, a_plan()), workspace.open("vit")
    key = early.plan.trials[0].key
    late.journal.append("end", key, finished(key))
    with early.driving():
        assert early.states()[key] is TrialState.FINISHED


def test_nothing_is_left_where_nothing_came_of_it(workspace, tmp_path):
    with workspace.prepare(a_plan()).driving():
        assert workspace.folder.exists()
    assert not list(tmp_path.iterdir())


def test_a_grid_of_another_n_is_another_sweep(workspace):
    four, nine = (create(workspace, a_plan(design="grid", n=n)) for n in (4, 9))
    assert four.name != nine.name
    assert workspace.prepare(a_plan(design="grid", n=4)).plan.n == 4


def test_asking_for_the_state_does_not_turn_a_driver_away(workspace):
    sweep = create(workspace, a_plan())
    sweep.journal.append("start", sweep.plan.trials[0].key)
    asking = threading.Thread(target=lambda: [workspace.open(sweep.name).counts() for _ in range(200)])
    asking.start()
    for _ in range(20):
        with sweep.driving():
            pass
    asking.join()
