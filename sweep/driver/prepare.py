"""Around planning: who hears of what is read for it, and what is wanted of the folders of planned sweeps."""

from collections.abc import Sequence

from sweep.data.reading import ReadingObserver
from sweep.driver.events import ImagesRead, OnEvent, ReadingEnded
from sweep.planning.inputs import Inputs
from sweep.planning.plans import PlannedSweep
from sweep.workspace.sweep_run import SweepRun
from sweep.workspace.workspace import Workspace


class _ReadingEvents(ReadingObserver):
    """Makes events of how far image files are read."""

    def __init__(self, on_event: OnEvent) -> None:
        self._on_event = on_event

    def on_read(self, done: int, total: int) -> None:
        self._on_event(ImagesRead(done=done, total=total))

    def on_end(self) -> None:
        self._on_event(ReadingEnded())


def inputs_of(on_event: OnEvent) -> Inputs:
    """Return the inputs of planning; how far images are read is reported as events."""
    return Inputs(_ReadingEvents(on_event))


def sweep_runs(
    planned: Sequence[PlannedSweep], workspace: Workspace, *, retry_failed: bool = False
) -> list[SweepRun]:
    """Open the sweep of each plan; nothing is written yet.

    Parameters
    ----------
    planned : sequence of PlannedSweep
        Their trials are wanted; a sweep may have more, from before.
    workspace : Workspace
        The folder that the sweeps lie in.
    retry_failed : bool
        Whether trials that were marked failed are trained once more.
    """
    return [
        SweepRun(
            sweep=workspace.prepare(p.plan),
            splits=p.splits,
            n=p.plan.n,
            seeds=p.plan.seeds,
            repeated=sorted({trial.index for trial in p.plan.repeats}),
            retry_failed=retry_failed,
        )
        for p in planned
    ]
