"""What is written to MLflow and read back, in a real MLflow."""

import dataclasses
import json
import shutil
from pathlib import Path

import pytest
from mlflow import MlflowClient
from mlflow.entities import ViewType
from support.journals import finished
from support.plans import a_plan

from sweep.core.plan import Plan
from sweep.core.trial import EpochRecord, TrialRecord, TrialState
from sweep.errors import InputError
from sweep.tracking.store import MlflowTracker
from sweep.tracking.views import ui_lines
from sweep.workspace.journal import TrialHistory

PLAN = a_plan(n=3)
OPTIMUM, GOOD, DIVERGED, FAILED = PLAN.trials
OURS, THEIRS = "0123456789abcdef", "fedcba9876543210"


def epoch(number: int, error: float, **more) -> EpochRecord:
    loss = error / 3 + 0.1
    values = {"val_loss": loss, "train_loss": loss / 7, "lr": 0.1 / number, "top5_err": error / 3} | more
    return EpochRecord(epoch=number, top1_err=error, **values)


def a_history(key: str, **end) -> TrialHistory:
    """A finished trial whose numbers need all their bits."""
    epochs = {1: (1001, epoch(1, 100 / 3)), 2: (1002, epoch(2, 100 / 7))}
    values = {
        "state": TrialState.FINISHED,
        "top1_err": 100 / 7,
        "best_top1_err": 100 / 7,
        "epochs": 2,
        "wall_s": 1 / 3,
        "device": "cpu",
        "host": "here",
    }
    record = TrialRecord(key=key, **(values | end))
    return TrialHistory(started_ms=1000, epochs=epochs, ended_ms=1003, record=record)


def a_diverged_history(key: str) -> TrialHistory:
    history = a_history(
        key, state=TrialState.DIVERGED, top1_err=100.0, best_top1_err=100 / 3, diverged_step=7
    )
    broken = epoch(2, 100.0, val_loss=None, train_loss=None, diverged_step=7, last_finite_loss=2 / 3)
    history.epochs[2] = (1002, broken)
    return history


HISTORIES = {
    OPTIMUM.key: a_history(OPTIMUM.key),
    GOOD.key: a_history(GOOD.key),
    DIVERGED.key: a_diverged_history(DIVERGED.key),
    FAILED.key: TrialHistory(
        started_ms=1000,
        ended_ms=1003,
        record=TrialRecord(key=FAILED.key, state=TrialState.FAILED, error="OSError: gone"),
    ),
}


RECORDS = {key: history.record for key, history in HISTORIES.items()}


@pytest.fixture
def folder(mlflow_database, tmp_path, monkeypatch):
    shutil.copy(mlflow_database, tmp_path)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv(
        "MLFLOW_TRACKING_URI", f"sqlite:///{tmp_path}/mlflow.db"
    )  # MLflow keeps a pool an address
    (tmp_path / "plan.json").write_text("{}")
    return tmp_path


@pytest.fixture
def client(folder):
    return MlflowClient()


def opened(folder, owner: str = OURS) -> MlflowTracker:
    store = MlflowTracker("digits")
    store.open_sweep(PLAN, folder / "plan.json", owner)
    return store


def deliver(folder, owner: str = OURS) -> None:
    """Do what a driver does that has all histories in its journal."""
    store = opened(folder, owner)
    for trial in PLAN.trials:
        if trial.key in store.differences(PLAN.name, RECORDS):
            store.send_trial(PLAN.name, trial, HISTORIES[trial.key])
    store.close_sweep(PLAN.name, HISTORIES, dict.fromkeys(TrialState, 0) | {TrialState.FINISHED: 4}, [])


def looked(owner: str = OURS, plan: Plan = PLAN) -> MlflowTracker:
    store = MlflowTracker("digits", create=False)
    store.look(plan, owner)
    return store


def runs(client, view=ViewType.ACTIVE_ONLY) -> list:
    (experiment,) = client.search_experiments(filter_string="name = 'sweep-digits'")
    return list(client.search_runs([experiment.experiment_id], run_view_type=view))


