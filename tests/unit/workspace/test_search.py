"""A search: its trials, what is kept of them, and who wins."""

import dataclasses

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.plans import a_plan
from support.searches import PLAN, end

from sweep.core.search_plan import SearchBudget, SearchPlan
from sweep.core.trial import TrialState
from sweep.errors import DamagedError, InputError
from sweep.tuning.finalists import finalists, outcomes, standard_error
from sweep.workspace.search import Search


@pytest.fixture
def search(tmp_path):
    search = Search(tmp_path, PLAN)
    search.folder.mkdir()
    return search


def test_a_relative_point_lies_where_the_ranges_say():
    trial = PLAN.point(3, 1 / 3, 2 / 3)
    assert (trial.lr, trial.weight_decay) == pytest.approx((1e-3, 1e-1), rel=1e-7)
    assert (trial.index, trial.repeat, trial.role) == (3, 0, "point")


def test_keys_tell_trials_apart_and_from_those_of_sweeps():
    point = PLAN.point(0, 0.5, 0.5)
    assert point == PLAN.point(0, 0.5, 0.5)
    finalist = PLAN.finalist(point, 1)
    assert (finalist.lr, finalist.weight_decay) == (point.lr, point.weight_decay)
    trials = [point, finalist, PLAN.finalist(point, 2), PLAN.point(1, 0.5, 0.5)]
    assert len({trial.seed for trial in trials}) == 4
    # the very same training, evaluated on what is reported, is another trial
    sweep = dataclasses.replace(a_plan(), optimum_lr=point.lr, optimum_wd=point.weight_decay, seed=0)
    assert not {trial.key for trial in trials} & {trial.key for trial in sweep.trials}
    other = dataclasses.replace(PLAN, data_fingerprint="abd")
    assert other.point(0, 0.5, 0.5).key != point.key


def test_the_name_is_that_of_the_settings_not_of_the_trials():
    assert PLAN.name.startswith("tune-vit_p_1mf-adamw-")
    assert dataclasses.replace(PLAN, trials=(PLAN.point(0, 0.1, 0.1),)).name == PLAN.name
    for change in ({"seed": 1}, {"box": dataclasses.replace(PLAN.box, lr_low=2e-4)}, {"px": 8}):
        assert dataclasses.replace(PLAN, **change).name != PLAN.name


def test_settings_read_back(search):
    search.write_plan()
    assert SearchPlan.from_json(search.plan_file.read_text(), "x") == PLAN
    before = search.plan_file.read_bytes()
    assert search.write_plan() == []
    assert search.plan_file.read_bytes() == before


@pytest.mark.parametrize("text", ["", "[]", "1", "{}", '{"version": 1}', "[" * 100_000])
def test_damaged_settings_are_named(text):
    with pytest.raises(DamagedError, match=r"^here is not a search, or damaged"):
        SearchPlan.from_json(text, "here")


def test_settings_of_a_later_version_are_refused():
    import json

    with pytest.raises(InputError, match="here is a search of version 2; this program reads 1"):
        SearchPlan.from_json(json.dumps(PLAN.to_dict() | {"version": 2}), "here")


def test_trials_are_found_again_in_the_journal(search, tmp_path):
    points = [PLAN.point(i, 0.1 * i, 0.5) for i in range(3)]
    end(search, points[0], 5.0)
    end(search, points[1], 50.0, state=TrialState.PRUNED)
    search.journal.append("start", points[2].key, points[2])
    again = Search(tmp_path, PLAN)
    assert again.trials == points
    states = [again.history(trial).state for trial in points]
    assert states == [TrialState.FINISHED, TrialState.PRUNED, TrialState.RUNNING]
    assert again.plan.trials == tuple(points)
    assert again.counts()[TrialState.PRUNED] == 1
    assert again.records()[points[1].key].top1_err == 50.0


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ('"lr": ', '"lr": 1'),
        ('"seed": ', '"seed": 1'),
        ('"u_lr": 0.', '"u_lr": 0.1'),
        ('"role": "point"', '"role": "optimum"'),
        ('"index": 0', '"index": 1'),
        ('"repeat": 0', '"repeat": -1'),
        ('"model": "vit_p', '"model": "vit_c'),
        ('"u_wd": 0.5', '"u_wd": "x"'),
    ],
)
def test_a_trial_that_was_changed_is_refused(old, new, search, tmp_path):
    end(search, PLAN.point(0, 0.3, 0.5), 5.0)
    text = search.journal.path.read_text()
    assert old in text
    search.journal.path.write_text(text.replace(old, new, 1))
    with pytest.raises(DamagedError, match=r"journal.jsonl"):
        Search(tmp_path, PLAN)


