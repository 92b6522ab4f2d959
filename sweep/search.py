"""A search for an optimum: what is searched, and what has been tried so far.

Unlike a sweep's, its trials are not known beforehand: each is written to the journal as it starts.
"""

import dataclasses
import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from search_spaces import Box, SearchSpaceError
from sweep.errors import DamagedError, InputError
from sweep.files import keep_aside, write_atomically
from sweep.journal import TrialHistory
from sweep.kept import JOURNAL, Kept
from sweep.model_args import slug
from sweep.plan import contents_hash, draw_seed, make_trial, recipe_contents
from sweep.recipe import Recipe
from sweep.trial import TrialSpec, TrialState

SEARCH, WANTED, FOUND = "search.json", "wanted.json", "optima.csv"
"""A search's settings and how much is wanted, in its folder; the table of optima, in that of all sweeps."""
SPLIT = "minival"
"""Trials are judged on it: held out of the training data, and never reported."""
VERSION = 1


@dataclass(frozen=True, kw_only=True, slots=True)
class SearchPlan:
    """What is searched: the same for any number of trials, so that more go on with fewer."""

    model: str
    optimizer: str
    recipe: Recipe
    px: int
    data_fingerprint: str
    classes: int
    box: Box
    """The ranges of lr and weight decay that are searched, on log scales."""
    seed: int
    """Decides the first points, and with a trial's index and repeat its initial weights."""
    trials: tuple[TrialSpec, ...] = ()
    """Those that have been started."""
    left_out: tuple[str, ...] = ()
    """As in `Plan`."""

    @property
    def sweep(self) -> str:
        """The search's name."""
        identity = to_dict(self) | {"recipe": recipe_contents(self.recipe)}
        del identity["left_out"]
        return f"tune-{slug(self.model)}-{self.optimizer}-{self.recipe.name}-{contents_hash(identity)[:6]}"

    @property
    def design(self) -> str:
        """What MLflow shows where a sweep has its design."""
        return "search"

    def point(self, index: int, u_lr: float, u_wd: float) -> TrialSpec:
        """Make the trial of a relative point in the ranges."""
        ((lr, wd),) = self.box.points(np.array([[u_lr, u_wd]])).tolist()
        return self._trial(lr, wd, index, 0, role="point", u_lr=u_lr, u_wd=u_wd)

    def finalist(self, point: TrialSpec, repeat: int) -> TrialSpec:
        """Make the trial of a point once more, with another seed; ``repeat`` counts from 1."""
        return self._trial(
            point.lr, point.weight_decay, point.index, repeat,
            role="finalist", u_lr=point.u_lr, u_wd=point.u_wd,
        )  # fmt: skip

    def _trial(self, lr: float, wd: float, index: int, repeat: int, **place: Any) -> TrialSpec:
        # A key of three words is no sweep's trial's: the zero of Δ is trained with weights of its own.
        seed = draw_seed(self.seed, 1, index, repeat)
        return make_trial(
            self, recipe_contents(self.recipe), lr, wd, seed,
            evaluate=SPLIT, index=index, repeat=repeat, **place,
        )  # fmt: skip


def to_dict(plan: SearchPlan) -> dict[str, Any]:
    """Return the settings as plain values, to be written as JSON."""
    values = {"version": VERSION} | dataclasses.asdict(plan)
    del values["trials"]
    return values


def from_json(text: str, origin: str) -> SearchPlan:
    """Read settings back.

    Raises
    ------
    DamagedError
        If the text is damaged. ``origin`` is named.
    InputError
        If it is of another version.
    """
    try:
        values = json.loads(text)
        version = values.pop("version")
        if version != VERSION:
            raise InputError(f"{origin} is a search of version {version!r}; this program reads {VERSION}")
        values["recipe"] = Recipe(**(values["recipe"] | {"augment": tuple(values["recipe"]["augment"])}))
        values["box"] = Box(**values["box"])
        values["left_out"] = tuple(values.get("left_out", ()))
        return SearchPlan(**values)
    except InputError as error:
        raise error if origin in str(error) else InputError(f"{origin}: {error}") from error
    except (ValueError, LookupError, TypeError, AttributeError, ArithmeticError, RecursionError) as error:
        raise DamagedError(
            f"{origin} is not a search, or damaged: {type(error).__name__}: {error}"
        ) from error


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
    if plan.sweep != path.parent.name:
        raise DamagedError(
            f"{path} is the search {plan.sweep}: it was changed after it was written, or its folder renamed"
        )
    return plan


