"""What the commands print."""

import math
import statistics
from collections.abc import Hashable, Mapping, Sequence, Set
from typing import TYPE_CHECKING, Any

from rich.console import Console
from rich.table import Column, Table

from sweep import changes, labels, show_tune
from sweep.kept import Kept
from sweep.plan import FOUND_FOR, GIVEN, Plan
from sweep.progress import counted, duration, listed
from sweep.search import Search
from sweep.show_tune import driven_by
from sweep.trial import SWEEP_STATES, TrialSpec
from sweep.workspace import Sweep, Workspace

if TYPE_CHECKING:
    import pandas as pd

    from analysis import Comparison
    from analysis import Sweep as AnalysedSweep
    from search_spaces import Found, Optimum
    from sweep.search import SearchPlan
    from sweep.service import Task

_NAMED_FAILURES = 10
_NAMED_IMAGES = 5


def dry_run(tasks: "Sequence[Task]", elsewhere: Sequence[Set[str]], console: Console) -> None:
    """Say what would be trained; ``elsewhere``: keys of each task that other sweeps have results of."""
    for task, there in zip(tasks, elsewhere, strict=True):
        plan, box = task.sweep.plan.first(task.n, task.seeds, task.repeated), task.sweep.plan.box
        several = f", with {plan.seeds} seeds" if plan.seeds > 1 else ""
        chosen = sorted({trial.index for trial in plan.repeats})
        others = counted(plan.seeds - 1, "other seed")
        several += f"; {listed([f'point {index}' for index in chosen])} with {others}" if chosen else ""
        left = sum(trial.key not in there for trial in task.to_train)
        failed = sum(trial.key not in there for trial in task.missing) - left
        notes = f", and {failed} given up that --retry-failed trains again" if failed else ""
        notes += f"; {counted(len(there), 'result')} taken over from other sweeps" if there else ""
        console.print(
            f"[bold]{plan.sweep}[/bold]: {left} of {counted(len(plan.trials), 'trial')} to train{notes}"
        )
        console.print(
            f"  {plan.recipe.epochs} epochs each, {labels.trained_by(plan)}, seed {plan.seed}", markup=False
        )
        console.print(
            f"  {plan.n} {plan.design} points; optimum lr {plan.optimum_lr:.3g}, wd {plan.optimum_wd:.3g}"
            f"{several}"
        )
        console.print(f"  ({plan.optimum_source})")
        console.print(
            f"  box lr {box.lr_low:.3g} to {box.lr_high:.3g}, wd {box.wd_low:.3g} to {box.wd_high:.3g}"
        )


def left_out(plan: "Plan | SearchPlan", console: Console) -> None:
    """Say which images were left out."""
    names = plan.left_out
    if names:
        more = (
            f" and {len(names) - _NAMED_IMAGES} more (all are in the plan)"
            if len(names) > _NAMED_IMAGES
            else ""
        )
        text = f"Left out {len(names)} images that cannot be read: {', '.join(names[:_NAMED_IMAGES])}{more}"
        console.print(text, markup=False)


def changed(plans: Sequence[Plan], workspace: Workspace, console: Console) -> None:
    """Say how new sweeps differ from those that one might have meant to go on with."""
    for plan in plans:
        if found := changes.changes(plan, workspace):
            name, texts = found
            text = (
                f"{plan.sweep} is a new sweep, not {name}: {'; '.join(texts)}. Their trials are never mixed."
            )
            console.print(text, markup=False)


def moved(plans: Sequence[Plan], workspace: Workspace, console: Console) -> None:
    """Say which sweeps are new only because an optimum is another than it was."""
    for plan in plans:
        if old := changes.moved(plan, workspace):
            optima = f"lr {plan.optimum_lr:.3g}, wd {plan.optimum_wd:.3g}; there lr {old.optimum_lr:.3g}, wd "
            text = f"{plan.sweep} is a new sweep, not {old.sweep}: its optimum is another ({optima}"
            console.print(f"{text}{old.optimum_wd:.3g}).", markup=False)


