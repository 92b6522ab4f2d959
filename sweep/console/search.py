"""What `sweep tune` prints."""

import dataclasses
import math
import shlex
from collections.abc import Mapping, Sequence
from typing import Any

from rich.console import Console

from search_spaces import Box, Found, Value
from sweep.console.tables import new_table
from sweep.core.costs import cost_of, own_value
from sweep.core.search_plan import SearchBudget, SearchPlan
from sweep.core.trial import TrialState
from sweep.recipes.metric import MetricSpec
from sweep.tracking import tags
from sweep.tuning.finalists import finalists, outcomes, remaining
from sweep.utils.text import counted
from sweep.workspace.error_files import see_error
from sweep.workspace.search import Search

_BORDER = 0.05
"""An optimum this near an end of its range, as a share of it on a log scale, lies at the border. Forty points
are spread about three times as far apart."""


def print_dry_run(plan: SearchPlan, budget: SearchBudget, to_train: int, console: Console) -> None:
    """Print what would be trained."""
    print_start(plan, budget, to_train, console)
    console.print(f"  {plan.recipe.epochs} epochs each, {tags.trained_by(plan)}, on minival", markup=False)
    console.print(f"  ranges {ranges(plan.box)}")
    for each in plan.over:
        console.print(f"  and {each}", markup=False)


def ranges(box: Box) -> str:
    """Write a box in words."""
    return f"lr {box.lr_low:.3g} to {box.lr_high:.3g}, wd {box.wd_low:.3g} to {box.wd_high:.3g}"


def print_start(plan: SearchPlan, budget: SearchBudget, to_train: int, console: Console) -> None:
    """Print what is about to be trained."""
    console.print(
        f"[bold]{plan.name}[/bold]: {to_train} of {counted(budget.trials, 'trial')} to train "
        f"({counted(budget.points, 'point')}, "
        f"then the best {budget.finalists} with {budget.seeds} other seeds each)"
    )


def print_summary(
    search: Search, found: Found | None, table: object, cli_args: Sequence[str], console: Console
) -> None:
    """Print what was found, how sure it is, and what to do next.

    Parameters
    ----------
    search : Search
        The search, whether it is complete or not.
    found : Found or None
        Its optimum, if there is one.
    table : path
        The table that the optimum was saved to.
    cli_args : sequence of str
        What asks `sweep run` for the same training.
    console : Console
        Where to print.
    """
    _print_finalists(search, console)
    _print_failed(search, console)
    if found is None:
        console.print(_why_none(search), markup=False)
        return
    console.print(
        f"Optimum of {found.model} with {found.optimizer} on {found.recipe}: lr {found.lr:.3g}, wd "
        f"{found.weight_decay:.3g}{_further(found.values)}: {found.result} on minival (mean of "
        f"{found.seeds} seeds, ± its standard error). Saved to {table}, where `sweep run` finds it.",
        markup=False,
    )
    console.print(f"Next: sweep run {shlex.join(cli_args)} --n 64", markup=False, soft_wrap=True)


def _print_finalists(search: Search, console: Console) -> None:
    found = outcomes(search)
    metric = search.plan.recipe.metric
    errors_head = f"{metric.name} on minival, other seeds" if metric else "errors on minival, other seeds %"
    judged = new_table("lr", "wd", "mean" if metric else "mean %", names=("point", errors_head))
    for outcome in found:
        errors = " ".join(_result(metric, error) for error in outcome.errors)
        point = outcome.point
        values = f"{point.lr:.3g}", f"{point.weight_decay:.3g}"
        judged.add_row(str(point.index), errors, *values, _result(metric, outcome.mean))
    if found:
        console.print(judged)
    for outcome in found if search.plan.over else []:
        console.print(f"point {outcome.point.index}: {_values(dict(outcome.point.over))}", markup=False)


def _result(metric: MetricSpec | None, cost: float) -> str:
    """Write an error in percent, or the value of another metric."""
    if math.isinf(cost):
        return "div."
    return f"{own_value(metric, cost):.4g}" if metric else f"{cost:.2f}"


def _print_failed(search: Search, console: Console) -> None:
    for trial in search.failed:
        record = search.history(trial).record
        reason = f"{record.error}{see_error(search.folder, trial.key)}" if record else ""
        console.print(f"no result: {trial.role} {trial.index} ({trial.key}): {reason}", markup=False)
    if search.failed:
        console.print("The same command tries those again.")


def _values(values: Mapping[str, Value]) -> str:
    named = (f"{name} {v:.4g}" if isinstance(v, float) else f"{name} {v}" for name, v in values.items())
    return ", ".join(named)


def _further(values: Mapping[str, Value]) -> str:
    return f", {_values(values)}" if values else ""


