"""The input of a report beyond the trial table, and the contents that its sections read."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields
from functools import cached_property

import pandas as pd

from analysis.comparison import Comparison
from analysis.metric import Metric, in_costs
from analysis.names import Identity, Names, known, optimizer_name, tell_apart
from analysis.report.wording import Wording
from analysis.summaries import Summary
from analysis.sweep_trials import RESULTS, SweepTrials


@dataclass(frozen=True, kw_only=True, slots=True)
class SweepFacts:
    """Facts about a sweep beyond its trials, as displayed texts; None if unknown."""

    epochs: str | None = None
    trainer: str | None = None
    """The user-defined training function."""
    trainer_source: str | None = None
    """Fingerprint of its source file."""
    batch: str | None = None
    px: str | None = None
    """Side of an image, in pixels."""
    recipe_settings: str | None = None
    """The recipe's other settings."""
    data: str | None = None
    seed: str | None = None
    optimum_from: str | None = None
    """Source of the optimum."""
    box_lr: str | None = None
    box_wd: str | None = None
    trained_on: str | None = None
    """Devices and hosts."""
    trained: str | None = None
    """From when to when."""

    def labelled(self) -> dict[str, str]:
        """Return the known facts: label → text."""
        values = ((each.name, getattr(self, each.name)) for each in fields(self))
        return {_LABELS.get(name, name.replace("_", " ")): text for name, text in values if text is not None}


_LABELS = {"trainer_source": "its source"}


@dataclass(frozen=True, kw_only=True, slots=True)
class Progress:
    """Where sweeps stand whose trials may still be running."""

    drivers: Mapping[str, str] = field(default_factory=dict)
    """Sweep → the process that runs it; sweeps that none runs are absent."""
    epochs: Mapping[str, int] = field(default_factory=dict)
    """A running trial's key → the epochs that it has behind it."""
    failures: Mapping[str, str] = field(default_factory=dict)
    """A failed trial's key → the reason."""
    changes: str | None = None
    """The address of what has changed since, for a page that is served; None for one that is kept."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Extras:
    """Optional information about sweeps beyond their trials."""

    facts: Mapping[str, SweepFacts] = field(default_factory=dict)
    """Sweep → facts about its plan and where it ran."""
    learning: pd.DataFrame | None = None
    """Learning curves, one row per epoch: key (of the trial), epoch (from 1), top1_err (percent)."""
    links: Mapping[str, str] = field(default_factory=dict)
    """A trial's key → the URL of its MLflow run."""
    links_note: str = "No MLflow run is known for these trials."
    """A note on these links, for the reader."""
    versions: Mapping[str, str] = field(default_factory=dict)
    """Package → version, of the program that writes the report."""
    progress: Progress | None = None
    """Where the sweeps stand; None for a report on sweeps as they are."""
    warnings: Sequence[str] = ()
    """Reasons why the comparison of these sweeps is unpaired or biased."""


ACROSS = "across optimizers"
NO_OPTIMIZER = "Optimizer not given"


@dataclass(frozen=True, kw_only=True)
class Contents:
    """Everything that the sections of a report show."""

    table: pd.DataFrame
    """The trial table. Of another metric than the top-1 error, top1_err and best_top1_err hold costs."""
    sweeps: list[SweepTrials]
    """The sweeps with a result."""
    summaries: list[Summary]
    """Their summary numbers."""
    pairs: dict[str, list[Comparison]]
    """Optimizer → the comparisons of its sweeps; `ACROSS` → those of sweeps with different optimizers."""
    warnings: list[str]
    """What the reader should know before the results."""
    extras: Extras
    """Information beyond the trial table."""

    @cached_property
    def metric(self) -> Metric:
        """What the trials are judged by."""
        return self.sweeps[0].metric if self.sweeps else in_costs(self.table)[1]

    @property
    def wording(self) -> Wording:
        """How to speak of it."""
        return Wording(metric=self.metric)

    @property
    def is_served(self) -> bool:
        """Whether the page asks for what has changed since."""
        return self.extras.progress is not None and self.extras.progress.changes is not None

    @property
    def recipe(self) -> str:
        """The recipe of all sweeps, or their recipes, as far as they are known."""
        return ", ".join(known(*dict.fromkeys(map(str, self.table["recipe"]))))

    @cached_property
    def names(self) -> list[str]:
        """All sweeps, in the order of the figures, then those without a result."""
        shown = [sweep.sweep for sweep in self.sweeps]
        return list(dict.fromkeys([*shown, *map(str, self.table["sweep"])]))

    @property
    def with_results(self) -> pd.DataFrame:
        """The rows of the sweeps that have a result."""
        return self.table[self.table["sweep"].map(str).isin([sweep.sweep for sweep in self.sweeps])]

    @cached_property
    def cells(self) -> dict[tuple[str, str], list[SweepTrials]]:
        """Panel and optimizer → its sweeps with a result: the charts of a report, in their order."""
        cells: dict[tuple[str, str], list[SweepTrials]] = {}
        for name in self.names:
            own = self.rows(name).iloc[0]
            cells.setdefault((str(own["panel"]), str(own["optimizer"])), []).extend(
                sweep for sweep in self.sweeps if sweep.sweep == name
            )
        return cells

    @cached_property
    def labels(self) -> dict[str, Names]:
        """Return each sweep's names, whether or not it has a result."""
        first = self.table.groupby("sweep", sort=False).first()
        columns = (map(str, first[column]) for column in ("model", "optimizer", "recipe"))
        return tell_apart(map(Identity, map(str, first.index), *columns))

    def model(self, name: str) -> str:
        """Return the model of a sweep, and what else tells it from others with its optimizer."""
        return str(self.rows(name)["model"].iloc[0]) + self.labels[name].setting

    def optimizer(self, name: str) -> str:
        """Return the optimizer of a sweep."""
        return str(self.rows(name)["optimizer"].iloc[0])

    def rows(self, name: str) -> pd.DataFrame:
        """Return all rows of a sweep."""
        return self._rows[name]

    @cached_property
    def _rows(self) -> dict[str, pd.DataFrame]:
        return {str(name): rows for name, rows in self.table.groupby("sweep", sort=False)}


def model_of(sweep: SweepTrials) -> str:
    """Return a sweep's model, and what else tells it from others with its optimizer."""
    return sweep.model + sweep.setting


def sweep_name(sweep: SweepTrials) -> str:
    """Return a sweep's name for a sentence."""
    return ", ".join(known(model_of(sweep), optimizer_name(sweep.optimizer)))


def without_result(rows: pd.DataFrame) -> int:
    """Count the trials without a result."""
    return int((~rows["state"].isin(RESULTS)).sum())
