"""From the sweeps of a study to its figures and tables."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from rich.console import Console
from rich.table import Column, Table

from sweep import draw, show
from sweep.errors import InputError
from sweep.service import Task

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.figure import Figure

    from analysis import Outcome

Figures = dict[str, Callable[[], "Figure"]]
"""What is added to the file's name → what draws it."""


def check_out(out: Path) -> None:
    """Refuse a file that could not be written once all is trained."""
    from analysis.figures.style import SUFFIXES

    if out.suffix.lower() not in SUFFIXES:
        raise InputError(f"--out {out}: the suffix must be one of {', '.join(SUFFIXES)}, got {out.suffix!r}")
    if not out.parent.is_dir():
        raise InputError(f"--out {out}: there is no folder {out.parent}")


def trials_of(tasks: Sequence[Task]) -> "pd.DataFrame":
    """Return one row a trial that the study is about; schedule is the length of its training in epochs."""
    import pandas as pd

    tables = []
    for task in tasks:
        rows = draw.trial_table([task.sweep])
        wanted = {trial.key for trial in task.wanted}
        rows = rows[rows["key"].isin(wanted)]
        tables.append(rows.assign(schedule=task.sweep.plan.recipe.epochs))
    return draw.with_places(pd.concat(tables, ignore_index=True))


def outcomes_of(tasks: Sequence[Task]) -> "list[Outcome]":
    """Return what the trainings at the optimum gave."""
    from analysis import outcomes

    table = trials_of(tasks)
    return outcomes(table[table["role"] == "optimum"])


def write(figures: Figures, out: Path) -> list[Path]:
    """Draw a study's figures, all before any is written; return the files.

    Raises
    ------
    AnalysisError
        If there is nothing to draw, or a file cannot be written.
    """
    from analysis.figures import save

    drawn = {out.with_stem(out.stem + added): figure() for added, figure in figures.items()}
    return [save(figure, path) for path, figure in drawn.items()]


def print_outcomes(found: "Sequence[Outcome]", console: Console, others: "Sequence[Outcome]" = ()) -> None:
    """Print a line a model, optimizer and length, with others' results beside it if there are any."""
    from analysis import outcome_table

    known = {(row.model, row.schedule): row for row in others}
    words = ("seeds", "top-1 err %", "sd", "Δ to longest", "epoch s")
    columns = [*words, *(["published %", "epoch min on 8 V100"] if others else [])]
    table = Table(Column("model", overflow="fold"), "optimizer", "epochs", *columns)
    for row in outcome_table(found).to_dict("records"):
        seeds = f"{row['seeds']} of {row['seeds'] + row['missing']}" if row["missing"] else str(row["seeds"])
        error = f"{row['top1_err']:.2f}" if row["seeds"] else "–"
        if row["diverged"]:
            error = f"{row['diverged']} of {row['seeds']} diverged"
        cells = [seeds, error, _number(row["sd"]), _number(row["delta"]), _number(row["epoch_s"])]
        if others:
            other = known.get((row["model"], row["schedule"]))
            cells += [f"{other.mean:.1f}", f"{other.epoch_s / 60:.1f}"] if other else ["–", "–"]
        table.add_row(row["model"], row["optimizer"], str(row["schedule"]), *cells)
    console.print(table)


def _number(value: float) -> str:
    return "–" if value != value else f"{value:.2f}"


def print_shares(tasks: Sequence[Task], console: Console) -> None:
    """Print level and spread of each sweep, and where Δ flatters, as `sweep cdf` does."""
    from analysis import read_sweeps, summarise, summary_table, verdicts

    sweeps = read_sweeps(trials_of(tasks))
    show.shares(summary_table([summarise(each) for each in sweeps]), console)
    _mind(verdicts(sweeps, draw.learning_table([task.sweep for task in tasks])), console)


def _mind(texts: Sequence[str], console: Console) -> None:
    for text in texts:
        console.print("Mind:", text, style="yellow", markup=False)


def hyperparameters(tasks: Sequence[Task], console: Console, *, absolute: bool) -> Figures:
    """Return the EDF figure and the scatter figure; say which curve has no band, and why."""
    from analysis import curves, figures

    table = trials_of(tasks)
    drawn = curves(table, absolute=absolute)
    bands, notes = draw.bands_of(drawn)
    _mind(notes, console)
    return {
        "": lambda: figures.cdf_figure(drawn, bands),
        "-scatter": lambda: figures.scatter_figure(table),
    }
