"""What an exception says, and which line of the user's own code it came from."""

import sysconfig
import traceback
from pathlib import Path
from traceback import FrameSummary

_INSTALLED = {"site-packages", "dist-packages"}
_NOT_THE_USERS = (
    Path(__file__).parents[1],
    *map(Path, (sysconfig.get_path(k) for k in ("stdlib", "platstdlib"))),
)


def users_frame(error: BaseException, own: Path | None = None) -> FrameSummary | None:
    """Return the innermost frame of the user's own code that an exception came through, if there is one.

    Their own is what is neither Python's, nor an installed package's, nor this package's; and what lies in
    ``own``, a file or folder, wherever that is.
    """
    for frame in reversed(traceback.extract_tb(error.__traceback__)):
        path = Path(frame.filename).absolute()
        if (own and path.is_relative_to(own)) or _is_the_users(path):
            return frame
    return None


def _is_the_users(path: Path) -> bool:
    if path.name.startswith("<"):  # made up on the way
        return False
    return not (_INSTALLED & set(path.parts) or any(map(path.is_relative_to, _NOT_THE_USERS)))


def last_line(error: BaseException) -> str:
    """Say what an error is in one line."""
    lines = str(error).strip().splitlines()
    return f"{type(error).__name__}: {lines[-1] if lines else ''}"[:500]


def location(frame: FrameSummary | None) -> str:
    """Say in brackets where a frame is; nothing if there is none."""
    return f" ({Path(frame.filename).name}, line {frame.lineno}, in {frame.name})" if frame else ""


def origin(error: BaseException, frame: FrameSummary | None) -> str | None:
    """Tell errors apart that come from different places: their class, file and line; None without a frame."""
    return f"{type(error).__name__} at {frame.filename}:{frame.lineno}" if frame else None
