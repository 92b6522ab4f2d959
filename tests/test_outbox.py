import threading
import time

import pytest

from sweep.tracking import send_queue as module
from sweep.tracking.send_queue import Outbox


@pytest.fixture(autouse=True)
def short_pauses(monkeypatch):
    monkeypatch.setattr(module, "PAUSE_S", 0.01)


def test_everything_arrives_and_news_of_one_item_is_gathered():
    sent = []
    outbox = Outbox(sent.append)
    for item in "abab":
        outbox.put(item)
    outbox.start()
    assert outbox.close(5)
    assert sent == ["a", "b"]


def test_closing_waits_for_as_long_as_something_arrives():
    outbox = Outbox(lambda item: time.sleep(0.2))
    for item in range(8):
        outbox.put(item)
    outbox.start()
    assert outbox.close(0.8)


def test_each_item_waits_for_its_own_news_and_no_longer(monkeypatch):
    monkeypatch.setattr(module, "PAUSE_S", 1.0)
    put, sent = {}, {}
    outbox = Outbox(lambda item: sent.setdefault(item, time.monotonic()))
    outbox.start()
    for item in ("a", "b"):
        put[item] = time.monotonic()
        outbox.put(item)
        time.sleep(0.6)
    wait_for(lambda: len(sent) == 2)
    assert all(0.95 < sent[item] - put[item] < 2 for item in put)
    assert outbox.close(5)


def test_what_could_not_be_sent_is_sent_again():
    sent, attempts = [], []

    def send(item):
        attempts.append(item)
        if len(attempts) < 4:
            raise ConnectionError("away")
        sent.append(item)

    outbox = Outbox(send)
    outbox.put("a")
    outbox.put("b")
    outbox.start()
    wait_for(lambda: len(sent) == 2)
    assert outbox.close(5)
    assert sorted(sent) == ["a", "b"]
    assert outbox.problem is None


def test_one_item_that_is_always_refused_holds_nothing_else_up():
    sent = []

    def send(item):
        if item == "bad":
            raise ValueError("refused")
        sent.append(item)

    outbox = Outbox(send)
    for item in ("a", "bad", "b"):
        outbox.put(item)
    outbox.start()
    wait_for(lambda: sent == ["a", "b"])
    assert not outbox.close(5)
    assert len(outbox) == 1


def test_a_receiver_that_stays_away_is_reported_and_holds_nothing_up():
    def send(item):
        raise ConnectionError("away")

    outbox = Outbox(send)
    outbox.put("a")
    outbox.start()
    assert not outbox.close(5)
    assert len(outbox) == 1
    assert str(outbox.problem) == "away"


def test_sending_never_blocks_the_sender():
    release = threading.Event()
    outbox = Outbox(lambda item: release.wait(5))
    outbox.start()
    for item in range(1000):
        outbox.put(item)
    assert not outbox.close(0.1)
    release.set()
    assert outbox.close(5)


def wait_for(condition):
    for _ in range(500):
        if condition():
            return
        threading.Event().wait(0.01)
    raise AssertionError("waited in vain")
