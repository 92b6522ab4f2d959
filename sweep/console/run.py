"""What `sweep run` prints."""

from collections import Counter
from collections.abc import Mapping, Sequence, Set
from typing import TYPE_CHECKING, Any

from rich.console import Console

from search_spaces import FIRST
from sweep.console.status import print_status
from sweep.core.plan import FOUND_FOR, GIVEN, Plan
from sweep.core.trial import Role, TrialSpec
from sweep.tracking import tags
from sweep.utils.text import counted, listed
from sweep.workspace import plan_differences
from sweep.workspace.error_files import see_error
from sweep.workspace.sweep import Growth, Sweep
from sweep.workspace.trial_folder import TrialFolder
from sweep.workspace.workspace import Workspace

if TYPE_CHECKING:
    from sweep.core.base_plan import BasePlan
    from sweep.driver.events import SweepsStarted
    from sweep.workspace.sweep_run import SweepRun


_NAMED_FAILURES = 10
_NAMED_IMAGES = 5


def print_dry_run(tasks: "Sequence[SweepRun]", elsewhere: Sequence[Set[str]], console: Console) -> None:
    """Print what would be trained; ``elsewhere``: keys of each task that other sweeps have results of."""
    for task, there in zip(tasks, elsewhere, strict=True):
        plan = task.sweep.plan.first(task.n, task.seeds, task.again)
        left = sum(trial.key not in there for trial in task.to_train)
        failed = sum(trial.key not in there for trial in task.missing) - left
        notes = f", and {failed} failed that --retry-failed trains again" if failed else ""
        notes += f"; {counted(len(there), 'result')} taken over from other sweeps" if there else ""
        console.print(
            f"[bold]{plan.name}[/bold]: {left} of {counted(len(plan.trials), 'trial')} to train{notes}"
        )
        _print_plan(plan, console)


def _print_plan(plan: Plan, console: Console) -> None:
    several = (f", with {plan.seeds} seeds" if plan.seeds > 1 else "") + _repeated(plan)
    console.print(
        f"  {plan.recipe.epochs} epochs each, {tags.trained_by(plan)}, seed {plan.seed}", markup=False
    )
    optimum = f"optimum lr {plan.optimum_lr:.3g}, wd {plan.optimum_wd:.3g}"
    console.print(f"  {plan.n} {plan.design} points; {optimum}{several}")
    console.print(f"  ({plan.optimum_source})")
    ranges = {
        "lr": f"lr {plan.box.lr_low:.3g} to {plan.box.lr_high:.3g}",
        "weight_decay": f"wd {plan.box.wd_low:.3g} to {plan.box.wd_high:.3g}",
    }
    console.print(f"  box {', '.join(ranges[name] for name in FIRST if name in plan.swept) or 'none'}")
    for each in plan.over:
        console.print(f"  and {each}, {each.optimum} at the optimum", markup=False)


def print_growth(growth: Growth, console: Console) -> None:
    """Print in which rounds sweeps grow."""
    from analysis import Rounds

    sizes = listed([str(size) for size in Rounds(first=growth.first_n, most=growth.max_n).sizes], most=9)
    console.print(f"In rounds of {sizes} points, until the comparison is settled or more would not settle it")


def print_lines(lines: Sequence[str], console: Console) -> None:
    """Print lines of text as they are."""
    for line in lines:
        console.print(line, markup=False)


def _repeated(plan: Plan) -> str:
    """Say which points are trained again; empty if none is."""
    more = Counter(trial.index for trial in plan.repeats)
    of_all = min((more[index] for index in range(plan.n)), default=0)
    chosen = [f"point {index}" for index in sorted(more) if more[index] > of_all]
    every = f", every point with {of_all + 1} seeds" if of_all else ""
    return every + (f"; {listed(chosen)} with {counted(max(more.values()), 'other seed')}" if chosen else "")


def print_data(plan: "BasePlan", notes: Sequence[str], console: Console) -> None:
    """Print what a reader should know of the images, and which were skipped."""
    for note in notes:
        console.print(f"Data: {note}", markup=False)
    names = plan.skipped_images
    if names:
        more = (
            f" and {len(names) - _NAMED_IMAGES} more (all are in the plan)"
            if len(names) > _NAMED_IMAGES
            else ""
        )
        text = f"Skipped {len(names)} images that cannot be read: {', '.join(names[:_NAMED_IMAGES])}{more}"
        console.print(text, markup=False)


def print_new_sweeps(plans: Sequence[Plan], workspace: Workspace, console: Console) -> None:
    """Print how new sweeps differ from existing ones that the user may have meant to continue."""
    for plan in plans:
        if found := plan_differences.changes(plan, workspace):
            name, texts = found
            text = (
                f"{plan.name} is a new sweep, not {name}: {'; '.join(texts)}. Their trials are never mixed."
            )
            console.print(text, markup=False)