def status_row(search: Search) -> dict[str, Any]:
    """Return how far a search is as plain values.

    ``left``: trainings to come, None where it was not written down how many were asked for. ``best``: the
    best mean of other seeds once all is done, before that the best point so far; None without a result.
    """
    plan, wanted, counts = search.plan, search.wanted, search.counts()
    to_come = remaining(search, wanted) if wanted else None
    return {
        "sweep": search.name,
        "kind": "search",
        "driver": search.driver,
        "model": plan.model,
        "optimizer": plan.optimizer,
        "recipe": plan.recipe.name,
        "total": sum(count for state, count in counts.items() if state.is_over) + (to_come or 0),
        **{state.value: count for state, count in counts.items()},
        "left": to_come,
        "complete": to_come == 0,
        "best": _best(search, to_come),
    }


def _best(search: Search, to_come: int | None) -> dict[str, Any] | None:
    judged, plan = [] if to_come else outcomes(search), search.plan
    if judged:
        point, error, seeds = judged[0].point, judged[0].mean, len(judged[0].errors)
    elif first := finalists(search, 1):
        record = search.history(first[0]).record
        assert record is not None
        cost = cost_of(plan.recipe.metric, record)
        assert cost is not None
        point, error, seeds = first[0], cost, 1
    else:
        return None
    return {
        "point": point.index,
        "lr": point.lr,
        "weight_decay": point.weight_decay,
        **({"over": dict(point.over)} if point.over else {}),
        **_best_result(plan.recipe.metric, error),
        "seeds": seeds,
    }


def _best_result(metric: MetricSpec | None, cost: float) -> dict[str, Any]:
    if metric is None:
        return {"top1_err": cost}
    return {"metric": metric.name, "unit": metric.unit, "value": _plain(metric, cost)}


def _plain(metric: MetricSpec | None, cost: float) -> float | None:
    """Return a result as JSON can have it: None for what is worse than everything."""
    return own_value(metric, cost) if math.isfinite(cost) else None


def status_notes(row: dict[str, Any]) -> list[str]:
    """Return what a table of sweeps leaves out of `status_row`."""
    odd = [f"{row[state]} {state}" for state in TrialState if row[state] and state != TrialState.FINISHED]
    odd += [f"{row['left']} to come"] if row["left"] else []
    notes = [", ".join(odd)] if odd else []
    if found := row["best"]:
        so_far = " so far" if row["left"] else ""
        mean = f", mean of {found['seeds']} seeds" if found["seeds"] > 1 else ""
        at = f"lr {found['lr']:.3g}, wd {found['weight_decay']:.3g}{_further(found.get('over', {}))}"
        notes.append(f"best{so_far} on minival{mean}: {at}")
    return notes + driven_by(row["driver"])


def driven_by(driver: str | None) -> list[str]:
    """Return what is to be said of a sweep or search that a driver is running."""
    return [f"being run by {driver}"] if driver else []


def _why_none(search: Search) -> str:
    counts = search.counts()
    states = ", ".join(f"{count} {state}" for state, count in counts.items() if count)
    if counts[TrialState.FAILED] or counts[TrialState.PLANNED]:
        return f"No optimum yet ({states}): the same command continues it."
    return (
        f"No optimum ({states}): nothing trained in these ranges. Others: --lr-range and --wd-range LOW:HIGH"
    )


def warnings(found: Found) -> list[str]:
    """Return what is doubtful about an optimum."""
    doubts = []
    for name, value, low, high in (
        ("lr", found.lr, found.lr_low, found.lr_high),
        ("wd", found.weight_decay, found.wd_low, found.wd_high),
    ):
        position = math.log(value / low) / math.log(high / low)
        if not _BORDER <= position <= 1 - _BORDER:
            end, wider = (
                ("lower", f"{low / 10:.3g}:{high:.3g}")
                if position < 0.5
                else ("upper", f"{low:.3g}:{high * 10:.3g}")
            )
            doubts.append(
                f"{name} {value:.3g} lies at the {end} border of what was searched ({low:.3g} to "
                f"{high:.3g}): a better one may lie beyond it. Search --{name}-range {wider} too."
            )
    return doubts


def as_json(search: Search, found: Found | None) -> dict[str, Any]:
    """Return what came of a search as plain values."""
    metric = search.plan.recipe.metric
    return {
        "search": search.name,
        "optimum": _optimum(found) if found else None,
        "warnings": warnings(found) if found else [],
        "finalists": [
            {
                "point": o.point.index,
                "lr": o.point.lr,
                "weight_decay": o.point.weight_decay,
                **({"over": dict(o.point.over)} if o.point.over else {}),
                ("values" if metric else "errors"): [_plain(metric, error) for error in o.errors],
                "mean": _plain(metric, o.mean),
            }
            for o in outcomes(search)
        ],
        "trials": {state.value: count for state, count in search.counts().items()},
    }


def _optimum(found: Found) -> dict[str, Any]:
    """Return an optimum as plain values; what is of another metric only where there is one."""
    left_out = ("top1_err",) if found.metric else ("metric", "unit", "value")
    return {name: value for name, value in dataclasses.asdict(found).items() if name not in left_out}
