"""A clock that jumps for the processes of a round, and for nobody else: libfaketime, told by a file."""

from functools import cache
from pathlib import Path


@cache
def library() -> Path | None:
    """Return libfaketime for programs with threads (Debian's package libfaketime); None without it."""
    return next(iter(sorted(Path("/usr/lib").glob("*/faketime/libfaketimeMT.so.1"))), None)


class Clock:
    """The time of day of a round's processes. What only counts seconds (the monotonic clock) does not jump.

    Parameters
    ----------
    file : Path
        Where the processes read how far their clock is off.
    """

    def __init__(self, file: Path) -> None:
        self._file, self._offset_s = file, 0.0
        file.parent.mkdir(parents=True, exist_ok=True)
        self.jump(0)

    @property
    def variables(self) -> dict[str, str]:
        """What the processes need in their environment."""
        return {
            "LD_PRELOAD": str(library()),
            "FAKETIME_TIMESTAMP_FILE": str(self._file),
            "FAKETIME_CACHE_DURATION": "1",
            "FAKETIME_DONT_FAKE_MONOTONIC": "1",
            "FAKETIME_DONT_RESET": "1",
            "NO_FAKE_STAT": "1",
        }

    def jump(self, seconds: float) -> None:
        """Put the clock forward, or back."""
        self._offset_s += seconds
        new = self._file.with_suffix(".new")
        new.write_text(f"{self._offset_s:+.0f}")
        new.replace(self._file)
