"""What a study prints: its cost beforehand, its outcomes afterwards."""

from collections.abc import Sequence, Set
from typing import TYPE_CHECKING

from rich.console import Console
from rich.table import Column, Table

from sweep.console.comparison import shares
from sweep.console.run import optimum_lines
from sweep.results.figures import bands_of
from sweep.results.study import Figures, trials_of
from sweep.utils.text import counted, duration
from sweep.workspace.sweep_run import SweepRun
from sweep.workspace.table import learning_table

if TYPE_CHECKING:
    from analysis import Outcome

if TYPE_CHECKING:
    import torch


def print_outcomes(found: "Sequence[Outcome]", console: Console, others: "Sequence[Outcome]" = ()) -> None:
    """Print a line a model, optimizer and length, with others' results beside it if there are any."""
    from analysis import outcome_table

    known = {(row.model, row.schedule): row for row in others}
    words = ("seeds", "top-1 err %", "sd", "Δ to longest", "epoch s")
    columns = [*words, *(["published %", "epoch min on 8 V100"] if others else [])]
    table = Table(Column("model", overflow="fold"), "optimizer", "epochs", *columns)
    for row in outcome_table(found).to_dict("records"):
        seeds = f"{row['seeds']} of {row['seeds'] + row['missing']}" if row["missing"] else str(row["seeds"])
        error = f"{row['top1_err']:.2f}" if row["seeds"] else "–"
        if row["diverged"]:
            error = f"{row['diverged']} of {row['seeds']} diverged"
        cells = [seeds, error, _number(row["sd"]), _number(row["delta"]), _number(row["epoch_s"])]
        if others:
            other = known.get((row["model"], row["schedule"]))
            cells += [f"{other.mean:.1f}", f"{other.epoch_s / 60:.1f}"] if other else ["–", "–"]
        table.add_row(row["model"], row["optimizer"], str(row["schedule"]), *cells)
    console.print(table)


def _number(value: float) -> str:
    return "–" if value != value else f"{value:.2f}"


def print_shares(tasks: Sequence[SweepRun], console: Console) -> None:
    """Print level and spread of each sweep, and where Δ flatters, as `sweep cdf` does."""
    from analysis import read_sweeps, summarise, summary_table, verdicts

    sweeps = read_sweeps(trials_of(tasks))
    shares(summary_table([summarise(each) for each in sweeps]), console)
    _print_warnings(verdicts(sweeps, learning_table([task.sweep for task in tasks])), console)


def _print_warnings(texts: Sequence[str], console: Console) -> None:
    for text in texts:
        console.print("Warning:", text, style="yellow", markup=False)


def hyperparameters(tasks: Sequence[SweepRun], console: Console, *, absolute: bool) -> Figures:
    """Return the EDF figure and the scatter figure; say which curve has no band, and why."""
    from analysis import curves, figures

    table = trials_of(tasks)
    drawn = curves(table, absolute=absolute)
    bands, notes = bands_of(drawn)
    _print_warnings(notes, console)
    return {
        "": lambda: figures.cdf_figure(drawn, bands),
        "-scatter": lambda: figures.scatter_figure(table),
    }


def print_cost(tasks: Sequence[SweepRun], elsewhere: Sequence[Set[str]], console: Console) -> None:
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
            task.sweep.name,
            f"{left} of {len(task.wanted)} × {plan.recipe.epochs} epochs",
            str(epochs),
            str(steps),
            f"{took_s:.2g}" if took_s else "–",
            f"{epochs * took_s / 3600:.2g}",
            f"{plan.optimum_lr:.3g}",
            f"{plan.optimum_wd:.3g}",
        )
        trainings, all_epochs, all_steps = trainings + left, all_epochs + epochs, all_steps + steps
        seconds += epochs * took_s
    console.print(table)
    for line in optimum_lines([task.sweep.plan for task in tasks]):
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


def _epoch_s(task: SweepRun, device: "torch.device") -> float:
    from sweep.training.timing import epoch_seconds

    plan = task.sweep.plan
    return epoch_seconds(
        plan.trials[0], plan.recipe, task.splits, classes=plan.classes, px=plan.px, device=device
    )
