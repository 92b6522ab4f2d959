"""Results that another sweep has of the very same trials."""

from sweep.core.model_spec import slug
from sweep.driver.events import Message, OnEvent
from sweep.errors import InputError
from sweep.workspace.journal import TrialHistory
from sweep.workspace.sweep_run import SweepRun
from sweep.workspace.workspace import Workspace


def adopt_results(task: SweepRun, workspace: Workspace, on_event: OnEvent) -> int:
    """Copy results that other sweeps have of the very same trials; return how many."""
    found = results_elsewhere(task, workspace, on_event)
    for key, history in found.items():
        task.sweep.journal.adopt(key, history)
    return len(found)


def results_elsewhere(task: SweepRun, workspace: Workspace, on_event: OnEvent) -> dict[str, TrialHistory]:
    """Return what other sweeps have of a task's missing trials, by key.

    The trial at the optimum is the same for every design, and a key stands for all that determines it.
    """
    missing, found = [trial.key for trial in task.missing], dict[str, TrialHistory]()
    of_the_model = slug(task.sweep.plan.model)
    for name in workspace.names():
        if len(found) < len(missing) and name != task.sweep.name and name.startswith(of_the_model):
            there = _trials_of(name, workspace, on_event)
            with_result = {key: history for key, history in there.items() if history.state.has_result}
            found = {key: with_result[key] for key in missing if key in with_result} | found
    return found


def _trials_of(name: str, workspace: Workspace, on_event: OnEvent) -> dict[str, TrialHistory]:
    """Return what a sweep's journal holds: nothing where it or its plan is damaged, which is reported."""
    try:
        return workspace.open(name).journal.trials
    except InputError as error:
        on_event(Message(text=f"{error}\nNo results were looked for there."))
        return {}
