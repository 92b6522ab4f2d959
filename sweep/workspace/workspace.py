"""The folder that holds sweeps, a plan and a journal each, and searches."""

import os
import secrets
from pathlib import Path
from typing import Any, overload

from sweep.core.base_plan import BasePlan
from sweep.core.plan import Plan
from sweep.core.search_plan import SearchPlan
from sweep.errors import InputError, unknown
from sweep.utils.atomic_files import write_once
from sweep.workspace.search import Search
from sweep.workspace.sweep import IDENTITY, PLAN, Sweep
from sweep.workspace.trial_folder import TrialFolder

_FOLDERS: dict[str, type[TrialFolder[Any]]] = {SearchPlan.KIND: Search, Plan.KIND: Sweep}
"""Kind of plan → the folder that it is kept in."""
ANY = tuple(kind.FILE for kind in _FOLDERS.values())
"""The files by which sweeps and searches are found."""


class Workspace:
    """All the sweeps of a folder."""

    def __init__(self, folder: Path) -> None:
        if os.path.lexists(folder) and not folder.is_dir():
            raise InputError(f"`folder` {folder}: not a folder")
        self.folder = folder

    @overload
    def prepare(self, plan: Plan) -> Sweep: ...

    @overload
    def prepare(self, plan: SearchPlan) -> Search: ...

    def prepare(self, plan: BasePlan) -> TrialFolder[Any]:
        """Return the folder of a plan for its driver, with the trials that it has already.

        Nothing is written.
        """
        return _FOLDERS[plan.KIND](self.folder, plan, mend=True)

    def identity(self, *, create: bool = True) -> str:
        """Return what tells this workspace's runs in MLflow from others' of the same trials.

        It is drawn once and kept in the folder, wherever that is moved; empty if it was not drawn yet.
        """
        path = self.folder / IDENTITY
        if create and not path.exists():
            write_once(path, secrets.token_hex(8) + "\n")
        return path.read_text().strip() if path.exists() else ""

    def open(self, name: str) -> Sweep:
        """Open a sweep by its name, or by a beginning of it that fits only one."""
        return Sweep.open(self.folder / self.find(name))

    def open_any(self, name: str) -> TrialFolder[Any]:
        """Open a sweep or a search by its name, or by a beginning of it that fits only one."""
        folder = self.folder / self.find(name, *ANY)
        kind = next((each for each in _FOLDERS.values() if (folder / each.FILE).is_file()), Sweep)
        return kind.open(folder)

    def read_plan(self, name: str) -> Plan:
        """Return the plan of the sweep of that name."""
        return Sweep.read_plan(self.folder / name / PLAN)

    def find(self, name: str, *files: str) -> str:
        """Return the name of the sweep of that name, or of the only one that begins so.

        ``files``: of what has such a file; without, of sweeps.
        """
        if any((self.folder / name / file).is_file() for file in files or (PLAN,)):
            return name
        known = self.names(*files)
        names = [each for each in known if each.startswith(name)] if name else []
        if len(names) > 1:
            raise InputError(f"{name!r} fits {len(names)} sweeps: {', '.join(names)}")
        if not names:
            raise unknown("sweep", name, known, "`sweep status` lists them.")
        return names[0]

    def names(self, *files: str) -> list[str]:
        """Return the names of all that has a file of these names, sorted; without any, of all sweeps."""
        found = (path for file in files or (PLAN,) for path in self.folder.glob(f"*/{file}"))
        return sorted(path.parent.name for path in found)

    def sweeps(self) -> list[Sweep]:
        """Open all sweeps."""
        return [self.open(name) for name in self.names()]

    def all(self) -> list[TrialFolder[Any]]:
        """Open all sweeps and searches: what is run by a driver and goes to MLflow."""
        return [self.open_any(name) for name in self.names(*ANY)]
