"""The folder of what can be found out again, only slower: for each user, outside of sweeps and data."""

import os
from pathlib import Path

VARIABLE = "SWEEP_CACHE_DIR"


def cache_folder() -> Path:
    """Return the folder, which may not exist: `SWEEP_CACHE_DIR`, or one in the user's cache."""
    if given := os.environ.get(VARIABLE):
        return Path(given)
    base = os.environ.get("XDG_CACHE_HOME") or os.path.expanduser("~/.cache")
    return Path(base) / "robustness-sweep"
