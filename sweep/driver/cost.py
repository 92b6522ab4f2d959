"""What sweeps would cost here: found out by timing a few steps of each model."""

from collections.abc import Sequence, Set
from dataclasses import dataclass

from sweep.workspace.sweep_run import SweepRun


@dataclass(frozen=True, kw_only=True, slots=True)
class SweepCost:
    """What is left to be trained of a sweep, and how long that takes."""

    name: str
    wanted: int
    """Trials that are to have a result in the end."""
    to_train: int
    epochs: int
    """Of all trials to train together."""
    steps: int
    """Of all trials to train together."""
    epoch_s: float
    """Seconds of an epoch; 0 if nothing is to be trained."""

    @property
    def seconds(self) -> float:
        """Seconds of all trials to train, one after the other."""
        return self.epochs * self.epoch_s


def measure_costs(tasks: Sequence[SweepRun], elsewhere: Sequence[Set[str]]) -> tuple[list[SweepCost], str]:
    """Time a few steps of each model and optimizer that is to be trained.

    Parameters
    ----------
    tasks : sequence of SweepRun
        What is wanted of each sweep.
    elsewhere : sequence of set of str
        The keys of each one's trials that other sweeps have results of, which are copied.

    Returns
    -------
    list of SweepCost, and str
        The cost of each sweep, and the device that the steps were timed on: ``cpu`` or ``cuda``.
    """
    from sweep.training.timing import timing_device

    device = timing_device()
    epoch_s, costs = dict[tuple[str, str], float](), []
    for task, there in zip(tasks, elsewhere, strict=True):
        plan, to_train = task.sweep.plan, sum(trial.key not in there for trial in task.to_train)
        kind = plan.model, plan.optimizer
        if to_train and kind not in epoch_s:
            epoch_s[kind] = _epoch_s(task)
        costs.append(_cost(task, to_train, epoch_s.get(kind, 0.0)))
    return costs, device.type


def _cost(task: SweepRun, to_train: int, epoch_s: float) -> SweepCost:
    plan = task.sweep.plan
    epochs = to_train * plan.recipe.epochs
    return SweepCost(
        name=plan.name,
        wanted=len(task.wanted),
        to_train=to_train,
        epochs=epochs,
        steps=epochs * (len(task.splits.train.labels) // plan.recipe.batch),
        epoch_s=epoch_s,
    )


def _epoch_s(task: SweepRun) -> float:
    from sweep.training.timing import epoch_seconds, timing_device

    plan = task.sweep.plan
    return epoch_seconds(
        plan.trials[0], plan.recipe, task.splits, classes=plan.classes, px=plan.px, device=timing_device()
    )
