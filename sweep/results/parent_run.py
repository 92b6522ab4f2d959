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
    from analysis import Summary

RUN = "{run}"
"""Stands in a note for the id of its run, which only MLflow knows."""
_WITH_LIMITS = (
    "median",
    "within_1",
    "within_2",
    "within_4",
    "within_8",
    "area_8",
    "divergence_rate",
)
_TITLES = {
    "median": "median error",
    "within_1": "within 1 point of the optimum",
    "within_4": "within 4 points",
    "within_8": "within 8 points",
    "area_8": "area under the EDF of Δ up to 8 points",
    "divergence_rate": "diverged",
}


@dataclass(frozen=True, kw_only=True, slots=True)
class ParentRun:
    """The results of a sweep, as its parent run shows them."""

    note: str
    """Markdown, with `RUN` where the run's id belongs."""
    metrics: dict[str, float] = field(default_factory=dict)
    """Finite numbers; errors in percent. ``X_low`` and ``X_high`` are the 95 % limits of ``X``."""


def parent_run(folder: TrialFolder[Any]) -> ParentRun:
    """Return what is shown of a sweep or a search."""
    summary = _summary(folder) if isinstance(folder, Sweep) else None
    if summary is None:
        return ParentRun(note=_note(folder.plan, ""))
    metrics = _metrics(summary)
    return ParentRun(note=_note(folder.plan, _table(metrics)), metrics=metrics)


def _summary(sweep: Sweep) -> "Summary | None":
    """Return a sweep's summary; None as long as no point has a result."""
    from analysis import read_sweeps, summarise
    from sweep.results.figures import with_places

    table = with_places(trial_table([sweep]))
    ended = table["state"].isin(["finished", "diverged"]) & (table["role"] == "point")
    return summarise(read_sweeps(table)[0]) if ended.any() else None


def _metrics(summary: "Summary") -> dict[str, float]:
    from analysis import summary_table

    (row,) = summary_table([summary]).to_dict("records")
    names = [name + suffix for name in _WITH_LIMITS for suffix in ("", "_low", "_high")]
    zero, seeds = summary.zero, len(summary.sweep.optimum_errs)
    values = {
        "optimum_err": zero.value,
        "optimum_err_low": zero.low,
        "optimum_err_high": zero.high,
        "optimum_se": row["seed_sd"] / math.sqrt(seeds) if seeds > 1 else math.nan,
        "best": row["best"],
        **{name: row[name] for name in names},
    }
    return {name: round(float(value), 4) for name, value in values.items() if math.isfinite(value)}


def _table(metrics: dict[str, float]) -> str:
    rows = []
    if "optimum_err" in metrics:
        error = f" ± {metrics['optimum_se']:.2f}" if "optimum_se" in metrics else ""
        rows.append(f"| error at the optimum (± standard error) | {metrics['optimum_err']:.2f}{error} % |")
    for name, title in _TITLES.items():
        if name in metrics:
            unit = " %" if name == "median" else ""
            limits = (metrics.get(name + suffix) for suffix in ("_low", "_high"))
            interval = " ({:.2f} to {:.2f})".format(*limits) if f"{name}_low" in metrics else ""
            rows.append(f"| {title} | {metrics[name]:.2f}{unit}{interval} |")
    return "\n".join(["| | with 95 % limits |", "|---|---|", *rows])


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
        "error at its optimum wherever it is trained."
    )
    figure = f"![EDF of Δ](get-artifact?path=figures%2Fedf.png&run_uuid={RUN})"
    return "\n\n".join([text, figure, table]) if table else text
