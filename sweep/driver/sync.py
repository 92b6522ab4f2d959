"""Brings MLflow up to date; trains nothing."""

from collections.abc import Sequence
from contextlib import ExitStack
from typing import Any

from rich.console import Console

from sweep.driver.delivery import TrackingSession
from sweep.driver.signals import terminable
from sweep.workspace.trial_folder import TrialFolder
from sweep.workspace.workspace import Workspace


def sync(sweeps: Sequence[TrialFolder[Any]], workspace: Workspace, console: Console) -> bool:
    """Bring MLflow up to date with what the journals hold; train nothing. Say whether MLflow has all of it.

    Raises
    ------
    InputError
        If MLflow cannot be used, or a driver is at work on one of the sweeps.
    """
    from sweep.tracking.store import MlflowTracker

    complete = True
    with ExitStack() as stack:
        for sweep in sweeps:
            stack.enter_context(sweep.driving())
        stack.enter_context(terminable())
        for sweep in sweeps:
            store = MlflowTracker(sweep.plan.recipe.name, sweep.EXPERIMENT)
            for note in store.notes:
                console.print(note, markup=False)
            with TrackingSession(store, [sweep], workspace, console) as delivery:
                delivery.put_differences()
            complete &= delivery.complete
    return complete
