"""Which trials a command is about, and whether they can be compared."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from sweep.errors import InputError
from sweep.planning.command_options import FolderOptions
from sweep.results.recipe_names import on_other_data, recipe_names
from sweep.utils.option_groups import option, options_of

if TYPE_CHECKING:
    import pandas as pd

    from sweep.workspace.sweep import Sweep


def comparison_warnings(sweeps: "Sequence[Sweep]") -> list[str]:
    """Return warnings of what makes a comparison of sweeps unpaired, or one of different things."""
    warnings = []
    plans = [s.plan for s in sweeps]
    if any(on_other_data(plan, plans) for plan in plans):
        warnings.append(
            "these sweeps have one recipe but different data, so a difference in error may come from the data"
        )
    if len({(s.plan.design, s.plan.seed) for s in sweeps}) > 1:
        warnings.append("these sweeps have different designs or seeds, so their points are not paired")
    return warnings


@dataclass(frozen=True)
class Trials:
    """The trials that a command is about."""

    table: "pd.DataFrame"
    """One row a trial, with the columns of `sweep.workspace.trial_table.COLUMNS`."""
    warnings: Sequence[str] = ()
    """What makes a comparison of the sweeps unpaired or biased."""
    sweeps: "Sequence[Sweep]" = ()
    """The folder's sweeps that the trials are of; none for trials from elsewhere."""
    notes: Sequence[str] = ()
    """What a reader is told before the results: what was understood of imported trials, what is left out."""
    metric: str | None = None
    """The metric that the folder's sweeps are judged by instead of their own."""

    @property
    def learning(self) -> "pd.DataFrame":
        """The learning curves of the folder's sweeps; see `sweep.workspace.trial_table.learning_table`."""
        from sweep.workspace.trial_table import learning_table

        return learning_table(self.sweeps, self.metric)

    @property
    def chances(self) -> dict[str, float]:
        """What chance gives of the metric, by the sweep's name, where it is known."""
        known = {sweep.name: sweep.chance(self.metric) for sweep in self.sweeps}
        return {name: chance for name, chance in known.items() if chance is not None}

    @property
    def to_compare(self) -> "pd.DataFrame":
        """The table with recipes of one name but different contents told apart: ``digits (epochs 20)``."""
        if not self.sweeps:
            return self.table
        names = recipe_names([sweep.plan for sweep in self.sweeps])
        return self.table.assign(recipe=self.table["sweep"].map(names))

    def with_points(self) -> "Trials":
        """Leave out the sweeps of nothing but their optimum: a study's schedules have no distribution.

        Raises
        ------
        InputError
            If none is left.
        """
        from sweep.core.trial import Role
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
            kept = [sweep for sweep in self.sweeps if sweep.name in of_points]
            return replace(_trials_of(kept, self.metric), notes=notes)
        table = self.table[self.table["sweep"].isin(of_points)].reset_index(drop=True)
        return replace(self, table=table, notes=notes)


_ELSEWHERE = "Trials from elsewhere"


@dataclass(frozen=True, kw_only=True)
class Filter:
    """Which sweeps are kept."""

    model: Sequence[str] = option((), "Only this model. May be repeated.", short="-m")
    optimizer: Sequence[str] = option((), "Only this optimizer. May be repeated.")
    recipe: str | None = option(None, "Only this recipe.")
    sweep: Sequence[str] = option((), "Only this sweep, by a beginning of its name.")

    def keeps(self, model: str, optimizer: str, recipe: str) -> bool:
        """Say whether a sweep of these is kept."""
        return (
            (not self.model or model in self.model)
            and (not self.optimizer or optimizer in self.optimizer)
            and self.recipe in (None, recipe)
        )

    def __str__(self) -> str:
        values = {"model": self.model, "optimizer": self.optimizer, "sweep": self.sweep}
        chosen = [f"`{name}` {value}" for name, several in values.items() for value in several]
        return " ".join([*chosen, *([f"`recipe` {self.recipe}"] if self.recipe is not None else [])])


