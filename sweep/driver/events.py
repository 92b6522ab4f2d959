"""What a driver reports while it works: small facts, in the order in which they happen.

A driver calls the function that it is given with each of them, and prints nothing itself. The console prints
them, a test collects them in a list (``on_event=events.append``), a notebook may show them as it likes.
"""

from collections.abc import Callable
from dataclasses import dataclass

from search_spaces import Found
from sweep.core.jobs import AttemptFailure
from sweep.core.plan import Plan
from sweep.core.search_plan import SearchBudget, SearchPlan
from sweep.core.trial import EpochRecord, TrialRecord, TrialSpec
from sweep.recipes.metric import MetricSpec


@dataclass(frozen=True, kw_only=True, slots=True)
class SweepsStarted:
    """Sweeps are about to be run. Nothing is written yet."""

    plans: tuple[Plan, ...]
    wanted: int
    """Trials that are to have a result in the end."""
    to_train: int
    """Those of them that have to be trained."""
    seed_trials: int = 0
    """Those of these that train an optimum with a further seed."""


@dataclass(frozen=True, kw_only=True, slots=True)
class SearchStarted:
    """A search is about to be run. Nothing is written yet."""

    plan: SearchPlan
    budget: SearchBudget
    to_train: int
    """Trainings to come."""


@dataclass(frozen=True, kw_only=True, slots=True)
class ImagesRead:
    """Image files are read before anything is planned: those that are new or have changed."""

    done: int
    total: int


@dataclass(frozen=True, kw_only=True, slots=True)
class ReadingEnded:
    """No more image files are read: all were, or reading was interrupted."""


@dataclass(frozen=True, kw_only=True, slots=True)
class ResultsRecovered:
    """Results that a journal had lost were written again from MLflow."""

    count: int


@dataclass(frozen=True, kw_only=True, slots=True)
class ResultsReused:
    """Results were copied from other sweeps that have the very same trials."""

    count: int


@dataclass(frozen=True, kw_only=True, slots=True)
class TrainingStarted:
    """The workers are being started."""

    work: tuple[tuple[str, int], ...]
    """Model and number of epochs of each trial that is to be trained."""
    parallel: int
    """How many are trained at once, or packs of them."""
    in_process: bool
    """Whether they are trained in this process, where a debugger may take over the terminal."""
    earlier: tuple[TrialRecord, ...] = ()
    """The results that the sweeps have already."""
    metric: MetricSpec | None = None
    """What they report; None: the top-1 error."""


@dataclass(frozen=True, kw_only=True, slots=True)
class TrialStarted:
    """A trial starts, or starts again."""

    trial: TrialSpec


@dataclass(frozen=True, kw_only=True, slots=True)
class EpochReported:
    """A trial has trained for one more epoch. One that starts again may report an epoch once more."""

    trial: TrialSpec
    record: EpochRecord


@dataclass(frozen=True, kw_only=True, slots=True)
class AttemptFailed:
    """An attempt to train a trial has failed; it is tried again, or ends as failed."""

    trial: TrialSpec
    failure: AttemptFailure


@dataclass(frozen=True, kw_only=True, slots=True)
class TrialMessage:
    """Something a user should know of a trial that continues: its checkpoint cannot be used, say."""

    trial: TrialSpec
    text: str


@dataclass(frozen=True, kw_only=True, slots=True)
class TrialEnded:
    """A trial has ended, however."""

    trial: TrialSpec
    record: TrialRecord
    epochs: int
    """The epochs of its whole training."""


@dataclass(frozen=True, kw_only=True, slots=True)
class TrackerDelayed:
    """MLflow cannot be reached at the moment, or can be reached again."""

    waiting: int
    """Trials whose news wait to be sent; 0 once it can be reached again."""


@dataclass(frozen=True, kw_only=True, slots=True)
class TrainingEnded:
    """No more trials are trained: all have ended, or the training was interrupted."""


@dataclass(frozen=True, kw_only=True, slots=True)
class RoundEnded:
    """All trials of a round have a result, and their comparison was looked at."""

    n: int
    """Points of the round."""
    is_last: bool
    """Whether no other round follows."""
    sentences: tuple[str, ...]
    """What is settled and what is open, in words."""


@dataclass(frozen=True, kw_only=True, slots=True)
class OptimumSaved:
    """A search has come to its end, and its optimum was written to the table of optima."""

    found: Found


@dataclass(frozen=True, kw_only=True, slots=True)
class FiguresFailed:
    """The figures of a sweep or a search could not be drawn. The log has the traceback."""

    name: str
    problem: str


@dataclass(frozen=True, kw_only=True, slots=True)
class TrackerRefused:
    """MLflow did not take how a sweep or a search has ended."""

    name: str
    problem: str


@dataclass(frozen=True, kw_only=True, slots=True)
class TrackerBehind:
    """The driver ends although MLflow lacks something."""

    problem: str
    """Why; empty if nothing more is known."""
    remedy: str
    """Which command sends the rest."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Message:
    """Something else that a user should know, in words."""

    text: str


Started = SweepsStarted | SearchStarted
Event = (
    Started
    | ImagesRead
    | ReadingEnded
    | ResultsRecovered
    | ResultsReused
    | TrainingStarted
    | TrialStarted
    | EpochReported
    | AttemptFailed
    | TrialMessage
    | TrialEnded
    | TrackerDelayed
    | TrainingEnded
    | RoundEnded
    | OptimumSaved
    | FiguresFailed
    | TrackerRefused
    | TrackerBehind
    | Message
)
OnEvent = Callable[[Event], None]
"""What a driver calls with each event."""
