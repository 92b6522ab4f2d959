"""From the sweeps of a study to its figures and tables."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from sweep.core.trial import Role
from sweep.errors import InputError
from sweep.results.figures import with_places
from sweep.workspace.sweep_run import SweepRun
from sweep.workspace.trial_table import trial_table

if TYPE_CHECKING:
    import pandas as pd

    from analysis import Outcome
    from analysis.figures import Figure


Figures = dict[str, Callable[[], "Figure"]]
"""What is added to the file's name → what draws it."""


def check_out(out: Path) -> None:
    """Refuse a file that could not be written once all is trained."""
    from analysis.figures.style import SUFFIXES

    if out.suffix.lower() not in SUFFIXES:
        raise InputError(f"`out` {out}: the suffix must be one of {', '.join(SUFFIXES)}, got {out.suffix!r}")
    if not out.parent.is_dir():
        raise InputError(f"`out` {out}: there is no folder {out.parent}")


def trials_of(tasks: Sequence[SweepRun]) -> "pd.DataFrame":
    """Return one row a trial that the study is about; schedule is the length of its training in epochs."""
    import pandas as pd

    tables = []
    for task in tasks:
        rows = trial_table([task.sweep])
        wanted = {trial.key for trial in task.wanted}
        rows = rows[rows["key"].isin(wanted)]
        tables.append(rows.assign(schedule=task.sweep.plan.recipe.epochs))
    return with_places(pd.concat(tables, ignore_index=True))


def outcomes_of(tasks: Sequence[SweepRun]) -> "list[Outcome]":
    """Return what the trainings at the optimum gave."""
    from analysis import outcomes

    table = trials_of(tasks)
    return outcomes(table[table["role"] == Role.OPTIMUM])


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
