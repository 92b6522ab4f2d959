"""Runs sweeps, from plans to results: what `sweep run` and `sweep study` do once the plans are made."""

from collections.abc import Sequence

from sweep.core.jobs import Job
from sweep.core.resources import Resources
from sweep.core.trial import Role
from sweep.driver.events import OnEvent, ResultsReused, SweepsStarted
from sweep.driver.log import logged
from sweep.driver.reuse import adopt_results
from sweep.driver.session import DriverJob, DriverSession, open_session
from sweep.workspace.sweep_run import SweepRun
from sweep.workspace.workspace import Workspace


def run(tasks: Sequence[SweepRun], workspace: Workspace, resources: Resources, on_event: OnEvent) -> bool:
    """Train what is missing and bring MLflow up to date.

    Parameters
    ----------
    tasks : sequence of SweepRun
        What is wanted of each sweep.
    workspace : Workspace
        The folder that the sweeps lie in.
    resources : Resources
        Where trials run, and what each takes.
    on_event : callable
        Is called with each event (`sweep.driver.events`).

    Returns
    -------
    bool
        Whether MLflow has all of it, the figures too.

    Raises
    ------
    InputError
        If MLflow or the cluster cannot be used, or another driver is running; nothing is written then.
    KeyboardInterrupt
        After Ctrl-C or SIGTERM; every finished trial is kept.
    """
    folders = [task.sweep for task in tasks]
    on_event = logged(on_event, folders)
    job = DriverJob(
        folders=folders,
        data=[task.splits for task in tasks],
        workspace=workspace,
        resources=resources,
        on_event=on_event,
    )
    with open_session(job, lambda: _started(tasks)) as session:
        if reused := sum(adopt_results(task, workspace, on_event) for task in tasks):
            on_event(ResultsReused(count=reused))
        for task in tasks:
            if task.growth:
                task.sweep.write_growth(task.growth)
        session.tracking.put_differences()
        _train(tasks, session)
    return session.tracking.complete


def _started(tasks: Sequence[SweepRun]) -> SweepsStarted:
    to_train = [trial for task in tasks for trial in task.to_train]
    return SweepsStarted(
        plans=tuple(task.sweep.plan for task in tasks),
        wanted=sum(len(task.wanted) for task in tasks),
        to_train=len(to_train),
        seed_trials=sum(trial.role is Role.OPTIMUM and trial.repeat > 0 for trial in to_train),
    )


def _train(tasks: Sequence[SweepRun], session: DriverSession) -> None:
    jobs = [Job(trial, index) for index, task in enumerate(tasks) for trial in task.to_train]
    if not jobs:
        return
    epochs = [task.sweep.plan.recipe.epochs for task in tasks]
    work = [(trial.model, epochs[index]) for trial, index in jobs]
    ended = [task.sweep.history(trial).record for task in tasks for trial in task.wanted]
    earlier = [record for record in ended if record and record.state.has_result]
    with session.training(work, earlier) as training:
        training.executor.run(jobs, training.contexts, training.recorder)
