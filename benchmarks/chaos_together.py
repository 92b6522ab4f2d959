"""Does a sweep survive several faults at once, with other commands at work in its folder?

    python benchmarks/chaos_together.py [--rounds 100] [--seed 0] [--out results/chaos_together.csv]

Each round starts a sweep of 8 trials in an empty folder. Within its first seconds, from the first millisecond
on, one to five blows strike: any process of the run's family (the driver, a worker, the raylet, the GCS, the
process that writes to MLflow, `watch`) is killed, or frozen and later woken. The clock may jump, and a second
driver, `status`, `sync` and `watch` may be at work beside the run. Then the same command is given until all
is done, and all must be as after an undisturbed run, as in chaos.py; nobody may have been shown a traceback.
One line a round is added to a CSV file; the exit code is 1 if a round went wrong, whose folder is kept.
"""

import argparse
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd
import psutil
from chaos import append, first_traceback
from chaos_clock import Clock
from chaos_site import PROGRAM, TOY, Site, wait, wait_until
from sweep_overhead import machine

RESULTS = Path(__file__).parent / "results" / "chaos_together.csv"
FAMILY = {
    "driver": " sweep run ",
    "worker": "ray::",
    "raylet": "/raylet/raylet --",
    "GCS": "gcs_server",
    "MLflow writer": "sweep.tracking",
    "watch": " sweep watch",
    "any": "",
}
"""Process → what its command line holds."""
BESIDE: Mapping[str, tuple[str, ...]] = {
    "second driver": (),
    "status": ("status",),
    "check": ("status", "--check"),
    "sync": ("sync",),
    "watch": ("watch", "--port", "0"),
}
"""Who may be at work beside the run → its words; a second driver has the first one's."""
JUMPS_S = (-86_400, -3_600, -20, 20, 3_600, 86_400, 40 * 86_400)
START_S, TRAINING_S = 12, 6
"""How long an undisturbed run takes to start, and to train, on a machine with two cores."""
TRIALS_START_WITHIN_S = 90
LONG_FREEZE_S = 60
PATIENCE_S = 120
"""How long a command beside the run may take, the time it was frozen included."""


class Action(NamedTuple):
    """What happens in a round."""

    trains: bool
    """Whether it happens once trials train, or already while the run starts."""
    at_s: float
    """After the start of the run, or of its first trial."""
    kind: str
    """kill, freeze, wake, clock or start."""
    what: str = ""
    """A key of `FAMILY`, or of `BESIDE`."""
    amount: float = 0
    """For how many seconds it is frozen, or by how many the clock jumps."""

    def __str__(self) -> str:
        amount = f" {self.amount:+.0f} s" if self.kind == "clock" else f" {self.amount:.1f} s"
        when = f"{self.at_s:.2f} s after the {'first trial' if self.trains else 'start'}"
        return f"{when}: {self.kind} {self.what}".strip() + (amount if self.amount else "")


class Outcome(NamedTuple):
    """A line of the results."""

    seed: int
    address: str
    actions: str
    struck: int
    """How many blows found what they strike."""
    exits: str
    """Exit codes of the disturbed run and of those that completed it; -9: killed."""
    beside: str
    """Exit codes of the commands beside the run."""
    ok: bool
    problems: str
    left_over: int
    """Processes of the round that were still there 30 s after its end."""
    seconds: float
    machine: str


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--rounds", type=int, default=100)
    parser.add_argument("--seed", type=int, default=0, help="of the first round; the next has the next")
    parser.add_argument("--out", type=Path, default=RESULTS)
    args = parser.parse_args()
    signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell's background jobs ignore it
    whole, wrong = undisturbed(), 0
    for seed in range(args.seed, args.seed + args.rounds):
        rng = np.random.default_rng(seed)
        outcome = play(draw(rng), "none" if rng.random() < 0.25 else "local", whole, seed)
        append(args.out, outcome)
        print(*outcome, sep=" | ", flush=True)
        wrong += not outcome.ok
    sys.exit(1 if wrong else 0)


def undisturbed() -> pd.DataFrame:
    """Return the table of an undisturbed sweep; where it is trained makes no difference to it."""
    with tempfile.TemporaryDirectory(prefix="together-", ignore_cleanup_errors=True) as folder:
        site = Site(Path(folder), address="none", work=TOY)
        assert site.until_done() == [0], site.log()
        return site.export()


def draw(rng: np.random.Generator) -> list[Action]:
    """Draw one to five blows, who is at work beside the run, and when the clock jumps."""
    actions = [_draw_blow(rng) for _ in range(rng.integers(1, 6))]
    actions += [Action(*_draw_moment(rng), "start", name) for name in BESIDE if rng.random() < 0.4]
    if rng.random() < 0.4:
        jumps = rng.choice(JUMPS_S, rng.integers(1, 3))
        actions += [Action(*_draw_moment(rng), "clock", amount=float(jump)) for jump in jumps]
    return sorted(actions)


def _draw_moment(rng: np.random.Generator) -> tuple[bool, float]:
    trains = bool(rng.random() < 0.5)
    return trains, float(rng.uniform(0, TRAINING_S if trains else START_S))


def _draw_blow(rng: np.random.Generator) -> Action:
    moment, what = _draw_moment(rng), str(rng.choice(list(FAMILY)))
    if rng.random() < 0.5:
        return Action(*moment, "kill", what)
    long = rng.random() < 0.1
    return Action(*moment, "freeze", what, LONG_FREEZE_S if long else float(np.exp(rng.uniform(-1, 2.3))))


