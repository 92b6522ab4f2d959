"""What `sweep cdf` and `sweep compare` print."""

import math
from collections.abc import Hashable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from rich.console import Console

from sweep.console.tables import new_table
from sweep.utils.text import listed

if TYPE_CHECKING:
    import pandas as pd

    from analysis import Comparison, Metric, Summary, SweepTrials


_ROOMY = 116
"""Letters in a line from which on there are all shares, each with its interval."""


def print_sweeps(
    summary: "pd.DataFrame",
    console: Console,
    metric: "Metric | None" = None,
    of_delta: "Metric | None" = None,
) -> None:
    """Print level and spread of each sweep side by side; see `analysis.summary_table`.

    Parameters
    ----------
    summary : DataFrame
        The sweeps.
    console : Console
        Where to print.
    metric : Metric, optional
        That of the sweeps. Default: the top-1 error.
    of_delta : Metric, optional
        That of Δ, where it is relative to the optimum. Default: the same.
    """
    from analysis.metric import TOP1_ERROR
    from analysis.names import known

    metric = metric or TOP1_ERROR
    of_delta = of_delta or metric
    rows, roomy, kinds = summary.to_dict("records"), console.width >= _ROOMY, _kinds(summary)
    names = [f"{delta:g}" for delta in of_delta.deltas]
    deltas, share = (names, _estimate) if roomy else ([names[0], *names[2:]], _value)
    words = ("trials", "at optimum", "median", *(f"≤{delta}" for delta in deltas), f"area ≤{names[-1]}")
    table = new_table(*words, names=("\n".join(kinds),))
    for row in rows:
        name = "\n".join(known(*(str(row[kind]) for kind in kinds)))
        trials = f"{row['n']}/{row['n'] + row['missing']}" if row["missing"] else str(row["n"])
        shares = [share(row, f"within_{delta}") for delta in deltas]
        median, area = _estimate(row, "median", metric.decimals), _estimate(row, f"area_{names[-1]}")
        table.add_row(name, trials, _at_optimum(row, metric), median, *shares, area)
    console.print(table)
    for row in rows:
        if row["diverged"]:
            name = ", ".join(known(*(str(row[kind]) for kind in kinds)))
            console.print(f"{name}: {row['diverged']} of {row['n']} trials diverged", markup=False)
    seeds = sorted({row["seeds"] for row in rows if row["seeds"] > 1})
    of = f"at optimum: mean of {listed([str(count) for count in seeds])} seeds; " if seeds else ""
    console.print(_legend(metric, of_delta, of), markup=False)


def _legend(metric: "Metric", of_delta: "Metric", seeds: str) -> str:
    """Explain the table's columns."""
    rest = "±: the farther confidence limit; at the optimum one standard error."
    if metric.is_top1_error and of_delta.is_top1_error:
        return (
            f"Errors in %; {seeds}≤x: share of trials within x points of the error at the optimum; area: "
            f"under that curve up to 8 points, 1 at best. {rest}"
        )
    worse = "below" if metric.higher_better else "above"
    x, rule = ("x %", ", relative to that") if of_delta.relative else ("x", "")
    return (
        f"{metric}; {seeds}≤x: share of trials at most {x} {worse} the {metric.name} at the optimum{rule}; "
        f"area: under that curve up to {of_delta.amount(of_delta.area_to)}, 1 at best. {rest} A diverged "
        f"trial counts as {metric.diverged}."
    )


def _kinds(summary: "pd.DataFrame") -> list[str]:
    """Return the columns that tell sweeps apart: the model, and others only where they are needed."""
    kinds = ["model", *(name for name in ("optimizer", "recipe") if summary[name].nunique() > 1)]
    return kinds + ["sweep"] * bool(summary.duplicated(kinds).any())


def _at_optimum(row: Mapping[Hashable, Any], metric: "Metric") -> str:
    from analysis.summaries import optimum_name

    name, digits = optimum_name(metric), metric.decimals
    error = row["seed_sd"] / math.sqrt(row["seeds"]) if row["seeds"] else math.nan
    return _value(row, name, digits) + ("" if math.isnan(error) else f" ± {error:.{digits}f}")


