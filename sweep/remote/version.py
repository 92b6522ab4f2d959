"""Which build of this package runs here: its version, and a digest of its sources."""

import hashlib
import importlib.metadata
from functools import cache
from pathlib import Path

PACKAGES = ("analysis", "search_spaces", "sweep")
_SOURCES = (".py", ".toml", ".csv")
"""What decides what a command does; pages and scripts of reports do not."""
_LETTERS = 8


@cache
def build() -> str:
    """Return ``VERSION+DIGEST``: two builds of one version have different digests."""
    root = Path(__file__).parents[2]
    return f"{importlib.metadata.version('robustness-sweep')}+{digest(root)}"


def digest(root: Path) -> str:
    """Return the first letters of a digest of the sources of the packages in a folder."""
    whole = hashlib.sha256()
    files = (path for name in PACKAGES for path in (root / name).rglob("*") if path.suffix in _SOURCES)
    for path in sorted(files, key=lambda each: each.relative_to(root).as_posix()):
        content = path.read_bytes().replace(b"\r\n", b"\n")
        whole.update(f"{path.relative_to(root).as_posix()} {len(content)}\n".encode() + content)
    return whole.hexdigest()[:_LETTERS]
