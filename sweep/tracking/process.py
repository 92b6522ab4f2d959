"""The store in a process of its own, so that MLflow takes no time from the driver.

To write a run takes MLflow about as much computing as Ray Tune needs for a trial, and threads of one Python
process take turns.
"""

import dataclasses
import multiprocessing
import os
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from multiprocessing.connection import Connection
from typing import Any, NamedTuple

from sweep.core.base_plan import BasePlan
from sweep.core.trial import TrialSpec
from sweep.errors import InputError

_NICENESS = 10
"""The driver comes first where there are more processes than cores. Ray gives its workers 15."""


class TrackerError(Exception):
    """MLflow, or the process that speaks to it, could not do what it was asked for."""


class _Known(NamedTuple):
    """Stands for a plan that was sent before: it may list thousands of trials."""

    name: str


class TrackerProcess:
    """`sweep.tracking.store.MlflowTracker` with all its methods, at work in another process.

    If that process is killed, the next call starts another one, which opens the same sweeps again. It ends
    with this process, however that ends, so that none writes to MLflow beside the next driver.

    It is started at once, as it takes seconds to import MLflow. What making an `MlflowTracker` does, such as
    creating a database, is done by `begin`, or else by the first call; what it raises is raised there.
    """

    def __init__(self, recipe: str, kind: str = "sweep") -> None:
        self._experiment = recipe, kind
        self._lock = threading.Lock()
        self._opened: list[tuple[Any, ...]] = []
        self._start_process()

    def begin(self) -> None:
        """Open MLflow.

        Raises
        ------
        InputError
            As `MlflowTracker` does.
        """
        with self._lock:
            self._begin()

    def __getattr__(self, method: str) -> Any:
        def call(*args: Any) -> Any:
            with self._lock:
                return self._call(method, args)

        return call

    def _start_process(self) -> None:
        spawn = multiprocessing.get_context("spawn")
        self._pipe, theirs = spawn.Pipe()
        self._trials: dict[str, tuple[TrialSpec, ...]] = {}  # plan that was sent → its trials
        self._begun = False
        with _ctrl_c_held_back():
            self._process = spawn.Process(target=_serve, args=(theirs, *self._experiment), daemon=True)
            self._process.start()
        theirs.close()

    def _begin(self) -> None:
        if self._begun:
            return
        try:
            self._exchange("begin")
            self._begun = True
            for args in self._opened:
                self._call("open_sweep", args)
        except BaseException:
            self._kill()
            raise

    def _kill(self) -> None:
        self._process.kill()
        self._process.join()

    def _call(self, method: str, args: tuple[Any, ...]) -> Any:
        if not self._process.is_alive():
            self._start_process()
        self._begin()
        sent = [self._send_plan(arg) if isinstance(arg, BasePlan) else arg for arg in args]
        result = self._exchange(method, *sent)
        if method == "open_sweep" and args not in self._opened:
            self._opened.append(args)
        return result

    def _send_plan(self, plan: BasePlan) -> _Known:
        """Send what the other process does not know of a plan yet: a search's has more and more trials."""
        name, trials = plan.name, plan.trials
        known = self._trials.get(name)
        if known is None or trials[: len(known)] != known:
            self._exchange("plan", name, plan)
        elif more := trials[len(known) :]:
            self._exchange("trials", name, more)
        self._trials[name] = trials
        return _Known(name)

    def _exchange(self, *message: Any) -> Any:
        try:
            self._pipe.send(message)
            result, problem, is_users = self._pipe.recv()
        except (EOFError, OSError) as error:
            self._kill()
            raise TrackerError("the process that writes to MLflow has ended; it is started again") from error
        except BaseException:  # Ctrl-C between question and answer: the next question would get this answer
            self._kill()
            raise
        if problem is not None:
            raise InputError(problem) if is_users else TrackerError(problem)
        return result


@contextmanager
def _ctrl_c_held_back() -> Iterator[None]:
    """Let what is started here not see Ctrl-C before it can ignore it: a terminal sends it to all."""
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _serve(pipe: Connection, recipe: str, kind: str) -> None:
    """Answer calls for as long as there are any."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threading.Thread(target=_end_with_driver, daemon=True).start()
    os.nice(_NICENESS)
    from sweep.tracking.store import MlflowTracker

    store: Any = None
    plans: dict[str, BasePlan] = {}

    def answer(method: str, *args: Any) -> Any:
        nonlocal store
        if method == "begin":
            store = MlflowTracker(recipe, kind)
        elif method == "plan":
            plans[args[0]] = args[1]
        elif method == "trials":
            name, more = args
            plans[name] = dataclasses.replace(plans[name], trials=plans[name].trials + more)
        else:
            result = getattr(store, method)(*(plans[a.name] if isinstance(a, _Known) else a for a in args))
            return list(result) if isinstance(result, Iterator) else result

    while True:
        try:
            message = pipe.recv()
        except EOFError:  # no more calls
            return
        try:
            reply: tuple[Any, str | None, bool] = (answer(*message), None, False)
        except Exception as error:  # MLflow's own are of many kinds, and not all can be pickled
            reply = (None, str(error) or type(error).__name__, isinstance(error, InputError))
        pipe.send(reply)


def _end_with_driver() -> None:
    driver = multiprocessing.parent_process()
    assert driver is not None
    driver.join()
    os._exit(1)  # in the middle of a call, too
