"""Opens what runs the trials; Ray is imported only if it is to do so."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from sweep.core.jobs import Executor
from sweep.core.resources import Resources
from sweep.data.images import FileSplits, Splits


@contextmanager
def open_executor(resources: Resources, data: Sequence[Splits | FileSplits]) -> Iterator[Executor]:
    """Join or start the Ray cluster of an address, or use this process (``none``), for as long as it lasts.

    Parameters
    ----------
    resources : Resources
        Where trials run, and what each takes.
    data : sequence of Splits or FileSplits
        What they will train on: every machine must see it.

    Raises
    ------
    InputError
        If there is no such cluster, it cannot carry a single trial, or one of its machines does not see the
        data or the storage.
    """
    if resources.in_process:
        from sweep.orchestrate.local import open_here

        with open_here(resources) as executor:
            yield executor
    else:
        from sweep.orchestrate.runner import open_ray

        with open_ray(resources, data) as executor:
            yield executor
