"""A user-defined training function that reports another metric than an error in percent."""

import json

import pytest
from support.journals import epoch, finished
from support.plans import a_plan
from support.trainers import setting_of
from support.workspaces import create

from sweep.console.board import Board
from sweep.console.status import print_status, status_json
from sweep.core.plan import Plan
from sweep.core.trial import EpochRecord, Role, TrialRecord, TrialSpec, TrialState, record_contents
from sweep.errors import InputError
from sweep.planning.command_options import Request
from sweep.planning.plans import make_plans
from sweep.planning.search_plans import TuneRequest, plan_search
from sweep.recipes.loading import of_trainer
from sweep.recipes.metric import MetricSpec
from sweep.results.parent_run import parent_run
from sweep.user_trainer import loading as trainers
from sweep.user_trainer import running
from sweep.user_trainer.contract import TrainerError
from sweep.workspace.journal import Journal
from sweep.workspace.trial_table import trial_table
from sweep.workspace.workspace import Workspace

LOSS = 'METRIC = {"name": "val_loss", "unit": "nats", "low": 0}\n'
F1 = 'METRIC = {"name": "F1", "higher_better": True, "low": 0, "high": 1}\n'
SPEC = TrialSpec(key="k", model="net", optimizer="adamw", lr=0.1, weight_decay=0.01, seed=7)


def run(name, epochs=2):
    setting = setting_of(name, epochs, trainers.load(name).fingerprint)
    return [record for [record] in running.train(SPEC, setting)]


def yielding(*values):
    return f"def train(config):\n    yield from {values}\n".replace("nan", "float('nan')")


def test_what_it_yields_is_recorded_as_it_is(write):
    name = write(LOSS + yielding(3.5, {"val_loss": 2.5, "train_loss": 2.0}))
    first, second = run(name)
    assert (first.metric, first.value, first.top1_err, first.val_loss) == ("val_loss", 3.5, None, 3.5)
    assert (second.value, second.train_loss, second.diverged_step) == (2.5, 2.0, None)


def test_a_value_that_is_not_finite_means_that_it_diverged(write):
    *_, last = run(write(LOSS + yielding(3.5, float("nan"))))
    assert (last.metric, last.value, last.val_loss, last.diverged_step) == ("val_loss", None, None, 2)


@pytest.mark.parametrize(
    ("value", "message"),
    [
        (-1, "yielded a val_loss of -1; it is from 0"),
        ({"error": 5}, "a record has val_loss and may have train_loss, lr"),
        ({"train_loss": 5}, "a record has val_loss"),
        ("x", "as its val_loss; it must be a number"),
    ],
)
def test_what_does_not_keep_to_its_metric_fails(value, message, write):
    with pytest.raises(TrainerError, match=message):
        run(write(LOSS + yielding(value, 1)))


def test_a_metric_that_is_none_is_refused_before_anything_is_planned(write):
    with pytest.raises(
        InputError, match=r"`trainer` own:train: METRIC names what it yields: .*unknown units"
    ):
        trainers.load(write("METRIC = {'name': 'a', 'units': 's'}\n" + yielding(1)))


def planned(name, **changes):
    (plan,) = make_plans(Request(trainer=name, epochs=2, n=4, seeds=2, lr=0.1, wd=0.1, **changes))
    return plan.plan


def test_the_plan_carries_it_and_is_read_back(write):
    plan = planned(write(F1 + yielding(0.5, 0.6)))
    metric = MetricSpec(name="F1", higher_better=True, low=0.0, high=1.0)
    assert plan.recipe.metric == metric
    assert Plan.from_json(plan.to_json(), "plan.json") == plan
    assert "metric" not in json.loads(a_plan().to_json())["recipe"]


def test_a_plan_whose_metric_was_changed_is_damaged(write):
    plan = planned(write(F1 + yielding(0.5, 0.6)))
    with pytest.raises(InputError, match="changed after it was written"):
        Plan.from_json(plan.to_json().replace('"high": 1.0', '"high": 2.0'), "plan.json")