@dataclass(frozen=True, kw_only=True)
class ImportOptions:
    """What trials that another tool ran are, and where they lie."""

    source: Sequence[str] = option(
        (),
        "Instead of --dir: a .csv, .parquet or .jsonl table, a pycls sweep.json, a Ray Tune result folder, "
        "optuna:STORAGE::STUDY (or sqlite:///FILE.db::STUDY), mlflow:EXPERIMENT, or a folder of MLflow "
        "(mlruns), W&B (wandb) or timm's train.py. May be repeated.",
        flag="--from",
        metavar="SOURCE",
        panel=_ELSEWHERE,
    )
    column: Sequence[str] = option(
        (),
        "Which column of theirs is top1_err, lr, weight_decay, model, … May be repeated.",
        metavar="OURS=THEIRS",
        panel=_ELSEWHERE,
    )
    constant: Sequence[str] = option(
        (),
        "What is the same for all their trials, such as model=resnet50. May be repeated.",
        flag="--set",
        metavar="OURS=VALUE",
        panel=_ELSEWHERE,
    )
    over: str = option(
        "",
        "Which of their columns are hyperparameters too, such as momentum,beta2. Default: all that look so.",
        metavar="NAME,…",
        panel=_ELSEWHERE,
    )
    higher_better: bool | None = option(
        None, "What is better of that metric.", flag="--higher-better/--lower-better", panel=_ELSEWHERE
    )
    unit: str | None = option(None, "Its unit, such as nats.", panel=_ELSEWHERE)
    bounds: str | None = option(
        None,
        "Its least and greatest value, such as 0:1. A diverged trial counts as the worse one; without it, as "
        "worse than everything.",
        metavar="LOW:HIGH",
        panel=_ELSEWHERE,
    )
    accuracy: bool | None = option(None, "What their metric is.", flag="--accuracy/--error", panel=_ELSEWHERE)
    fraction: bool | None = option(
        None, "How their metric is written.", flag="--fraction/--percent", panel=_ELSEWHERE
    )
    nan: str | None = option(
        None,
        "What their trials without a finite metric are: diverged (a result, 100 %) or failed (none).",
        metavar="STATE",
        panel=_ELSEWHERE,
    )
    optimum: Sequence[str] = option(
        (),
        "Which trial is the optimum, the zero of Δ. With model=…, of that model only. May be repeated.",
        metavar="lr=L,wd=W",
        panel=_ELSEWHERE,
    )


@dataclass(frozen=True, kw_only=True)
class TrialOptions(ImportOptions, FolderOptions, Filter):
    """Which trials a command is about: some of the folder's sweeps, or trials from elsewhere."""

    metric: str | None = option(
        None,
        "What trials are judged by instead of the top-1 error: top5_err or val_loss; with --from any of "
        "their columns, such as F1.",
        metavar="NAME",
    )


def choose(asked: TrialOptions) -> Trials:
    """Return the trials that are asked for.

    Raises
    ------
    InputError
        If no trial is left, or one from elsewhere cannot be read or understood.
    """
    if asked.source:
        return _imported_trials(asked)
    about = [name for name in options_of(ImportOptions) if getattr(asked, name) not in ((), None, "")]
    if about:
        flags = ", ".join(f"`{name}`" for name in about)
        raise InputError(f"{flags} tells what the trials of `source` are: name them with `source`")
    return own_trials(asked.folder, asked, asked.metric)


def _imported_trials(asked: TrialOptions) -> Trials:
    """Return trials from elsewhere."""
    from sweep.sources import formats, metrics
    from sweep.sources.mapping import column_flags, constant_flags
    from sweep.sources.mark_optimum import parse

    mapping = formats.Mapping(
        columns=column_flags(asked.column),
        constants=constant_flags(asked.constant),
        accuracy=asked.accuracy,
        fraction=asked.fraction,
        nan=asked.nan,
        metric=metrics.asked(
            asked.metric, asked.higher_better, asked.unit, asked.bounds, asked.accuracy, asked.fraction
        ),
        over=tuple(dict.fromkeys(name.strip() for name in asked.over.split(",") if name.strip())),
    )
    read = formats.read(list(asked.source), mapping, [parse(text) for text in asked.optimum])
    return Trials(filtered(read.table, asked), read.warnings, notes=read.preview)


def own_trials(folder: Path, only: Filter, metric: str | None = None) -> Trials:
    """Return the trials of the folder's sweeps, judged by a metric that they report, or by their own."""
    from sweep.results.reported_metrics import check_reported
    from sweep.workspace.workspace import Workspace

    workspace = Workspace(folder)
    sweeps = [workspace.open(name) for name in only.sweep] if only.sweep else workspace.sweeps()
    kept = [s for s in sweeps if only.keeps(s.plan.model, s.plan.optimizer, s.plan.recipe.name)]
    if not kept:
        has = ", ".join(sweep.name for sweep in sweeps)
        if sweeps:
            raise InputError(f"no sweep to show: {only} leaves none of {has}")
        raise InputError(f"no sweep to show: {folder}/ has none. Begin one: sweep run --model vit_c_1mf")
    if metric is not None:
        check_reported(kept, metric)
    return _trials_of(kept, metric)


def _trials_of(sweeps: "Sequence[Sweep]", metric: str | None) -> Trials:
    from sweep.workspace.trial_table import trial_table

    return Trials(trial_table(sweeps, metric), comparison_warnings(sweeps), sweeps, metric=metric)


def filtered(table: "pd.DataFrame", only: Filter) -> "pd.DataFrame":
    """Return the rows of the sweeps that are kept."""
    rows = zip(table["sweep"], table["model"], table["optimizer"], table["recipe"], strict=True)
    kept = [
        only.keeps(*words) and (not only.sweep or name.startswith(tuple(filter(None, only.sweep))))
        for name, *words in rows
    ]
    if not any(kept):
        has = ", ".join(table["sweep"].unique())
        raise InputError(f"no sweep to show: {only} leaves none of {has}")
    return table[kept].reset_index(drop=True)
