"""Where a search looks next, and whom it gives up."""

import pytest
from support.searches import PLAN, end

from search_spaces import relative_points
from sweep.core.trial import EpochRecord, TrialState
from sweep.tuning.sampler import START, OptunaSampler
from sweep.workspace.search import Search

FINISHED = TrialState.FINISHED


def bowl(u_lr, u_wd):
    """An error in percent, lowest at (0.6, 0.4)."""
    return 3.0 + 60 * (u_lr - 0.6) ** 2 + 20 * (u_wd - 0.4) ** 2


def searched(chooser, first, last):
    found = []
    for index in range(first, last):
        u = chooser.ask(index)
        chooser.tell(index, FINISHED, bowl(*u))
        found.append(u)
    return found


def test_it_begins_with_an_even_net_and_goes_on_near_the_best():
    found = searched(OptunaSampler(3, 25), 0, 40)
    assert found[:START] == [tuple(u) for u in relative_points("sobol", 16, 3)[:START].tolist()]
    assert all(0 <= u <= 1 for point in found for u in point)

    def near(points):
        return sum(abs(u_lr - 0.6) < 0.2 and abs(u_wd - 0.4) < 0.3 for u_lr, u_wd in points) / len(points)

    assert near(found[START:]) > 2 * near(found[:START])
    assert min(bowl(*u) for u in found) < 3.5


def test_the_same_seed_and_results_give_the_same_points_and_another_seed_others():
    assert searched(OptunaSampler(0, 25), 0, 16) == searched(OptunaSampler(0, 25), 0, 16)
    assert searched(OptunaSampler(0, 25), 0, 16) != searched(OptunaSampler(1, 25), 0, 16)


def test_points_that_run_at_the_same_time_are_not_the_same():
    chooser = OptunaSampler(0, 25)
    searched(chooser, 0, 20)
    asked = [chooser.ask(index) for index in range(20, 26)]
    assert len(set(asked)) == 6


@pytest.mark.parametrize(("epochs", "earliest"), [(4, 2), (10, 4), (12, 5), (25, 10)])
def test_what_is_far_worse_than_the_others_is_pruned_but_not_before_two_fifths(epochs, earliest):
    chooser = OptunaSampler(0, epochs)
    for index in range(8):
        chooser.ask(index)
        for epoch in range(1, epochs + 1):
            assert not chooser.report(index, epoch, 80 - 2 * epoch + 0.01 * index) or index > 0
        chooser.tell(index, FINISHED, 10 + 0.01 * index)
    chooser.ask(8)
    chooser.ask(9)
    pruned = [chooser.report(8, epoch, 90.0) for epoch in range(1, epochs + 1)]
    assert pruned == [epoch >= earliest for epoch in range(1, epochs + 1)]
    assert not any(chooser.report(9, epoch, 79 - 2 * epoch) for epoch in range(1, epochs + 1))


def test_trials_that_diverged_early_do_not_judge_those_that_did_not():
    chooser = OptunaSampler(0, 4)
    for index in range(5):
        chooser.ask(index)
        chooser.tell(index, TrialState.DIVERGED, 100.0)
    for index in range(5, 11):
        chooser.ask(index)
        assert not any(chooser.report(index, epoch, 20.0 + index) for epoch in range(1, 5)), (
            "too few to judge"
        )
        chooser.tell(index, FINISHED, 20.0 + index)
    chooser.ask(11)
    assert [chooser.report(11, epoch, 50.0) for epoch in (1, 2)] == [False, True]


def test_a_trial_that_begins_again_is_not_judged_by_epochs_it_reported_before():
    chooser = OptunaSampler(0, 10)
    for index in range(8):
        chooser.ask(index)
        for epoch in range(1, 11):
            chooser.report(index, epoch, 10.0)
        chooser.tell(index, FINISHED, 10.0)
    chooser.ask(8)
    assert [chooser.report(8, epoch, 90.0) for epoch in (1, 2, 3)] == [False] * 3
    assert [chooser.report(8, epoch, 90.0) for epoch in (1, 2, 3, 4)] == [False, False, False, True]


def test_lr_matters_more_where_the_error_depends_on_it_alone():
    chooser = OptunaSampler(0, 25)
    for index in range(30):
        u_lr, _ = chooser.ask(index)
        chooser.tell(index, FINISHED, 3 + 80 * (u_lr - 0.5) ** 2)
    importances = chooser.importances()
    assert importances["lr"] > 0.8
    assert sum(importances.values()) == pytest.approx(1.0)


@pytest.mark.parametrize("state", [TrialState.FAILED, TrialState.PRUNED, TrialState.DIVERGED])
def test_where_nothing_was_trained_to_its_end_nothing_is_said_to_matter(state):
    chooser = OptunaSampler(0, 25)
    for index in range(3):
        chooser.ask(index)
        chooser.tell(index, state, {TrialState.FAILED: None, TrialState.PRUNED: 50.0}.get(state, 100.0))
    with pytest.raises((ValueError, RuntimeError)):
        chooser.importances()


def test_diverged_and_failed_trials_do_not_hold_it_up():
    chooser = OptunaSampler(0, 25)
    for index in range(20):
        u = chooser.ask(index)
        state = TrialState.DIVERGED if u[0] > 0.7 else TrialState.FAILED if u[1] > 0.8 else FINISHED
        chooser.tell(index, state, {TrialState.DIVERGED: 100.0, TrialState.FAILED: None}.get(state, bowl(*u)))
    assert chooser.ask(20)[0] < 0.9


def test_after_a_restart_it_knows_what_was_tried(tmp_path):
    search = Search(tmp_path, PLAN)
    search.folder.mkdir()
    chooser = OptunaSampler.of(search)
    for index in range(18):
        u = chooser.ask(index)
        end(search, PLAN.point(index, *u), bowl(*u))
        chooser.tell(index, FINISHED, bowl(*u))
    under_way = PLAN.point(18, *chooser.ask(18))
    search.journal.append("start", under_way.key, under_way)
    epoch = EpochRecord(epoch=1, top1_err=50.0, val_loss=1.0, train_loss=1.0, lr=0.1)
    search.journal.append("epoch", under_way.key, epoch)

    again = OptunaSampler.of(Search(tmp_path, PLAN))
    new = [again.ask(index) for index in range(19, 24)]
    assert not {tuple(u) for u in relative_points("sobol", 16, PLAN.seed).tolist()} & set(new)
    assert sum(abs(u_lr - 0.6) < 0.3 for u_lr, _ in new) >= 3
    again.tell(18, FINISHED, 5.0)
    assert again.importances().keys() == {"lr", "weight_decay"}
