"""What the parent run of a sweep or search shows in MLflow: its results as metrics, and a note."""

import math
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from sweep.core.base_plan import BasePlan
from sweep.tracking import tags
from sweep.workspace.sweep import Sweep
from sweep.workspace.trial_folder import TrialFolder
from sweep.workspace.trial_table import trial_table

if TYPE_CHECKING:
    from analysis import Metric, Summary

RUN = "{run}"
"""Stands in a note for the id of its run, which only MLflow knows."""
_DECIMALS = 4
"""Of the results, at least."""


@dataclass(frozen=True, kw_only=True, slots=True)
class ParentRun:
    """The results of a sweep, as its parent run shows them."""

    note: str
    """Markdown, with `RUN` where the run's id belongs."""
    metrics: dict[str, float] = field(default_factory=dict)
    """Finite numbers; errors in percent, or another metric in its unit. ``X_low`` and ``X_high`` are the 95 %
    limits of ``X``."""


def parent_run(folder: TrialFolder[Any]) -> ParentRun:
    """Return what is shown of a sweep or a search."""
    summary = _summary(folder) if isinstance(folder, Sweep) else None
    if summary is None:
        return ParentRun(note=_note(folder.plan, ""))
    metrics = _metrics(summary)
    return ParentRun(note=_note(folder.plan, _table(metrics, summary.sweep.metric)), metrics=metrics)


def _summary(sweep: Sweep) -> "Summary | None":
    """Return a sweep's summary; None as long as no point has a result."""
    from analysis import read_sweeps, summarise
    from sweep.results.figures import with_places

    table = with_places(trial_table([sweep]))
    ended = table["state"].isin(["finished", "diverged"]) & (table["role"] == "point")
    return summarise(read_sweeps(table, any_metric=True)[0]) if ended.any() else None


def _metrics(summary: "Summary") -> dict[str, float]:
    from analysis import summary_table
    from analysis.summaries import interval_columns, optimum_name, own_values

    (row,) = summary_table([summary]).to_dict("records")
    metric, seeds = summary.sweep.metric, len(summary.sweep.optimum_errs)
    within = [f"within_{delta:g}" for delta in metric.deltas]
    estimates = ("median", *within, f"area_{metric.area_to:g}", "divergence_rate")
    names = [name + suffix for name in estimates for suffix in ("", "_low", "_high")]
    values = {
        **interval_columns({optimum_name(metric): own_values(metric, summary.zero)}),
        "optimum_se": row["seed_sd"] / math.sqrt(seeds) if seeds > 1 else math.nan,
        "best": row["best"],
        **{name: row[name] for name in names},
    }
    digits = max(_DECIMALS, metric.decimals + 1)
    return {name: round(float(value), digits) for name, value in values.items() if math.isfinite(value)}


def _table(metrics: dict[str, float], metric: "Metric") -> str:
    from analysis.summaries import optimum_name

    rows, what, unit = [], _what(metric), f" {metric.unit}".rstrip()
    if (at := optimum_name(metric)) in metrics:
        number = f"{metrics[at]:.{metric.decimals}f}"
        error = f" ± {metrics['optimum_se']:.{metric.decimals}f}" if "optimum_se" in metrics else ""
        rows.append(f"| {what} at the optimum (± standard error) | {number}{error}{unit} |")
    for name, title in _titles(metric).items():
        if name in metrics:
            digits, own = (metric.decimals, unit) if name == "median" else (2, "")
            limits = [metrics.get(name + suffix) for suffix in ("_low", "_high")]
            known = None not in limits
            interval = " ({:.{d}f} to {:.{d}f})".format(*limits, d=digits) if known else ""
            rows.append(f"| {title} | {metrics[name]:.{digits}f}{own}{interval} |")
    return "\n".join(["| | with 95 % limits |", "|---|---|", *rows])


def _what(metric: "Metric") -> str:
    return "error" if metric.is_top1_error else metric.name


def _titles(metric: "Metric") -> dict[str, str]:
    """Return the table's rows: the name of a result, and its title."""
    least, *_, near, most = metric.deltas
    nearest = "1 point" if metric.is_top1_error else metric.amount(least)
    return {
        "median": f"median {_what(metric)}",
        f"within_{least:g}": f"within {nearest} of the optimum",
        f"within_{near:g}": f"within {metric.amount(near)}",
        f"within_{most:g}": f"within {metric.amount(most)}",
        f"area_{most:g}": f"area under the EDF of Δ up to {metric.amount(most)}",
        "divergence_rate": "diverged",
    }


def _note(plan: BasePlan, table: str) -> str:
    """Say what a parent run is, with its numbers and its figure if there are any."""
    what = (
        f"{plan.model}, {plan.optimizer}, recipe {plan.recipe.name} ({plan.recipe.epochs} epochs, "
        f"{tags.trained_by(plan)})"
    )
    if plan.KIND != "sweep":
        return f"**A search for the optimum** of {what}. Its child runs are what was tried, on minival."
    text = (
        f"**A sweep** of {what}. Its child runs are the trials: points at random learning rates and weight "
        "decays around the optimum, and the optimum itself with several seeds. A robust model comes near the "
        f"{plan.recipe.metric.name if plan.recipe.metric else 'error'} at its optimum wherever it is trained."
    )
    figure = f"![EDF of Δ](get-artifact?path=figures%2Fedf.png&run_uuid={RUN})"
    return "\n\n".join([text, figure, table]) if table else text
