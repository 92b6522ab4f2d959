"""What planned sweeps can show: how many points it takes to see a difference in robustness."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from sweep.driver.rounds import read_sweeps
from sweep.utils.text import counted
from sweep.workspace.sweep import Growth
from sweep.workspace.sweep_run import SweepRun

if TYPE_CHECKING:
    from analysis.power import Spread


def power_lines(tasks: Sequence[SweepRun], difference: float, growth: Growth | None) -> list[str]:
    """Return, in words, what it takes to see a difference of areas, and what the planned points show.

    Parameters
    ----------
    tasks : sequence of SweepRun
        What is planned.
    difference : float
        Of the areas under the EDFs of Δ.
    growth : Growth, optional
        How the sweeps grow in rounds; their last round has less than the whole error rate.

    Raises
    ------
    AnalysisError
        If there can be no such difference.
    """
    from analysis import Rounds
    from analysis.power import least_difference, points_needed

    share = 1.0
    if growth:
        share = Rounds(first=growth.first_n, most=growth.max_n).share(growth.max_n)
    spread, planned = _spread(tasks), max(task.n for task in tasks)
    few, many = (points_needed(difference, each, share) for each in spread[:2])
    needed = str(few) if few == many else f"{few} to {many}"
    trainings = sum(many + task.seeds for task in tasks)
    lines = [
        f"A difference of {difference:g} in the area under the EDF of Δ is seen in 4 of 5 studies with about "
        f"{needed} points of each model ({counted(trainings, 'training')} at most), if points differ "
        f"{spread.source}"
    ]
    if planned:
        least, most = (least_difference(planned, each, share) for each in spread[:2])
        seen = f"{least:.2g}" if few == many else f"{least:.2g} to {most:.2g}"
        lines.append(f"{planned} points show a difference of {seen}")
    return lines


def _spread(tasks: Sequence[SweepRun]) -> "Spread":
    from analysis import compare
    from analysis.power import LEAST_TRIALS, TYPICAL, spread_of

    if len(tasks) < 2 or any(_results(task) < LEAST_TRIALS for task in tasks):
        return TYPICAL
    return spread_of(compare(read_sweeps(tasks)))


def _results(task: SweepRun) -> int:
    return sum(state.has_result for state in task.sweep.states().values())
