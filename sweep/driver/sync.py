"""Brings MLflow up to date; trains nothing."""

from collections.abc import Sequence
from contextlib import ExitStack
from typing import Any

from sweep.driver.delivery import TrackingSession
from sweep.driver.events import Message, OnEvent
from sweep.driver.signals import terminable
from sweep.workspace.trial_folder import TrialFolder
from sweep.workspace.workspace import Workspace


def sync(folders: Sequence[TrialFolder[Any]], workspace: Workspace, on_event: OnEvent) -> bool:
    """Bring MLflow up to date with what the journals hold; train nothing.

    Parameters
    ----------
    folders : sequence of TrialFolder
        Sweeps and searches.
    workspace : Workspace
        The folder that they lie in.
    on_event : callable
        Is called with each event (`sweep.driver.events`).

    Returns
    -------
    bool
        Whether MLflow has all of it, the figures too.

    Raises
    ------
    InputError
        If MLflow cannot be used, or one of them is being run.
    """
    from sweep.tracking.store import MlflowTracker

    complete = True
    with ExitStack() as stack:
        for folder in folders:
            stack.enter_context(folder.driving())
        stack.enter_context(terminable())
        for folder in folders:
            tracker = MlflowTracker(folder.plan.recipe.name, folder.EXPERIMENT)
            for note in tracker.notes:
                on_event(Message(text=note))
            with TrackingSession(tracker, [folder], workspace, on_event) as tracking:
                tracking.put_differences()
            complete &= tracking.complete
    return complete
