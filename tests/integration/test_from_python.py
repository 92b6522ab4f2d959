"""The Python API trains, resumes and searches like the commands, from scripts, notebooks and threads."""

import asyncio
import signal
import subprocess
import sys
import threading
from pathlib import Path

import pytest

import sweep
from sweep.driver import events

ROOT = Path(__file__).parents[2]
TINY = {"epochs": 1, "address": "none", "lr": 0.005, "wd": 0.05, "seeds": 1}


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)  # MLflow's database lies in the current folder
    return tmp_path / "sweeps"


def test_the_same_call_again_trains_nothing_and_a_larger_n_only_what_is_new(folder, capfd):
    seen = []
    first = sweep.run_sweep("vit_p_1mf", n=1, folder=folder, **TINY)
    again = sweep.run_sweep("vit_p_1mf", n=1, folder=folder, observer=seen.append, **TINY)
    assert (first.missing, first.mlflow_complete) == ((), True)
    assert again.trials.equals(first.trials)
    assert not any(isinstance(event, events.TrialStarted) for event in seen)
    more = sweep.run_sweep("vit_p_1mf", n=2, folder=folder, observer=seen.append, **TINY)
    assert [e.trial.index for e in seen if isinstance(e, events.TrialEnded)] == [1]
    assert more.sweeps == first.sweeps
    assert sweep.read_trials(folder).equals(more.trials)
    assert capfd.readouterr() == ("", ""), "nothing is printed without an observer"


def test_a_running_loop_in_another_thread_may_run_a_sweep(folder):
    before, results = (signal.getsignal(signal.SIGTERM), signal.getsignal(signal.SIGINT)), []

    async def cell():
        results.append(sweep.run_sweep("vit_p_1mf", n=1, folder=folder, **TINY))

    thread = threading.Thread(target=lambda: asyncio.run(cell()))
    thread.start()
    thread.join()
    assert (results[0].missing, len(results[0].trials)) == ((), 2)
    assert (signal.getsignal(signal.SIGTERM), signal.getsignal(signal.SIGINT)) == before


def test_the_optimum_that_was_found_is_the_next_sweeps(folder):
    Path("mine.toml").write_text(
        'dataset = "digits"\nmax_px = 16\nepochs = 1\nbatch = 64\nwarmup_epochs = 0\n'
    )
    asked = {"recipe": "mine.toml", "address": "none", "folder": folder}
    found = sweep.find_optimum("vit_p_1mf", n_trials=1, finalists=1, seeds=2, **asked)
    assert found.failed == ()
    assert len(found.trials) == 3
    planned = sweep.run_sweep("vit_p_1mf", n=1, dry_run=True, **asked)
    assert planned.missing[0].lr == found.optimum.lr
    assert found.optimum.command.startswith("sweep tune --model vit_p_1mf")
    assert "--recipe mine.toml" in found.optimum.command


def test_the_example_runs_and_says_which_model_is_better(tmp_path):
    code = f"import sys; sys.path.insert(0, {str(ROOT / 'examples')!r}); import from_python as example\n"
    code += "print(example.main(n=2, epochs=1))"
    ran = subprocess.run(
        [sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert ran.returncode == 0, ran.stderr
    assert "14 of 14 trials to train" in ran.stdout
    words = " ".join(ran.stdout.splitlines()[-3:])
    assert "vit_p_1mf" in words
    assert "vit_c_1mf" in words
