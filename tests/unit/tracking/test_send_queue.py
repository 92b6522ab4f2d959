import threading
import time

import pytest

from sweep.tracking import send_queue as module
from sweep.tracking.send_queue import SendQueue


@pytest.fixture(autouse=True)
def short_pauses(monkeypatch):
    monkeypatch.setattr(module, "PAUSE_S", 0.01)


def test_everything_arrives_and_news_of_one_item_is_gathered():
    sent = []
    queue = SendQueue(sent.append)
    for item in "abab":
        queue.put(item)
    queue.start()
    assert queue.close(5)
    assert sent == ["a", "b"]


def test_closing_waits_for_as_long_as_something_arrives():
    queue = SendQueue(lambda item: time.sleep(0.2))
    for item in range(8):
        queue.put(item)
    queue.start()
    assert queue.close(0.8)


def test_each_item_waits_for_its_own_news_and_no_longer(monkeypatch):
    monkeypatch.setattr(module, "PAUSE_S", 1.0)
    put, sent = {}, {}
    queue = SendQueue(lambda item: sent.setdefault(item, time.monotonic()))
    queue.start()
    for item in ("a", "b"):
        put[item] = time.monotonic()
        queue.put(item)
        time.sleep(0.6)
    wait_for(lambda: len(sent) == 2)
    assert all(0.95 < sent[item] - put[item] < 2 for item in put)
    assert queue.close(5)


def test_what_could_not_be_sent_is_sent_again():
    sent, attempts = [], []

    def send(item):
        attempts.append(item)
        if len(attempts) < 4:
            raise ConnectionError("away")
        sent.append(item)

    queue = SendQueue(send)
    queue.put("a")
    queue.put("b")
    queue.start()
    wait_for(lambda: len(sent) == 2)
    assert queue.close(5)
    assert sorted(sent) == ["a", "b"]
    assert queue.problem is None


def test_one_item_that_is_always_refused_holds_nothing_else_up():
    sent = []

    def send(item):
        if item == "bad":
            raise ValueError("refused")
        sent.append(item)

    queue = SendQueue(send)
    for item in ("a", "bad", "b"):
        queue.put(item)
    queue.start()
    wait_for(lambda: sent == ["a", "b"])
    assert not queue.close(5)
    assert len(queue) == 1


def test_a_receiver_that_stays_away_is_reported_and_holds_nothing_up():
    def send(item):
        raise ConnectionError("away")

    queue = SendQueue(send)
    queue.put("a")
    queue.start()
    assert not queue.close(5)
    assert len(queue) == 1
    assert str(queue.problem) == "away"


def test_sending_never_blocks_the_sender():
    release = threading.Event()
    queue = SendQueue(lambda item: release.wait(5))
    queue.start()
    for item in range(1000):
        queue.put(item)
    assert not queue.close(0.1)
    release.set()
    assert queue.close(5)


def wait_for(condition):
    for _ in range(500):
        if condition():
            return
        threading.Event().wait(0.01)
    raise AssertionError("waited in vain")
