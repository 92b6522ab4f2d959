"""Which trials a command is about, and whether they can be compared."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from sweep.core.trial import Role
from sweep.errors import InputError

if TYPE_CHECKING:
    import pandas as pd

    from sweep.workspace.sweep import Sweep


def check_comparable(sweeps: "Sequence[Sweep]") -> list[str]:
    """Return warnings of what makes a comparison of sweeps unpaired.

    Raises
    ------
    InputError
        If they trained on other data or by another recipe: their errors are not comparable at all.
    """
    from sweep.core.keys import recipe_contents

    contents = {(repr(recipe_contents(s.plan.recipe)), s.plan.data_fingerprint): s.name for s in sweeps}
    if len(contents) > 1:
        raise InputError(
            f"these sweeps have other recipes or data and cannot be compared: {', '.join(contents.values())} "
            "(same name, other --epochs or --data?). Choose with --recipe or --sweep."
        )
    if len({(s.plan.design, s.plan.seed) for s in sweeps}) > 1:
        return ["these sweeps have different designs or seeds, so their points are not paired"]
    return []


@dataclass(frozen=True)
class Trials:
    """The trials that a command is about."""

    table: "pd.DataFrame"
    """One row a trial, with the columns of `sweep.workspace.table.COLUMNS`."""
    check_comparable: Callable[[], list[str]]
    """Returns warnings of what makes a comparison of the sweeps unpaired or biased; raises `InputError` where
    they cannot be compared at all."""
    sweeps: "Sequence[Sweep]" = ()
    """The folder's sweeps that the trials are of; none for trials from elsewhere."""
    notes: Sequence[str] = ()
    """What a reader is told before the results: what was understood of imported trials, what is left out."""

    def with_points(self) -> "Trials":
        """Leave out the sweeps of nothing but their optimum: a study's schedules have no distribution.

        Raises
        ------
        InputError
            If none is left.
        """
        from sweep.utils.text import listed

        of_points = set(self.table.loc[self.table["role"] != Role.OPTIMUM, "sweep"])
        bare = [name for name in self.table["sweep"].unique() if name not in of_points]
        if not bare:
            return self
        if not of_points:
            raise InputError(
                f"only the optimum was trained in {listed(bare)}; `sweep run` adds points around it"
            )
        notes = (*self.notes, f"Left out, as only their optimum was trained: {listed(bare)}")
        if self.sweeps:
            return replace(
                _trials_of([sweep for sweep in self.sweeps if sweep.name in of_points]), notes=notes
            )
        table = self.table[self.table["sweep"].isin(of_points)].reset_index(drop=True)
        return replace(self, table=table, notes=notes)


@dataclass(frozen=True)
class Filter:
    """Which sweeps are kept."""

    models: list[str] | None
    optimizers: list[str] | None
    recipe: str | None
    names: list[str] | None

    def keeps(self, model: str, optimizer: str, recipe: str) -> bool:
        """Say whether a sweep of these is kept."""
        return (
            (not self.models or model in self.models)
            and (not self.optimizers or optimizer in self.optimizers)
            and self.recipe in (None, recipe)
        )

    def __str__(self) -> str:
        given = {"--model": self.models, "--optimizer": self.optimizers, "--sweep": self.names}
        flags = [f"{flag} {name}" for flag, names in given.items() for name in names or ()]
        return " ".join([*flags, *([f"--recipe {self.recipe}"] if self.recipe is not None else [])])


def own_trials(folder: Path, only: Filter) -> Trials:
    """Return the trials of the folder's sweeps."""
    from sweep.workspace.workspace import Workspace

    workspace = Workspace(folder)
    sweeps = [workspace.open(name) for name in only.names] if only.names else workspace.sweeps()
    kept = [s for s in sweeps if only.keeps(s.plan.model, s.plan.optimizer, s.plan.recipe.name)]
    if not kept:
        has = ", ".join(sweep.name for sweep in sweeps)
        if sweeps:
            raise InputError(f"no sweep to show: {only} leaves none of {has}")
        raise InputError(f"no sweep to show: {folder}/ has none. Begin one: sweep run --model vit_c_1mf")
    return _trials_of(kept)


def _trials_of(sweeps: "Sequence[Sweep]") -> Trials:
    from sweep.results import selection
    from sweep.workspace.table import trial_table

    return Trials(trial_table(sweeps), lambda: selection.check_comparable(sweeps), sweeps)


def filtered(table: "pd.DataFrame", only: Filter) -> "pd.DataFrame":
    """Return the rows of the sweeps that are kept."""
    rows = zip(table["sweep"], table["model"], table["optimizer"], table["recipe"], strict=True)
    kept = [
        only.keeps(*words) and (not only.names or name.startswith(tuple(filter(None, only.names))))
        for name, *words in rows
    ]
    if not any(kept):
        has = ", ".join(table["sweep"].unique())
        raise InputError(f"no sweep to show: {only} leaves none of {has}")
    return table[kept].reset_index(drop=True)
