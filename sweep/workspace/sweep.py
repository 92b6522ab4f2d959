"""A sweep: its plan and journal, in a folder."""

from contextlib import suppress

from sweep.core.plan import Plan
from sweep.core.trial import SWEEP_STATES
from sweep.errors import DamagedError
from sweep.workspace.trial_folder import TrialFolder

PLAN, IDENTITY = "plan.json", ".workspace"


class Sweep(TrialFolder[Plan]):
    """A sweep's plan and its journal."""

    FILE, EXPERIMENT, STATES = PLAN, "sweep", SWEEP_STATES

    @staticmethod
    def _parse(text: str | bytes, origin: str) -> Plan:
        return Plan.from_json(text, origin)

    def _catch_up(self) -> None:
        """Take in the trials that the folder's plan has beside this one's, and the journal."""
        if self.plan_file.exists():
            with suppress(DamagedError):  # it is written anew
                self._plan = self._plan.joined(self.read_plan(self.plan_file))
        super()._catch_up()