@dataclass(frozen=True, kw_only=True, slots=True)
class Effort:
    """How much is tried; more goes on with less."""

    points: int
    """Points that are tried."""
    finalists: int
    """The best of them, which are tried again,"""
    seeds: int
    """each with so many other seeds."""

    @property
    def trials(self) -> int:
        """All trainings."""
        return self.points + self.finalists * self.seeds


class Search(Kept):
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
        super().__init__(folder / plan.sweep, plan.sweep, mend=mend)

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
    def wanted(self) -> "Effort | None":
        """How much its last driver was asked to try; None if that was not written down."""
        try:
            values = json.loads((self.folder / WANTED).read_text())
            return Effort(**values) if all(type(value) is int for value in values.values()) else None
        except (OSError, ValueError, TypeError, AttributeError, RecursionError):
            return None

    def want(self, effort: "Effort") -> None:
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


@dataclass(frozen=True, kw_only=True, slots=True)
class Outcome:
    """What the repeats of one good point gave."""

    point: TrialSpec
    errors: tuple[float, ...]
    """Of the trials with other seeds, in percent; 100 for one that diverged."""
    val_loss: float
    """Their mean; infinite if one diverged."""

    @property
    def mean(self) -> float:
        """The error expected at the point: the seed that made it a finalist does not count."""
        return sum(self.errors) / len(self.errors)


def finalists(search: Search, count: int) -> list[TrialSpec]:
    """Return the best points of a search, the best first; of equal errors, that with the lower loss."""
    done = [
        trial
        for trial in search.trials
        if trial.role == "point" and search.history(trial).state is TrialState.FINISHED
    ]
    return sorted(done, key=lambda trial: _rank(search.history(trial)))[:count]


def repeats(search: Search, effort: Effort) -> list[TrialSpec]:
    """Return the trials of the best points with other seeds, the best point's first."""
    best, seeds = finalists(search, effort.finalists), range(1, effort.seeds + 1)
    return [search.plan.finalist(point, repeat) for point in best for repeat in seeds]


def left(search: Search, effort: Effort) -> int:
    """Return how many trainings are to come; once there are no more points, only of finalists there are."""
    asked = [trial for trial in search.trials if trial.role == "point"]
    points = max(0, effort.points - len(asked)) + sum(
        not search.history(trial).state.is_over for trial in asked
    )
    if points:
        return points + effort.finalists * effort.seeds
    return sum(not search.history(trial).state.is_over for trial in repeats(search, effort))


def _rank(history: TrialHistory) -> tuple[float, float]:
    assert history.record is not None
    assert history.record.top1_err is not None
    return history.record.top1_err, _last_loss(history)


def _last_loss(history: TrialHistory) -> float:
    _, last = history.epochs[max(history.epochs)] if history.epochs else (0, None)
    return float("inf") if last is None or last.val_loss is None else last.val_loss


def outcomes(search: Search) -> list[Outcome]:
    """Return what repeating points has given, the best mean first; only of those repeated most often."""
    repeats = max((trial.repeat for trial in search.trials), default=0)
    repeated = {trial.index for trial in search.trials if trial.repeat and trial.repeat == repeats}
    found = []
    for point in search.trials:
        if point.role != "point" or point.index not in repeated:
            continue
        histories = [search.history(search.plan.finalist(point, r)) for r in range(1, repeats + 1)]
        records = [history.record for history in histories]
        errors = tuple(
            record.top1_err
            for record in records
            if record and record.state.has_result and record.top1_err is not None
        )
        if len(errors) == repeats:
            losses = [_last_loss(history) for history in histories]
            found.append(Outcome(point=point, errors=errors, val_loss=sum(losses) / repeats))
    return sorted(found, key=lambda outcome: (outcome.mean, outcome.val_loss))


def standard_error(outcomes: Sequence[Outcome]) -> float:
    """Return the standard error of an outcome's mean, in points, from the spread within all outcomes.

    Three or four repeats of one point tell little of their spread; the finalists' are near each other, so
    their variances are pooled. Outcomes with a diverged repeat are left out unless there are no others.
    """
    usable = [o for o in outcomes if max(o.errors) < 100.0] or list(outcomes)
    squares = sum((error - o.mean) ** 2 for o in usable for error in o.errors)
    freedom = sum(len(o.errors) - 1 for o in usable)
    return float((squares / freedom / len(usable[0].errors)) ** 0.5) if freedom else 0.0