class Stage:
    """A run, who is at work beside it, and what has been done to them."""

    def __init__(self, folder: Path, address: str, rng: np.random.Generator, *, with_clock: bool) -> None:
        self._clock = Clock(folder / "clock") if with_clock else None
        variables = self._clock.variables if self._clock else {}
        self.site = Site(folder, address=address, work=TOY, variables=variables)
        self._rng = rng
        self.beside: dict[str, subprocess.Popen] = {}
        self._frozen: list[tuple[float, psutil.Process]] = []
        self.struck = 0

    def play(self, actions: list[Action], driver: subprocess.Popen) -> None:
        """Do what is to be done, each at its time; whoever is frozen is woken, also after the last one."""
        since = {False: time.monotonic()}
        for action in sorted(actions):
            if action.trains and True not in since:
                self._wait_for_trials(driver)
                since[True] = time.monotonic()
            self._sleep_until(since[action.trains] + action.at_s)
            if action.kind == "start":
                self._start(action.what)
            elif action.kind == "clock" and self._clock:
                self._clock.jump(action.amount)
            elif action.kind in ("kill", "freeze"):
                self._strike(action, driver)
        self._sleep_until(max((until for until, _ in self._frozen), default=0))

    def _wait_for_trials(self, driver: subprocess.Popen) -> None:
        end = time.monotonic() + TRIALS_START_WITHIN_S
        while not self.site.events() and driver.poll() is None and time.monotonic() < end:
            self._sleep_until(time.monotonic() + 0.1)

    def _sleep_until(self, when: float) -> None:
        for until, process in sorted(self._frozen, key=lambda frozen: frozen[0]):
            if until <= when:
                time.sleep(max(0, until - time.monotonic()))
                with suppress(psutil.NoSuchProcess):
                    process.resume()
                self._frozen.remove((until, process))
        time.sleep(max(0, when - time.monotonic()))

    def _strike(self, action: Action, driver: subprocess.Popen) -> None:
        """Strike one process of a kind, if there is any: with nothing to strike, the run goes on."""
        found = self.site.processes(FAMILY[action.what])
        if action.what == "driver" and driver.poll() is None:
            found = [psutil.Process(driver.pid)]
        if not found:
            return
        victim = found[self._rng.integers(len(found))]
        with suppress(psutil.NoSuchProcess):
            victim.kill() if action.kind == "kill" else victim.suspend()
            self.struck += 1
        if action.kind == "freeze":
            self._frozen.append((time.monotonic() + action.amount, victim))

    def _start(self, name: str) -> None:
        words = (*PROGRAM, *BESIDE[name]) if BESIDE[name] else self.site.words
        with (self.site.folder / f"beside-{name.replace(' ', '-')}.log").open("w") as log:
            self.beside[name] = subprocess.Popen(
                words,
                cwd=self.site.folder,
                env=self.site.environment,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )

    def end_beside(self) -> dict[str, int]:
        """Wait for the commands beside the run, and return their exit codes; 124: it hung."""
        codes = {}
        for name, process in self.beside.items():
            if name == "watch":
                process.send_signal(signal.SIGINT)
            try:
                codes[name] = process.wait(PATIENCE_S)
            except subprocess.TimeoutExpired:
                process.kill()
                codes[name] = 124
        return codes


def play(actions: list[Action], address: str, whole: pd.DataFrame, seed: int = 0) -> Outcome:
    """Play one round in an empty folder."""
    started, folder = time.monotonic(), Path(tempfile.mkdtemp(prefix="together-"))
    with_clock = any(action.kind == "clock" for action in actions)
    stage = Stage(folder, address, np.random.default_rng(seed), with_clock=with_clock)
    exits, codes = [], {}
    try:
        driver = stage.site.start()
        stage.play(actions, driver)
        exits.append(wait(driver))
        codes = stage.end_beside()
        exits += stage.site.until_done() if exits != [0] else []
        problems = stage.site.problems(whole)
    except (subprocess.SubprocessError, OSError, AttributeError) as error:
        problems = [f"{type(error).__name__}: {error}"]
    problems += [f"{name} hung" for name, code in codes.items() if code == 124] + tracebacks(folder)
    left_over = end(stage.site)
    if problems:
        problems.append(f"see {folder}")
    else:
        subprocess.run(["rm", "-rf", str(folder)], check=False)
    return Outcome(
        seed=seed,
        address=address,
        actions="; ".join(map(str, actions)),
        struck=stage.struck,
        exits=" ".join(map(str, exits)),
        beside=", ".join(f"{name} {code}" for name, code in codes.items()),
        ok=not problems,
        problems="; ".join(problems),
        left_over=left_over,
        seconds=round(time.monotonic() - started, 1),
        machine=machine(),
    )


def tracebacks(folder: Path) -> list[str]:
    """Return what no user should be shown: the last line of each log's first traceback."""
    found = {path.name: first_traceback(path.read_text()) for path in sorted(folder.glob("*.log"))}
    return [f"{name} has a traceback: {last}" for name, last in found.items() if last]


def end(site: Site) -> int:
    """Count the processes of a site that do not end by themselves, and end them."""
    wait_until(lambda: not site.processes(), 30, 0.5)
    remaining = site.processes()
    for process in remaining:
        with suppress(psutil.NoSuchProcess):
            process.kill()
    return len(remaining)


if __name__ == "__main__":
    main()
