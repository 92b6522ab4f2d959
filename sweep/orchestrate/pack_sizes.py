"""How many trials train together where nobody said so: measured once for each model, recipe and device."""

import json
from collections.abc import Callable
from contextlib import suppress
from importlib.metadata import version
from pathlib import Path

from sweep.core.jobs import Job, TrialContext
from sweep.core.keys import contents_hash, recipe_contents
from sweep.utils.atomic_files import write_atomically
from sweep.utils.cache import cache_folder

FILE = "packs.json"


def remembered(job: Job, context: TrialContext, device: str, *, most: int, measure: Callable[[], int]) -> int:
    """Return the size of a pack: as it was measured on this machine before, else as it is measured now.

    Parameters
    ----------
    job : Job
        One of the trials.
    context : TrialContext
        What they share.
    device : str
        The name of what they are trained on.
    most : int
        The largest pack that is of use.
    measure : callable
        Measures the size, up to ``most``.
    """
    path, key = cache_folder() / FILE, _key(job, context, device)
    size, tried = _read(path).get(key, (0, 0))
    if not size or (most > tried and 2 * size > tried):
        size, tried = measure(), most
        _write(path, _read(path) | {key: (size, tried)})
    return min(size, most)


def _key(job: Job, context: TrialContext, device: str) -> str:
    determines = {
        "model": job.trial.model,
        "optimizer": job.trial.optimizer,
        "recipe": recipe_contents(context.recipe),
        "px": context.px,
        "classes": context.classes,
        "data": context.fingerprint,
        "loader_workers": context.loader_workers,
        "device": device,
        "torch": version("torch"),
    }
    return contents_hash(determines)[:16]


def _read(path: Path) -> dict[str, tuple[int, int]]:
    """Return what was measured before: key → size, and the largest that was of use; none if unreadable."""
    with suppress(OSError, ValueError, TypeError, AttributeError):
        return {
            str(key): (int(size), int(most)) for key, (size, most) in json.loads(path.read_text()).items()
        }
    return {}


def _write(path: Path, sizes: dict[str, tuple[int, int]]) -> None:
    with suppress(OSError):  # then it is measured again
        path.parent.mkdir(parents=True, exist_ok=True)
        write_atomically(path, json.dumps(sizes))
