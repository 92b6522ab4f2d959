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
    assert chromium.run("document.querySelector('#progress .about').hidden"), "nothing is hatched any more"
    assert served.end()[::2] == (130, "")
    chromium.wait(f"{STATE}.includes('sweep watch does not answer')")
    assert not [text for text in chromium.errors if "ERR_CONNECTION_REFUSED" not in text]


DELTA = "document.querySelector('.delta .plot')"
TIP = "(document.querySelector('.tip').hidden ? '' : document.querySelector('.tip').innerText)"


@pytest.fixture
def two_models(chromium, tmp_path):
    """The page on two running sweeps, of which some trials have ended; and the sweeps."""
    sweeps = [create(Workspace(tmp_path), a_plan(n=20, seeds=1, model=m)) for m in ("vit_c_1mf", "vit_p_1mf")]
    served = Served(tmp_path)
    with sweeps[0].driving(), sweeps[1].driving():
        for sweep in sweeps:
            for trial in sweep.trials[:9]:
                run(sweep, trial, 5.0)
        chromium.size(1280, 4000)
        chromium.open(served.address)
        chromium.wait(f"{STATE}.startsWith('18 of 42') && {DELTA}.querySelector('svg')")
        chromium.errors.clear()  # of a page before, whose server had ended
        yield sweeps
        chromium.open("about:blank")
    served.end()


def ends_another(chromium, sweep, place, known):
    """End a trial, and wait until the page knows."""
    run(sweep, sweep.trials[place], 7.0)
    chromium.wait(f"{STATE}.startsWith('{known} of 42')")
    time.sleep(1)  # in which the charts are drawn again


def test_a_point_can_be_asked_for_with_mouse_and_keyboard_while_the_page_fills_up(chromium, two_models):
    ends_another(chromium, two_models[0], 9, 19)
    place = chromium.run(f"""(() => {{
      const node = {DELTA}, frame = node.svg.getBoundingClientRect(), item = node.items.at(-1);
      return [frame.left + item.x, frame.top + item.y];
    }})()""")
    chromium.move(*place)
    assert "vit_" in chromium.run(TIP)
    assert "seed " in chromium.run(TIP)
    chromium.move(1, 1)
    assert chromium.run(TIP) == ""
    chromium.run(f"{DELTA}.focus()")
    chromium.press("ArrowRight")
    assert "point " in chromium.run(TIP)
    ends_another(chromium, two_models[0], 10, 20)
    assert chromium.run(f"document.activeElement === {DELTA}"), "a redrawn chart keeps the focus"
    chromium.press("Escape")
    assert chromium.run(TIP) == ""
    assert chromium.errors == []


def test_a_model_that_was_singled_out_stays_so_when_trials_end(chromium, two_models):
    pressed = f"[...{DELTA}.querySelectorAll('[aria-pressed=true]')].map(each => each.innerText).join()"
    chromium.run(f"{DELTA}.querySelector('.legend button').click()")
    chromium.wait(f"{pressed} !== ''")
    chosen = chromium.run(pressed)[: len("vit_p_1mf")]
    ends_another(chromium, two_models[1], 9, 19)
    assert chromium.run(pressed).startswith(chosen)


@pytest.mark.parametrize("width", [1280, 400])
def test_nothing_is_wider_than_the_screen(chromium, two_models, width):
    chromium.size(width, 900, dark=width == 400)
    chromium.wait(f"document.documentElement.scrollWidth <= {width}")
    assert chromium.run("document.querySelector('.state').getBoundingClientRect().bottom") < 900


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
