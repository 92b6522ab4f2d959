"""The simulated world: its dice, its clock, and its disk, which a failing machine leaves half-written."""

import os
import random
import shutil
from contextlib import suppress
from pathlib import Path

FAULTS = ("kill", "power", "full", "away", "half", "late", "worker", "twice", "stray", "rival", "interrupt")
JOURNAL = "journal.jsonl"


class Crash(BaseException):
    """Stands for SIGKILL, or for a machine that loses its power: nothing of ours catches it."""


class Violation(BaseException):
    """A promise was broken. No program may catch it, as the driver does with what a tracker raises."""


class World:
    """What the parts of the simulation share.

    Parameters
    ----------
    seed : int
        Decides everything that happens.
    folder : Path
        Where the run's files lie.
    """

    def __init__(self, seed: int, folder: Path) -> None:
        self.dice = random.Random(seed)
        self.folder = folder
        self.now_s = 1e9
        self.calm = False
        """Whether nothing goes wrong any more."""
        self.dead = False
        self.snapshot: dict[Path, bytes] = {}
        self.promised: dict[str, float] = {}
        """Key → the error of each trial whose end was reported to the user."""
        self.disk = Disk(self)
        # Most rounds have few kinds of faults, often: that finds more than a little of each.
        self.rates = {fault: self.dice.choice((0, 0, 0.02, 0.1)) for fault in FAULTS}

    def happens(self, fault: str) -> bool:
        """Decide whether a fault happens now; whoever is dead does nothing more."""
        if self.dead:
            raise Crash
        self.now_s += self.dice.random() * 5 - (
            1 if self.dice.random() < 0.1 else 0
        )  # the clock may jump back
        return not self.calm and self.dice.random() < self.rates[fault]

    def may_die(self) -> None:
        """Let the driver or the whole machine die here, or not."""
        if self.happens("kill"):
            self.die(power=False)
        if self.happens("power"):
            self.die(power=True)

    def die(self, *, power: bool) -> None:
        """Keep the files as they are found later."""
        self.snapshot = self.disk.as_found(power=power)
        self.dead = True
        raise Crash

    def revive(self) -> None:
        """Put the files back as they were found, for the next driver."""
        died, self.dead = self.dead, False
        if died:
            calm, self.calm = self.calm, True  # whoever puts the files back dies no more
            self.disk.put_back(self.snapshot)
            self.calm = calm

    # as the module ``time``
    def monotonic(self) -> float:
        return self.now_s

    def time_ns(self) -> int:
        return int(self.now_s * 1e9)

    def time(self) -> float:
        return self.now_s


class Disk:
    """Knows which bytes and names have reached the disk, and loses others with the power."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._fsync, self._replace = os.fsync, os.replace
        self._synced: dict[int, bytes] = {}  # file → its contents at its last fsync
        self._named: set[Path] = set()  # whose name has reached the disk
        self._before: dict[Path, bytes | None] = {}  # renamed, and not yet on the disk → what was there

    def fsync(self, handle: int) -> None:
        """As `os.fsync`: the file's bytes, or the folder's names, are safe from here on."""
        path = Path(os.readlink(f"/proc/self/fd/{handle}"))
        self._world.may_die()
        if path.is_dir():
            self._named |= {child for child in path.iterdir() if child.is_file()}
            self._before = {name: old for name, old in self._before.items() if name.parent != path}
        else:
            self._synced[os.fstat(handle).st_ino] = path.read_bytes()
        self._world.may_die()

    def replace(self, source: str | Path, target: str | Path) -> None:
        """As `os.replace`: done at once, but a while until the disk knows of it."""
        target = Path(target)
        self._world.may_die()
        self._before.setdefault(target, target.read_bytes() if target.exists() else None)
        self._replace(source, target)
        self._world.may_die()

    def has_reached(self, path: Path, text: str) -> bool:
        """Return whether a text in a file is safe from a loss of power."""
        if not path.exists():
            return False
        return text.encode() in self._synced.get(path.stat().st_ino, b"") and path in self._named

    def as_found(self, *, power: bool) -> dict[Path, bytes]:
        """Return the files as they are found after the driver, or the whole machine, has died."""
        found = {path: path.read_bytes() for path in self._world.folder.rglob("*") if path.is_file()}
        if not power:
            return found
        kept = {path: self._surviving(path, contents) for path, contents in found.items()}
        return {path: contents for path, contents in kept.items() if contents is not None}

    def _surviving(self, path: Path, contents: bytes) -> bytes | None:
        dice = self._world.dice
        if path in self._before and dice.random() < 0.5:
            return self._before[path]
        if path not in self._named and path not in self._before and dice.random() < 0.5:
            return None
        synced = self._synced.get(path.stat().st_ino, b"")
        if contents.startswith(synced):
            return contents[: dice.randint(len(synced), len(contents))]
        return dice.choice((synced, contents))

    def put_back(self, files: dict[Path, bytes]) -> None:
        """Write the files as they were found; they have been on the disk for long."""
        shutil.rmtree(self._world.folder, ignore_errors=True)
        self._world.folder.mkdir()
        self._synced, self._named, self._before = {}, set(files), {}
        for path, contents in files.items():
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(contents)
            self._synced[path.stat().st_ino] = contents

    def open(self, real, path: Path, mode: str = "r", *args, **kwargs):
        """As `Path.open`: writing to the journal may find the disk full, or be cut off."""
        file = real(path, mode, *args, **kwargs)
        return _Fragile(file, self._world) if path.name == JOURNAL and mode != "rb" and "b" in mode else file


class _Fragile:
    """A file that may take only a part of what is written to it."""

    def __init__(self, file, world: World) -> None:
        self._file, self._world = file, world

    def write(self, data: bytes) -> int:
        full, cut = self._world.happens("full"), self._world.happens("kill")
        if full or cut:
            self._file.write(data[: self._world.dice.randrange(len(data))])
            with suppress(OSError):
                self._file.flush()
            if cut:
                self._world.die(power=self._world.dice.random() < 0.5)
            raise OSError(28, "No space left on device")
        return self._file.write(data)

    def __getattr__(self, name: str):
        return getattr(self._file, name)

    def __enter__(self):
        return self

    def __exit__(self, *_) -> None:
        self._file.close()
