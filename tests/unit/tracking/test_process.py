import os
import shutil
import signal
import subprocess
import sys
import threading

import psutil
import pytest
from mlflow import MlflowClient
from support.journals import finished
from support.plans import a_plan
from support.searches import PLAN

from sweep.core.search_plan import SearchPlan
from sweep.errors import InputError
from sweep.tracking.process import TrackerError, TrackerProcess
from sweep.workspace.search import Search
from sweep.workspace.sweep import Sweep

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def empty_database(tmp_path_factory):
    """MLflow's schema takes seconds to create."""
    path = tmp_path_factory.mktemp("mlflow") / "mlflow.db"
    MlflowClient(f"sqlite:///{path}").create_experiment("sweep-digits")
    return path


@pytest.fixture
def uri(empty_database, tmp_path, monkeypatch):
    shutil.copy(empty_database, tmp_path)
    uri = f"sqlite:///{tmp_path}/mlflow.db"
    monkeypatch.setenv("MLFLOW_TRACKING_URI", uri)
    monkeypatch.chdir(tmp_path)
    return uri


@pytest.fixture
def opened(uri, tmp_path):
    """A store with one sweep open, and a trial's history that has ended."""
    sweep = Sweep(tmp_path, a_plan())
    sweep.folder.mkdir()
    sweep.write_plan()
    trial = sweep.plan.trials[0]
    sweep.journal.append("start", trial.key)
    sweep.journal.append("end", trial.key, finished(trial.key, error=12.5))
    store = TrackerProcess("digits")
    store.open_sweep(sweep.plan, sweep.plan_file, "ours")
    yield store, sweep, trial
    store._process.kill()


def send(opened):
    store, sweep, trial = opened
    store.send_trial(sweep.plan, trial, sweep.journal.history(trial.key))


def errors(uri):
    client = MlflowClient(uri)
    experiment = client.get_experiment_by_name("sweep-digits")
    runs = client.search_runs([experiment.experiment_id], "tags.`sweep.role` != 'sweep'")
    return [run.data.metrics["top1_err"] for run in runs]


def test_what_is_sent_arrives_and_is_found_again(opened, uri):
    store, sweep, trial = opened
    send(opened)
    assert errors(uri) == [12.5]
    records = {trial.key: sweep.journal.history(trial.key).record}
    assert store.differences(sweep.name, records) == {trial.key: "no run in MLflow"}  # when it was looked up
    again = TrackerProcess("digits")
    again.look(sweep.plan, "ours")
    assert again.differences(sweep.name, records) == {}
    assert again.results([trial.key]) == [(trial.key, sweep.journal.history(trial.key))]
    with pytest.raises(TrackerError, match="no attribute 'no_such_method'"):
        store.no_such_method()
    process = store._process
    os.kill(process.pid, signal.SIGINT)  # Ctrl-C is the driver's
    send(opened)
    assert store._process is process


def test_killed_at_work_it_is_started_again_and_nothing_is_there_twice(opened, uri):
    send(opened)
    process = opened[0]._process
    os.kill(process.pid, signal.SIGSTOP)  # it will not have answered
    threading.Timer(0.5, process.kill).start()
    with pytest.raises(TrackerError, match="started again"):
        send(opened)
    send(opened)
    assert errors(uri) == [12.5]


def test_a_searchs_plan_crosses_once_and_then_only_the_trials_that_are_new(uri, tmp_path):
    search = Search(tmp_path, PLAN)
    search.folder.mkdir()
    search.write_plan()
    store = TrackerProcess("digits")
    store.open_sweep(search.plan, search.plan_file, "ours")
    crossed, send = [], store._pipe.send
    store._pipe.send = lambda message: (crossed.append(message), send(message))
    for index in range(3):
        trial = PLAN.point(index, index / 3, index / 3)
        search.journal.append("start", trial.key, trial)
        for record in (None, finished(trial.key)):
            if record:
                search.journal.append("end", trial.key, record)
            store.send_trial(search.plan, trial, search.journal.history(trial.key))
    store.close_sweep(search.plan, search.counts(), [])
    store._process.kill()
    assert [message[0] for message in crossed] == [*["trials", "send_trial", "send_trial"] * 3, "close_sweep"]
    assert [len(message[2]) for message in crossed if message[0] == "trials"] == [1, 1, 1]
    assert not any(isinstance(part, SearchPlan) for message in crossed for part in message)
    client = MlflowClient(uri)
    experiment = client.get_experiment_by_name("sweep-digits")
    statuses = [run.info.status for run in client.search_runs([experiment.experiment_id])]
    assert statuses == ["FINISHED"] * 4  # the parent's, too: that process knows of all three trials


DRIVER = """
import time
from sweep.tracking.process import TrackerProcess
if __name__ == "__main__":
    print(TrackerProcess("digits")._process.pid, flush=True)
    time.sleep(600)
"""


def test_it_ends_with_its_driver_however_that_ends(uri, tmp_path):
    (tmp_path / "driver.py").write_text(DRIVER)
    driver = subprocess.Popen([sys.executable, "driver.py"], cwd=tmp_path, stdout=subprocess.PIPE, text=True)
    process = psutil.Process(int(driver.stdout.readline()))
    driver.kill()
    driver.communicate()
    psutil.wait_procs([process], timeout=10)
    assert not process.is_running()


def test_an_mlflow_that_cannot_be_used_is_the_users_to_mend(monkeypatch):
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "nonsense://x")
    with pytest.raises(InputError, match="MLflow at nonsense://x cannot be used"):
        TrackerProcess("digits").begin()
