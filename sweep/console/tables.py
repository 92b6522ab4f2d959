"""Tables that fit a terminal of 80 columns, in which nothing is cut."""

from rich import box
from rich.table import Column, Table
from rich.text import Text

_NAME = 12


def new_table(*numbers: str, names: tuple[str, ...] = ("model",)) -> Table:
    """Return an empty table: names, which may be folded into several lines, then numbers, which never are."""
    folded = [Column(name, overflow="fold", min_width=_NAME) for name in names]
    whole = [Column(name, justify="right", no_wrap=True, overflow="fold") for name in numbers]
    return Table(*folded, *whole, box=box.SIMPLE_HEAD, pad_edge=False, padding=(0, 1, 0, 0), show_edge=False)


def progress_bar(finished: int, diverged: int, total: int, width: int = 12) -> Text:
    """Draw how many of a sweep's trials have a result: full what has finished, grey what has diverged."""
    results = _share(finished + diverged, total, width)
    full = min(_share(finished, total, width), results)
    return Text.assemble(
        ("█" * full, "green"), ("▓" * (results - full), "magenta"), ("░" * (width - results), "dim")
    )


def _share(part: int, total: int, width: int) -> int:
    """Return a part's share of a bar: all of it only for the whole, and something for anything."""
    if not part or not total:
        return 0
    return width if part == total else max(1, min(width - 1, round(width * part / total)))