def test_a_line_that_was_cut_off_never_happened(search, tmp_path):
    end(search, PLAN.point(0, 0.3, 0.5), 5.0)
    with search.journal.path.open("a") as file:
        file.write('{"event": "start", "key"')
    assert len(Search(tmp_path, PLAN).trials) == 1


def test_the_best_finished_points_are_finalists_by_loss_among_equals(search):
    points = [PLAN.point(i, 0.1 * i, 0.5) for i in range(6)]
    end(search, points[0], 5.0, loss=0.3)
    end(search, points[1], 5.0, loss=0.2)
    end(search, points[2], 1.0, state=TrialState.PRUNED)
    end(search, points[3], 100.0, state=TrialState.DIVERGED)
    end(search, points[4], 4.0)
    end(search, points[5], None, state=TrialState.FAILED)
    assert finalists(search, 2) == [points[4], points[1]]
    assert finalists(search, 9) == [points[4], points[1], points[0]]
    assert search.failed == [points[5]]


def test_the_best_mean_of_the_other_seeds_wins_not_the_luckiest_point(search):
    lucky, good = PLAN.point(0, 0.1, 0.5), PLAN.point(1, 0.6, 0.5)
    end(search, lucky, 1.0)
    end(search, good, 2.0)
    for repeat, (one, other) in enumerate([(5.0, 3.0), (6.0, 2.0), (4.0, 4.0)], 1):
        end(search, PLAN.finalist(lucky, repeat), one)
        end(search, PLAN.finalist(good, repeat), other)
    judged = outcomes(search)
    assert [outcome.point for outcome in judged] == [good, lucky]
    assert judged[0].mean == 3.0


def test_points_without_all_repeats_are_not_judged(search):
    points = [PLAN.point(i, 0.1 * i, 0.5) for i in range(3)]
    for point in points:
        end(search, point, 5.0)
        end(search, PLAN.finalist(point, 1), 1.0)
    end(search, PLAN.finalist(points[0], 2), 9.0)
    end(search, PLAN.finalist(points[1], 2), None, state=TrialState.FAILED)
    assert [outcome.point for outcome in outcomes(search)] == [points[0]]


def test_a_diverged_repeat_counts_as_100(search):
    point = PLAN.point(0, 0.1, 0.5)
    end(search, point, 5.0)
    end(search, PLAN.finalist(point, 1), 5.0)
    end(search, PLAN.finalist(point, 2), 100.0, state=TrialState.DIVERGED)
    assert outcomes(search)[0].mean == 52.5


@given(st.integers(1, 6), st.integers(2, 6), st.integers(0, 2**32))
def test_the_standard_error_is_that_of_an_analysis_of_variance(groups, seeds, seed):
    from types import SimpleNamespace

    errors = np.random.default_rng(seed).uniform(1, 20, (groups, seeds))
    made = [SimpleNamespace(errors=tuple(row), mean=row.mean()) for row in errors]
    within = errors.var(axis=1, ddof=1).mean()  # equal group sizes: the mean square within
    assert standard_error(made) == pytest.approx(np.sqrt(within / seeds))


def test_only_one_driver_searches(search, tmp_path):
    search.write_plan()
    with (
        search.driving(),
        pytest.raises(InputError, match="is being run already, by process"),
        Search(tmp_path, PLAN).driving(),
    ):
        pass


def test_nothing_is_left_where_nothing_came_of_it(tmp_path):
    with Search(tmp_path / "sweeps", PLAN).driving():
        pass
    assert list(tmp_path.iterdir()) == []


def test_how_much_is_wanted_is_written_down_and_damage_is_no_answer(search):
    assert search.wanted is None
    effort = SearchBudget(points=3, finalists=2, seeds=2)
    search.want(effort)
    assert search.wanted == effort
    for text in ("", "[]", "{}", '{"points": "3", "finalists": 2, "seeds": 2}', "[" * 100_000):
        (search.folder / "wanted.json").write_text(text)
        assert search.wanted is None


def test_what_ran_when_its_driver_ended_is_planned_again(search):
    search.write_plan()
    point = PLAN.point(0, 0.5, 0.5)
    with search.driving():
        search.journal.append("start", point.key, point)
        assert search.counts()[TrialState.RUNNING] == 1
    assert search.counts()[TrialState.RUNNING] == 0
    assert search.counts()[TrialState.PLANNED] == 1


def test_settings_that_were_changed_or_moved_are_refused(search):
    search.write_plan()
    assert Search.read_plan(search.plan_file) == PLAN
    search.plan_file.write_text(search.plan_file.read_text().replace('"seed": 0', '"seed": 1'))
    with pytest.raises(DamagedError, match="it was changed after it was written, or its folder renamed"):
        Search.read_plan(search.plan_file)
    search.plan_file.write_bytes(b"\xff")
    with pytest.raises(DamagedError, match="is not a search, or damaged"):
        Search.read_plan(search.plan_file)
