"""The folder that holds sweeps, a plan and a journal each, and searches."""

import os
import secrets
from pathlib import Path

from sweep import plan as plans
from sweep.errors import DamagedError, InputError, unknown
from sweep.files import keep_aside, write_atomically, write_once
from sweep.kept import Kept
from sweep.plan import Plan
from sweep.search import SEARCH, Search, read_search
from sweep.trial import SWEEP_STATES, TrialSpec

PLAN, IDENTITY = "plan.json", ".workspace"
ANY = PLAN, SEARCH
"""The files by which sweeps and searches are found."""

COLUMNS = (
    "sweep", "key", "role", "index", "repeat", "model", "optimizer", "recipe", "design", "seed", "u_lr",
    "u_wd", "lr", "weight_decay", "state", "top1_err", "best_top1_err", "epochs", "wall_s",
)  # fmt: skip


class Sweep(Kept):
    """A plan and its journal."""

    FILE, EXPERIMENT, STATES = PLAN, "sweep", SWEEP_STATES
    _plan: Plan

    def __init__(self, folder: Path, plan: Plan, *, mend: bool = False) -> None:
        self._plan = plan
        super().__init__(folder, plan.sweep, mend=mend)

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
        text = plans.to_json(self.plan)
        said = [self.journal.mend()]
        damaged = path.exists() and _is_damaged(path)
        if damaged:
            said.append(f"{path} was damaged and is written anew; as it was, it is {keep_aside(path).name}")
        if damaged or not path.exists() or path.read_text() != text:
            write_atomically(path, text)
        return [text for text in said if text]


def _read_plan(path: Path) -> Plan:
    try:
        plan = plans.from_json(path.read_text(), str(path))
    except UnicodeDecodeError as error:
        raise DamagedError(f"{path} is not a plan, or damaged: {error}") from error
    except OSError as error:
        raise InputError(f"cannot read {path}: {error}") from error
    if plan.sweep != path.parent.name:  # classes, say, are part of the name and of no key
        raise DamagedError(
            f"{path} is the plan of {plan.sweep}: it was changed after it was written, or its folder renamed"
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


class Workspace:
    """All the sweeps of a folder."""

    def __init__(self, folder: Path) -> None:
        if os.path.lexists(folder) and not folder.is_dir():
            raise InputError(f"--dir {folder}: not a folder")
        self.folder = folder

    def prepare(self, plan: Plan) -> Sweep:
        """Return the sweep of a plan, or of the larger one that is there already; nothing is written."""
        folder = self.folder / plan.sweep
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
