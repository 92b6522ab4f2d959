"""Ends a process whose parent has ended."""

import os
import threading
import time

GRACE_S = 2.0
EVERY_S = 1.0


def end_with_parent() -> None:
    """Let this process end soon after its parent.

    Ray's workers look for their raylet themselves. Now and then one does not notice that it was killed; and
    after a jump of the clock back by a day, none did for a day. An orphan keeps its memory, and its GPU.
    """
    parent = os.getppid()
    threading.Thread(target=_watch, args=(parent,), name="end-with-parent", daemon=True).start()


def _watch(parent: int) -> None:
    while os.getppid() == parent:
        time.sleep(EVERY_S)
    time.sleep(GRACE_S)  # Ray's own end says why
    os._exit(1)
