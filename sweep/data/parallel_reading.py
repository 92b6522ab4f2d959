"""Reading many files: in several threads, and so that somebody may hear how far it is."""

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import NamedTuple, TypeVar

_T = TypeVar("_T")
_CHUNK = 64
"""Files that a thread reads in one go."""


class ReadingObserver:
    """Hears how far image files are read; this one shows nothing."""

    def on_read(self, done: int, total: int) -> None:
        """Handle that so many images were read, of those that have to be."""

    def on_end(self) -> None:
        """Handle that no more are read, also if reading was interrupted."""


IGNORED = ReadingObserver()
"""Nobody hears of it."""


class DataReading(NamedTuple):
    """How the files of a data set are read."""

    verify: bool = False
    """Whether files are read again that seem unchanged."""
    observer: ReadingObserver = IGNORED


QUIETLY = DataReading()
"""As far as needed, and nobody hears of it."""


def in_threads(
    read: Callable[[slice], _T], count: int, observer: ReadingObserver
) -> Iterator[tuple[slice, _T]]:
    """Read files in several threads, some at a time.

    Parameters
    ----------
    read : callable
        Reads a part of the files.
    count : int
        How many there are.
    observer : ReadingObserver
        Hears how far it is.

    Yields
    ------
    part : slice
        Which files were read; all parts, in order.
    result
        What ``read`` returned.
    """
    parts = [slice(start, min(start + _CHUNK, count)) for start in range(0, count, _CHUNK)]
    with ThreadPoolExecutor() as pool:
        try:
            for part, result in zip(parts, pool.map(read, parts), strict=True):
                yield part, result
                observer.on_read(part.stop, count)
        finally:
            pool.shutdown(cancel_futures=True)
            observer.on_end()
