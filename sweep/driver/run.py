"""A run from plans to results: what `sweep run` does once it knows what is wanted."""

from collections.abc import Sequence
from contextlib import ExitStack

from rich.console import Console

from sweep.console.progress import ProgressView, Tally
from sweep.console.run import adopted, beginning
from sweep.core.jobs import Executor, ExecutorLost, Job, TrialContext
from sweep.core.resources import Resources
from sweep.driver.checkpoint_cleanup import Checkpoints
from sweep.driver.delivery import TrackingSession
from sweep.driver.recorder import _Recorder
from sweep.driver.reuse import adopt_results
from sweep.driver.signals import terminable
from sweep.tracking.process import TrackerProcess
from sweep.tracking.send_queue import SendQueue
from sweep.workspace.sweep_run import SweepRun
from sweep.workspace.workspace import Workspace


def run(tasks: Sequence[SweepRun], workspace: Workspace, resources: Resources, console: Console) -> bool:
    """Train what is missing and bring MLflow up to date; say whether MLflow has all of it.

    Raises
    ------
    InputError
        If MLflow or the cluster cannot be used, or another driver is at work; nothing is written then.
    KeyboardInterrupt
        After Ctrl-C or SIGTERM; every finished trial is kept.
    """
    for task in tasks:
        task.sweep.plan.recipe.check_shared(resources.ranks)
    with ExitStack() as stack:
        for task in tasks:
            stack.enter_context(task.sweep.driving())
        sweeps = [task.sweep for task in tasks]
        to_train = sum(len(task.to_train) for task in tasks)
        beginning(sweeps, sum(len(task.wanted) for task in tasks), to_train, console)
        # MLflow is imported while Ray starts: both take seconds. It is opened, and its database created, once
        # it is known that something can run.
        store = TrackerProcess(tasks[0].sweep.plan.recipe.name)
        if to_train:
            from sweep.orchestrate.executor import open_executor

            executor = stack.enter_context(open_executor(resources, [task.splits for task in tasks]))
        stack.enter_context(terminable())  # after Ray, which would end the process at SIGTERM
        for note in store.begin():
            console.print(note, markup=False)
        for sweep in sweeps:
            for text in sweep.write_plan():
                console.print(text, markup=False)
        with TrackingSession(store, sweeps, workspace, console) as delivery:
            adopted(sum(adopt_results(task, workspace, console) for task in tasks), console)
            delivery.put_differences()
            if any(task.to_train for task in tasks):
                _train(tasks, executor, resources, delivery.queue, console)
    return delivery.complete


def _train(
    tasks: Sequence[SweepRun],
    executor: Executor,
    resources: Resources,
    queue: SendQueue[str],
    console: Console,
) -> None:
    shared = {task.sweep.plan.px: executor.share(task.splits) for task in tasks}
    checkpoints = [Checkpoints(task.sweep, resources) for task in tasks]
    settings = [
        TrialContext(
            recipe=plan.recipe,
            px=plan.px,
            classes=plan.classes,
            data=shared[plan.px],
            fingerprint=plan.data_fingerprint,
            checkpoints=kept.location,
            loader_workers=resources.loader_workers,
        )
        for plan, kept in zip((task.sweep.plan for task in tasks), checkpoints, strict=True)
    ]
    jobs = [Job(trial, place) for place, task in enumerate(tasks) for trial in task.to_train]
    tally = Tally([(job.trial.model, settings[job.setting].recipe.epochs) for job in jobs], executor.parallel)
    with ExitStack() as stack:
        for kept in checkpoints:
            stack.enter_context(kept)
        view = stack.enter_context(ProgressView(tally, console))
        recorder = _Recorder(tasks, checkpoints, queue, tally, view)
        try:
            executor.run(jobs, settings, recorder)
        except ExecutorLost as error:
            console.print(f"{error}. Every finished trial is kept.", markup=False)
