"""Results as costs, of which less is better: errors, or another metric, negative where more is better."""

import math

from sweep.core.trial import EpochRecord, TrialRecord, TrialState
from sweep.recipes.metric import MetricSpec


def cost_of(metric: MetricSpec | None, record: TrialRecord | EpochRecord) -> float | None:
    """Return the cost of a result; None if a trial failed.

    Parameters
    ----------
    metric : MetricSpec or None
        What is reported; None: the top-1 error in percent.
    record : TrialRecord or EpochRecord
        The end of a trial, or an epoch. One that diverged costs as much as `worst_cost`.
    """
    if metric is None:
        return record.top1_err
    if record.value is not None:
        return own_value(metric, record.value)
    failed = isinstance(record, TrialRecord) and record.state is TrialState.FAILED
    return None if failed else worst_cost(metric)


def worst_cost(metric: MetricSpec | None) -> float:
    """Return what a diverged trial costs: the worse bound; infinite if there is none."""
    if metric is None:
        return 100.0
    return math.inf if metric.worst is None else own_value(metric, metric.worst)


def own_value(metric: MetricSpec | None, cost: float) -> float:
    """Return the metric's value of a cost, or the cost of a value."""
    return 0.0 - cost if metric and metric.higher_better else cost
