"""Δ relative to the optimum: how many percent worse a trial is than the optimum of its own sweep.

Δ in the metric's unit compares sweeps whose optima are about as good. A loss of 0.1 nats more is half as much
again at 0.2 nats, and little at 3.
"""

import math
from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pandas as pd

from analysis.edf import check_zero
from analysis.errors import AnalysisError
from analysis.metric import Metric, fitted
from analysis.sweep_trials import SweepTrials, values

FIRST_STEP = 5.0
"""The least of the thresholds is 5 % times a power of ten: 5, 10, 20 and 40 %."""
LEAST_SHARE = 1e-3
"""An optimum closer to zero than this share of the worst finished trial is taken for zero."""
LEAST_ERRORS = 3.0
"""An optimum closer to zero than this many standard errors of its mean is taken for zero."""


def relative_sweeps(sweeps: Sequence[SweepTrials]) -> list[SweepTrials]:
    """Return sweeps whose costs are percent of the cost at their optimum, so that Δ is relative to it.

    The cost at the optimum is taken as known, as in the shares of trials near the optimum. What diverged is
    worse than everything.

    Parameters
    ----------
    sweeps : sequence of SweepTrials
        From `analysis.read_sweeps`.

    Raises
    ------
    AnalysisError
        If an optimum has no finished result, or lies at zero or around it.

    Examples
    --------
    >>> drawn = [curve_of(sweep, absolute=False) for sweep in relative_sweeps(read_sweeps(table))]
    """
    for sweep in sweeps:
        check_zero(sweep)
    near_zero = [problem for sweep in sweeps if (problem := _near_zero(sweep))]
    if near_zero:
        raise AnalysisError(
            f"Δ relative to the optimum needs an optimum that is clearly not 0, and it is "
            f"{'; '.join(near_zero)}: leave `relative` out."
        )
    scaled = [_scaled(sweep) for sweep in sweeps]
    deltas = np.concatenate([values(each.finished, "top1_err") - each.optimum_errs.mean() for each in scaled])
    metric = fitted(_relative(sweeps[0].metric), deltas, FIRST_STEP)
    return [replace(sweep, metric=metric) for sweep in scaled]


def with_relative_shares(table: pd.DataFrame, relative: pd.DataFrame) -> pd.DataFrame:
    """Return a table of summaries with the shares and the area of another one, of the relative sweeps."""

    def of_delta(name: str) -> bool:
        return name.startswith(("within_", "area_", "mean_delta"))

    own = table[[name for name in table if not of_delta(str(name))]]
    return own.join(relative[[name for name in relative if of_delta(str(name))]])


def _relative(metric: Metric) -> Metric:
    return Metric(name=metric.name, unit="%", higher_better=metric.higher_better, relative=True)


def _scaled(sweep: SweepTrials) -> SweepTrials:
    factor = 100.0 / abs(float(sweep.optimum_errs.mean()))

    def scaled(rows: pd.DataFrame) -> pd.DataFrame:
        costs = values(rows, "top1_err") * factor
        return rows.assign(top1_err=np.where(rows["state"] == "diverged", math.inf, costs))

    return replace(
        sweep,
        points=scaled(sweep.points),
        finished=scaled(sweep.finished),
        diverged=scaled(sweep.diverged),
        optimum=scaled(sweep.optimum),
        optimum_errs=sweep.optimum_errs * factor,
    )


def _near_zero(sweep: SweepTrials) -> str | None:
    """Return what an optimum is that is zero as far as can be told; None if it is another."""
    zeros, metric = sweep.optimum_errs, sweep.metric
    mean, k = float(zeros.mean()), len(zeros)
    error = float(zeros.std(ddof=1)) / math.sqrt(k) if k > 1 else 0.0
    largest = np.abs(values(sweep.finished, "top1_err")).max(initial=0.0)
    if abs(mean) > max(LEAST_ERRORS * error, LEAST_SHARE * largest):
        return None
    spread = f" ± {error:.2g}" if k > 1 else ""
    return f"{f'{metric.cost(mean):.3g}{spread} {metric.unit}'.rstrip()} in {sweep}"
