"""Chooses the next point of a search and prunes trials: the only module that searches with Optuna."""

import math
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import optuna
from optuna.distributions import BaseDistribution, FloatDistribution
from optuna.trial import TrialState as OptunaState

import search_spaces
from search_spaces import FIRST
from sweep.core.costs import cost_of
from sweep.core.trial import Role, TrialState

if TYPE_CHECKING:
    from sweep.workspace.search import Search


START = 12
"""Number of points from a scrambled Sobol' net, spread evenly over the ranges, before the sampler chooses."""

_LEAST_FINISHED = 6
"""Finished trials that pruning needs: a trial is pruned if it is worse than their median at an epoch."""

_SHORT = {"lr": "lr", "weight_decay": "wd"}
"""How Optuna's parameters of these are called, after ``u_``; others have their own names."""

optuna.logging.set_verbosity(optuna.logging.ERROR)


class OptunaSampler:
    """An Optuna study over relative points, held in memory: the search's journal is the permanent record.

    Parameters
    ----------
    seed : int
        Decides the first points and the sampler's random numbers.
    epochs : int
        Length of a trial that is not pruned.
    names : sequence of str
        The hyperparameters that are searched.
    sampler, pruner : optional
        Alternatives to those of `sweep tune`, for comparisons.
    start : int
        Number of points from the Sobol' net.
    counts_pruned : bool
        Whether to report a pruned trial as finished with its last error.
    objective : callable, optional
        The objective of an error or cost. Default: that of an error in percent.
    """

    def __init__(
        self,
        seed: int,
        epochs: int,
        names: Sequence[str] = FIRST,
        *,
        sampler: Any = None,
        pruner: Any = None,
        start: int = START,
        counts_pruned: bool = False,
        objective: Callable[[float], float] | None = None,
    ) -> None:
        self._objective = objective or log_error
        self._counts_pruned = counts_pruned
        self._names = {name: f"u_{_SHORT.get(name, name)}" for name in names}
        self._study = optuna.create_study(
            sampler=sampler or make_sampler(seed, start), pruner=pruner or make_pruner(epochs)
        )
        net = search_spaces.relative_points("sobol", -(-max(start, 1) // 16) * 16, seed, names)
        self._net = net[:start].tolist()
        self._trials: dict[int, optuna.Trial] = {}
        self._epochs: dict[int, int] = {}

    @classmethod
    def of(cls, search: "Search") -> "OptunaSampler":
        """Return a sampler that knows all trials of a search so far."""
        metric = search.plan.recipe.metric
        objective = float if metric else log_error
        sampler = cls(search.plan.seed, search.plan.recipe.epochs, search.plan.swept, objective=objective)
        points = [trial for trial in search.trials if trial.role is Role.POINT]
        for trial in sorted(points, key=lambda trial: trial.index):
            assert trial.u_lr is not None
            assert trial.u_wd is not None
            history = search.history(trial)
            sampler.begin(trial.index, (trial.u_lr, trial.u_wd, *trial.u_over))
            for epoch, (_, record) in sorted(history.epochs.items()):
                sampler.report(trial.index, epoch, cost_of(metric, record))
            if history.record and history.record.state is not TrialState.FAILED:
                sampler.tell(trial.index, history.record.state, cost_of(metric, history.record))
        return sampler

    def ask(self, index: int) -> tuple[float, ...]:
        """Choose the relative point of the trial with this index."""
        return self.begin(index, self._net[index]) if index < len(self._net) else self._ask(index)

    def begin(self, index: int, point: Sequence[float]) -> tuple[float, ...]:
        """Record the relative point of a trial, each coordinate in [0, 1]; return the same point."""
        self._study.enqueue_trial(dict(zip(self._names.values(), point, strict=True)))
        return self._ask(index)

    def _ask(self, index: int) -> tuple[float, ...]:
        space: dict[str, BaseDistribution] = {u: FloatDistribution(0.0, 1.0) for u in self._names.values()}
        trial = self._trials[index] = self._study.ask(space)
        return tuple(float(trial.params[u]) for u in self._names.values())

    def report(self, index: int, epoch: int, error: float | None) -> bool:
        """Record a trial's error after an epoch.

        Parameters
        ----------
        index : int
            The trial's index.
        epoch : int
            From 1.
        error : float
            Top-1 error in percent, or another metric's cost; infinite if it diverged and nothing bounds it.

        Returns
        -------
        bool
            Whether to prune the trial.
        """
        if epoch <= self._epochs.get(index, 0):  # a retried trial repeats its epochs
            return False
        self._epochs[index] = epoch
        assert error is not None
        if math.isinf(error):  # the trial ends by itself, and no median may be of what is no number
            return False
        self._trials[index].report(self._objective(error), epoch)
        return bool(self._trials[index].should_prune())

    def tell(self, index: int, state: TrialState, error: float | None) -> None:
        """Record the end of a trial.

        Parameters
        ----------
        index : int
            The trial's index.
        state : TrialState
            The state in which it ended.
        error : float or None
            Its top-1 error in percent or its cost, if it has one.
        """
        trial = self._trials.pop(index)
        if state is TrialState.FAILED or error is None:
            self._study.tell(trial, state=OptunaState.FAIL)
        elif state is TrialState.PRUNED and not self._counts_pruned:
            self._study.tell(trial, state=OptunaState.PRUNED)
        else:
            self._study.tell(trial, self._objective(error))

    def importances(self) -> dict[str, float]:
        """Return the share of the objective's variance that each hyperparameter explains (fANOVA).

        Raises
        ------
        ValueError, RuntimeError
            If there are too few trials, or all have the same error.
        """
        from optuna.importance import FanovaImportanceEvaluator, get_param_importances

        values = get_param_importances(self._study, evaluator=FanovaImportanceEvaluator(seed=0))
        if not values:
            raise ValueError("no trial was trained to its end")
        return {name: values[u] for name, u in self._names.items()}


def log_error(error: float) -> float:
    """Return the sampler's objective: log(1 + error), with the error in percent.

    Errors span two decades, and differences between the best ones matter most. Of another metric the
    objective is its cost: the sampler and the pruner go by order.
    """
    return math.log(1.0 + error)


def make_sampler(seed: int, start: int = START) -> Any:
    """Return the sampler that `sweep tune` uses."""
    return optuna.samplers.TPESampler(
        multivariate=True, n_startup_trials=start, seed=seed, constant_liar=True
    )


def make_pruner(epochs: int) -> Any:
    """Return the pruner that `sweep tune` uses."""
    # Trials that diverged earlier have no error at an epoch. Without ``n_min_trials``, three others would
    # decide.
    return optuna.pruners.MedianPruner(
        n_min_trials=_LEAST_FINISHED,
        n_startup_trials=_LEAST_FINISHED,
        n_warmup_steps=math.ceil(epochs * 2 / 5),
    )
