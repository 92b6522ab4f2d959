"""MLflow in a process of its own, so that it takes no time from the driver.

To write a run takes MLflow about as much computing as Ray Tune needs for a trial, and threads of one Python
process take turns.
"""

import json
import os
import select
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from multiprocessing import Pipe
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any, Concatenate, ParamSpec, TypeVar

from sweep.core.base_plan import BasePlan
from sweep.core.trial import TrialRecord, TrialSpec, TrialState
from sweep.errors import InputError
from sweep.tracking.base import Tracker
from sweep.workspace.journal import TrialHistory

P = ParamSpec("P")
R = TypeVar("R")

_NICENESS = 10
"""The driver comes first where there are more processes than cores. Ray gives its workers 15."""
_STARTS = 5
"""So often the process is started for one request before that fails."""
_PAUSE_S = 0.2
"""How long to wait before the second start; twice as long before each further one."""
_COMMAND = (
    "import json, sys; sys.path[:] = json.loads(sys.argv[1]); "
    "from sweep.tracking.process import serve; serve(int(sys.argv[2]))"
)


class TrackerError(Exception):
    """MLflow could not do what it was asked for."""


class TrackerLost(InputError):
    """The process that writes to MLflow ends whenever it is started."""


@dataclass(frozen=True, slots=True)
class _Begin:
    """Asks to open an experiment of MLflow. The answer: what a user should know of it."""

    recipe: str
    kind: str


@dataclass(frozen=True, slots=True)
class _Call:
    """Asks for a call of a `Tracker`. The answer: what it returns."""

    method: str
    args: tuple[Any, ...]


@dataclass(frozen=True, slots=True)
class _Reply:
    """Answers a request."""

    result: Any = None
    problem: str | None = None
    """Why there is no result."""
    is_users: bool = False
    """Whether the problem is the user's to mend."""


class _Ended(Exception):
    """The other process has ended before it answered."""


