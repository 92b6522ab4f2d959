"""What Ray starts: a worker of Tune's, and where several processes train a trial together, one of them."""

from collections.abc import Sequence
from typing import Any

import ray
from ray import tune
from ray.util.scheduling_strategies import PlacementGroupSchedulingStrategy

from sweep.core.jobs import Job, TrialContext
from sweep.core.trial import TrialSpec
from sweep.orchestrate.failures import describing_failures
from sweep.orchestrate.worker import Trains, TrialRunner, device
from sweep.orchestrate.worker_reports import PackReport
from sweep.utils.orphans import end_with_parent

REPORT = "report"
"""The `PackReport` in what Tune calls a result."""

PACK = "jobs"
"""The indices of a pack's jobs in what Tune calls a config."""

LOST_S = 3.0
"""For so long the reason is looked for why processes that train together have failed."""


class Worker(tune.Trainable):
    """Trains one pack of trials after the other, in this process or in several that it starts.

    A worker is reused for trial after trial: starting one (torch, timm) takes longer than a small trial.
    """

    def setup(
        self,
        config: dict[str, Any],
        jobs: list[Job],
        settings: list[TrialContext],
        on_gpu: bool,
        ranks: int = 1,
    ) -> None:
        """Load what all trials need, once."""
        end_with_parent()
        self._jobs = jobs
        self._trains: Trains = (
            _Crew(settings, on_gpu, ranks) if ranks > 1 else TrialRunner(settings, ray.get, on_gpu=on_gpu)
        )
        self.reset_config(config)

    def reset_config(self, new_config: dict[str, Any]) -> bool:
        """Turn to another pack, which Tune calls a trial.

        Only a note is taken: Tune gives a trial up at once, without a retry, if its worker fails here.
        """
        if "trial" in new_config:  # of a search: nobody knew it when this worker started
            pack = [Job(TrialSpec(**new_config["trial"]), new_config["setting"])]
        else:
            pack = [self._jobs[job] for job in new_config[PACK]]
        self._trains.turn_to(pack)
        return True

    def step(self) -> dict[str, Any]:
        """Train on, and report."""
        with describing_failures():
            report = self._trains.report()
        return {REPORT: report, "done": report.done}


def best_pack(settings: list[TrialContext], job: Job, most: int, on_gpu: bool) -> int:
    """Return how many trials like this one, up to ``most``, train the fastest together in a worker."""
    return TrialRunner(settings, ray.get, on_gpu=on_gpu).best_pack(job, most)


class _Crew:
    """The processes that train a trial together, an actor each in a bundle of the worker's placement group.

    The worker itself only waits for them: none of its threads hangs where another one's process was lost.
    They are the worker's own, so they end with it.
    """

    def __init__(self, settings: list[TrialContext], on_gpu: bool, count: int) -> None:
        self._settings, self._on_gpu, self._count = settings, on_gpu, count
        self._actors: list[Any] = []

    def turn_to(self, jobs: Sequence[Job]) -> None:
        """Take note of another pack."""
        self._next: Sequence[Job] | None = jobs

    def report(self) -> PackReport:
        """Let all train an epoch; return what the first one reports."""
        if not self._actors:
            self._start()
        jobs, self._next = self._next, None
        return self._all("report", jobs)[0]

    def _start(self) -> None:
        group = ray.util.get_current_placement_group()
        for rank, bundle in enumerate(group.bundle_specs):
            place = PlacementGroupSchedulingStrategy(group, placement_group_bundle_index=rank)
            self._actors.append(
                ray.remote(_Rank)
                .options(num_cpus=bundle["CPU"], num_gpus=bundle.get("GPU", 0), scheduling_strategy=place)
                .remote(self._settings, self._on_gpu, rank, self._count)
            )
        address = ray.get(self._actors[0].address.remote())
        self._all("join", address)

    def _all(self, method: str, *arguments: Any) -> list[Any]:
        """Let all do something; as soon as one fails, end them all, for the others may wait for ever."""
        pending = [getattr(actor, method).remote(*arguments) for actor in self._actors]
        try:
            waiting = pending
            while waiting:
                done, waiting = ray.wait(waiting)
                ray.get(done)
            return ray.get(pending)
        except Exception as error:
            lost = _lost(pending)
            for actor in self._actors:
                ray.kill(actor)
            raise (lost or getattr(error, "cause", None) or error) from None


def _lost(pending: list[Any]) -> Exception | None:
    """Return the error of a process that was lost: those of the others only follow from it."""
    done, _ = ray.wait(pending, num_returns=len(pending), timeout=LOST_S)
    for each in done:
        try:
            ray.get(each)
        except ray.exceptions.RayActorError as error:
            return error
        except Exception:
            continue
    return None


class _Rank:
    """One of the processes that train a trial together."""

    def __init__(self, settings: list[TrialContext], on_gpu: bool, rank: int, count: int) -> None:
        self._settings, self._on_gpu, self._rank, self._count = settings, on_gpu, rank, count
        self._store: Any = None

    def address(self) -> tuple[str, int]:
        """Open the store at which all meet; say where it is."""
        from torch import distributed

        host = ray.util.get_node_ip_address()
        self._store = distributed.TCPStore(host, 0, self._count, is_master=True, wait_for_workers=False)
        return host, self._store.port

    def join(self, address: tuple[str, int]) -> None:
        """Meet the others, for as long as this process lives."""
        from torch import distributed

        from sweep.training.ranks import joined

        end_with_parent()
        store = self._store or distributed.TCPStore(*address, self._count, is_master=False)
        self._meeting = joined(self._rank, self._count, store, device(self._on_gpu))
        self._runner = TrialRunner(
            self._settings, ray.get, on_gpu=self._on_gpu, ranks=self._meeting.__enter__()
        )

    def report(self, jobs: Sequence[Job] | None) -> PackReport:
        """Turn to another pack if there is one; train on, and report."""
        if jobs:
            self._runner.turn_to(jobs)
        with describing_failures():
            return self._runner.report()
