"""A driver's part of a cluster that other drivers use, too.

Each driver writes what it wants into the key-value store of the cluster's head, and reads what the others
want. All divide the machines by the same rule, so nobody has to decide for them.
"""

import dataclasses
import json
import math
import os
import time
from collections.abc import Callable, Iterator
from typing import Any

import ray
from ray import tune
from ray._private.state import jobs
from ray.experimental import internal_kv
from ray.tune.schedulers import FIFOScheduler
from ray.tune.search import ConcurrencyLimiter
from ray.tune.search.basic_variant import BasicVariantGenerator
from ray.tune.search.search_generator import SearchGenerator

from sweep.orchestrate.fair_shares import Claim, fair_workers
from sweep.orchestrate.machine_checks import alive
from sweep.orchestrate.searcher import TuneSearcher
from sweep.utils.text import counted

TURN_VARIABLE = "SWEEP_TURN_S"
"""Environment variable of the driver: seconds for which it keeps its only worker while others have none."""
TURN_S = 60.0
"""A worker takes up to ten seconds to start: a turn is long beside that."""
_REFRESH_S = 1.0
_SPACE = "sweep-drivers"


class Sharing(tune.Callback):
    """What this driver may have of a cluster; Tune tells it when trials start.

    Parameters
    ----------
    takes : dict of str to float
        Ray's resources of a worker.
    warn : callable
        Is called once if there are other drivers.
    """

    def __init__(self, takes: dict[str, float], warn: Callable[[str], None]) -> None:
        self._takes, self._warn = {name: value for name, value in takes.items() if value}, warn
        self._turn_s = float(os.environ.get(TURN_VARIABLE, TURN_S))
        self._own = ray.get_runtime_context().get_job_id()
        self._works, self._since = False, time.time()
        self._limit, self._next_look = 0, -math.inf
        self._others = 0

    def __getstate__(self) -> dict[str, Any]:
        return {}  # as for `TuneReporter`

    def limit(self, wants: int) -> int:
        """Return how many trials or packs Tune may have in hand, if there are so many that could run.

        Alone, it is one more than the cluster carries: one that can grow is seen to be too small.
        """
        if time.monotonic() >= self._next_look:
            claims = self._exchanged(wants)
            machines = [node["Resources"] for node in alive()]
            fair = fair_workers(claims, machines, now=time.time(), turn_s=self._turn_s)
            self._limit = fair[self._own] + (len(claims) == 1)
            self._tell(len(claims) - 1)
            self._next_look = time.monotonic() + _REFRESH_S
        return self._limit

    def wait(self, wants: int) -> None:
        """Wait until this driver may have a worker."""
        self._note(works=False)
        while not self.limit(wants):
            time.sleep(_REFRESH_S)

    def leave(self) -> None:
        """Want nothing any more."""
        internal_kv._internal_kv_del(self._own, namespace=_SPACE)

    def on_trial_start(self, iteration: int, trials: list[Any], trial: Any, **info: Any) -> None:
        """Note that there is a worker."""
        self._note(works=True)

    def _note(self, *, works: bool) -> None:
        if works != self._works:
            self._works, self._since, self._next_look = works, time.time(), -math.inf

    def _exchanged(self, wants: int) -> dict[str, Claim]:
        """Tell the others what this driver wants; return what all want."""
        own = Claim(takes=self._takes, wants=wants, works=self._works, since=self._since)
        internal_kv._internal_kv_put(self._own, json.dumps(dataclasses.asdict(own)), namespace=_SPACE)
        return dict(_claims()) | {self._own: own}

    def _tell(self, others: int) -> None:
        if others and not self._others:
            self._warn(
                f"{counted(others, 'other driver')} at work on this cluster: each gets its share of CPUs and "
                "GPUs, as trials end."
            )
        self._others = max(self._others, others)


def _claims() -> Iterator[tuple[str, Claim]]:
    """Yield the claims of all drivers, by Ray's id of each; those of drivers that have ended are removed."""
    running = {job["JobID"] for job in jobs() if not job["IsDead"]}
    for key in internal_kv._internal_kv_list("", namespace=_SPACE):
        if key.decode() not in running:
            internal_kv._internal_kv_del(key, namespace=_SPACE)
        elif text := internal_kv._internal_kv_get(key, namespace=_SPACE):
            yield key.decode(), Claim(**json.loads(text))


class StartsKept(FIFOScheduler):
    """Lets Tune run trials in their order, and keep each worker that is starting.

    Tune's own order gives a worker that is free to the trial whose own is starting, and ends that start: with
    trials that are shorter than it, a driver would never get another worker.
    """

    def choose_trial_to_run(self, tune_controller: Any) -> None:
        """Prefer no trial: then a free worker gets the first one that none is starting for."""


class SharedTrials(BasicVariantGenerator):
    """Hands the trials of a sweep to Tune, as many at once as the driver's share allows.

    While Tune has so many in hand, it is told that there are no more: then it lets the worker of a trial that
    ends go, instead of keeping it for the next one. Where nothing is in hand and nothing is allowed, it ends.
    """

    def __init__(self, sharing: Sharing, count: int) -> None:
        super().__init__()
        self.left = count
        """The trials, or packs of them, that Tune has not been given."""
        self._sharing, self._live = sharing, set[str]()

    def is_finished(self) -> bool:
        """Say whether Tune may have no other trial now."""
        return not self.left or len(self._live) >= self._sharing.limit(len(self._live) + self.left)

    def next_trial(self) -> Any:
        """Return the next trial; None if there is none now."""
        if trial := super().next_trial():
            self._live.add(trial.trial_id)
            self.left -= 1
        return trial

    def on_trial_complete(self, trial_id: str, result: dict | None = None, error: bool = False) -> None:
        """Note that a trial has ended."""
        super().on_trial_complete(trial_id, result, error)
        self._live.discard(trial_id)

    def save_to_dir(self, dirpath: str, session_str: str) -> None:
        """Save nothing: a sweep resumes from its journal."""


class SharedSearch(SearchGenerator):
    """Hands the trials of a search to Tune, as `SharedTrials` does those of a sweep."""

    def __init__(self, sharing: Sharing, searcher: TuneSearcher, parallel: int) -> None:
        super().__init__(ConcurrencyLimiter(searcher, parallel))
        self._sharing, self._asked, self._parallel = sharing, searcher, parallel

    def is_finished(self) -> bool:
        """Say whether Tune may have no other trial now."""
        live = self._asked.live
        wants = live if self._asked.waits else self._parallel
        return super().is_finished() or live >= self._sharing.limit(max(1, wants))

    def save_to_dir(self, dirpath: str, session_str: str) -> None:
        """Save nothing: a search resumes from its journal."""
