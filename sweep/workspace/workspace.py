"""The folder that holds sweeps, a plan and a journal each, and searches."""

import os
import secrets
from pathlib import Path

from sweep.core.plan import Plan
from sweep.errors import InputError, unknown
from sweep.utils.atomic_files import write_once
from sweep.workspace.search import SEARCH, Search, read_search
from sweep.workspace.sweep import IDENTITY, PLAN, Sweep, _larger, _read_plan

ANY = PLAN, SEARCH
"""The files by which sweeps and searches are found."""


class Workspace:
    """All the sweeps of a folder."""

    def __init__(self, folder: Path) -> None:
        if os.path.lexists(folder) and not folder.is_dir():
            raise InputError(f"--dir {folder}: not a folder")
        self.folder = folder

    def prepare(self, plan: Plan) -> Sweep:
        """Return the sweep of a plan, or of the larger one that is there already; nothing is written."""
        folder = self.folder / plan.name
        return Sweep(folder, _larger(folder / PLAN, plan), mend=True)

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
        name = self.find(name)
        return Sweep(self.folder / name, self.read_plan(name))

    def open_any(self, name: str) -> Sweep | Search:
        """Open a sweep or a search by its name, or by a beginning of it that fits only one."""
        name = self.find(name, *ANY)
        is_search = (self.folder / name / SEARCH).is_file()
        return Search(self.folder, read_search(self.folder / name / SEARCH)) if is_search else self.open(name)

    def read_plan(self, name: str) -> Plan:
        """Return the plan of the sweep of that name."""
        return _read_plan(self.folder / name / PLAN)

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

    def all(self) -> list[Sweep | Search]:
        """Open all sweeps and searches: what is run by a driver and goes to MLflow."""
        return [self.open_any(name) for name in self.names(*ANY)]
