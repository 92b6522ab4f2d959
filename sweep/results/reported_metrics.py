"""Which metrics the trials of a folder's sweeps report, beside the one that they are judged by."""

from collections.abc import Sequence

from sweep.core.trial import TrialState
from sweep.errors import InputError, unknown
from sweep.recipes.metric import FURTHER
from sweep.utils.text import listed
from sweep.workspace.journal import TrialHistory
from sweep.workspace.sweep import Sweep

TOP1_ERR = "top1_err"
"""The metric of trials that have no other."""


def check_reported(sweeps: Sequence[Sweep], metric: str) -> None:
    """Refuse a metric that not all finished trials report.

    Raises
    ------
    InputError
        Naming the sweeps that have it not, and the metrics of all.
    """
    known = sorted({name for sweep in sweeps for name in _reported(sweep)})
    if metric not in {*known, *FURTHER}:
        raise unknown("`metric`", metric, known)
    lacking = [problem for sweep in sweeps if (problem := _lacking(sweep, metric))]
    if lacking:
        why = " A version that did not record it trained them, or five classes or fewer have none."
        raise InputError(
            f"`metric` {metric} is not reported in {listed(lacking)}.{why if metric == 'top5_err' else ''} "
            f"These sweeps have {listed(known)}; `sweep` leaves some out"
        )


def _own(sweep: Sweep) -> str:
    """Return the metric that a sweep is judged by."""
    return sweep.plan.recipe.metric.name if sweep.plan.recipe.metric else TOP1_ERR


def _finished(sweep: Sweep) -> list[TrialHistory]:
    histories = [sweep.history(trial) for trial in sweep.trials]
    return [each for each in histories if each.record and each.record.state is TrialState.FINISHED]


def _reported(sweep: Sweep) -> set[str]:
    """Return the metrics that all finished trials of a sweep have."""
    return {_own(sweep), *(name for name in FURTHER if not _lacking(sweep, name))}


def _lacking(sweep: Sweep, metric: str) -> str | None:
    """Say how many finished trials of a sweep do not have a metric; None if all have it."""
    if metric == _own(sweep):
        return None
    finished = _finished(sweep)
    values = [each.last_epoch and each.last_epoch.value_of(metric) for each in finished]
    lost = len(finished) if metric not in FURTHER else values.count(None)
    return f"{lost} of {len(finished)} finished trials of {sweep.name}" if lost else None
