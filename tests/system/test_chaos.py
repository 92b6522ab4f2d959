"""A sweep survives everything but its disk: a round of each kind of benchmarks/chaos.py, at fixed seeds."""

from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context

import chaos
import pytest
from chaos_faults import FAULTS
from chaos_servers import lacks

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
