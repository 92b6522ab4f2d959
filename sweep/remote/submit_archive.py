"""What travels to the cluster with a command: a recipe's file, and the modules beside a training function."""

import hashlib
import io
import os
import zipfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from sweep.errors import InputError

OURS = ("sweep", "analysis", "search_spaces")
"""Names of our own packages: those of the cluster are used."""
_SKIPPED = ("site-packages", "node_modules", "__pycache__", *OURS)
_LARGEST = 20_000_000


@dataclass(frozen=True, kw_only=True, slots=True)
class Package:
    """Files that travel, as one archive."""

    content: bytes
    """A zip archive, the same for the same files."""
    files: tuple[str, ...]
    """Their names within it."""

    @property
    def name(self) -> str:
        """Return the name that Ray keeps it under, which stands for its content."""
        return f"_ray_pkg_{hashlib.sha1(self.content).hexdigest()}.zip"


def make_package(trainer: str | None, recipe: str | None) -> Package | None:
    """Pack what a command names of this machine's files; None if that is nothing.

    Parameters
    ----------
    trainer : str, optional
        ``module:function``. If the module lies in the current folder, all Python files in and below it
        travel, but for hidden folders and environments. An installed module does not travel.
    recipe : str, optional
        A shipped recipe's name, or the path of a ``.toml`` file, which travels.

    Raises
    ------
    InputError
        If a file cannot be read, or all together are too large.
    """
    files: dict[str, Path] = {}
    if trainer and _lies_here(trainer.partition(":")[0]):
        files |= {path.as_posix(): path for path in _modules(Path())}
    if recipe and recipe.endswith(".toml"):
        files[Path(recipe).name] = Path(recipe)
    return Package(content=_zipped(files), files=tuple(sorted(files))) if files else None


def _lies_here(module: str) -> bool:
    top = module.partition(".")[0]
    return Path(f"{top}.py").is_file() or (bool(top) and Path(top).is_dir())


def _modules(folder: Path) -> Iterator[Path]:
    for entry in sorted(os.scandir(folder), key=lambda each: each.name):
        path = folder / entry.name
        if entry.is_dir(follow_symlinks=False):
            skipped = entry.name.startswith(".") or entry.name in _SKIPPED
            if not (skipped or (path / "pyvenv.cfg").exists()):
                yield from _modules(path)
        elif entry.name.endswith(".py") and entry.is_file():
            yield path


def _zipped(files: Mapping[str, Path]) -> bytes:
    target, size = io.BytesIO(), 0
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as archive:
        for name in sorted(files):
            try:
                content = files[name].read_bytes()
            except OSError as error:
                raise InputError(f"{files[name]} cannot be read: {error.strerror}") from error
            size += len(content)
            if size > _LARGEST:
                raise InputError(
                    f"the Python files in {Path.cwd()} have more than {_LARGEST // 10**6} MB: submit from "
                    "the folder of the training function"
                )
            archive.writestr(zipfile.ZipInfo(name), content, zipfile.ZIP_DEFLATED)
    return target.getvalue()
