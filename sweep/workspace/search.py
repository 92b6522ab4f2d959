"""A search for an optimum: what is searched, and what has been tried so far.

Unlike a sweep's, its trials are not known beforehand: each is written to the journal as it starts.
"""

import dataclasses
import json
from pathlib import Path

from search_spaces import SearchSpaceError, read_found
from sweep.core.search_plan import SearchBudget, SearchPlan
from sweep.core.trial import TrialSpec, TrialState
from sweep.errors import DamagedError
from sweep.utils.atomic_files import write_atomically
from sweep.workspace.lock import JOURNAL
from sweep.workspace.trial_folder import TrialFolder

SEARCH, WANTED, FOUND = "search.json", "wanted.json", "optima.csv"
"""A search's plan and its budget, in its folder; the table of optima, in the folder of all sweeps."""


class Search(TrialFolder[SearchPlan]):
    """A search's plan and its journal."""

    FILE, EXPERIMENT = SEARCH, "tune"

    @staticmethod
    def _parse(text: str | bytes, origin: str) -> SearchPlan:
        return SearchPlan.from_json(text, origin)

    def _read(self) -> None:
        super()._read()
        for trial in self.trials:
            if not _is_of(self._plan, trial):
                raise DamagedError(
                    f"{self.folder / JOURNAL} was changed after it was written: trial {trial.key} is not of "
                    f"this search. Move {self.folder} away to search anew."
                )

    @property
    def trials(self) -> list[TrialSpec]:
        """The trials that were started, in that order."""
        return [history.spec for history in self.journal.trials.values() if history.spec]

    @property
    def plan(self) -> SearchPlan:
        """The settings, with the trials."""
        return dataclasses.replace(self._plan, trials=tuple(self.trials))

    @property
    def failed(self) -> list[TrialSpec]:
        """The trials that are marked failed; the next driver tries them again."""
        return [trial for trial in self.trials if self.history(trial).state is TrialState.FAILED]

    @property
    def wanted(self) -> SearchBudget | None:
        """The budget of its last driver; None if it was not written down."""
        try:
            values = json.loads((self.folder / WANTED).read_text())
            return SearchBudget(**values) if all(type(value) is int for value in values.values()) else None
        except (OSError, ValueError, TypeError, AttributeError, RecursionError):
            return None

    def want(self, budget: SearchBudget) -> None:
        """Write the budget down, so that others can tell how far the search is."""
        write_atomically(self.folder / WANTED, json.dumps(dataclasses.asdict(budget)) + "\n")

    def _is_damaged(self, path: Path, text: str) -> bool:
        """Return whether the file differs from what was written: a search's settings never change."""
        return path.read_bytes() != text.encode()

    def start_contents(self, trial: TrialSpec) -> TrialSpec:
        """Return the trial itself: no plan lists it beforehand."""
        return trial

    def result_tags(self) -> dict[str, str]:
        """Return the optimum that was saved of this search, if there is one."""
        return {
            f"sweep.optimum_{name}": str(getattr(row, name))
            for row in read_found(self.folder.parent / FOUND)
            if row.search == self.name
            for name in (
                "lr",
                "weight_decay",
                *(_OF_METRIC if row.metric else ("top1_err",)),
                "standard_error",
            )
        }


_OF_METRIC = ("metric", "unit", "value")
"""What is told of an optimum of another metric, instead of its error."""


def _is_of(plan: SearchPlan, trial: TrialSpec) -> bool:
    """Return whether a trial that was read from a journal belongs to a search."""
    try:
        assert trial.u_lr is not None
        assert trial.u_wd is not None
        point = plan.point(trial.index, trial.u_lr, trial.u_wd, *trial.u_over)
        return trial in (point, plan.finalist(point, trial.repeat))
    except (AssertionError, ValueError, TypeError, ArithmeticError, AttributeError, SearchSpaceError):
        return False
