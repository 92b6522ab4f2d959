"""What `sweep status` prints."""

import math
import statistics
from collections.abc import Callable, Sequence
from typing import Any

from rich.console import Console
from rich.table import Table

from sweep.console import search
from sweep.console.search import driven_by
from sweep.core.trial import SWEEP_STATES, Role
from sweep.utils.text import duration
from sweep.workspace.sweep import Sweep
from sweep.workspace.trial_folder import TrialFolder


def print_status(sweeps: Sequence[TrialFolder[Any]], console: Console, *, trials: bool) -> None:
    """Print a line a sweep or search, or a line a trial."""
    for row in status_json(sweeps, trials=False):
        console.print(_LINES[row["kind"]](row))
    if trials:
        table = Table(
            "index", "repeat", "key", "state", "lr", "weight decay", "top-1 err %", "best %", "time"
        )
        for row in (row for sweep in sweeps for row in sweep.rows()):
            index = "optimum" if row["role"] == Role.OPTIMUM else str(row["index"])
            errors = [_number(row["top1_err"]), _number(row["best_top1_err"])]
            took = "" if row["wall_s"] is None else duration(row["wall_s"])
            table.add_row(
                index,
                str(row["repeat"]),
                row["key"],
                row["state"],
                f"{row['lr']:.3g}",
                f"{row['weight_decay']:.3g}",
                *errors,
                took,
            )
        console.print(table)


def _status_line(row: dict[str, Any]) -> str:
    counts = ", ".join(f"{row[state]} {state}" for state in SWEEP_STATES if row[state])
    at = f"; error at the optimum {row['optimum_err']:.2f} %" if row["optimum_err"] is not None else ""
    if at and row["seeds"] > 1:
        at += f" (mean of {_of(len(row['optimum_errs']), row['seeds'])})"
    best = f", best {row['best_err']:.2f} %" if row["best_err"] is not None else ""
    incomplete = "" if row["complete"] else "[yellow]incomplete[/yellow] "
    return f"[bold]{row['sweep']}[/bold]: {incomplete}{counts}{at}{best}{driven_by(row['driver'])}"


def _of(part: int, whole: int) -> str:
    return str(whole) if part == whole else f"{part} of {whole}"


def status_json(sweeps: Sequence[TrialFolder[Any]], *, trials: bool) -> list[dict[str, Any]]:
    """Return the counts and errors of each sweep and search as plain values, its trials too if asked.

    ``driver`` is the process that runs it, None if there is none. Of a sweep ``optimum_err`` is
    the mean of ``optimum_errs``: those of the trials at the optimum with a result, 100 for one that diverged.
    """
    return [
        _ROWS[each.plan.KIND](each) | ({"trials": list(each.rows())} if trials else {}) for each in sweeps
    ]


def _status_row(sweep: Sweep) -> dict[str, Any]:
    rows = list(sweep.rows())
    counts = {state.value: sum(row["state"] == state for row in rows) for state in SWEEP_STATES}
    # A repeat is no try of its own: it says how lucky a point was.
    errors = [row["top1_err"] for row in rows if row["role"] != Role.REPEAT and row["top1_err"] is not None]
    optimum = [row["top1_err"] for row in rows if row["role"] == Role.OPTIMUM and row["top1_err"] is not None]
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
        **counts,
        "complete": counts["finished"] + counts["diverged"] == len(rows),
        "optimum_err": statistics.fmean(optimum) if optimum else None,
        "optimum_errs": optimum,
        "best_err": min(errors, default=None),
    }


_ROWS: dict[str, Callable[[Any], dict[str, Any]]] = {"sweep": _status_row, "search": search.status_row}
_LINES = {"sweep": _status_line, "search": search.status_line}
"""Kind of plan → how its row and its line are made."""


def _number(value: float | None) -> str:
    return "" if value is None or math.isnan(value) else f"{value:.2f}"