def beginning(sweeps: Sequence[Sweep], wanted: int, missing: int, console: Console) -> None:
    """Say what is about to be trained."""
    names = listed([sweep.name for sweep in sweeps])
    console.print(f"{names}: {missing} of {counted(wanted, 'trial')} to train")
    for line in optima([sweep.plan for sweep in sweeps]) if missing else []:
        console.print(line, markup=False)


def optima(plans: Sequence[Plan]) -> list[str]:
    """Say once of each optimum that was looked up where it is from, and what other lengths it is used for."""
    lengths: dict[tuple[str, str, str], list[int]] = {}
    for plan in plans:
        if plan.optimum_source == GIVEN:
            continue
        source, _, elsewhere = plan.optimum_source.partition(FOUND_FOR)
        found = lengths.setdefault((plan.model, plan.optimizer, source), [])
        if elsewhere and plan.recipe.epochs not in found:
            found.append(plan.recipe.epochs)
    return [
        f"optimum of {model} with {optimizer}: {source}"
        + (f"; used for {', '.join(map(str, sorted(epochs)))} epochs, too" if epochs else "")
        for (model, optimizer, source), epochs in lengths.items()
    ]


def adopted(count: int, console: Console) -> None:
    """Say how many results were there already under another sweep's name."""
    if count:
        console.print(f"{counted(count, 'result')} taken over from other sweeps with the very same trials")


def recovered(count: int, console: Console) -> None:
    """Say how many results only MLflow had."""
    if count:
        lost = f"{counted(count, 'result')} that the journal had lost {'was' if count == 1 else 'were'}"
        console.print(f"{lost} written again from MLflow")


def synced(sweeps: Sequence[Kept], console: Console) -> None:
    """Say that MLflow has everything."""
    names = ", ".join(sweep.name for sweep in sweeps)
    console.print(f"MLflow has all of {names}" if names else "Nothing here to send", markup=False)


def check(problems: Mapping[str, Sequence[str]], console: Console) -> None:
    """Say where plan, journal and MLflow disagree, sweep by sweep."""
    for name, texts in problems.items():
        console.print(
            f"[bold]{name}[/bold]: " + (counted(len(texts), "disagreement") if texts else "in order")
        )
        for text in texts[:_NAMED_FAILURES]:
            console.print(f"  {text}", markup=False)
        if len(texts) > _NAMED_FAILURES:
            console.print(f"  … and {len(texts) - _NAMED_FAILURES} more")
    if any(problems.values()):
        console.print(
            "Its own `sweep run …` or `sweep tune …` puts it right; `sweep sync` what concerns MLflow."
        )


def ending(sweeps: Sequence[Sweep], left: Sequence[TrialSpec], console: Console) -> None:
    """Say what came of it, and what to do next."""
    status(sweeps, console, trials=False)
    unfinished(sweeps, left, console)
    if not left:
        console.print("Next: [bold]sweep cdf --out fig.pdf[/bold], or browse with [bold]sweep ui[/bold]")


def unfinished(sweeps: Sequence[Sweep], left: Sequence[TrialSpec], console: Console) -> None:
    """Say which trials have no result, and which command goes on with them."""
    by_key = {trial.key: sweep for sweep in sweeps for trial in sweep.plan.trials}
    records = {trial.key: by_key[trial.key].journal.history(trial.key).record for trial in left}
    for trial in left[:_NAMED_FAILURES]:
        record = records[trial.key]
        reason = f"given up: {record.error}" if record else "not trained"
        text = f"no result: {trial.model} {place(trial)} ({trial.key}): {reason}"
        console.print(text, markup=False)
    if left:
        console.print(
            f"{counted(len(left), 'trial')} without a result; `sweep status SWEEP` lists all of them."
        )
    if not all(records.values()):
        console.print("The same command goes on with those that were not trained.")
    if any(records.values()):
        console.print("The same command with --retry-failed tries those again that were given up.")


def place(trial: TrialSpec) -> str:
    """Say which trial of a sweep it is: optimum, optimum repeat 1, point 12, point 12 repeat 1."""
    repeat = f" repeat {trial.repeat}" if trial.repeat else ""
    return ("optimum" if trial.role == "optimum" else f"point {trial.index}") + repeat


