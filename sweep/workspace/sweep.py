"""A sweep: its plan and journal, in a folder."""

import json
from collections.abc import Iterator
from contextlib import suppress
from typing import Any, NamedTuple

from sweep.core.plan import Plan
from sweep.core.trial import SWEEP_STATES
from sweep.errors import DamagedError, InputError
from sweep.utils.atomic_files import write_atomically
from sweep.workspace.trial_folder import TrialFolder

PLAN, IDENTITY, GROWTH = "plan.json", ".workspace", "rounds.json"


class Growth(NamedTuple):
    """How a sweep grows in rounds until a comparison is settled; its columns in the trial table."""

    first_n: int
    """Points of the first round."""
    max_n: int
    """Points of the last round."""


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

    @property
    def growth(self) -> Growth | None:
        """How it grows in rounds; None if all its points were asked for at once.

        Raises
        ------
        DamagedError
            If the file is damaged.
        """
        path = self.folder / GROWTH
        if not path.exists():
            return None
        try:
            found = Growth(**json.loads(path.read_bytes()))
            if all(type(each) is int and each > 0 for each in found):
                return found
        except (ValueError, TypeError):
            pass
        raise DamagedError(
            f"{path} is damaged: it has the points of the first round and of the last, as in "
            f"{json.dumps(Growth(64, 256)._asdict())}"
        )

    def check_growth(self, asked: Growth) -> None:
        """Refuse rounds other than those that were planned: more looks than those make more claims wrong."""
        if (planned := self.growth) not in (None, asked):
            assert planned is not None
            first, most = planned
            raise InputError(
                f"{self.name} grows in rounds from {first} to {most} points, and its error rate is spent "
                f"over these, got {asked.first_n} to {asked.max_n}: give `n` {first} and `max_n` {most}, or "
                "another `seed` for a sweep that knows nothing of them"
            )

    def write_growth(self, asked: Growth) -> None:
        """Write how it grows, before it is looked at."""
        if self.growth is None:
            write_atomically(self.folder / GROWTH, json.dumps(asked._asdict()) + "\n")

    def rows(self, metric: str | None = None) -> Iterator[dict[str, Any]]:
        """Yield one row a trial; if it grows in rounds, with the columns of `Growth`."""
        growth = self.growth
        cells = growth._asdict() if growth else {}
        yield from (row | cells for row in super().rows(metric))
