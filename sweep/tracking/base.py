"""What a driver asks of the place where its trials are recorded."""

from collections.abc import Collection, Iterable, Mapping
from pathlib import Path
from typing import Protocol

from sweep.core.base_plan import BasePlan
from sweep.core.trial import TrialRecord, TrialSpec, TrialState
from sweep.workspace.journal import TrialHistory


class Tracker(Protocol):
    """Records sweeps, searches and their trials, as often as one likes: nothing is recorded twice.

    Any method but `differences` raises `InputError` where the user can mend what is wrong.
    """

    def open_sweep(self, plan: BasePlan, plan_file: Path, workspace: str) -> None:
        """Look the runs of a sweep or search up, and mark it as running.

        It comes before all other calls about the sweep, which name it by its plan's name.

        Parameters
        ----------
        plan : BasePlan
            The plan of the sweep or search.
        plan_file : Path
            Its file, which is recorded, too.
        workspace : str
            What tells this workspace's runs from those of others.
        """

    def results(self, keys: Iterable[str]) -> dict[str, TrialHistory]:
        """Return what is recorded of those of the given trials that have a result, by key."""

    def differences(self, sweep: str, records: Mapping[str, TrialRecord | None]) -> dict[str, str]:
        """Say for which trials the records differ from the journal, and how; as of `open_sweep`.

        Parameters
        ----------
        sweep : str
            The sweep's name.
        records : mapping
            Key → the trial's end in the journal; None without one.
        """

    def send_trial(self, sweep: str, trial: TrialSpec, history: TrialHistory) -> None:
        """Record all that the journal knows of a trial.

        Parameters
        ----------
        sweep : str
            Name of its sweep.
        trial : TrialSpec
            The trial, which need not have been planned when the sweep was opened.
        history : TrialHistory
            What the journal knows of it.
        """

    def attach(self, key: str, file: Path) -> None:
        """Keep a file with a trial that was sent: why it failed."""

    def close_sweep(
        self,
        sweep: str,
        keys: Collection[str],
        counts: Mapping[TrialState, int],
        figures: Iterable[Path],
    ) -> None:
        """Record where a sweep stands, add its figures, and end it and its trials that were left running.

        Parameters
        ----------
        sweep : str
            The sweep's name.
        keys : collection of str
            Keys of all its trials.
        counts : mapping
            State → number of its trials.
        figures : iterable of Path
            Files to be kept with it.
        """

    def describe_sweep(self, sweep: str, metrics: Mapping[str, float], note: str) -> None:
        """Record what a sweep has come to.

        Parameters
        ----------
        sweep : str
            The sweep's name.
        metrics : mapping
            Its results, finite numbers.
        note : str
            What it is, in Markdown; ``{run}`` stands for the id of its run.
        """

    def tag_sweep(self, sweep: str, tags: Mapping[str, str]) -> None:
        """Record tags of a sweep."""
