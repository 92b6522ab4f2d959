"""What `sweep cdf` and `sweep compare` print."""

import math
from collections.abc import Hashable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from rich.console import Console
from rich.table import Column, Table

if TYPE_CHECKING:
    import pandas as pd

    from analysis import Comparison, SweepTrials


def print_sweeps(summary: "pd.DataFrame", console: Console) -> None:
    """Print level and spread of each sweep side by side; see `analysis.summary_table`."""
    words = ("points", "diverged", "error at optimum", "median error", "≤1", "≤2", "≤4", "≤8", "area ≤8")
    kinds = _kinds(summary)
    table = Table(*(Column(kind, overflow="fold") for kind in kinds), *words)
    for row in summary.to_dict("records"):
        seeds = f" (mean of {row['seeds']})" if row["seeds"] > 1 else ""
        points = str(row["n"]) + (f" (of {row['n'] + row['missing']})" if row["missing"] else "")
        at_optimum = "–" if math.isnan(row["optimum_err"]) else f"{row['optimum_err']:.2f} %{seeds}"
        errors = [at_optimum, _estimate(row, "median")]
        within = [_estimate(row, name) for name in ("within_1", "within_2", "within_4", "within_8", "area_8")]
        table.add_row(*(row[kind] for kind in kinds), points, str(row["diverged"]), *errors, *within)
    console.print(table)
    console.print(
        "≤x: share of points within x points of the error at the optimum; area: under that curve up to 8 "
        "points, 1 at best. In brackets: confidence limits."
    )


def _kinds(summary: "pd.DataFrame") -> list[str]:
    """Return the columns that tell sweeps apart; recipe and name only where they are needed."""
    kinds = ["model", "optimizer"] + ["recipe"] * (summary["recipe"].nunique() > 1)
    return kinds + ["sweep"] * bool(summary.duplicated(kinds).any())


def _estimate(row: Mapping[Hashable, Any], name: str) -> str:
    """Write an estimate of a summary with its limits, where it has any."""
    value, low, high = (row[name + suffix] for suffix in ("", "_low", "_high"))
    if math.isnan(value):
        return "–"
    return f"{value:.2f}" if math.isnan(low) else f"{value:.2f} ({low:.2f}–{high:.2f})"


def print_repeats(sweeps: "Sequence[SweepTrials]", confidence: float, console: Console) -> None:
    """Print what other seeds make of chosen points, if any were trained with several."""
    from analysis import of_repeats, repeated_points

    for point in (point for sweep in sweeps for point in repeated_points(sweep, confidence)):
        name = f"{point.sweep.model}{point.sweep.setting}, {point.sweep.optimizer}"
        console.print(f"{name}: {of_repeats(point)}", markup=False)


def print_comparisons(pairs: "Sequence[Comparison]", console: Console) -> None:
    """Print which to take of all that were compared, then what each pair differs in, with the evidence."""
    from analysis import answer, findings

    console.print()
    for line in answer(pairs):
        console.print(line, style="bold", markup=False)
    for pair in pairs:
        console.print(f"\n{pair.a.name} – {pair.b.name}", style="bold", markup=False)
        for finding in findings(pair):
            console.print(f"  {finding.sentence}.", markup=False)
            if finding.evidence:
                console.print(f"    {finding.evidence}", style="dim", markup=False)
    if any(pair.tests for pair in pairs):
        console.print(
            "\nCorrected: of the pairs of which anything is claimed, at most 5 % are expected to have any "
            "wrong claim. Limits of how often one beats the other hold for all budgets together; all other "
            "limits hold one by one."
        )