def run_of(client, key: str):
    (run,) = [run for run in runs(client) if run.data.tags.get("sweep.key") == key]
    return run


def contents(run) -> dict:
    return run.to_dictionary()


def in_order(client) -> None:
    """One parent run, one run a trial under it, nothing to complain of."""
    parent = run_of(client, PLAN.name)
    assert len(runs(client)) == 5
    for trial in PLAN.trials:
        assert run_of(client, trial.key).data.tags["mlflow.parentRunId"] == parent.info.run_id
    store = looked()
    assert store.differences(PLAN.name, RECORDS) == {}
    assert store.unexpected(PLAN.name) == []


def test_a_lost_journal_is_read_back_to_the_last_bit(folder, client):
    deliver(folder)
    in_order(client)
    found = looked().results(trial.key for trial in PLAN.trials)
    assert found == {key: HISTORIES[key] for key in (OPTIMUM.key, GOOD.key, DIVERGED.key)}


def test_the_same_again_changes_nothing(folder, client):
    deliver(folder)
    before = {run.info.run_id: contents(run) for run in runs(client) if "mlflow.parentRunId" in run.data.tags}
    deliver(folder)
    in_order(client)
    after = {run.info.run_id: contents(run) for run in runs(client)}
    assert {run: after[run] for run in before} == before


@pytest.mark.parametrize("for_good", [False, True])
@pytest.mark.parametrize("which", ["trial", "parent", "all"])
def test_what_was_deleted_is_written_again(folder, client, which, for_good):
    deliver(folder)
    for key in {"trial": [GOOD.key], "parent": [PLAN.name]}.get(which, [*HISTORIES, PLAN.name]):
        delete(client, run_of(client, key), for_good)
    store = looked()
    assert store.differences(PLAN.name, RECORDS) or store.unexpected(PLAN.name)
    deliver(folder)
    in_order(client)


def delete(client, run, for_good: bool) -> None:
    client.delete_run(run.info.run_id)
    if for_good:
        client._tracking_client.store._hard_delete_run(run.info.run_id)


@pytest.mark.parametrize("for_good", [False, True])
@pytest.mark.parametrize("which", ["trial", "parent"])
def test_what_is_deleted_while_a_driver_writes_it_is_written_again(folder, client, which, for_good):
    store = opened(folder)
    begun = TrialHistory(started_ms=1000, epochs={1: HISTORIES[GOOD.key].epochs[1]})
    store.send_trial(PLAN.name, GOOD, begun)
    delete(client, run_of(client, GOOD.key if which == "trial" else PLAN.name), for_good)
    for trial in PLAN.trials:
        store.send_trial(PLAN.name, trial, HISTORIES[trial.key])
    store.close_sweep(PLAN.name, HISTORIES, dict.fromkeys(TrialState, 0), [])
    in_order(client)
    assert looked().results([GOOD.key]) == {GOOD.key: HISTORIES[GOOD.key]}


def test_a_deleted_experiment_is_not_written_to_and_the_message_brings_it_back(folder, client):
    deliver(folder)
    experiment = client.get_experiment_by_name("sweep-digits")
    client.delete_experiment(experiment.experiment_id)
    with pytest.raises(InputError, match=f"restore --experiment-id {experiment.experiment_id}"):
        MlflowTracker("digits")
    client.restore_experiment(experiment.experiment_id)
    in_order(client)


@pytest.mark.parametrize("tags", [{"sweep.workspace": THEIRS}, {}])
def test_a_run_of_another_user_is_not_touched_however_much_it_looks_like_ours(folder, client, tags):
    deliver(folder)
    ours = run_of(client, GOOD.key)
    theirs = [
        client.create_run(
            ours.info.experiment_id,
            start_time=1,
            run_name=run.info.run_name,
            tags={k: v for k, v in run.data.tags.items() if k != "sweep.workspace"} | tags,
        ).info.run_id
        for run in (ours, run_of(client, PLAN.name))
    ]
    before = [contents(client.get_run(run)) for run in theirs]
    client.delete_run(ours.info.run_id)
    deliver(folder)
    assert [contents(client.get_run(run)) for run in theirs] == before
    assert len([run for run in runs(client) if run.data.tags["sweep.key"] == GOOD.key]) == 2
    assert looked().differences(PLAN.name, RECORDS) == {}
    assert looked().unexpected(PLAN.name) == []


