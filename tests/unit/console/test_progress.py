import io

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.console import Console
from support.journals import failed, finished
from support.plans import a_plan

from sweep.console.progress import ProgressView, Tally
from sweep.core.trial import EpochRecord, TrialRecord, TrialState
from sweep.recipes.metric import MetricSpec
from sweep.utils.text import counted, duration, listed

PLAN = a_plan(n=3)


def diverged(key="a"):
    return TrialRecord(key=key, state=TrialState.DIVERGED, top1_err=100.0, best_top1_err=100.0, wall_s=0.1)


def ended(seconds, state=TrialState.FINISHED):
    return TrialRecord(key="b", state=state, top1_err=1.0, wall_s=seconds)


def test_the_tally_counts_and_keeps_the_best():
    tally = Tally([(trial.model, 25) for trial in PLAN.trials], parallel=2)
    assert tally.seconds_left() is None
    for record in (finished(error=12.0), diverged(), failed()):
        tally.add(PLAN.trials[0], record, 25)
    assert tally.text() == "1 finished, 1 diverged, 1 failed, best error 12.00 %, about 1 s left"


def test_the_best_of_another_metric_has_its_name_and_unit():
    metric = MetricSpec(name="return", unit="points", higher_better=True)
    tally = Tally([("agent", 5)] * 3, 1, metric)
    for value in (2.5, 31.25, 7.0):
        record = TrialRecord(key="b", state=TrialState.FINISHED, metric="return", value=value, wall_s=1.0)
        tally.add(PLAN.trials[0], record, 5)
    assert ", best return 31.25 points" in tally.text()


def test_time_left_counts_each_model_at_its_own_pace():
    slow = a_plan(model="vit_c_1mf", n=3)
    tally = Tally([(trial.model, 25) for trial in (*PLAN.trials, *slow.trials)], parallel=2)
    tally.add(PLAN.trials[0], finished(), 25)  # 1 s
    tally.add(slow.trials[0], ended(9.0), 25)
    assert tally.seconds_left() == pytest.approx((3 * 1 + 3 * 9) / 2)


def test_time_left_counts_epochs_where_lengths_differ():
    """Two trainings of 100 epochs and two of 25, two at once, at 2 s an epoch."""
    tally = Tally([("vit_p_1mf", 100), ("vit_p_1mf", 100), ("vit_p_1mf", 25), ("vit_p_1mf", 25)], parallel=2)
    long, other = PLAN.trials[:2]
    tally.add(long, ended(200.0), 100)
    assert tally.seconds_left() == pytest.approx((100 + 25 + 25) * 2 / 2)
    tally.report(other, EpochRecord(epoch=40, top1_err=9.0, val_loss=None, train_loss=None, lr=0.1))
    assert tally.seconds_left() == pytest.approx((60 + 25 + 25) * 2 / 2)
    tally.add(other, ended(200.0), 100)
    assert tally.seconds_left() == pytest.approx(25 * 2)


def test_trials_that_are_pruned_let_the_next_ones_be_expected_shorter():
    tally = Tally([("vit_p_1mf", 10)] * 6, parallel=1)
    tally.add(PLAN.trials[0], ended(10.0), 10)
    tally.add(PLAN.trials[1], ended(4.0, TrialState.PRUNED), 10)
    assert tally.seconds_left() == pytest.approx(4 * 7.0)
    tally.add(PLAN.trials[2], diverged(), 10)
    assert tally.seconds_left() == pytest.approx(3 * 7.0)


@given(st.lists(st.integers(1, 400), min_size=2, max_size=12), st.data(), st.floats(1e-3, 1e3))
def test_at_a_steady_pace_the_time_left_is_that_of_the_epochs_left(lengths, data, pace):
    ended_first = data.draw(st.integers(1, len(lengths)))
    tally = Tally([("vit_p_1mf", epochs) for epochs in lengths], parallel=3)
    for epochs in lengths[:ended_first]:
        tally.add(PLAN.trials[0], ended(pace * epochs), epochs)
    waiting = lengths[ended_first:]
    assert tally.seconds_left() == pytest.approx(pace * sum(waiting) / max(1, min(3, len(waiting))))


def test_one_is_one():
    assert [counted(n, "trial") for n in (0, 1, 2)] == ["0 trials", "1 trial", "2 trials"]


@pytest.mark.parametrize(
    ("seconds", "text"), [(0.4, "0 s"), (89, "89 s"), (90, "2 min"), (3600, "60 min"), (12000, "3 h 20 min")]
)
def test_durations_are_said_as_people_do(seconds, text):
    assert duration(seconds) == text


def test_where_there_is_no_terminal_plain_lines_are_printed():
    out = io.StringIO()
    tally = Tally([(trial.model, 25) for trial in PLAN.trials], parallel=2)
    view = ProgressView(tally, Console(file=out))
    view.start()
    view.end(PLAN.trials[0], finished(), 25)
    view.waiting = 1
    view.stop()
    assert "trials 1/4: 1 finished" in out.getvalue()
    assert "MLflow is away, waiting: 1 trial" in out.getvalue()
    assert "\x1b" not in out.getvalue()


def test_many_names_are_counted_after_the_first():
    assert listed(["a"]) == "a"
    assert listed(list("abcd")) == "a, b, c, d"  # "1 more" is no shorter than its name
    assert listed(list("abcdefgh")) == "a, b, c and 5 more"
