"""A queue that sends to MLflow in the background, so that training never waits for it."""

import math
import threading
import time
from collections.abc import Callable, Hashable
from typing import Generic, TypeVar

from sweep.utils.text import counted

Item = TypeVar("Item", bound=Hashable)

PAUSE_S = 2.0
"""How long an item waits for more news, so that a short trial is sent once rather than after each epoch."""
LONGEST_PAUSE_S = 60.0


class SendQueue(Generic[Item]):
    """Sends items that have news, and sends them again until that succeeds.

    Parameters
    ----------
    send : callable
        Sends one item with its latest news. If it raises, the item stays in the queue and is sent again,
        after growing pauses and behind the other items, so that it cannot block them if it is never accepted.
    """

    def __init__(self, send: Callable[[Item], None]) -> None:
        self._send = send
        self._waiting: dict[Item, float] = {}  # item → when its first news came, in that order
        self._lock = threading.Condition()
        self._closing = False
        self._pause_s = PAUSE_S
        self._sent_count = 0
        self.problem: Exception | None = None
        """Why the last attempt failed; None if it did not."""
        self._thread = threading.Thread(target=self._work, name="send-queue", daemon=True)

    def start(self) -> None:
        """Start to send."""
        self._thread.start()

    def put(self, item: Item) -> None:
        """Put an item into the queue because it has news."""
        with self._lock:
            self._waiting.setdefault(item, time.monotonic())

    @property
    def note(self) -> str:
        """What the progress display says of the queue; empty if nothing is wrong."""
        return f"MLflow is away, waiting: {counted(len(self), 'trial')}" if self.problem else ""

    def __len__(self) -> int:
        with self._lock:
            return len(self._waiting)

    def close(self, patience_s: float) -> bool:
        """Send what waits until nothing was sent for ``patience_s`` seconds; return whether all was sent."""
        with self._lock:
            self._closing = True
            self._lock.notify()
        before = -1
        while self._thread.is_alive() and self._sent_count > before:
            before = self._sent_count
            self._thread.join(patience_s)
        return not self._waiting and not self._thread.is_alive()

    def _work(self) -> None:
        while True:
            with self._lock:
                if not self._closing:
                    self._lock.wait(self._rest())
                closing, batch = self._closing, self._take_due()
            self._send_all(batch)
            if closing and (self.problem or not self._waiting):
                return

    def _rest(self) -> float:
        """Say for how long nothing needs to be sent."""
        if self.problem or not self._waiting:
            return self._pause_s
        return max(0.0, next(iter(self._waiting.values())) + PAUSE_S - time.monotonic())

    def _take_due(self) -> list[Item]:
        latest = math.inf if self._closing else time.monotonic() - PAUSE_S
        batch = [item for item, since in self._waiting.items() if since <= latest]
        for item in batch:
            del self._waiting[item]
        return batch

    def _send_all(self, batch: list[Item]) -> None:
        for place, item in enumerate(batch):
            try:
                self._send(item)
                self._sent_count += 1
            except Exception as error:  # whatever it is, the news must not be lost
                self.problem, self._pause_s = error, min(2 * self._pause_s, LONGEST_PAUSE_S)
                self._put_back([*batch[place + 1 :], item])
                return
        self.problem, self._pause_s = None, PAUSE_S

    def _put_back(self, items: list[Item]) -> None:
        with self._lock:
            self._waiting = dict.fromkeys(items, 0.0) | self._waiting  # they have waited long enough
