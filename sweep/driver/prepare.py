"""From requests to what is wanted of a folder's sweeps and searches; who hears of what is read for it."""

import dataclasses
from collections.abc import Sequence

from search_spaces import read_found
from sweep.data.parallel_reading import ReadingObserver
from sweep.driver.events import ImagesRead, OnEvent, ReadingEnded
from sweep.planning.command_options import Request, TuneRequest
from sweep.planning.inputs import Inputs
from sweep.planning.plans import PlannedSweep, make_plans
from sweep.planning.search_plans import budget_of, plan_search
from sweep.workspace.search import FOUND
from sweep.workspace.search_run import SearchRun
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


def plan_sweeps(request: Request, workspace: Workspace, on_event: OnEvent) -> list[PlannedSweep]:
    """Plan sweeps; an optimum that was found in this folder comes before a shipped one.

    Raises
    ------
    InputError
        Naming all that is wrong with the request.
    """
    asked = dataclasses.replace(request, found=workspace.folder / FOUND)
    return make_plans(asked, inputs_of(on_event))


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
            again=frozenset((trial.index, trial.repeat) for trial in p.plan.repeats),
            retry_failed=retry_failed,
        )
        for p in planned
    ]


def search_run(
    request: TuneRequest, workspace: Workspace, command: Sequence[str], on_event: OnEvent
) -> SearchRun:
    """Plan a search and open it; nothing is written yet.

    Parameters
    ----------
    request : TuneRequest
        What is asked for.
    workspace : Workspace
        The folder that the search lies in.
    command : sequence of str
        The command line that asks for the same.
    on_event : callable
        Is called with how far images are read.

    Raises
    ------
    InputError
        Naming all that is wrong with the request, or with the folder's table of optima: better known before
        the search than after it.
    """
    planned = plan_search(request, inputs_of(on_event))
    read_found(workspace.folder / FOUND)
    return SearchRun(
        search=workspace.prepare(planned.plan),
        splits=planned.splits,
        budget=budget_of(request),
        command=command,
        notes=planned.notes,
    )