def _value(row: Mapping[Hashable, Any], name: str, digits: int = 2) -> str:
    if math.isinf(row[name]):
        return "div."
    return "–" if math.isnan(row[name]) else f"{row[name]:.{digits}f}"


def _estimate(row: Mapping[Hashable, Any], name: str, digits: int = 2) -> str:
    """Write an estimate of a summary with the farther of its limits, where it has any."""
    value, low, high = (row[name + suffix] for suffix in ("", "_low", "_high"))
    if not math.isfinite(value) or math.isnan(low):
        return _value(row, name, digits)
    far = max(value - low, high - value)
    return f"{value:.{digits}f} ± {far:.{digits}f}" if math.isfinite(far) else f"{value:.{digits}f} ± ∞"


def print_ranking(summaries: "Sequence[Summary]", console: Console) -> None:
    """Print a line for each sweep: how robust it is, the most robust first."""
    from analysis.findings import ranking

    for rank in ranking(summaries):
        console.print(f"{rank.summary.sweep.model}: {rank.word}: {rank.text} ({rank.note})", markup=False)


def print_repeats(sweeps: "Sequence[SweepTrials]", confidence: float, console: Console) -> None:
    """Print what other seeds make of chosen points, or of all, if any were trained with several."""
    from analysis import of_repeats, of_seeds, repeated_points, seed_spread
    from analysis.names import known

    for sweep in sweeps:
        name = ", ".join(known(sweep.model + sweep.setting, sweep.optimizer))
        if spread := seed_spread(sweep, confidence):
            console.print(f"{name}: {of_seeds(spread)}", markup=False)
        for point in [] if sweep.averaged else repeated_points(sweep, confidence):
            console.print(f"{name}: {of_repeats(point)}", markup=False)


def print_test_images(sweeps: "Sequence[SweepTrials]", confidence: float, console: Console) -> None:
    """Print a line on how much of the noise between seeds the number of test images can explain."""
    from analysis.finite_test_set import from_images, of_images

    found = [each for sweep in sweeps if (each := from_images(sweep, confidence))]
    if line := of_images(found):
        console.print(line, markup=False)


def print_comparisons(pairs: "Sequence[Comparison]", console: Console) -> None:
    """Print which to take of all that were compared, then what each pair differs in, with the evidence."""
    from analysis import advice, answers

    console.print()
    for line in advice(pairs):
        console.print(line, style="bold", markup=False)
    for pair in pairs:
        console.print(f"\n{pair.a.name} – {pair.b.name}", style="bold", markup=False)
        for answer in answers(pair):
            console.print(f"  {answer.sentence}.", markup=False)
            if answer.evidence:
                console.print(f"    {answer.evidence}", style="dim", markup=False)
    for text in _of_rounds(pairs):
        console.print(f"\n{text}", markup=False)
    if any(pair.tests for pair in pairs):
        console.print(
            "\nCorrected: of the pairs of which anything is claimed, at most 5 % are expected to have any "
            "wrong claim. Limits of how often one beats the other hold for all budgets together; all other "
            "limits hold one by one."
        )


def _of_rounds(pairs: "Sequence[Comparison]") -> list[str]:
    """Return at which level claims hold of sweeps that grow in rounds."""
    from analysis import of_rounds

    return of_rounds([sweep for pair in pairs for sweep in (pair.a, pair.b)])


def comparison_json(
    pairs: "Sequence[Comparison]",
    summary: "pd.DataFrame",
    sweeps: "Sequence[SweepTrials]",
    confidence: float,
) -> dict[str, Any]:
    """Return what `sweep compare` prints, as data: which to take, and tables of sweeps, pairs and repeats.

    Parameters
    ----------
    pairs : sequence of Comparison
        The comparisons.
    summary : DataFrame
        See `analysis.summary_table`.
    sweeps : sequence of SweepTrials
        The sweeps, whose repeated points are listed.
    confidence : float
        Of the repeats' intervals.
    """
    import analysis
    from sweep.workspace.trial_table import records

    again = [point for each in sweeps for point in analysis.repeated_points(each, confidence)]
    return {
        "answer": analysis.advice(pairs),
        "rounds": _of_rounds(pairs),
        "sweeps": records(summary),
        "pairs": records(analysis.comparison_table(pairs)),
        "repeats": records(analysis.repeats_table(again)),
    }