def print_moved_optima(plans: Sequence[Plan], workspace: Workspace, console: Console) -> None:
    """Print which sweeps are new only because their optimum has changed."""
    for plan in plans:
        if old := plan_differences.moved(plan, workspace):
            optima = f"lr {plan.optimum_lr:.3g}, wd {plan.optimum_wd:.3g}; there lr {old.optimum_lr:.3g}, wd "
            text = f"{plan.name} is a new sweep, not {old.name}: its optimum is another ({optima}"
            console.print(f"{text}{old.optimum_wd:.3g}).", markup=False)


def print_start(started: "SweepsStarted", console: Console) -> None:
    """Print what is about to be trained."""
    names = listed([plan.name for plan in started.plans])
    console.print(f"{names}: {started.to_train} of {counted(started.wanted, 'trial')} to train")
    if started.seed_trials:
        console.print(_seeds_text(started.seed_trials), markup=False)
    for line in optimum_lines(started.plans) if started.to_train else []:
        console.print(line, markup=False)


def _seeds_text(trials: int) -> str:
    train = "trains an optimum" if trials == 1 else "train the optima"
    return (
        f"{trials} of these {train} with further seeds, for the error of Δ's zero; --seeds 1 leaves them out"
    )


def optimum_lines(plans: Sequence[Plan]) -> list[str]:
    """Return a line for each optimum that was looked up: its source, and the other lengths it is used for."""
    lengths: dict[tuple[str, str, str], list[int]] = {}
    for plan in plans:
        if plan.optimum_source == GIVEN:
            continue
        source, _, elsewhere = plan.optimum_source.partition(FOUND_FOR)
        found = lengths.setdefault((plan.model, plan.optimizer, source), [])
        if elsewhere and plan.recipe.epochs not in found:
            found.append(plan.recipe.epochs)
    return [
        f"optimum of {model} with {optimizer}: {source}"
        + (f"; used for {', '.join(map(str, sorted(epochs)))} epochs, too" if epochs else "")
        for (model, optimizer, source), epochs in lengths.items()
    ]


def print_reused(count: int, console: Console) -> None:
    """Print how many results were copied from other sweeps."""
    console.print(f"{counted(count, 'result')} taken over from other sweeps with the very same trials")


def print_recovered(count: int, console: Console) -> None:
    """Print how many results only MLflow had."""
    lost = f"{counted(count, 'result')} that the journal had lost {'was' if count == 1 else 'were'}"
    console.print(f"{lost} written again from MLflow")


def print_synced(sweeps: Sequence[TrialFolder[Any]], console: Console) -> None:
    """Print that MLflow has everything."""
    names = ", ".join(sweep.name for sweep in sweeps)
    console.print(f"MLflow has all of {names}" if names else "Nothing here to send", markup=False)


def print_problems(problems: Mapping[str, Sequence[str]], console: Console) -> None:
    """Print where plan, journal and MLflow disagree, sweep by sweep."""
    for name, texts in problems.items():
        console.print(
            f"[bold]{name}[/bold]: " + (counted(len(texts), "disagreement") if texts else "in order")
        )
        for text in texts[:_NAMED_FAILURES]:
            console.print(f"  {text}", markup=False)
        if len(texts) > _NAMED_FAILURES:
            console.print(f"  … and {len(texts) - _NAMED_FAILURES} more")
    if any(problems.values()):
        console.print(
            "Its own `sweep run …` or `sweep tune …` puts it right; `sweep sync` what concerns MLflow."
        )


def print_summary(sweeps: Sequence[Sweep], left: Sequence[TrialSpec], console: Console) -> None:
    """Print the results of a run, and what to do next."""
    print_status(sweeps, console, trials=False)
    print_unfinished(sweeps, left, console)
    if not left:
        console.print("Next: [bold]sweep cdf --out fig.pdf[/bold], or browse with [bold]sweep ui[/bold]")


def print_unfinished(sweeps: Sequence[Sweep], left: Sequence[TrialSpec], console: Console) -> None:
    """Print which trials have no result, and which command trains them."""
    by_key = {trial.key: sweep for sweep in sweeps for trial in sweep.plan.trials}
    records = {trial.key: by_key[trial.key].journal.history(trial.key).record for trial in left}
    for trial in left[:_NAMED_FAILURES]:
        record = records[trial.key]
        see = see_error(by_key[trial.key].folder, trial.key)
        reason = f"failed: {record.error}{see}" if record else "not trained"
        text = f"no result: {trial.model} {trial_label(trial)} ({trial.key}): {reason}"
        console.print(text, markup=False)
    if left:
        console.print(
            f"{counted(len(left), 'trial')} without a result; `sweep status SWEEP` lists all of them."
        )
    if not all(records.values()):
        console.print("The same command continues with those that were not trained.")
    if any(records.values()):
        console.print("The same command with --retry-failed trains the failed ones again.")


def trial_label(trial: TrialSpec) -> str:
    """Return what a trial of a sweep is called: optimum, optimum repeat 1, point 12, point 12 repeat 1."""
    repeat = f" repeat {trial.repeat}" if trial.repeat else ""
    return ("optimum" if trial.role is Role.OPTIMUM else f"point {trial.index}") + repeat
