"""Optima that were found here: the table that `sweep tune` writes and `sweep run` reads first."""

import csv
import dataclasses
import io
import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from search_spaces.errors import SearchSpaceError
from search_spaces.optima import Optimum


@dataclass(frozen=True, kw_only=True, slots=True)
class Found:
    """A row of the table: an optimum, how sure it is, and where it comes from."""

    model: str
    optimizer: str
    recipe: str
    lr: float
    """Peak learning rate at a minibatch of ``batch`` images."""
    weight_decay: float
    batch: int
    epochs: int
    """The length of schedule that it was found for."""
    data: str
    """The fingerprint of the data that it was found on."""
    top1_err: float
    """Mean over ``seeds`` trainings on minival, in percent."""
    standard_error: float
    """Of that mean, in points."""
    seeds: int
    trials: int
    """All trainings of the search, these among them."""
    lr_low: float
    lr_high: float
    wd_low: float
    wd_high: float
    """The ranges that were searched."""
    search: str
    """The search's name."""
    command: str
    versions: str
    found: str
    """The day, as YYYY-MM-DD."""

    def __post_init__(self) -> None:
        self.optimum  # noqa: B018 - checks lr, weight decay and batch
        problems = [
            f"{name} must be {rule}, got {getattr(self, name)!r}"
            for name, rule, fits in (
                ("epochs", "at least 1", self.epochs >= 1),
                ("top1_err", "from 0 to 100", 0 <= self.top1_err <= 100),
                ("standard_error", "from 0 to 100", 0 <= self.standard_error <= 100),
                ("seeds", "at least 1", self.seeds >= 1),
                ("trials", "at least 1", self.trials >= 1),
                ("lr_low", "above 0 and below lr_high", 0 < self.lr_low < self.lr_high < math.inf),
                ("wd_low", "above 0 and below wd_high", 0 < self.wd_low < self.wd_high < math.inf),
            )
            if not fits
        ]
        if problems:
            raise SearchSpaceError("; ".join(problems))

    @property
    def optimum(self) -> Optimum:
        """The centre of a box."""
        return Optimum(
            lr=self.lr,
            weight_decay=self.weight_decay,
            batch=self.batch,
            source=f"{self.search}: {self.top1_err:.2f} ± {self.standard_error:.2f} % on minival, mean of "
            f"{self.seeds} seeds, {self.trials} trials, {self.epochs} epochs, {self.found}",
        )

    @property
    def _place(self) -> tuple[str, str, str, str, int]:
        return self.model, self.optimizer, self.recipe, self.data, self.epochs


_FIELDS = {field.name: field.type for field in dataclasses.fields(Found)}


def read_found(path: Path) -> list[Found]:
    """Read the table; none is an empty one.

    Raises
    ------
    SearchSpaceError
        If it cannot be read or is damaged. File and line are named.
    """
    try:
        text = path.read_text() if path.parent.is_dir() and path.exists() else None
    except (OSError, UnicodeDecodeError) as error:
        raise SearchSpaceError(f"cannot read the optima in {path}: {error}") from error
    if text is None:
        return []
    reader = csv.DictReader(io.StringIO(text))
    try:
        if list(reader.fieldnames or ()) != list(_FIELDS):
            raise SearchSpaceError(
                f"{path} is not a table of optima: its first line must be {','.join(_FIELDS)}"
            )
        found = [_parse(row, f"{path}, line {reader.line_num}") for row in reader]
    except csv.Error as error:
        raise SearchSpaceError(f"{path}, line {reader.line_num} is damaged: {error}") from error
    places = [row._place for row in found]
    for place in places:
        if places.count(place) > 1:
            raise SearchSpaceError(f"{path} has two optima of {', '.join(map(str, place))}: delete one")
    return found


def _parse(row: dict[str, str], where: str) -> Found:
    if None in row or None in row.values():
        raise SearchSpaceError(f"{where} is damaged: it needs {len(_FIELDS)} cells")
    try:
        kinds = {"str": str, "int": int, "float": float}
        return Found(**{name: kinds[str(_kind(kind))](row[name]) for name, kind in _FIELDS.items()})
    except ValueError as error:  # SearchSpaceError is one
        raise SearchSpaceError(f"{where} is damaged: {error}") from error


def _kind(kind: object) -> str:
    return kind.__name__ if isinstance(kind, type) else str(kind)


def with_row(found: Sequence[Found], row: Found) -> list[Found]:
    """Return the table with a row instead of the one of the same model, optimizer, recipe, data, epochs."""
    return [*(other for other in found if other._place != row._place), row]


def to_csv(found: Sequence[Found]) -> str:
    """Return the table as CSV; numbers read back as they are, to the last bit."""
    out = io.StringIO()
    writer = csv.DictWriter(out, list(_FIELDS), lineterminator="\n")
    writer.writeheader()
    for row in found:
        values = dataclasses.asdict(row)
        writer.writerow({name: repr(v) if isinstance(v, float) else v for name, v in values.items()})
    return out.getvalue()


def choose_found(
    found: Sequence[Found], model: str, optimizer: str, recipe: str, *, data: str | None, epochs: int
) -> Found | None:
    """Return the row for a training, if there is one.

    Parameters
    ----------
    data : str or None
        The data's fingerprint: an optimum of other data is none. None: of whichever data.
    epochs : int
        Where there is none for this length of schedule, that for the nearest one (in proportion) is taken.
    """
    fitting = [
        row
        for row in found
        if (row.model, row.optimizer, row.recipe) == (model, optimizer, recipe) and data in (None, row.data)
    ]
    return min(fitting, key=lambda row: abs(math.log(row.epochs / epochs)), default=None)