def test_two_workspaces_keep_runs_of_the_same_trials_apart(folder, client):
    deliver(folder)
    before = {run.info.run_id: contents(run) for run in runs(client)}
    deliver(folder, THEIRS)
    assert len(runs(client)) == 2 * len(before)
    assert {run: contents(client.get_run(run)) for run in before} == before


def test_every_kind_of_disagreement_is_said(folder, client):
    deliver(folder)
    said = lambda: looked().differences(PLAN.name, RECORDS)  # noqa: E731
    client.set_tag(run_of(client, GOOD.key).info.run_id, "sweep.state", "diverged")
    assert said() == {GOOD.key: "diverged in MLflow, finished in the journal"}
    client.set_tag(run_of(client, GOOD.key).info.run_id, "sweep.state", "finished")
    client.log_metric(run_of(client, OPTIMUM.key).info.run_id, "best_top1_err", 1.0, step=9)
    assert said() == {OPTIMUM.key: f"best_top1_err 1.0 in MLflow, {100 / 7} in the journal"}
    journal = dict.fromkeys(HISTORIES)
    assert looked().differences(PLAN.name, journal)[DIVERGED.key] == (
        "diverged in MLflow, without a result in the journal"
    )
    client.update_run(run_of(client, FAILED.key).info.run_id, status="RUNNING")
    assert looked().differences(PLAN.name, journal)[FAILED.key] == (
        "running in MLflow, but no driver is at work"
    )
    client.update_run(run_of(client, PLAN.name).info.run_id, status="RUNNING")
    assert looked().unexpected(PLAN.name) == [
        "MLflow says that the sweep is running, but no driver is at work"
    ]


def test_a_copy_that_carries_our_tag_is_named_and_the_older_one_counts(folder, client):
    deliver(folder)
    ours = run_of(client, GOOD.key)
    copy = client.create_run(ours.info.experiment_id, start_time=2000, tags=ours.data.tags)
    (doubt,) = looked().unexpected(PLAN.name)
    assert f"2 runs of {GOOD.key}" in doubt
    before = contents(client.get_run(copy.info.run_id))
    deliver(folder)
    assert contents(client.get_run(copy.info.run_id)) == before


def test_runs_of_trials_that_the_plan_lost_are_named(folder, client):
    deliver(folder)
    smaller = dataclasses.replace(PLAN, trials=PLAN.trials[:2])
    assert looked(plan=smaller).unexpected(PLAN.name) == [
        "MLflow has runs of 2 trials that the plan does not have"
    ]


def test_what_a_killed_driver_left_running_is_ended(folder, client):
    store = opened(folder)
    store.send_trial(PLAN.name, GOOD, TrialHistory(started_ms=1000))
    assert {run.info.status for run in runs(client)} == {"RUNNING"}
    store = opened(folder)
    store.close_sweep(PLAN.name, HISTORIES, dict.fromkeys(TrialState, 0), [])
    assert {run.info.status for run in runs(client)} == {"KILLED"}