def status(sweeps: Sequence[Kept], console: Console, *, trials: bool) -> None:
    """Print a line a sweep or search, or a line a trial."""
    for row in status_json(sweeps, trials=False):
        console.print(show_tune.status_line(row) if row["kind"] == "search" else _status_line(row))
    if trials:
        table = Table(
            "index", "repeat", "key", "state", "lr", "weight decay", "top-1 err %", "best %", "time"
        )
        for row in (row for sweep in sweeps for row in sweep.rows()):
            place = "optimum" if row["role"] == "optimum" else str(row["index"])
            errors = [_number(row["top1_err"]), _number(row["best_top1_err"])]
            took = "" if row["wall_s"] is None else duration(row["wall_s"])
            table.add_row(
                place,
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


def status_json(sweeps: Sequence[Kept], *, trials: bool) -> list[dict[str, Any]]:
    """Return the counts and errors of each sweep and search as plain values, its trials too if asked.

    ``driver`` is who is at work on it, None if nobody is. Of a sweep ``optimum_err`` is
    the mean of ``optimum_errs``: those of the trials at the optimum with a result, 100 for one that diverged.
    """
    return [
        (show_tune.status_row(each) if isinstance(each, Search) else _status_row(each))
        | ({"trials": list(each.rows())} if trials else {})
        for each in sweeps
    ]


def _status_row(sweep: Kept) -> dict[str, Any]:
    assert isinstance(sweep, Sweep)
    rows = list(sweep.rows())
    counts = {state.value: sum(row["state"] == state for row in rows) for state in SWEEP_STATES}
    # A repeat is no try of its own: it says how lucky a point was.
    errors = [row["top1_err"] for row in rows if row["role"] != "repeat" and row["top1_err"] is not None]
    optimum = [row["top1_err"] for row in rows if row["role"] == "optimum" and row["top1_err"] is not None]
    return {
        "sweep": sweep.name, "kind": "sweep", "driver": sweep.driver,
        "model": sweep.plan.model, "optimizer": sweep.plan.optimizer, "recipe": sweep.plan.recipe.name,
        "design": sweep.plan.design, "n": sweep.plan.n,
        "seeds": sweep.plan.seeds, "repeats": len(sweep.plan.repeats), **counts,
        "complete": counts["finished"] + counts["diverged"] == len(rows),
        "optimum_err": statistics.fmean(optimum) if optimum else None, "optimum_errs": optimum,
        "best_err": min(errors, default=None),
    }  # fmt: skip


def _number(value: float | None) -> str:
    return "" if value is None or math.isnan(value) else f"{value:.2f}"


def shares(summary: "pd.DataFrame", console: Console) -> None:
    """Print level and spread of each sweep side by side; see `analysis.summary_table`."""
    words = ("points", "diverged", "error at optimum", "median error", "≤1", "≤2", "≤4", "≤8", "area ≤8")
    table = Table(Column("model", overflow="fold"), Column("optimizer", overflow="fold"), *words)
    for row in summary.to_dict("records"):
        seeds = f" (mean of {row['seeds']})" if row["seeds"] > 1 else ""
        points = str(row["n"]) + (f" (of {row['n'] + row['missing']})" if row["missing"] else "")
        at_optimum = "–" if math.isnan(row["optimum_err"]) else f"{row['optimum_err']:.2f} %{seeds}"
        errors = [at_optimum, _estimate(row, "median")]
        within = [_estimate(row, name) for name in ("within_1", "within_2", "within_4", "within_8", "area_8")]
        table.add_row(row["model"], row["optimizer"], points, str(row["diverged"]), *errors, *within)
    console.print(table)
    console.print(
        "≤x: share of points within x points of the error at the optimum; area: under that curve up to 8 "
        "points, 1 at best. In brackets: confidence limits."
    )


def _estimate(row: Mapping[Hashable, Any], name: str) -> str:
    """Write an estimate of a summary with its limits, where it has any."""
    value, low, high = (row[name + suffix] for suffix in ("", "_low", "_high"))
    if math.isnan(value):
        return "–"
    return f"{value:.2f}" if math.isnan(low) else f"{value:.2f} ({low:.2f}–{high:.2f})"


def repeats(sweeps: "Sequence[AnalysedSweep]", confidence: float, console: Console) -> None:
    """Print what other seeds make of chosen points, if any were trained with several."""
    from analysis import of_repeats, repeated_points

    for point in (point for sweep in sweeps for point in repeated_points(sweep, confidence)):
        console.print(f"{point.sweep.model}, {point.sweep.optimizer}: {of_repeats(point)}", markup=False)


def comparisons(pairs: "Sequence[Comparison]", console: Console) -> None:
    """Print what pairs of models differ in, in words."""
    from analysis import sentences

    console.print()
    for pair in pairs:
        console.print(f"{pair.a.model} – {pair.b.model}", style="bold", markup=False)
        for sentence in sentences(pair):
            console.print(f"  {sentence}", markup=False)
    if any(pair.tests for pair in pairs):
        console.print(
            "Corrected: for the number of pairs, so that of all differences claimed in the error, and of all "
            "in robustness, at most 5 % are expected to be false."
        )


def model_rows(found: "Sequence[Found]" = ()) -> list[dict[str, Any]]:
    """Return every model of ours: cost at its training resolution, and its optima.

    What `sweep tune` has found stands before what is shipped. Other models with an optimum have no cost here.
    """
    import torch

    import search_spaces
    from sweep import models
    from sweep.catalog import MODELS
    from sweep.models.complexity import measure

    rows = []
    for name, spec in MODELS.items():
        with torch.device("meta"):
            cost = measure(models.create(name, num_classes=spec.classes, px=spec.train_px), spec.train_px)
        shipped = {key[1:]: o for key, o in search_spaces.optima().items() if key[0] == name}
        rows.append(
            {"model": name, "family": spec.family, "size": spec.size, **cost._asdict(),
             "train_px": spec.train_px, "test_px": spec.test_px,
             "optima": _optima(shipped | _found_optima(name, found))}
        )  # fmt: skip
    for name in dict.fromkeys(row.model for row in found if row.model not in MODELS):
        rows.append({"model": name, "optima": _optima(_found_optima(name, found))})
    return rows


def _found_optima(model: str, found: "Sequence[Found]") -> "dict[tuple[str, str], Optimum]":
    return {(row.optimizer, row.recipe): row.optimum for row in found if row.model == model}


def _optima(known: "Mapping[tuple[str, str], Optimum]") -> dict[str, dict[str, Any]]:
    return {
        f"{optimizer}/{recipe}": {
            "lr": o.lr, "weight_decay": o.weight_decay, "batch": o.batch, "source": o.source
        }
        for (optimizer, recipe), o in known.items()
    }  # fmt: skip


def models_table(rows: Sequence[dict[str, Any]], console: Console) -> None:
    """Print the models."""
    table = Table(
        "model",
        "family",
        "size",
        "multiply-adds",
        "params",
        "activations",
        "px (train/test)",
        "optima known for",
    )
    for row in (row for row in rows if "flops" in row):
        costs = [_si(row[name]) for name in ("flops", "params", "activations")]
        px = f"{row['train_px']}/{row['test_px']}"
        table.add_row(row["model"], row["family"], row["size"], *costs, px, ", ".join(row["optima"]) or "–")
    console.print(table)


def found_table(found: "Sequence[Found]", path: object, console: Console) -> None:
    """Print the optima that `sweep tune` has found here."""
    if not found:
        return
    table = Table(
        Column("model", overflow="fold"), "optimizer", "recipe", "lr", "weight decay", "error on minival %",
        "seeds", "trials", "epochs", "data", "found",
    )  # fmt: skip
    for row in found:
        error = f"{row.top1_err:.2f} ± {row.standard_error:.2f}"
        numbers = f"{row.lr:.3g}", f"{row.weight_decay:.3g}", error
        counts = map(str, (row.seeds, row.trials, row.epochs))
        table.add_row(row.model, row.optimizer, row.recipe, *numbers, *counts, row.data, row.found)
    console.print(f"Found here by `sweep tune` ({path}), and taken before those above:", markup=False)
    console.print(table)


def _si(value: float) -> str:
    for unit, size in (("G", 1e9), ("M", 1e6), ("k", 1e3)):
        if value >= size:
            return f"{value / size:.3f} {unit}"
    return str(value)
