"""What is printed of what a driver reports."""

import io

import pytest
from rich.console import Console
from support.journals import failed, finished
from support.plans import a_plan
from support.searches import PLAN

from sweep.console.observer import ConsoleObserver
from sweep.core.search_plan import SearchBudget
from sweep.core.trial import EpochRecord
from sweep.driver import events

SWEEP = a_plan(n=2)
TRIAL = SWEEP.trials[0]


def printed(*reported):
    out = io.StringIO()
    observer = ConsoleObserver(Console(file=out, width=200))
    for event in reported:
        observer.on_event(event)
    return out.getvalue().splitlines()


@pytest.mark.parametrize(
    ("event", "line"),
    [
        (
            events.SweepsStarted(plans=(SWEEP,), wanted=3, to_train=0),
            f"{SWEEP.name}: 0 of 3 trials to train",
        ),
        (
            events.SearchStarted(plan=PLAN, budget=SearchBudget(points=4, finalists=1, seeds=2), to_train=6),
            f"{PLAN.name}: 6 of 6 trials to train (4 points, then the best 1 with 2 other seeds each)",
        ),
        (
            events.ResultsReused(count=2),
            "2 results taken over from other sweeps with the very same trials",
        ),
        (
            events.ResultsRecovered(count=1),
            "1 result that the journal had lost was written again from MLflow",
        ),
        (
            events.TrialMessage(trial=TRIAL, text="resumes [here]"),
            "vit_p_1mf, optimum: resumes [here]",
        ),
        (
            events.FiguresFailed(name="s", problem="KeyError: 'a'"),
            "The figures of s could not be drawn: KeyError: 'a'",
        ),
        (
            events.TrackerRefused(name="s", problem="gone"),
            "MLflow did not take the end of s: gone",
        ),
        (
            events.TrackerBehind(problem="", remedy="`sweep sync`"),
            "MLflow has not taken everything: `sweep sync` sends the rest.",
        ),
        (
            events.TrackerBehind(problem="no route", remedy="`sweep sync`"),
            "MLflow has not taken everything (no route): `sweep sync` sends the rest.",
        ),
        (events.Message(text="[bold]as it is"), "[bold]as it is"),
    ],
)
def test_each_event_is_printed_in_a_line(event, line):
    assert printed(event) == [line]


def test_the_start_says_how_many_trials_the_seeds_add():
    (_, line) = printed(events.SweepsStarted(plans=(SWEEP,), wanted=9, to_train=0, seed_trials=4))
    assert line.startswith("4 of these train the optima with further seeds")
    assert line.endswith("--seeds 1 leaves them out")


def test_events_outside_a_training_that_say_nothing_print_nothing():
    assert printed(events.TrialStarted(trial=TRIAL), events.TrainingEnded()) == []


def test_trials_are_counted_and_the_last_line_says_how_they_ended():
    epoch = EpochRecord(epoch=1, top1_err=9.0, val_loss=1.0, train_loss=1.0, lr=0.1)
    assert printed(
        events.TrainingStarted(work=(("vit_p_1mf", 25),) * 3, parallel=1, in_process=True),
        events.TrialStarted(trial=TRIAL),
        events.EpochReported(trial=TRIAL, record=epoch),
        events.TrialEnded(trial=TRIAL, record=finished(TRIAL.key, error=8.0), epochs=25),
        events.TrackerDelayed(waiting=2),
        events.TrialEnded(trial=SWEEP.trials[1], record=failed(SWEEP.trials[1].key), epochs=25),
        events.TrainingEnded(),
    ) == [
        "trials 2/3: 1 finished, 0 diverged, 1 failed, best error 8.00 %, about 1 s left "
        "(MLflow is away, waiting: 2 trials)"
    ]
