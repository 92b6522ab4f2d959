"""What a study prints: its cost beforehand, its outcomes afterwards."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from rich.console import Console

from sweep.console.comparison import print_sweeps
from sweep.console.run import optimum_lines
from sweep.console.tables import new_table
from sweep.driver.cost import SweepCost
from sweep.results.figures import bands_of
from sweep.results.study import Figures, trials_of
from sweep.utils.text import counted, duration
from sweep.workspace.sweep_run import SweepRun
from sweep.workspace.trial_table import learning_table

if TYPE_CHECKING:
    from analysis import Outcome


def print_outcomes(found: "Sequence[Outcome]", console: Console, others: "Sequence[Outcome]" = ()) -> None:
    """Print a line a model, optimizer and length, with others' results beside it if there are any."""
    from analysis import outcome_table

    known = {(row.model, row.schedule): row for row in others}
    words = ("epochs", "seeds", "error %", "sd", "Δ to longest", "epoch s")
    columns = [*words, *(["paper's %", "its epoch min"] if others else [])]
    table = new_table(*columns, names=("model", "optimizer"))
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
    print_sweeps(summary_table([summarise(each) for each in sweeps]), console)
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


def print_cost(tasks: Sequence[SweepRun], costs: Sequence[SweepCost], device: str, console: Console) -> None:
    """Print what is left to be trained, and how long that takes on a device, ``cpu`` or ``cuda``."""
    columns = ("to train", "× epochs", "s an epoch", "device-hours", "lr", "wd")
    table = new_table(*columns, names=("sweep",))
    for task, cost in zip(tasks, costs, strict=True):
        plan = task.sweep.plan
        table.add_row(
            cost.name,
            f"{cost.to_train}/{cost.wanted}",
            str(plan.recipe.epochs),
            f"{cost.epoch_s:.2g}" if cost.epoch_s else "–",
            f"{cost.seconds / 3600:.2g}",
            f"{plan.optimum_lr:.3g}",
            f"{plan.optimum_wd:.3g}",
        )
    console.print(table)
    for line in optimum_lines([task.sweep.plan for task in tasks]):
        console.print(line, markup=False)
    console.print(_total(costs, device), markup=False)


def _total(costs: Sequence[SweepCost], device: str) -> str:
    to_train, epochs, steps = (
        sum(getattr(cost, name) for cost in costs) for name in ("to_train", "epochs", "steps")
    )
    seconds = sum(cost.seconds for cost in costs)
    on = "cpu, one thread a trial" if device == "cpu" else device
    return (
        f"{counted(to_train, 'training')}, {counted(epochs, 'epoch')}, {counted(steps, 'step')}: "
        f"about {seconds / 3600:.2g} device-hours ({duration(seconds)} on one {on})"
    )
