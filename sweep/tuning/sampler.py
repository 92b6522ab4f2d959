"""Where a search looks next, and whom it gives up: the only module that imports Optuna to search."""

import math
from typing import TYPE_CHECKING, Any

import optuna
from optuna.distributions import BaseDistribution, FloatDistribution
from optuna.trial import TrialState as OptunaState

import search_spaces
from sweep.core.trial import Role, TrialState

if TYPE_CHECKING:
    from sweep.workspace.search import Search


START = 12
"""The first points are a scrambled Sobol' net's, spread evenly over the ranges."""

_JUDGES = 6
"""Trials that were trained to the end by whose median at an epoch others are pruned, at least."""

_SPACE: dict[str, BaseDistribution] = {
    "u_lr": FloatDistribution(0.0, 1.0),
    "u_wd": FloatDistribution(0.0, 1.0),
}

optuna.logging.set_verbosity(optuna.logging.ERROR)


class OptunaSampler:
    """A study of Optuna's over relative points, held in memory: the search's journal is what is kept.

    Parameters
    ----------
    seed : int
        Decides the first points, and what the sampler draws.
    epochs : int
        Of a trial that is not pruned.
    sampler, pruner
        Others than `sweep tune` uses, to compare them.
    start : int
        How many points of the net come first.
    counts_pruned : bool
        Whether a pruned trial is told with the last error it had, as if it had ended there.
    """

    def __init__(
        self,
        seed: int,
        epochs: int,
        *,
        sampler: Any = None,
        pruner: Any = None,
        start: int = START,
        counts_pruned: bool = False,
    ) -> None:
        self._counts_pruned = counts_pruned
        self._study = optuna.create_study(
            sampler=sampler or make_sampler(seed, start), pruner=pruner or make_pruner(epochs)
        )
        self._net = search_spaces.relative_points("sobol", -(-max(start, 1) // 16) * 16, seed)[
            :start
        ].tolist()
        self._trials: dict[int, optuna.Trial] = {}
        self._epochs: dict[int, int] = {}

    @classmethod
    def of(cls, search: "Search") -> "OptunaSampler":
        """Return a chooser that knows what a search has tried."""
        chooser = cls(search.plan.seed, search.plan.recipe.epochs)
        points = [trial for trial in search.trials if trial.role is Role.POINT]
        for trial in sorted(points, key=lambda trial: trial.index):
            assert trial.u_lr is not None
            assert trial.u_wd is not None
            history = search.history(trial)
            chooser.begin(trial.index, trial.u_lr, trial.u_wd)
            for epoch, (_, record) in sorted(history.epochs.items()):
                chooser.report(trial.index, epoch, record.top1_err)
            if history.record and history.record.state is not TrialState.FAILED:
                chooser.tell(trial.index, history.record.state, history.record.top1_err)
        return chooser

    def ask(self, index: int) -> tuple[float, float]:
        """Choose the relative point of the trial of that index."""
        return self.begin(index, *self._net[index]) if index < len(self._net) else self._ask(index)

    def begin(self, index: int, u_lr: float, u_wd: float) -> tuple[float, float]:
        """Take in that a point was chosen."""
        self._study.enqueue_trial({"u_lr": u_lr, "u_wd": u_wd})
        return self._ask(index)

    def _ask(self, index: int) -> tuple[float, float]:
        trial = self._trials[index] = self._study.ask(_SPACE)
        return float(trial.params["u_lr"]), float(trial.params["u_wd"])

    def report(self, index: int, epoch: int, error: float) -> bool:
        """Take in a trial's error after an epoch; say whether to prune it."""
        if epoch <= self._epochs.get(index, 0):  # a trial that is tried again repeats its epochs
            return False
        self._epochs[index] = epoch
        self._trials[index].report(objective(error), epoch)
        return bool(self._trials[index].should_prune())

    def tell(self, index: int, state: TrialState, error: float | None) -> None:
        """Take in how a trial has ended."""
        told = self._trials.pop(index)
        if state is TrialState.FAILED or error is None:
            self._study.tell(told, state=OptunaState.FAIL)
        elif state is TrialState.PRUNED and not self._counts_pruned:
            self._study.tell(told, state=OptunaState.PRUNED)
        else:
            self._study.tell(told, objective(error))

    def importances(self) -> dict[str, float]:
        """Return how much of the objective's variance lr and weight decay explain (fANOVA).

        Raises
        ------
        ValueError, RuntimeError
            If there are too few trials, or all have the same error.
        """
        from optuna.importance import FanovaImportanceEvaluator, get_param_importances

        values = get_param_importances(self._study, evaluator=FanovaImportanceEvaluator(seed=0))
        if not values:
            raise ValueError("no trial was trained to its end")
        return {"lr": values["u_lr"], "weight_decay": values["u_wd"]}


def objective(error: float) -> float:
    """Return what the sampler minimises: the logarithm of an error in percent.

    Errors span two decades, and those near the best are what matters.
    """
    return math.log(1.0 + error)


def make_sampler(seed: int, start: int = START) -> Any:
    """Return the sampler that `sweep tune` uses."""
    return optuna.samplers.TPESampler(
        multivariate=True, n_startup_trials=start, seed=seed, constant_liar=True
    )


def make_pruner(epochs: int) -> Any:
    """Return the pruner that `sweep tune` uses."""
    # Those that diverged earlier have no error at an epoch: without ``n_min_trials`` three others would do.
    return optuna.pruners.MedianPruner(
        n_min_trials=_JUDGES, n_startup_trials=_JUDGES, n_warmup_steps=math.ceil(epochs * 2 / 5)
    )
