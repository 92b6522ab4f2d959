"""From planned sweeps to what is wanted of their folders."""

from collections.abc import Sequence

from sweep.planning.plans import PlannedSweep
from sweep.workspace.sweep_run import SweepRun
from sweep.workspace.workspace import Workspace


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
