"""The commands as Python functions: `sweep.run_sweep`, `sweep.find_optimum`, `sweep.read_trials`.

They have the options, defaults and errors of the commands, and resume as these do. They print nothing: an
observer is called with what happens. Nothing heavy is imported before one of them is called.
"""

from dataclasses import dataclass
from typing import TYPE_CHECKING

from sweep.core.resources import PackedResources, Resources
from sweep.driver.keywords import takes_keywords
from sweep.planning.command_options import OutputOptions, Request, RunOutputOptions, TuneRequest
from sweep.results.selection import TrialOptions
from sweep.utils.option_groups import cli_args

if TYPE_CHECKING:
    import pandas as pd

    from search_spaces import Found
    from sweep.core.trial import TrialSpec
    from sweep.driver.events import Event, OnEvent


@dataclass(frozen=True, kw_only=True, eq=False)
class SweepResult:
    """What `run_sweep` has to show."""

    sweeps: tuple[str, ...]
    """The name of each model's sweep, which is its folder's."""
    trials: "pd.DataFrame"
    """One row a trial of these sweeps, as of `read_trials`."""
    missing: "tuple[TrialSpec, ...]"
    """Trials that were asked for and have no result: they failed, or were not trained. The same call trains
    the latter, with ``retry_failed=True`` all of them."""
    mlflow_complete: bool
    """Whether MLflow has everything; if not, the same call or `sweep sync` sends the rest. False after a
    dry run."""


@dataclass(frozen=True, kw_only=True, eq=False)
class SearchResult:
    """What `find_optimum` has to show."""

    search: str
    """The search's name, which is its folder's."""
    optimum: "Found | None"
    """The optimum, which is saved in the folder's optima.csv. None: the search is not at its end, or nothing
    trained in its ranges."""
    trials: "pd.DataFrame"
    """One row a trial of the search, with the columns of `sweep export`."""
    failed: "tuple[TrialSpec, ...]"
    """Trials without a result; the same call tries them again."""
    mlflow_complete: bool
    """Whether MLflow has everything; if not, the same call or `sweep sync` sends the rest. False after a
    dry run."""


def _ignore(event: "Event") -> None:
    """Print nothing."""


@takes_keywords(first="models")
def run_sweep(
    request: Request,
    resources: PackedResources,
    output: RunOutputOptions,
    *,
    observer: "OnEvent | None" = None,
) -> SweepResult:
    """Train models at n points around their optimum, and at the optimum itself, as `sweep run` does.

    The same call again trains only what has no result yet; a larger ``n`` or ``seeds`` adds trials. In a
    notebook, interrupting the kernel stops it: every finished trial is kept.

    Parameters
    ----------
    {options}
    observer : callable, optional
        Is called with each event (`sweep.driver.events`). None: nothing is shown.
        `sweep.console.observer.console_observer` returns one that prints progress.

    Returns
    -------
    SweepResult
        Trials, and which are missing.

    Raises
    ------
    InputError
        Naming all that is wrong with the arguments, before anything is written.
    KeyboardInterrupt
        After Ctrl-C or SIGTERM; every finished trial is kept.

    Examples
    --------
    >>> import sweep
    >>> result = sweep.run_sweep(["vit_p_1mf", "vit_c_1mf"], n=64, address="none")  # doctest: +SKIP
    >>> result.trials.groupby("model").top1_err.median()  # doctest: +SKIP
    """
    from sweep.driver.prepare import plan_sweeps, sweep_runs
    from sweep.driver.rounds import growth_of, run_planned
    from sweep.results.figures import with_places
    from sweep.workspace.trial_table import trial_table
    from sweep.workspace.workspace import Workspace

    on_event, workspace, retry_failed = observer or _ignore, Workspace(output.folder), output.retry_failed
    planned = plan_sweeps(request, workspace, on_event)
    if output.dry_run:
        runs, complete = sweep_runs(planned, workspace, retry_failed=retry_failed), False
    else:
        runs, complete = run_planned(
            planned, growth_of(request), workspace, resources, on_event, retry_failed=retry_failed
        )
    return SweepResult(
        sweeps=tuple(each.sweep.name for each in runs),
        trials=with_places(trial_table(each.sweep for each in runs)),
        missing=tuple(trial for each in runs for trial in each.missing),
        mlflow_complete=complete,
    )


@takes_keywords(first="model")
def find_optimum(
    request: TuneRequest, resources: Resources, output: OutputOptions, *, observer: "OnEvent | None" = None
) -> SearchResult:
    """Find and save a model's optimum, as `sweep tune` does: `run_sweep` in the same folder takes it.

    Learning rate and weight decay are searched, and judged on data that is held out of the training. The same
    call again continues where it was stopped; a larger ``n_trials`` searches on.

    Parameters
    ----------
    {options}
    observer : callable, optional
        As of `run_sweep`.

    Returns
    -------
    SearchResult
        The optimum, and the trials that it was found by.

    Raises
    ------
    InputError
        Naming all that is wrong with the arguments, before anything is written.
    KeyboardInterrupt
        After Ctrl-C or SIGTERM; every finished trial is kept.

    Examples
    --------
    >>> import sweep
    >>> found = sweep.find_optimum("resnet18", n_trials=24, address="none")  # doctest: +SKIP
    >>> found.optimum.lr, found.optimum.weight_decay  # doctest: +SKIP
    """
    from sweep.driver.prepare import search_run
    from sweep.driver.tune import run
    from sweep.workspace.trial_table import trial_table
    from sweep.workspace.workspace import Workspace

    on_event, workspace = observer or _ignore, Workspace(output.folder)
    command = ["sweep", "tune", *cli_args(request), *cli_args(resources), *cli_args(output)]
    task = search_run(request, workspace, command, on_event)
    found, complete = (None, False) if output.dry_run else run(task, workspace, resources, on_event)
    return SearchResult(
        search=task.search.name,
        optimum=found,
        trials=trial_table([task.search]),
        failed=tuple(task.search.failed),
        mlflow_complete=complete,
    )


@takes_keywords(first="folder")
def read_trials(asked: TrialOptions) -> "pd.DataFrame":
    """Read the trials of a folder's sweeps, or those that another tool ran, as `sweep export` does.

    Parameters
    ----------
    {options}

    Returns
    -------
    pandas.DataFrame
        One row a trial, with the columns of `sweep export`, and each model's family and panel:
        ``analysis.read_sweeps`` takes it.

    Raises
    ------
    InputError
        If no trial is left, or one from elsewhere cannot be read or understood.

    Examples
    --------
    >>> import sweep
    >>> trials = sweep.read_trials("sweeps", model="vit_c_1mf")  # doctest: +SKIP
    >>> trials = sweep.read_trials(source="results.csv", optimum="lr=1e-3,wd=0.1")  # doctest: +SKIP
    """
    from sweep.results.figures import with_places
    from sweep.results.selection import choose

    return with_places(choose(asked).table)
