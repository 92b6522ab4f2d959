"""The driver's log holds what a terminal need not show: real processes, real Ray."""

import re
import time

import psutil
import pytest
from support.runs import start, sweep, wait_for_events

OWN = """
import time
from pathlib import Path

def train(config):
    for epoch in range(config.epochs):
        if config.model == "slow" and not Path(__file__).with_name("fast").exists():
            time.sleep(0.5)
        if config.model == "raises":
            raise OSError("https://user:secret@host is away")
        yield 50
"""
WORDS = ("run", "--lr", ".02", "--wd", ".01", "--n", "1", "--seeds", "1", "--trainer", "own:train")
ENDED = "its process was killed, or Ray ended it. What is known"
HERE = ("--address", "none", "--epochs", "2", "-m", "raises", "-m", "fine")


@pytest.fixture(autouse=True)
def own(tmp_path):
    (tmp_path / "own.py").write_text(OWN)


def test_each_sweep_has_a_log_of_its_drivers_with_tracebacks_and_without_secrets(tmp_path):
    ran = sweep(tmp_path, *WORDS, *HERE)
    assert ran.returncode == 1
    (raises,) = tmp_path.glob("sweeps/raises-*/driver.log")
    (fine,) = tmp_path.glob("sweeps/fine-*/driver.log")
    for text in (raises.read_text(), fine.read_text()):
        assert re.search(r"versions: Python 3\.\d+\.\d+, .*torch \d.*mlflow \d", text)
        assert "--trainer own:train" in text
        assert "secret" not in text
        assert text.splitlines()[-1].endswith("driver ends")
    assert raises.read_text().count("OSError: https://***@host is away") >= 2
    assert 'raise OSError("https://***@host is away")' in raises.read_text()
    assert "OSError" not in fine.read_text()
    assert fine.read_text().count("TrialEnded") == 2
    assert "secret" not in "".join(path.read_text() for path in tmp_path.glob("sweeps/*/errors/*"))
    assert sweep(tmp_path, *WORDS, *HERE).returncode == 1
    assert fine.read_text().count("driver ends") == 2, "appended"


def test_verbose_prints_the_log_with_every_epoch(tmp_path):
    ran = sweep(tmp_path, *WORDS, *HERE[:4], "-m", "fine", "--verbose")
    assert ran.returncode == 0, ran.stdout + ran.stderr
    assert "INFO sweep.driver.log: versions: Python" in ran.stderr
    assert ran.stderr.count("EpochReported") == 4
    assert "sweep.driver" not in ran.stdout


@pytest.mark.slow
def test_a_run_that_is_killed_names_its_log(tmp_path):
    driver = start(tmp_path, *WORDS, "--address", "none", "--epochs", "300", "-m", "slow")
    wait_for_events(tmp_path, "epoch", 1)
    driver.kill()
    out, _ = driver.communicate(timeout=60)
    (log,) = tmp_path.glob("sweeps/slow-*/driver.log")
    assert f"ended suddenly: {ENDED} is in {log.relative_to(tmp_path)}." in out


@pytest.mark.system
def test_what_ray_prints_of_a_lost_raylet_is_in_the_log_and_not_on_the_terminal(tmp_path):
    words = (*WORDS, "--epochs", "300", "-m", "slow")
    driver = start(tmp_path, *words)
    wait_for_events(tmp_path, "epoch", 2)
    time.sleep(1)
    children = psutil.Process(driver.pid).children()
    next(child for child in children if child.name() == "raylet").kill()
    out, _ = driver.communicate(timeout=240)
    assert driver.returncode == 1, out
    assert not re.search(r"\(raylet\)|core_worker|state-dump", out), out
    (log,) = tmp_path.glob("sweeps/slow-*/driver.log")
    assert "Raylet is terminated" in log.read_text()
    assert f"Ray: Raylet is terminated. Its messages are in {log.relative_to(tmp_path)}" in out
    ended_by_itself = log.read_text().rstrip().endswith("driver ends")
    assert ended_by_itself != (f"ended suddenly: {ENDED} is in {log.relative_to(tmp_path)}." in out), out
    (tmp_path / "fast").touch()
    again = sweep(tmp_path, *words)
    assert again.returncode == 0, again.stdout + again.stderr
