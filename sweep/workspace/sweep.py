"""A sweep: its plan and journal, in a folder."""

from pathlib import Path

from sweep.core.plan import Plan
from sweep.core.plan_json import from_json, to_json
from sweep.core.trial import SWEEP_STATES, TrialSpec
from sweep.errors import DamagedError, InputError
from sweep.utils.atomic_files import keep_aside, write_atomically
from sweep.workspace.trial_folder import TrialFolder

PLAN, IDENTITY = "plan.json", ".workspace"


class Sweep(TrialFolder):
    """A plan and its journal."""

    FILE, EXPERIMENT, STATES = PLAN, "sweep", SWEEP_STATES
    _plan: Plan

    def __init__(self, folder: Path, plan: Plan, *, mend: bool = False) -> None:
        self._plan = plan
        super().__init__(folder, plan.name, mend=mend)

    @property
    def plan(self) -> Plan:
        """The plan, with the trials."""
        return self._plan

    @property
    def trials(self) -> tuple[TrialSpec, ...]:
        """The trials."""
        return self._plan.trials

    def _catch_up(self) -> None:
        super()._catch_up()
        self._plan = _larger(self.plan_file, self._plan)

    def write_plan(self) -> list[str]:
        """Write the plan, unless it is there already, and put right what is damaged; say what was."""
        path = self.plan_file
        text = to_json(self.plan)
        said = [self.journal.mend()]
        damaged = path.exists() and _is_damaged(path)
        if damaged:
            said.append(f"{path} was damaged and is written anew; as it was, it is {keep_aside(path).name}")
        if damaged or not path.exists() or path.read_text() != text:
            write_atomically(path, text)
        return [text for text in said if text]


def _read_plan(path: Path) -> Plan:
    try:
        plan = from_json(path.read_text(), str(path))
    except UnicodeDecodeError as error:
        raise DamagedError(f"{path} is not a plan, or damaged: {error}") from error
    except OSError as error:
        raise InputError(f"cannot read {path}: {error}") from error
    if plan.name != path.parent.name:  # classes, say, are part of the name and of no key
        raise DamagedError(
            f"{path} is the plan of {plan.name}: it was changed after it was written, or its folder renamed"
        )
    return plan


def _is_damaged(path: Path) -> bool:
    try:
        _read_plan(path)
    except DamagedError:
        return True
    return False


def _larger(path: Path, plan: Plan) -> Plan:
    """Return a plan with all trials that it or the same sweep's plan at ``path``, if there is one, has."""
    try:
        return plan.joined(_read_plan(path)) if path.exists() else plan
    except DamagedError:
        return plan
