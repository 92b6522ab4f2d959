"""A clock that jumps for the processes of a round, and for nobody else: see chaos_clock.c."""

import shutil
import struct
import subprocess
from pathlib import Path

SOURCE = Path(__file__).with_suffix(".c")


def can_be_made() -> bool:
    """Return whether this machine has a C compiler."""
    return shutil.which("cc") is not None


class Clock:
    """The time of day of a round's processes.

    Parameters
    ----------
    folder : Path
        Where the library lies, and the file in which processes read how far their clock is off.
    """

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._file, self._library, self._offset_s = folder / "clock", folder / "clock.so", 0
        self.jump(0)
        words = ["cc", "-O1", "-shared", "-fPIC", "-o", str(self._library), str(SOURCE), "-ldl", "-pthread"]
        subprocess.run(words, check=True)

    @property
    def variables(self) -> dict[str, str]:
        """What the processes need in their environment."""
        return {"LD_PRELOAD": str(self._library), "CHAOS_CLOCK": str(self._file)}

    def jump(self, seconds: float) -> None:
        """Put the clock forward, or back: the file is changed in place, as processes have it in memory."""
        self._offset_s += round(seconds)
        with self._file.open("r+b" if self._file.exists() else "wb") as file:
            file.write(struct.pack("=q", self._offset_s * 10**9))
