"""Drivers of several people on one Ray cluster: nobody waits for the end of another's sweep."""

import json
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

import pandas as pd
import pytest
from chaos_site import wait_until
from ray_head import ASKS, Head
from support.runs import environment

from sweep.orchestrate.shared_cluster import TURN_VARIABLE

pytestmark = pytest.mark.system

TRAINER = """
import time

def train(config):
    time.sleep({seconds})
    yield 50.0 + config.lr + (config.split == "minival")
"""
TRIAL_S = 2.0
RUN = "run --lr 1e-3 --wd 0.1 --seeds 1"


@dataclass(frozen=True, kw_only=True)
class Person:
    """Somebody with a folder, whose driver runs on a machine of the cluster."""

    folder: Path
    driver: subprocess.Popen

    def ends(self) -> list[float]:
        """Return when each trial has ended, in seconds since the epoch."""
        lines = [line for path in self.folder.glob("sweeps/*/journal.jsonl") for line in path.open()]
        events = [json.loads(line) for line in lines if line.endswith("}\n")]
        return [event["time_ms"] / 1000 for event in events if event["event"] == "end"]

    def finish(self) -> str:
        """Wait for the end; return what was printed."""
        printed = self.driver.communicate(timeout=300)[0]
        assert self.driver.returncode == 0, printed
        return printed


def begin(folder: Path, head: Head, words: str, **variables: str) -> Person:
    folder.mkdir()
    (folder / "own.py").write_text(TRAINER.format(seconds=TRIAL_S))
    words += f" --trainer own:train --epochs 1 --address {head.address}"
    driver = subprocess.Popen(
        [sys.executable, "-m", "sweep", *words.split()],
        cwd=folder,
        env=environment(**ASKS, COLUMNS="400", **variables),
        text=True,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
    )
    return Person(folder=folder, driver=driver)


@pytest.fixture
def head():
    made = []

    def start(cpus: int) -> Head:
        made.append(Head(ASKS, cpus=cpus))
        return made[0]

    yield start
    made[0].stop()


def trials(person: Person) -> pd.DataFrame:
    words = ["export", "--out", "t.parquet"]
    subprocess.run([sys.executable, "-m", "sweep", *words], cwd=person.folder, env=environment(), check=True)
    return pd.read_parquet(person.folder / "t.parquet").drop(columns=["wall_s"])


def test_a_later_driver_gets_half_of_the_cluster_as_trials_end_and_gives_it_back(head, tmp_path):
    cluster = head(2)
    first = begin(tmp_path / "first", cluster, f"{RUN} --n 39")
    assert wait_until(lambda: len(first.ends()) >= 4, 120), first.driver.communicate(timeout=1)
    second = begin(tmp_path / "second", cluster, f"{RUN} --n 7")
    printed = second.finish()
    assert len(first.ends()) < 40, "the second has waited for the first"
    assert "1 other driver at work on this cluster" in printed.replace("\n", " ")
    assert "1 other driver at work on this cluster" in first.finish().replace("\n", " ")
    came, went = min(second.ends()), max(second.ends())
    meanwhile = [at for at in first.ends() if came < at < went]
    assert len(meanwhile) >= len(second.ends()) // 2, "the first was starved by the second"
    after = [at for at in sorted(first.ends()) if at > went + 15]
    pace = (after[-1] - after[0]) / (len(after) - 1)
    assert pace < 0.75 * TRIAL_S, "the first did not get back what the second had"
    assert [len(trials(each)) for each in (first, second)] == [40, 8]
    assert len(first.ends()) == 40


def test_more_drivers_than_workers_take_turns(head, tmp_path):
    cluster = head(1)
    given = ("tune --n-trials 6 --finalists 1 --seeds 2", f"{RUN} --n 7", f"{RUN} --n 7")
    people = [
        begin(tmp_path / str(place), cluster, words, **{TURN_VARIABLE: "4"})
        for place, words in enumerate(given)
    ]
    for each in people:
        each.finish()
    firsts, lasts = [min(each.ends()) for each in people], [max(each.ends()) for each in people]
    assert max(firsts) < min(lasts), "somebody had nothing before another one had all"
    assert [len(each.ends()) for each in people] == [8, 8, 8]


def test_a_killed_driver_takes_no_share(head, tmp_path):
    cluster = head(1)
    killed = begin(tmp_path / "killed", cluster, f"{RUN} --n 9")
    assert wait_until(lambda: len(killed.ends()) >= 1, 120)
    second = begin(tmp_path / "second", cluster, f"{RUN} --n 3")
    time.sleep(5)
    killed.driver.kill()
    killed.driver.communicate()
    printed = second.finish()
    assert "4/4" in printed
