"""What a failed attempt says of itself, and when there is another one."""

import pickle

import pytest
from support.training import make_trial

from sweep.core.jobs import AttemptFailure, Job
from sweep.orchestrate.actors import Worker
from sweep.orchestrate.failures import RETRIES, AttemptError, Attempts
from sweep.orchestrate.worker import TrialRunner


def test_an_error_of_ours_has_no_line_of_the_users():
    worker = Worker.__new__(Worker)
    worker._trains = TrialRunner([], lambda reference: reference, on_gpu=False)
    worker._trains.turn_to([Job(make_trial(), 0)])
    with pytest.raises(AttemptError) as caught:
        worker.step()  # there is no context
    failure = pickle.loads(pickle.dumps(caught.value)).failure
    assert failure.message == "IndexError: list index out of range"
    assert failure.origin is None
    assert "worker.py" in failure.traceback


def attempts(*errors):
    done = Attempts()
    for error in errors:
        done.add(error)
    return done


def test_lost_workers_are_retried_and_the_users_own_error_once():
    lost, one, other = (
        AttemptFailure(message="m", traceback="t", origin=at, host="h", time="now")
        for at in (None, "a.py:1", "a.py:2")
    )
    assert not attempts(*[lost] * RETRIES).exhausted
    assert attempts(*[lost] * (RETRIES + 1)).exhausted
    assert not attempts(one).exhausted
    assert attempts(one, one).exhausted
    assert attempts(one, lost, one).exhausted
    assert not attempts(one, other, lost).exhausted
