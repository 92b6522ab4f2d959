"""Runs under simulated faults keep what they promise, whatever the seed; see `support.simulation`.

A failure names its seed. `SWEEP_SIMULATION_SEED=17 pytest tests/integration/test_simulation.py` replays it.
For more seeds: `SWEEP_SIMULATION_SEEDS=100000`.
"""

import os
import time
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from multiprocessing import get_context

import pytest
from support.simulation.breakages import BREAKAGES, broken
from support.simulation.rounds import broken_promise, broken_promises, play

SEEDS = int(os.environ.get("SWEEP_SIMULATION_SEEDS", "10000"))
LONGEST_S = 25 if "SWEEP_SIMULATION_SEEDS" not in os.environ else float("inf")
"""After this time the fast test begins no further seeds; the system test plays all."""
LEAST = 200
CHUNK = 50
LEAST_NOTICED = 400
"""Seeds within which a breakage must be noticed."""


@pytest.mark.slow
def test_no_seed_breaks_a_promise():
    if "SWEEP_SIMULATION_SEED" in os.environ:
        play(int(os.environ["SWEEP_SIMULATION_SEED"]))
        return
    assert len(play_all(LONGEST_S)) >= LEAST


@pytest.mark.system
def test_none_of_ten_thousand_seeds_breaks_a_promise():
    assert len(play_all(float("inf"))) == SEEDS


def play_all(longest_s: float) -> list[str | None]:
    """Play the seeds in two processes, as long as there is time; none of them may have broken a promise."""
    started = time.time()
    with ProcessPoolExecutor(2, mp_context=get_context("spawn")) as pool:
        chunk = partial(broken_promises, count=CHUNK, until=started + longest_s)
        played = [told for chunk in pool.map(chunk, range(0, SEEDS, CHUNK)) for told in chunk]
    print(f"{len(played)} seeds in {time.time() - started:.0f} s")
    assert not any(played), "\n".join(filter(None, played))[:2000]
    return played


@pytest.mark.slow
@pytest.mark.parametrize("name", BREAKAGES)
def test_a_breakage_is_noticed(name):
    with broken(name):
        noticed = next((seed for seed in range(LEAST_NOTICED) if broken_promise(seed)), None)
    assert noticed is not None, f"{LEAST_NOTICED} seeds did not notice that {name}"


def test_a_seed_replays(capsys):
    with broken("a trial's end is not flushed to the disk"):
        seed = next(seed for seed in range(LEAST_NOTICED) if broken_promise(seed))
        assert broken_promise(seed) == broken_promise(seed) is not None
    assert broken_promise(seed) is None
