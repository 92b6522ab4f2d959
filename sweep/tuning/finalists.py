"""The finalists of a search: its best points, which are repeated with other seeds to find the optimum."""

from collections.abc import Sequence
from dataclasses import dataclass

from sweep.core.costs import cost_of
from sweep.core.search_plan import SearchBudget
from sweep.core.trial import Role, TrialSpec, TrialState
from sweep.recipes.metric import MetricSpec
from sweep.workspace.journal import TrialHistory
from sweep.workspace.search import Search


@dataclass(frozen=True, kw_only=True, slots=True)
class Outcome:
    """The results of repeating one finalist with other seeds."""

    point: TrialSpec
    """The finalist's own trial."""
    errors: tuple[float, ...]
    """Errors with the other seeds, in percent, 100 if diverged; or costs of another metric."""
    val_loss: float
    """Mean loss with the other seeds; infinite if one diverged."""

    @property
    def mean(self) -> float:
        """Mean error or cost, without the seed that made the point a finalist: it may have been lucky."""
        return sum(self.errors) / len(self.errors)


def finalists(search: Search, count: int) -> list[TrialSpec]:
    """Return the best ``count`` points of a search, the best first; ties are broken by the loss."""
    done = [
        trial
        for trial in search.trials
        if trial.role is Role.POINT and search.history(trial).state is TrialState.FINISHED
    ]
    metric = search.plan.recipe.metric
    return sorted(done, key=lambda trial: _rank(metric, search.history(trial)))[:count]


def repeats(search: Search, budget: SearchBudget) -> list[TrialSpec]:
    """Return the trials that repeat the finalists with other seeds, those of the best point first."""
    best, seeds = finalists(search, budget.finalists), range(1, budget.seeds + 1)
    return [search.plan.finalist(point, repeat) for point in best for repeat in seeds]


def remaining(search: Search, budget: SearchBudget) -> int:
    """Return how many trainings a search still needs. Without new points, only finalists count."""
    asked = [trial for trial in search.trials if trial.role is Role.POINT]
    points = max(0, budget.points - len(asked)) + sum(
        not search.history(trial).state.is_over for trial in asked
    )
    if points:
        return points + budget.finalists * budget.seeds
    return sum(not search.history(trial).state.is_over for trial in repeats(search, budget))


def is_complete(search: Search, budget: SearchBudget) -> bool:
    """Return whether the whole budget was tried. What failed was tried, too."""
    trials = search.trials
    repeated = {trial.index for trial in trials if trial.repeat >= budget.seeds}
    return (
        all(search.history(trial).record for trial in trials)
        and sum(trial.role is Role.POINT for trial in trials) >= budget.points
        and {point.index for point in finalists(search, budget.finalists)} <= repeated
    )


def _rank(metric: MetricSpec | None, history: TrialHistory) -> tuple[float, float]:
    assert history.record is not None
    cost = cost_of(metric, history.record)
    assert cost is not None
    return cost, _last_loss(history)


def _last_loss(history: TrialHistory) -> float:
    _, last = history.epochs[max(history.epochs)] if history.epochs else (0, None)
    return float("inf") if last is None or last.val_loss is None else last.val_loss


def outcomes(search: Search) -> list[Outcome]:
    """Return the results of the finalists that were repeated most often, the best mean first."""
    repeats = max((trial.repeat for trial in search.trials), default=0)
    repeated = {trial.index for trial in search.trials if trial.repeat and trial.repeat == repeats}
    found = []
    for point in search.trials:
        if point.role is not Role.POINT or point.index not in repeated:
            continue
        histories = [search.history(search.plan.finalist(point, r)) for r in range(1, repeats + 1)]
        records = [history.record for history in histories]
        costs = [
            cost_of(search.plan.recipe.metric, record)
            for record in records
            if record and record.state.has_result
        ]
        errors = tuple(cost for cost in costs if cost is not None)
        if len(errors) == repeats:
            losses = [_last_loss(history) for history in histories]
            found.append(Outcome(point=point, errors=errors, val_loss=sum(losses) / repeats))
    return sorted(found, key=lambda outcome: (outcome.mean, outcome.val_loss))


def standard_error(outcomes: Sequence[Outcome], worst: float = 100.0) -> float:
    """Return the standard error of a finalist's mean, in points or the metric's unit.

    Three or four repeats of one point hardly determine their spread. The variances of all finalists, which
    lie near each other, are therefore pooled. Finalists with a diverged repeat are ignored unless all have
    one. ``worst`` is what such a repeat counts as.
    """
    usable = [o for o in outcomes if max(o.errors) < worst] or list(outcomes)
    squares = sum((error - o.mean) ** 2 for o in usable for error in o.errors)
    freedom = sum(len(o.errors) - 1 for o in usable)
    return float((squares / freedom / len(usable[0].errors)) ** 0.5) if freedom else 0.0
