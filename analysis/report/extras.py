"""What a report can tell beyond the trial table, and what every section reads."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields

import pandas as pd

from analysis.compare import Comparison
from analysis.layout import optimizer_name
from analysis.summaries import Summary
from analysis.table import RESULTS, SweepTrials


@dataclass(frozen=True, kw_only=True, slots=True)
class SweepFacts:
    """What is known of a sweep besides its trials, as text that is shown; None where it is not known."""

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
        """Return what is known, by the label that it is shown under."""
        values = ((each.name, getattr(self, each.name)) for each in fields(self))
        return {_LABELS.get(name, name.replace("_", " ")): text for name, text in values if text is not None}


_LABELS = {"trainer_source": "its source"}


@dataclass(frozen=True, kw_only=True, slots=True)
class Extras:
    """What is known of the sweeps besides their trials. All of it may be missing."""

    facts: Mapping[str, SweepFacts] = field(default_factory=dict)
    """A sweep's name → what was planned and where it ran: label → text."""
    learning: pd.DataFrame | None = None
    """One row an epoch of a trial: key, epoch (from 1), top1_err (percent)."""
    links: Mapping[str, str] = field(default_factory=dict)
    """A trial's key → the address of its run."""
    links_note: str = "No run in MLflow is known of these trials."
    versions: Mapping[str, str] = field(default_factory=dict)
    """Package → version, of the program that makes the report."""
    warnings: Sequence[str] = ()
    """What makes the comparison of these sweeps unpaired or biased."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Contents:
    """All that the sections show."""

    table: pd.DataFrame
    sweeps: list[SweepTrials]
    """Those with a result."""
    summaries: list[Summary]
    pairs: dict[str, list[Comparison]]
    """Optimizer → all pairs of its sweeps."""
    warnings: list[str]
    extras: Extras

    @property
    def recipe(self) -> str:
        """The one recipe of all sweeps."""
        return str(self.table["recipe"].iloc[0])

    @property
    def names(self) -> list[str]:
        """Every sweep, in the order of the figures, then those without a result."""
        shown = [sweep.sweep for sweep in self.sweeps]
        return list(dict.fromkeys([*shown, *map(str, self.table["sweep"])]))

    @property
    def with_results(self) -> pd.DataFrame:
        """The rows of the sweeps that have a result."""
        return self.table[self.table["sweep"].map(str).isin([sweep.sweep for sweep in self.sweeps])]

    def rows(self, name: str) -> pd.DataFrame:
        """Return the rows of a sweep, whatever their state."""
        return self.table[self.table["sweep"].map(str) == name]


def sweep_name(sweep: SweepTrials) -> str:
    """Name a sweep in a line of text."""
    return f"{sweep.model}, {optimizer_name(sweep.optimizer)}"


def without_result(rows: pd.DataFrame) -> int:
    """Count the trials that have no result."""
    return int((~rows["state"].isin(RESULTS)).sum())


def counted(count: int, thing: str) -> str:
    """Write a count of things: 1 trial, 2 trials."""
    return f"{count:,} {thing}{'' if count == 1 else 's'}"
