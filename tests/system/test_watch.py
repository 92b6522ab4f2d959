"""`sweep watch` beside a run, in a real browser."""

import os
import signal
import subprocess
import sys
import time

import pytest
from support.browser import CHROMIUM, browser
from support.journals import epoch, failed, finished
from support.plans import a_plan
from support.runs import WORDS, environment, start
from support.workspaces import create

from sweep.core.trial import TrialRecord, TrialState
from sweep.workspace.workspace import Workspace

pytestmark = [
    pytest.mark.system,
    pytest.mark.skipif(CHROMIUM is None, reason="no chromium (Debian package chromium)"),
]
STATE = "document.querySelector('.state').textContent"


class Served:
    """A running `sweep watch`."""

    def __init__(self, folder):
        self.process = subprocess.Popen(
            [sys.executable, "-m", "sweep", "watch", "--dir", str(folder), "--port", "0"],
            env=environment(),
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        self.address = self.process.stdout.readline().split()[0]

    def end(self):
        """Press Ctrl-C; return what it printed since it began."""
        self.process.send_signal(signal.SIGINT)
        out, err = self.process.communicate(timeout=20)
        return self.process.returncode, out, err


@pytest.fixture(scope="module")
def chromium(tmp_path_factory):
    with browser(tmp_path_factory.mktemp("browser")) as made:
        yield made


def run(sweep, trial, error):
    """Note a whole trial, as its driver does."""
    sweep.journal.append("start", trial.key)
    sweep.journal.append("epoch", trial.key, epoch(1))
    record = failed(trial.key) if error is None else finished(trial.key, error)
    if error == 100:
        record = TrialRecord(key=trial.key, state=TrialState.DIVERGED, top1_err=100.0, epochs=1)
    sweep.journal.append("end", trial.key, record)


def test_the_page_fills_up_while_a_driver_writes(chromium, tmp_path):
    sweep = create(Workspace(tmp_path), a_plan(n=20, seeds=1))
    optimum, *points = sweep.trials
    served = Served(tmp_path)
    chromium.errors.clear()
    with sweep.driving():
        chromium.open(served.address)
        chromium.wait(f"{STATE}.startsWith('0 of 21 trials have a result')")
        assert "Δ is known as soon as" in chromium.run("document.querySelector('.delta').innerText")
        run(sweep, optimum, 5.0)
        for trial in points[:8]:
            run(sweep, trial, 6.0)
        chromium.wait("document.querySelector('.delta svg')")
        said = "document.querySelector('.ranking li').innerText"
        chromium.wait(f"{said}.includes('so far 100 % of its trials')")
        assert "will end between 40 % and 100 %" in chromium.run(said)
        assert chromium.run("document.querySelector('.delta [fill^=\"url(#hatch\"]') !== null")
        run(sweep, points[8], None)
        run(sweep, points[9], 100.0)
        sweep.journal.append("start", points[10].key)
        chromium.wait(f"{STATE}.startsWith('10 of 21 trials have a result, 1 running, 1 failed, about')")
        assert "point 8: OSError: gone" in chromium.run("document.querySelector('.failures').innerText")
        chromium.run("window.kept = true")
        run(sweep, points[8], 30.0)
        for trial in points[10:]:
            run(sweep, trial, 30.0)
        chromium.wait("window.kept === undefined && document.querySelector('#findings-h')")
    chromium.wait(f"{STATE} === '21 of 21 trials have a result.'")
    assert chromium.run("document.querySelector('.delta [fill^=\"url(#hatch\"]')") is None
    assert "40 % of its trials within 4" in chromium.run("document.querySelector('.ranking li').innerText")
    assert served.end()[::2] == (130, "")
    chromium.wait(f"{STATE}.includes('sweep watch does not answer')")
    assert not [text for text in chromium.errors if "ERR_CONNECTION_REFUSED" not in text]


def test_beside_a_real_run_it_costs_next_to_nothing_and_changes_nothing(chromium, tmp_path):
    driver = start(tmp_path, *WORDS, "--n", "2", "--address", "none")
    while not list((tmp_path / "sweeps").glob("*/journal.jsonl")):
        assert driver.poll() is None
        time.sleep(0.1)
    served = Served(tmp_path / "sweeps")
    chromium.open(served.address)
    assert driver.wait(timeout=200) == 0
    chromium.wait(f"{STATE} === '6 of 6 trials have a result.'")
    assert served.end()[::2] == (130, "")


def test_ten_thousand_trials_are_followed_for_little(chromium, tmp_path):
    sweep = create(Workspace(tmp_path), a_plan(n=10_000, seeds=5))
    for trial in sweep.trials[:5]:
        run(sweep, trial, 5.0)
    lines = (sweep.folder / "journal.jsonl").read_text()
    key, rest = sweep.trials[0].key, sweep.trials[5:9_000]
    once = "".join(line + "\n" for line in lines.splitlines() if key in line)
    with (sweep.folder / "journal.jsonl").open("a") as file:
        file.writelines(once.replace(key, trial.key) for trial in rest)
    sweep = Workspace(tmp_path).open(sweep.name)
    served = Served(tmp_path)
    chromium.size(1280)
    chromium.open(served.address)
    chromium.wait(f"{STATE}.startsWith('9000 of 10005')", 30)
    time.sleep(1)
    begun, used, lags = time.monotonic(), cpu_s(served.process.pid), []
    for done, trial in enumerate(sweep.trials[9_000:9_010], 9_001):
        run(sweep, trial, 6.0)
        asked = time.monotonic()
        chromium.wait(f"{STATE}.startsWith('{done} of 10005')", 5)
        lags.append(time.monotonic() - asked)
        time.sleep(1)
    share = (cpu_s(served.process.pid) - used) / (time.monotonic() - begun)
    print(
        f"behind by {sorted(lags)[len(lags) // 2]:.2f} s in the median, {max(lags):.2f} s at most; "
        f"{100 * share:.2f} % of a core"
    )
    assert sorted(lags)[len(lags) // 2] < 5, "it is below a second on a machine at rest"
    assert share < 0.1, "it is 1 % on a machine at rest"
    assert served.end()[0] == 130


def cpu_s(process: int) -> float:
    with open(f"/proc/{process}/stat") as file:
        user, system = file.read().rpartition(")")[2].split()[11:13]
    return (int(user) + int(system)) / os.sysconf("SC_CLK_TCK")