def test_looking_creates_nothing(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv(
        "MLFLOW_TRACKING_URI", f"sqlite:///{tmp_path}/mlflow.db"
    )  # MLflow keeps a pool an address
    store = looked()
    assert store.differences(PLAN.name, RECORDS) == dict.fromkeys(HISTORIES, "no run in MLflow")
    assert store.unexpected(PLAN.name) == ["MLflow has no parent run of the sweep"]
    assert not list(tmp_path.iterdir())


def test_a_trial_that_was_tried_again_shows_its_last_attempts_result(folder, client):
    deliver(folder)
    history = a_history(GOOD.key, top1_err=12.5)
    opened(folder).send_trial(PLAN.name, GOOD, history)
    assert looked().differences(PLAN.name, RECORDS | {GOOD.key: history.record}) == {}
    assert looked().results([GOOD.key])[GOOD.key].record.top1_err == 12.5


def test_a_curve_that_a_failed_trial_has_begun_is_no_result(folder, client):
    begun = dataclasses.replace(HISTORIES[FAILED.key], epochs=HISTORIES[GOOD.key].epochs)
    store = opened(folder)
    store.send_trial(PLAN.name, FAILED, begun)
    store.close_sweep(PLAN.name, HISTORIES, dict.fromkeys(TrialState, 0), [])
    assert run_of(client, FAILED.key).data.metrics["top1_err"] is not None
    assert FAILED.key not in looked().differences(PLAN.name, RECORDS)


def test_a_failed_trial_says_why(folder, client):
    deliver(folder)
    run = run_of(client, FAILED.key)
    assert (run.info.status, run.data.tags["sweep.error"]) == ("FAILED", "OSError: gone")
    assert finished().error is None


def test_a_failed_trials_traceback_is_kept_with_its_run(folder, client, tmp_path):
    deliver(folder)
    file = tmp_path / f"{FAILED.key}.txt"
    tracker = opened(folder)
    for text in ("first", "last"):
        file.write_text(text)
        tracker.attach(FAILED.key, file)
    run = run_of(client, FAILED.key).info.run_id
    assert [each.path for each in client.list_artifacts(run, "errors")] == [f"errors/{file.name}"]
    kept = Path(client.download_artifacts(run, f"errors/{file.name}", str(tmp_path)))
    assert (run_of(client, FAILED.key).info.status, kept.read_text()) == ("FAILED", "last")


def test_a_trials_point_is_there_as_numbers_too_once(folder, client):
    deliver(folder)
    deliver(folder)
    for trial in PLAN.trials:
        run = run_of(client, trial.key)
        for name, value in (("lr", trial.lr), ("weight_decay", trial.weight_decay)):
            assert [m.value for m in client.get_metric_history(run.info.run_id, name)] == [value]


def test_a_sweep_is_described_by_metrics_and_a_note_of_its_run_and_nothing_is_written_twice(folder, client):
    for area in (0.5, 0.5, 0.75):
        opened(folder).describe_sweep(PLAN.name, {"area_8": area, "best": 1.0}, "see run {run}")
    run = run_of(client, PLAN.name)
    assert run.data.tags["mlflow.note.content"] == f"see run {run.info.run_id}"
    history = {name: client.get_metric_history(run.info.run_id, name) for name in ("area_8", "best")}
    assert {name: [m.value for m in found] for name, found in history.items()} == {
        "area_8": [0.5, 0.75],
        "best": [1.0],
    }


def test_an_experiment_of_an_earlier_version_gets_the_views_and_keeps_its_own_tags(folder, client):
    made = client.create_experiment("sweep-digits", tags={"mine": "stays"})
    assert ui_lines("http://here") == []
    opened(folder)
    tags = client.get_experiment(made).tags
    assert tags["mine"] == "stays"
    assert tags["mlflow.experimentKind"] == "custom_model_development"
    assert ui_lines("http://here") == [
        f"sweep-digits: http://here/#/experiments/{made}/runs"
        "?workflowType=machine_learning&viewStateShareKey=sweeps"
    ]


@pytest.mark.parametrize(("view", "keys"), [("sweeps", {PLAN.name}), ("trials", set(RECORDS))])
def test_a_view_shows_the_runs_that_it_is_of(view, keys, folder, client):
    deliver(folder)
    (experiment,) = client.search_experiments(filter_string="name = 'sweep-digits'")
    shown = json.loads(experiment.tags[f"mlflow.sharedViewState.{view}"])
    order = f"{shown['orderByKey']} {'ASC' if shown['orderByAsc'] else 'DESC'}"
    found = client.search_runs([experiment.experiment_id], shown["searchFilter"], order_by=[order])
    assert {run.data.tags["sweep.key"] for run in found} == keys
