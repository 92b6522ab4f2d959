"""What is wanted of a search by one command."""

from collections.abc import Sequence
from dataclasses import dataclass

from sweep.core.search_plan import SearchBudget
from sweep.data.images import FileSplits, Splits
from sweep.workspace.search import Search


@dataclass(frozen=True, kw_only=True, slots=True)
class SearchRun:
    """A search, and how much of it is to be tried."""

    search: Search
    splits: FileSplits | Splits
    """What its trials are trained on."""
    budget: SearchBudget
    command: Sequence[str]
    """The command line, which the table of optima has of every optimum."""
    notes: tuple[str, ...] = ()
    """What a reader should know of how the images were found and read."""
