import os
import random
import shutil
import signal
import subprocess
import sys
import threading
import time
from contextlib import closing, contextmanager

import psutil
import pytest
from mlflow import MlflowClient
from support.journals import finished
from support.plans import a_plan
from support.searches import PLAN

from sweep.core.search_plan import SearchPlan
from sweep.errors import InputError
from sweep.tracking import process as module
from sweep.tracking.process import TrackerError, TrackerProcess
from sweep.tracking.store import MlflowTracker
from sweep.workspace.search import Search
from sweep.workspace.sweep import Sweep

pytestmark = pytest.mark.slow


@pytest.fixture
def uri(mlflow_database, tmp_path, monkeypatch):
    shutil.copy(mlflow_database, tmp_path)
    uri = f"sqlite:///{tmp_path}/mlflow.db"
    monkeypatch.setenv("MLFLOW_TRACKING_URI", uri)
    monkeypatch.chdir(tmp_path)
    return uri


@pytest.fixture
def opened(uri, tmp_path):
    """A tracker with one sweep open, and a trial's history that has ended."""
    sweep = a_sweep(tmp_path)
    trial = sweep.plan.trials[0]
    sweep.journal.append("start", trial.key)
    sweep.journal.append("end", trial.key, finished(trial.key, error=12.5))
    store = TrackerProcess("digits")
    store.open_sweep(sweep.plan, sweep.plan_file, "ours")
    yield store, sweep, trial
    store.close()


def a_sweep(folder):
    sweep = Sweep(folder, a_plan())
    sweep.folder.mkdir()
    sweep.write_plan()
    return sweep


def send(opened):
    store, sweep, trial = opened
    store.send_trial(sweep.name, trial, sweep.journal.history(trial.key))


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
    again = MlflowTracker("digits", create=False)
    again.look(sweep.plan, "ours")
    assert again.differences(sweep.name, records) == {}
    assert again.results([trial.key]) == {trial.key: sweep.journal.history(trial.key)}
    with pytest.raises(TrackerError, match="unknown"):
        store.tag_sweep("unknown", {})
    process = store._process
    os.kill(process.pid, signal.SIGINT)  # Ctrl-C is the driver's
    send(opened)
    assert store._process is process


def test_killed_at_work_it_is_started_again_and_nothing_is_there_twice(opened, uri):
    send(opened)
    process = opened[0]._process
    os.kill(process.pid, signal.SIGSTOP)  # it will not have answered
    threading.Timer(0.5, process.kill).start()
    send(opened)
    assert opened[0]._process is not process
    assert errors(uri) == [12.5]


@pytest.mark.system
def test_killed_at_any_moment_also_while_it_starts_it_is_started_again(uri, tmp_path):
    sweep = a_sweep(tmp_path)
    rng, killed = random.Random(0), []
    with closing(TrackerProcess("digits")) as store, killing(store, rng, killed):
        assert store.begin() == []
        store.open_sweep(sweep.plan, sweep.plan_file, "ours")
        for index, trial in enumerate(sweep.plan.trials):
            sweep.journal.append("start", trial.key)
            store.send_trial(sweep.name, trial, sweep.journal.history(trial.key))
            sweep.journal.append("end", trial.key, finished(trial.key, error=float(index)))
            store.send_trial(sweep.name, trial, sweep.journal.history(trial.key))
            time.sleep(1)
        store.close_sweep(sweep.name, set(sweep.states()), sweep.counts(), [])
    assert len(killed) >= 3, killed
    assert sorted(errors(uri)) == [float(index) for index in range(len(sweep.plan.trials))]
    again = MlflowTracker("digits", create=False)
    again.look(sweep.plan, "ours")
    assert again.differences(sweep.name, sweep.records()) == {}
    assert again.unexpected(sweep.name) == []


@contextmanager
def killing(store, rng, killed):
    """Kill the process of a tracker one to three times in a row, and again once it is at work."""
    done = threading.Event()

    def work():
        for burst in (3, 1, 2, 1):
            for _ in range(burst):
                if done.wait(rng.uniform(0, 3)):
                    return
                store._process.kill()
                killed.append(store._process.pid)
            while not (store._is_open and store._process.poll() is None) and not done.wait(0.05):
                pass

    thread = threading.Thread(target=work)
    thread.start()
    try:
        yield
    finally:
        done.set()
        thread.join()


def test_a_process_that_ends_whenever_it_starts_is_the_users_to_mend(uri, monkeypatch):
    monkeypatch.setattr(module, "_PAUSE_S", 0.01)
    monkeypatch.setattr(module, "_COMMAND", "import os; os.kill(os.getpid(), 9)")
    with pytest.raises(InputError, match="writes to MLflow has ended 5 times, by SIGKILL"):
        TrackerProcess("digits").begin()


def test_a_searchs_plan_crosses_once_and_of_its_trials_each_by_itself(uri, tmp_path):
    search = Search(tmp_path, PLAN)
    search.folder.mkdir()
    search.write_plan()
    store = TrackerProcess("digits")
    store.open_sweep(search.plan, search.plan_file, "ours")
    crossed, send = [], store._pipe.send
    store._pipe.send = lambda request: (crossed.append(request), send(request))
    for index in range(3):
        trial = PLAN.point(index, index / 3, index / 3)
        search.journal.append("start", trial.key, trial)
        for record in (None, finished(trial.key)):
            if record:
                search.journal.append("end", trial.key, record)
            store.send_trial(search.name, trial, search.journal.history(trial.key))
    store.close_sweep(search.name, set(search.states()), search.counts(), [])
    store.close()
    assert [request.method for request in crossed] == [*["send_trial"] * 6, "close_sweep"]
    assert not any(isinstance(part, SearchPlan) for request in crossed for part in request.args)
    client = MlflowClient(uri)
    experiment = client.get_experiment_by_name("sweep-digits")
    statuses = [run.info.status for run in client.search_runs([experiment.experiment_id])]
    assert statuses == ["FINISHED"] * 4  # the parent's, too


def test_closed_in_the_middle_of_a_request_it_is_not_started_again(opened):
    store, _, _ = opened
    process = store._process
    os.kill(process.pid, signal.SIGSTOP)
    threading.Timer(0.5, store.close).start()
    with pytest.raises(TrackerError, match="was closed before it had answered"):
        send(opened)
    assert store._process is process


DRIVER = """
import time
from sweep.tracking.process import TrackerProcess

tracker = TrackerProcess("digits")  # in a script as people write them: with no guard against being imported
print(tracker._process.pid, flush=True)
tracker.begin()
print("begun", flush=True)
time.sleep(600)
"""


@pytest.mark.parametrize("when", ["while it starts", "at work"])
def test_it_ends_with_its_driver_however_that_ends(uri, tmp_path, when):
    (tmp_path / "driver.py").write_text(DRIVER)
    driver = subprocess.Popen([sys.executable, "driver.py"], cwd=tmp_path, stdout=subprocess.PIPE, text=True)
    process = psutil.Process(int(driver.stdout.readline()))
    if when == "at work":
        assert driver.stdout.readline() == "begun\n"
    driver.kill()
    driver.communicate()
    psutil.wait_procs([process], timeout=10)
    assert not process.is_running()


def test_an_mlflow_that_cannot_be_used_is_the_users_to_mend(monkeypatch):
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "nonsense://x")
    with pytest.raises(InputError, match="MLflow at nonsense://x cannot be used"):
        TrackerProcess("digits").begin()