class TrackerProcess(Tracker):
    """A `sweep.tracking.store.MlflowTracker` that works in another process.

    If that process ends, another one is started, which opens the same sweeps again, and is asked again: all
    that a `Tracker` does can be done twice. The process ends with this one, however that ends, so that it
    does not write to MLflow beside the next driver.

    It is started at once, as it takes seconds to import MLflow. MLflow is opened, and its database created,
    by `begin`, or else by the first call.
    """

    def __init__(self, recipe: str, kind: str = "sweep") -> None:
        self._experiment = _Begin(recipe, kind)
        self._lock = threading.Lock()
        self._opened: dict[str, _Call] = {}
        """Sweep → the request that opened it."""
        self._is_closed = False
        self._start()

    def begin(self) -> list[str]:
        """Open MLflow; return what a user should know of it.

        Raises
        ------
        InputError
            If MLflow cannot be used, or the process ends whenever it is started.
        """
        with self._lock:
            return self._repeated(lambda: self._notes)

    def close(self) -> None:
        """End the process; what is being asked meanwhile fails."""
        self._is_closed = True
        self._kill()

    def open_sweep(self, plan: BasePlan, plan_file: Path, workspace: str) -> None:
        """See `Tracker.open_sweep`."""
        self._call(Tracker.open_sweep, plan, plan_file, workspace)
        self._opened[plan.name] = _Call("open_sweep", (plan, plan_file, workspace))

    def results(self, keys: Iterable[str]) -> dict[str, TrialHistory]:
        """See `Tracker.results`."""
        return self._call(Tracker.results, list(keys))

    def differences(self, sweep: str, records: Mapping[str, TrialRecord | None]) -> dict[str, str]:
        """See `Tracker.differences`."""
        return self._call(Tracker.differences, sweep, records)

    def send_trial(self, sweep: str, trial: TrialSpec, history: TrialHistory) -> None:
        """See `Tracker.send_trial`."""
        self._call(Tracker.send_trial, sweep, trial, history)

    def attach(self, key: str, file: Path) -> None:
        """See `Tracker.attach`."""
        self._call(Tracker.attach, key, file)

    def close_sweep(
        self,
        sweep: str,
        keys: Collection[str],
        counts: Mapping[TrialState, int],
        figures: Iterable[Path],
    ) -> None:
        """See `Tracker.close_sweep`."""
        self._call(Tracker.close_sweep, sweep, set(keys), dict(counts), list(figures))
        self._opened.pop(sweep, None)  # a new process would mark it as running again

    def describe_sweep(self, sweep: str, metrics: Mapping[str, float], note: str) -> None:
        """See `Tracker.describe_sweep`."""
        self._call(Tracker.describe_sweep, sweep, metrics, note)

    def tag_sweep(self, sweep: str, tags: Mapping[str, str]) -> None:
        """See `Tracker.tag_sweep`."""
        self._call(Tracker.tag_sweep, sweep, tags)

    def _call(self, method: Callable[Concatenate[Tracker, P], R], *args: P.args, **kwargs: P.kwargs) -> R:
        """Have a method called in the other process."""
        assert not kwargs  # only arguments by place are sent
        request = _Call(method.__name__, args)
        with self._lock:
            return self._repeated(lambda: self._ask(request))

    def _repeated(self, ask: Callable[[], R]) -> R:
        """Ask, with MLflow open; again in a new process where the process has ended."""
        for start in range(_STARTS):
            try:
                self._open()
                return ask()
            except _Ended as error:
                if self._is_closed:
                    raise TrackerError("the tracker was closed before it had answered") from error
                time.sleep(_PAUSE_S * 2**start)
        raise TrackerLost(
            f"the process that writes to MLflow has ended {_STARTS} times, {self._end()}. "
            "The same command tries again."
        )

    def _start(self) -> None:
        self._pipe, theirs = Pipe()
        self._is_open = False
        self._notes: list[str] = []
        handle = theirs.fileno()
        with theirs, _ctrl_c_held_back():
            self._process = subprocess.Popen(
                [sys.executable, "-c", _COMMAND, json.dumps(sys.path), str(handle)],
                stdin=subprocess.DEVNULL,
                pass_fds=[handle],
            )

    def _open(self) -> None:
        """See that the process runs, and has opened MLflow and the sweeps."""
        if self._process.poll() is not None:
            self._start()
        if self._is_closed:  # nothing holds the lock of the sweeps any more
            self._kill()
            raise TrackerError("the tracker is closed")
        if not self._is_open:
            self._notes = self._ask(self._experiment)
            for request in self._opened.values():
                self._ask(request)
            self._is_open = True

    def _ask(self, request: _Begin | _Call) -> Any:
        try:
            self._pipe.send(request)
            reply: _Reply = self._pipe.recv()
        except (EOFError, OSError) as error:
            self._kill()
            raise _Ended from error
        except BaseException:  # Ctrl-C before the answer: the next request would get this one's
            self._kill()
            raise
        if reply.problem is not None:
            raise InputError(reply.problem) if reply.is_users else TrackerError(reply.problem)
        return reply.result

    def _kill(self) -> None:
        self._process.kill()
        self._process.wait()

    def _end(self) -> str:
        """Say how the process has ended."""
        code = self._process.returncode
        return f"by {signal.Signals(-code).name}" if code < 0 else f"with exit code {code}"


@contextmanager
def _ctrl_c_held_back() -> Iterator[None]:
    """Let what is started here not see Ctrl-C before it can ignore it: a terminal sends it to all."""
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def serve(handle: int) -> None:
    """Answer the requests that come through a file descriptor, until the driver ends."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threading.Thread(target=_end_with_driver, args=(handle,), daemon=True).start()
    os.nice(_NICENESS)
    server = _Server()
    with suppress(EOFError, OSError), Connection(handle) as pipe:  # the driver has ended
        while True:
            pipe.send(server.reply(pipe.recv()))


class _Server:
    """Answers requests with an `MlflowTracker`, which it makes when it is asked to begin."""

    tracker: Tracker

    def __init__(self) -> None:
        with suppress(Exception):  # takes seconds; if it fails, the first request fails, too
            import sweep.tracking.store  # noqa: F401

    def reply(self, request: _Begin | _Call) -> _Reply:
        """Do what is asked for. MLflow's errors are of many kinds, and not all can be pickled."""
        try:
            return _Reply(self._result(request))
        except Exception as error:
            return _Reply(problem=str(error) or type(error).__name__, is_users=isinstance(error, InputError))

    def _result(self, request: _Begin | _Call) -> Any:
        if isinstance(request, _Call):
            return getattr(self.tracker, request.method)(*request.args)
        from sweep.tracking.store import MlflowTracker

        self.tracker = tracker = MlflowTracker(request.recipe, request.kind)
        return tracker.notes


def _end_with_driver(handle: int) -> None:
    """End this process when the driver ends, however that ends: it closes the connection."""
    poll = select.poll()
    poll.register(handle, 0)  # the end of a connection is always reported
    poll.poll()
    os._exit(1)  # in the middle of a request, too
