"""Opens what runs the trials; Ray is imported only if it is to do so."""

import logging
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from sweep.core.jobs import Executor
from sweep.core.resources import Resources
from sweep.data.images import FileSplits, Splits

_log = logging.getLogger(__name__)


@contextmanager
def open_executor(
    resources: Resources,
    data: Sequence[Splits | FileSplits],
    *,
    raw_output: Path | None = None,
    warn: Callable[[str], None] = _log.warning,
) -> Iterator[Executor]:
    """Join or start the Ray cluster of an address, or use this process (``none``), for as long as it lasts.

    Parameters
    ----------
    resources : Resources
        Where trials run, and what each takes.
    data : sequence of Splits or FileSplits
        What they will train on: every machine must see it.
    raw_output : Path, optional
        The file that takes what Ray would write to the terminal by itself.
    warn : callable
        Is called with what a user should know of that, by any thread.

    Raises
    ------
    InputError
        If there is no such cluster, it cannot carry a single trial, or one of its machines does not see the
        data or the storage.
    """
    if resources.in_process:
        from sweep.orchestrate.local_executor import open_here

        with open_here(resources) as executor:
            yield executor
    else:
        from sweep.orchestrate.ray_executor import open_ray

        with open_ray(resources, data, raw_output=raw_output, warn=warn) as executor:
            yield executor
