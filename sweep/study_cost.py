"""What a study will cost: trainings, epochs, steps and device-hours."""

from collections.abc import Sequence, Set
from typing import TYPE_CHECKING

from rich.console import Console
from rich.table import Column, Table

from sweep import show
from sweep.progress import counted, duration
from sweep.service import Task

if TYPE_CHECKING:
    import torch


def print_cost(tasks: Sequence[Task], elsewhere: Sequence[Set[str]], console: Console) -> None:
    """Say what is left to be trained, and how long that takes here after timing a few steps of each model.

    ``elsewhere``: keys of each task that other sweeps have results of, which are taken over.
    """
    device = _device()
    columns = ("to train", "epochs", "steps", "s an epoch", "device-hours", "optimum lr", "wd")
    table, epoch_s = Table(Column("sweep", overflow="fold"), *columns), dict[tuple[str, str], float]()
    trainings = all_epochs = all_steps = 0
    seconds = 0.0
    for task, there in zip(tasks, elsewhere, strict=True):
        plan, left = task.sweep.plan, sum(trial.key not in there for trial in task.to_train)
        kind = (plan.model, plan.optimizer)
        if left and kind not in epoch_s:
            epoch_s[kind] = _epoch_s(task, device)
        epochs, took_s = left * plan.recipe.epochs, epoch_s.get(kind, 0.0)
        steps = epochs * (len(task.splits.train.labels) // plan.recipe.batch)
        table.add_row(
            task.sweep.name, f"{left} of {len(task.wanted)} × {plan.recipe.epochs} epochs", str(epochs),
            str(steps), f"{took_s:.2g}" if took_s else "–", f"{epochs * took_s / 3600:.2g}",
            f"{plan.optimum_lr:.3g}", f"{plan.optimum_wd:.3g}",
        )  # fmt: skip
        trainings, all_epochs, all_steps = trainings + left, all_epochs + epochs, all_steps + steps
        seconds += epochs * took_s
    console.print(table)
    for line in show.optima([task.sweep.plan for task in tasks]):
        console.print(line, markup=False)
    on = f"{device.type}, one thread a trial" if device.type == "cpu" else device.type
    console.print(
        f"{counted(trainings, 'training')}, {counted(all_epochs, 'epoch')}, {counted(all_steps, 'step')}: "
        f"about {seconds / 3600:.2g} device-hours ({duration(seconds)} on one {on})",
        markup=False,
    )


def _device() -> "torch.device":
    import torch

    torch.set_num_threads(1)
    return torch.device("cuda" if torch.cuda.is_available() else "cpu")


def _epoch_s(task: Task, device: "torch.device") -> float:
    from sweep.training import epoch_seconds

    plan = task.sweep.plan
    return epoch_seconds(
        plan.trials[0], plan.recipe, task.splits, classes=plan.classes, px=plan.px, device=device
    )
