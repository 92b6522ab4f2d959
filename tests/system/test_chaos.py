"""A sweep survives everything but its disk: a round of each kind of benchmarks/chaos.py, at fixed seeds."""

from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context

import chaos
import chaos_clock
import chaos_together
import pytest
from chaos_faults import FAULTS
from chaos_servers import lacks
from chaos_together import Action

pytestmark = pytest.mark.system

ROUNDS = {fault: seed for seed, fault in enumerate(FAULTS, 13)}


@pytest.fixture(scope="module")
def undisturbed():
    return chaos.reference(None)


@pytest.mark.parametrize(("fault", "seed"), ROUNDS.items(), ids=ROUNDS)
def test_it_ends_as_if_nothing_had_happened(fault, seed, undisturbed):
    if missing := lacks(FAULTS[fault].needs):
        pytest.skip(missing)
    # In a process of its own: Ray reads once in a process whether clusters ask for a token.
    with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as process:
        outcome = process.submit(chaos.play, fault, seed, undisturbed).result()
    assert outcome.struck, outcome
    assert outcome.ok, outcome
    assert not outcome.left_over, outcome


def test_a_round_sees_what_is_wrong(undisturbed):
    """The check itself: one digit of one number, or one trial, makes another table."""
    lost, changed = undisturbed.iloc[1:], undisturbed.copy()
    changed.loc[3, "top1_err"] += 1e-13
    assert not lost.equals(undisturbed)
    assert not changed.equals(undisturbed)


TOGETHER = {
    "driver and MLflow writer frozen, a second driver beside": [
        Action(False, 1.0, "freeze", "MLflow writer", 2.0),
        Action(False, 3.0, "freeze", "driver", 2.0),
        Action(True, 0.2, "start", "second driver"),
        Action(True, 0.4, "start", "sync"),
    ],
    "raylet frozen, worker and watch killed": [
        Action(True, 0.0, "start", "watch"),
        Action(True, 0.2, "freeze", "raylet", 3.0),
        Action(True, 0.5, "kill", "worker"),
        Action(True, 3.0, "kill", "watch"),
    ],
    "GCS frozen, MLflow writer killed twice": [
        Action(False, 0.5, "kill", "MLflow writer"),
        Action(True, 0.2, "freeze", "GCS", 2.0),
        Action(True, 0.4, "kill", "MLflow writer"),
        Action(True, 0.6, "start", "check"),
    ],
    "the clock jumps back and forth, the driver is killed": [
        Action(False, 1.5, "clock", amount=-86_400),
        Action(True, 0.3, "clock", amount=40 * 86_400),
        Action(True, 0.5, "start", "status"),
        Action(True, 1.5, "kill", "driver"),
    ],
}


@pytest.fixture(scope="module")
def undisturbed_toy():
    return chaos_together.undisturbed()


@pytest.mark.parametrize("actions", TOGETHER.values(), ids=TOGETHER)
def test_several_faults_at_once_change_nothing(actions, undisturbed_toy):
    if any(action.kind == "clock" for action in actions) and not chaos_clock.can_be_made():
        pytest.skip("no C compiler")
    with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as process:
        outcome = process.submit(chaos_together.play, actions, "local", undisturbed_toy).result()
    assert outcome.struck, outcome
    assert outcome.ok, outcome
    assert not outcome.left_over, outcome
