"""What `sweep status` prints."""

import functools
import math
import statistics
from collections.abc import Callable, Sequence
from typing import Any

from rich.console import Console
from rich.table import Table

from sweep.console import search
from sweep.console.search import driven_by
from sweep.console.tables import new_table, progress_bar
from sweep.core.trial import SWEEP_STATES, Role, TrialState
from sweep.recipes.metric import MetricSpec
from sweep.utils.text import duration
from sweep.workspace.sweep import Sweep
from sweep.workspace.trial_folder import TrialFolder


def print_status(sweeps: Sequence[TrialFolder[Any]], console: Console, *, trials: bool) -> None:
    """Print a table of the sweeps and searches, with what is to be known of each, and of trials if asked."""
    rows = status_json(sweeps, trials=False)
    other = any("metric" in row or "metric" in (row.get("best") or {}) for row in rows)
    best = "best" if other else "best %"
    table = new_table("", "trials", "at optimum", best, names=("sweep",))
    for row in rows:
        results = row["finished"] + row["diverged"] + row.get("pruned", 0)
        bar = progress_bar(results - row["diverged"], row["diverged"], row["total"])
        table.add_row(row["sweep"], bar, f"{results}/{row['total']}", _at_optimum(row), _best(row))
    console.print(table)
    for row in rows:
        if notes := _NOTES[row["kind"]](row):
            console.print(f"{row['sweep']}: {'; '.join(notes)}", markup=False)
    if trials:
        console.print(_trial_table(sweeps))


def _at_optimum(row: dict[str, Any]) -> str:
    if "metric" in row:
        return "–" if row["at_optimum"] is None else f"{row['at_optimum']:.4g}"
    errors = row.get("optimum_errs") or []
    if len(errors) < 2:
        return "".join(f"{error:.2f}" for error in errors) or "–"
    return f"{row['optimum_err']:.2f} ± {statistics.stdev(errors) / math.sqrt(len(errors)):.2f}"


def _best(row: dict[str, Any]) -> str:
    if "metric" in row:
        return "–" if row["best_value"] is None else f"{row['best_value']:.4g} {row['unit']}".rstrip()
    if row["kind"] == "search" and "metric" in (row["best"] or {}):
        best = row["best"]
        return "–" if best["value"] is None else f"{best['value']:.4g} {best['unit']}".rstrip()
    best = row["best_err"] if row["kind"] == "sweep" else (row["best"] or {}).get("top1_err")
    return "–" if best is None else f"{best:.2f}"


def _trial_table(sweeps: Sequence[TrialFolder[Any]]) -> Table:
    rows = [row for sweep in sweeps for row in sweep.rows()]
    results = ("result", "best") if any("metric" in row for row in rows) else ("error %", "best %")
    table = new_table("key", "state", "lr", "wd", *results, "time", names=("trial",))
    for row in rows:
        place = "optimum" if row["role"] == Role.OPTIMUM else str(row["index"])
        repeat = f" #{row['repeat']}" if row["repeat"] else ""
        names = ("value", "best_value") if "metric" in row else ("top1_err", "best_top1_err")
        errors = [_number(row[name], "metric" in row) for name in names]
        took = "" if row["wall_s"] is None else duration(row["wall_s"])
        point = f"{row['lr']:.3g}", f"{row['weight_decay']:.3g}"
        table.add_row(place + repeat, row["key"], row["state"], *point, *errors, took)
    return table


def _sweep_notes(row: dict[str, Any]) -> list[str]:
    """Return what the table leaves out of a sweep: trials without an ordinary result, and who drives it."""
    odd = [f"{row[state]} {state}" for state in SWEEP_STATES if row[state] and state != TrialState.FINISHED]
    notes = [", ".join(odd)] if odd else []
    if "metric" in row:
        notes.append(f"numbers are {row['metric']}" + (f" in {row['unit']}" if row["unit"] else ""))
    elif len(row["optimum_errs"]) < row["seeds"]:
        notes.append(f"{len(row['optimum_errs'])} of {row['seeds']} trials at the optimum have a result")
    return notes + driven_by(row["driver"])


def status_json(sweeps: Sequence[TrialFolder[Any]], *, trials: bool) -> list[dict[str, Any]]:
    """Return the counts and errors of each sweep and search as plain values, its trials too if asked.

    ``driver`` is the process that runs it, None if there is none. Of a sweep ``optimum_err`` is
    the mean of ``optimum_errs``: those of the trials at the optimum with a result, 100 for one that diverged.
    With another metric, ``at_optimum`` is its mean there, None as long as one has none or diverged.
    """
    return [
        _ROWS[each.plan.KIND](each) | ({"trials": list(each.rows())} if trials else {}) for each in sweeps
    ]


def _status_row(sweep: Sweep) -> dict[str, Any]:
    rows = list(sweep.rows())
    counts = {state.value: sum(row["state"] == state for row in rows) for state in SWEEP_STATES}
    return {
        "sweep": sweep.name,
        "kind": "sweep",
        "driver": sweep.driver,
        "model": sweep.plan.model,
        "optimizer": sweep.plan.optimizer,
        "recipe": sweep.plan.recipe.name,
        "design": sweep.plan.design,
        "n": sweep.plan.n,
        "seeds": sweep.plan.seeds,
        "repeats": len(sweep.plan.repeats),
        "total": len(rows),
        **counts,
        "complete": counts["finished"] + counts["diverged"] == len(rows),
        **(_values(rows, sweep.plan.recipe.metric) if sweep.plan.recipe.metric else _errors(rows)),
    }


def _errors(rows: Sequence[dict[str, Any]]) -> dict[str, Any]:
    # A repeat is no try of its own: it says how lucky a point was.
    errors = [row["top1_err"] for row in rows if row["role"] != Role.REPEAT and row["top1_err"] is not None]
    optimum = [row["top1_err"] for row in rows if row["role"] == Role.OPTIMUM and row["top1_err"] is not None]
    return {
        "optimum_err": statistics.fmean(optimum) if optimum else None,
        "optimum_errs": optimum,
        "best_err": min(errors, default=None),
    }


def _values(rows: Sequence[dict[str, Any]], metric: MetricSpec) -> dict[str, Any]:
    """Return the results of a sweep of another metric; what diverged has no value."""
    values = [row["value"] for row in rows if row["role"] != Role.REPEAT and row["value"] is not None]
    optimum = [row["value"] for row in rows if row["role"] == Role.OPTIMUM]
    return {
        "metric": metric.name,
        "unit": metric.unit,
        "at_optimum": statistics.fmean(optimum) if optimum and None not in optimum else None,
        "best_value": functools.reduce(metric.better, values) if values else None,
    }


_ROWS: dict[str, Callable[[Any], dict[str, Any]]] = {"sweep": _status_row, "search": search.status_row}
_NOTES: dict[str, Callable[[dict[str, Any]], list[str]]] = {
    "sweep": _sweep_notes,
    "search": search.status_notes,
}
"""Kind of plan → how its row is made, and what is said beside the table."""


def _number(value: float | None, other: bool) -> str:
    """Write an error in percent, or the value of another metric."""
    return "" if value is None or math.isnan(value) else f"{value:.4g}" if other else f"{value:.2f}"
