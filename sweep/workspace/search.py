"""A search for an optimum: what is searched, and what has been tried so far.

Unlike a sweep's, its trials are not known beforehand: each is written to the journal as it starts.
"""

import dataclasses
import json
from pathlib import Path

from search_spaces import SearchSpaceError
from sweep.core.search_plan import SearchBudget, SearchPlan, from_json, to_dict
from sweep.core.trial import TrialSpec, TrialState
from sweep.errors import DamagedError, InputError
from sweep.utils.atomic_files import keep_aside, write_atomically
from sweep.workspace.lock import JOURNAL
from sweep.workspace.trial_folder import TrialFolder

SEARCH, WANTED, FOUND = "search.json", "wanted.json", "optima.csv"
"""A search's settings and how much is wanted, in its folder; the table of optima, in that of all sweeps."""


def read_search(path: Path) -> SearchPlan:
    """Read the settings of a search from its folder.

    Raises
    ------
    InputError
        If they cannot be read, are damaged (`DamagedError`), or of another version.
    """
    try:
        plan = from_json(path.read_text(), str(path))
    except UnicodeDecodeError as error:
        raise DamagedError(f"{path} is not a search, or damaged: {error}") from error
    except OSError as error:
        raise InputError(f"cannot read {path}: {error}") from error
    if plan.name != path.parent.name:
        raise DamagedError(
            f"{path} is the search {plan.name}: it was changed after it was written, or its folder renamed"
        )
    return plan


class Search(TrialFolder):
    """A search and its journal, in a folder of their own in the folder of sweeps.

    Raises
    ------
    DamagedError
        If the journal is damaged, unless ``mend`` is given.
    """

    FILE, EXPERIMENT = SEARCH, "tune"
    _plan: SearchPlan

    def __init__(self, folder: Path, plan: SearchPlan, *, mend: bool = False) -> None:
        self._plan = plan
        super().__init__(folder / plan.name, plan.name, mend=mend)

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
        """The trials that were given up; the next driver tries them again."""
        return [trial for trial in self.trials if self.history(trial).state is TrialState.FAILED]

    @property
    def wanted(self) -> "SearchBudget | None":
        """How much its last driver was asked to try; None if that was not written down."""
        try:
            values = json.loads((self.folder / WANTED).read_text())
            return SearchBudget(**values) if all(type(value) is int for value in values.values()) else None
        except (OSError, ValueError, TypeError, AttributeError, RecursionError):
            return None

    def want(self, effort: "SearchBudget") -> None:
        """Write down how much is asked for, so that others can say how far the search is."""
        write_atomically(self.folder / WANTED, json.dumps(dataclasses.asdict(effort)) + "\n")

    def write_plan(self) -> list[str]:
        """Write the settings unless they are there, and put right what is damaged; say what was."""
        path = self.plan_file
        said = self.journal.mend()
        texts = [said] if said else []
        text = json.dumps(to_dict(self._plan), indent=1, allow_nan=False) + "\n"
        if path.exists() and path.read_bytes() != text.encode():
            aside = keep_aside(path).name
            texts.append(f"{path} was damaged and is written anew; as it was, it is {aside}")
        if not path.exists() or texts:
            write_atomically(path, text)
        return texts


def _is_of(plan: SearchPlan, trial: TrialSpec) -> bool:
    """Say whether a trial read from a journal is one of a search's."""
    try:
        assert trial.u_lr is not None
        assert trial.u_wd is not None
        point = plan.point(trial.index, trial.u_lr, trial.u_wd)
        return trial in (point, plan.finalist(point, trial.repeat))
    except (AssertionError, ValueError, TypeError, ArithmeticError, AttributeError, SearchSpaceError):
        return False