def test_a_search_takes_it_and_a_sweep_names_the_search(write):
    name = write(LOSS + yielding(1, 1))
    assert plan_search(TuneRequest(trainer=name, epochs=2)).plan.recipe.metric.name == "val_loss"
    with pytest.raises(InputError, match=r"Find one: sweep tune --trainer own:train .* --epochs 2"):
        make_plans(Request(trainer=name, epochs=2, n=4))


def a_value(number, value):
    return EpochRecord(
        epoch=number, top1_err=None, metric="F1", value=value, val_loss=None, train_loss=None, lr=0.1
    )


def an_end(key, value, state=TrialState.FINISHED):
    return TrialRecord(key=key, state=state, metric="F1", value=value, best_value=0.7, epochs=2, wall_s=1.0)


def test_a_journal_holds_the_values_and_one_of_errors_is_as_ever(tmp_path):
    journal = Journal(tmp_path / "journal.jsonl")
    journal.append("start", "a")
    journal.append("epoch", "a", a_value(1, 0.5))
    journal.append("end", "a", an_end("a", 0.5))
    history = Journal(tmp_path / "journal.jsonl").history("a")
    assert (history.epochs[1][1].value, history.record) == (0.5, an_end("a", 0.5))
    for record in (epoch(1), finished("a")):
        assert not {"metric", "value", "best_value"} & record_contents(record).keys()


@pytest.mark.parametrize(
    "wrong",
    [
        {"metric": "F1"},
        {"metric": "F1", "value": 0.5, "top1_err": 50.0},
        {"metric": "F1", "value": float("nan")},
        {"metric": 5, "value": 0.5},
        {"value": 0.5, "top1_err": 50.0},
        {"metric": "F1", "value": 0.5, "state": TrialState.DIVERGED},
        {"metric": "F1", "value": 0.5, "state": TrialState.FAILED},
    ],
)
def test_a_record_that_contradicts_itself_is_refused(wrong):
    with pytest.raises(ValueError, match=r"F1|metric|value"):
        TrialRecord(**({"key": "a", "state": TrialState.FINISHED} | wrong))


@pytest.fixture
def sweep(tmp_path):
    """Four points with F1 0.5, 0.55, 0.6 and none, as it diverged; two trials at the optimum with 0.6."""
    recipe = of_trainer("own:train", 2, MetricSpec(name="F1", higher_better=True, low=0.0, high=1.0))
    made = create(Workspace(tmp_path), a_plan(recipe=recipe, n=4, seeds=2))
    for trial in made.plan.trials:
        record = an_end(trial.key, 0.6 if trial.role is Role.OPTIMUM else 0.5 + 0.05 * trial.index)
        if trial.index == 3:
            record = an_end(trial.key, None, TrialState.DIVERGED)
        made.journal.append("end", trial.key, record)
    return made


def test_the_table_has_its_columns(sweep):
    table = trial_table([sweep])
    assert table["top1_err"].isna().all()
    assert set(table["metric"]) == {"F1"}
    assert table.loc[table["role"] == "point", "value"].tolist()[:3] == pytest.approx([0.5, 0.55, 0.6])
    assert set(table["better"]) == {"higher"}
    assert "metric" not in trial_table([]).columns


def test_status_and_the_board_show_its_best(sweep, capsys):
    from sweep.console.output import plain_console

    (row,) = status_json([sweep], trials=False)
    assert (row["metric"], row["at_optimum"], row["best_value"]) == ("F1", 0.6, 0.6)
    assert "best_err" not in row
    print_status([sweep], plain_console(), trials=True)
    out = capsys.readouterr().out
    assert "%" not in out
    assert "numbers are F1" in out
    board = Board([sweep.plan], [record for record in sweep.records().values() if record])
    (shown,) = board._sweeps
    assert (shown.best, shown.share(1.0)) == (0.6, None)


def test_its_parent_run_has_results_by_its_name(sweep):
    run = parent_run(sweep)
    assert run.metrics["at_optimum"] == 0.6
    assert run.metrics["within_0.04"] == 0.25
    assert "optimum_err" not in run.metrics
    assert "| F1 at the optimum (± standard error) | 0.600 ± 0.000 |" in run.note
    assert "near the F1 at its optimum" in run.note
    assert "error" not in run.note.replace("standard error", "")
