"""Runs sweeps in rounds, until their comparison is settled: `sweep run --until settled`.

A round is what `sweep run` with its number of points is, and whether another one follows is decided by the
results of its points alone, whatever other trials there are. So the same command goes on where it was
stopped, and ends with the very same trials.
"""

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, NamedTuple

from sweep.core.plan import Plan
from sweep.core.resources import Resources
from sweep.driver.events import OnEvent, RoundEnded
from sweep.driver.prepare import sweep_runs
from sweep.driver.run import run
from sweep.planning.command_options import Request
from sweep.planning.plans import PlannedSweep
from sweep.workspace.sweep import Growth
from sweep.workspace.sweep_run import SweepRun
from sweep.workspace.workspace import Workspace

if TYPE_CHECKING:
    import pandas as pd

    from analysis import Look, SweepTrials


class RoundsRun(NamedTuple):
    """What the rounds came to."""

    tasks: list[SweepRun]
    """What was wanted in the last one."""
    complete: bool
    """Whether MLflow has all of it, the figures too."""


def growth_of(request: Request) -> Growth | None:
    """Return how sweeps shall grow; None if all their points are asked for at once."""
    if request.until is None or request.n is None or request.max_n is None:
        return None
    return Growth(first_n=request.n, max_n=request.max_n)


def run_planned(
    planned: Sequence[PlannedSweep],
    growth: Growth | None,
    workspace: Workspace,
    resources: Resources,
    on_event: OnEvent,
    *,
    retry_failed: bool = False,
) -> RoundsRun:
    """Train what is planned: all at once, or in rounds where the sweeps grow (see `run_rounds`)."""
    if growth:
        return run_rounds(planned, growth, workspace, resources, on_event, retry_failed=retry_failed)
    tasks = sweep_runs(planned, workspace, retry_failed=retry_failed)
    return RoundsRun(tasks, run(tasks, workspace, resources, on_event))


def run_rounds(
    planned: Sequence[PlannedSweep],
    growth: Growth,
    workspace: Workspace,
    resources: Resources,
    on_event: OnEvent,
    *,
    retry_failed: bool = False,
) -> RoundsRun:
    """Train round after round until the comparison of all sweeps is settled, or cannot be.

    Parameters
    ----------
    planned : sequence of PlannedSweep
        The plans, with the points of the last round.
    growth : Growth
        How the sweeps grow.
    workspace : Workspace
        The folder that the sweeps lie in.
    resources : Resources
        Where trials run, and what each takes.
    on_event : callable
        Is called with each event (`sweep.driver.events`).
    retry_failed : bool
        Whether trials that were marked failed are trained once more.

    Returns
    -------
    RoundsRun
        It ends early if a trial has no result: of some trials only, nothing is decided.

    Raises
    ------
    InputError
        As `sweep.driver.run.run` does, or if a sweep grows in other rounds already.
    KeyboardInterrupt
        After Ctrl-C or SIGTERM; every finished trial is kept.
    """
    from analysis import Rounds

    for each in planned:
        workspace.prepare(each.plan).check_growth(growth)
    for n in Rounds(first=growth.first_n, most=growth.max_n).sizes:
        tasks = tasks_of(planned, n, growth, workspace, retry_failed=retry_failed)
        trained = any(task.missing for task in tasks)
        complete = not trained or run(tasks, workspace, resources, on_event)
        if any(task.missing for task in tasks):
            break
        found = look_at(tasks, n, growth)
        if trained or found.is_last:
            on_event(RoundEnded(n=n, is_last=found.is_last, sentences=tuple(found.sentences)))
        if found.is_last:
            complete = complete if trained else run(tasks, workspace, resources, on_event)
            break
    return RoundsRun(tasks, complete)


def tasks_of(
    planned: Sequence[PlannedSweep],
    n: int,
    growth: Growth,
    workspace: Workspace,
    *,
    retry_failed: bool = False,
) -> list[SweepRun]:
    """Return what a round of n points wants of each sweep; nothing is written yet."""
    first = [replace(each, plan=_first(each, n)) for each in planned]
    tasks = sweep_runs(first, workspace, retry_failed=retry_failed)
    return [replace(task, growth=growth) for task in tasks]


def _first(planned: PlannedSweep, n: int) -> Plan:
    """Return the plan of the first n points, and of the repeats of these."""
    plan = planned.plan
    again = frozenset((trial.index, trial.repeat) for trial in plan.repeats if trial.index < n)
    return plan.first(n, plan.seeds, again)


def look_at(tasks: Sequence[SweepRun], n: int, growth: Growth) -> "Look":
    """Return what `sweep compare` says of a round's trials, and which questions it leaves open."""
    import analysis

    wanted = {trial.key for task in tasks for trial in task.wanted}
    sweeps = read_sweeps(tasks, lambda table: table[table["key"].isin(wanted)])
    rounds = analysis.Rounds(first=growth.first_n, most=growth.max_n)
    return analysis.look(analysis.compare(sweeps), n, rounds)


def read_sweeps(
    tasks: Sequence[SweepRun], select: "Callable[[pd.DataFrame], pd.DataFrame]" = lambda table: table
) -> "list[SweepTrials]":
    """Return the trials of sweeps as they are compared; of a table of all, those that are selected."""
    import analysis
    from sweep.results.figures import with_places
    from sweep.workspace.trial_table import trial_table

    table = with_places(trial_table(task.sweep for task in tasks))
    return analysis.read_sweeps(select(table), any_metric=True)
