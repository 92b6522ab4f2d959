import io

import pytest
from rich.console import Console
from test_journal import failed, finished
from test_plan import a_plan

from sweep.progress import ProgressView, Tally, duration
from sweep.trial import TrialRecord, TrialState

PLAN = a_plan(n=3)


def diverged(key="a"):
    return TrialRecord(key=key, state=TrialState.DIVERGED, top1_err=100.0, best_top1_err=100.0, wall_s=0.1)


def test_the_tally_counts_and_keeps_the_best():
    tally = Tally([trial.model for trial in PLAN.trials], parallel=2)
    assert tally.seconds_left() is None
    for record in (finished(error=12.0), diverged(), failed()):
        tally.add(PLAN.trials[0], record)
    assert tally.text() == "1 finished, 1 diverged, 1 failed, best error 12.00 %, about 1 s left"


def test_time_left_counts_each_model_at_its_own_pace():
    slow = a_plan(model="vit_c_1mf", n=3)
    tally = Tally([trial.model for trial in (*PLAN.trials, *slow.trials)], parallel=2)
    tally.add(PLAN.trials[0], finished())  # 1 s
    tally.add(slow.trials[0], TrialRecord(key="b", state=TrialState.FINISHED, top1_err=1.0, wall_s=9.0))
    assert tally.seconds_left() == pytest.approx((3 * 1 + 3 * 9) / 2)


@pytest.mark.parametrize(
    ("seconds", "text"), [(0.4, "0 s"), (89, "89 s"), (90, "2 min"), (3600, "60 min"), (12000, "3 h 20 min")]
)
def test_durations_are_said_as_people_do(seconds, text):
    assert duration(seconds) == text


def test_where_there_is_no_terminal_plain_lines_are_printed():
    out = io.StringIO()
    tally = Tally([trial.model for trial in PLAN.trials], parallel=2)
    with ProgressView(tally, Console(file=out)) as view:
        tally.add(PLAN.trials[0], finished())
        view.note = "MLflow is away, 1 trials wait"
        view.refresh()
    assert "trials 1/4: 1 finished" in out.getvalue()
    assert "MLflow is away" in out.getvalue()
    assert "\x1b" not in out.getvalue()
