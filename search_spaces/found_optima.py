"""The table of optima that `sweep tune` writes. `sweep run` looks here before the shipped optima."""

import csv
import dataclasses
import io
import json
import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from search_spaces.errors import SearchSpaceError
from search_spaces.hyperparameter import Value
from search_spaces.optima import Optimum


@dataclass(frozen=True, kw_only=True, slots=True)
class Found:
    """A row of the table: an optimum, its uncertainty and its origin."""

    model: str
    optimizer: str
    recipe: str
    lr: float
    """Peak learning rate at a minibatch of ``batch`` images."""
    weight_decay: float
    batch: int
    epochs: int
    """Length of the schedule that it was found with."""
    data: str
    """Fingerprint of the data that it was found on."""
    top1_err: float
    """Mean error over ``seeds`` trainings on minival, in percent; NaN if there is another ``metric``."""
    standard_error: float
    """Standard error of that mean, in points; or of ``value``."""
    seeds: int
    """Trainings at the optimum, with different seeds."""
    trials: int
    """All trainings of the search, including these."""
    lr_low: float
    """Lowest learning rate searched."""
    lr_high: float
    """Highest learning rate searched."""
    wd_low: float
    """Lowest weight decay searched."""
    wd_high: float
    """Highest weight decay searched."""
    search: str
    """Name of the search."""
    command: str
    """The command that ran the search."""
    versions: str
    """Versions of the packages that trained it."""
    found: str
    """Date, as YYYY-MM-DD."""
    over: str = "{}"
    """The values of further hyperparameters that were searched, as JSON."""
    metric: str = ""
    """Name of the metric that was searched by; empty for the top-1 error."""
    unit: str = ""
    """The unit of that metric."""
    value: float = math.nan
    """Its mean over ``seeds`` trainings on minival."""

    def __post_init__(self) -> None:
        self.optimum  # noqa: B018 - checks lr, weight decay and batch
        if not isinstance(self.values, dict):
            raise SearchSpaceError(f"over must be a JSON object, got {self.over[:40]!r}")
        problems = [
            f"{name} must be {rule}, got {getattr(self, name)!r}"
            for name, rule, fits in (
                ("epochs", "at least 1", self.epochs >= 1),
                *self._result_rules(),
                ("seeds", "at least 1", self.seeds >= 1),
                ("trials", "at least 1", self.trials >= 1),
                ("lr_low", "above 0 and below lr_high", 0 < self.lr_low < self.lr_high < math.inf),
                ("wd_low", "above 0 and below wd_high", 0 < self.wd_low < self.wd_high < math.inf),
            )
            if not fits
        ]
        if problems:
            raise SearchSpaceError("; ".join(problems))

    def _result_rules(self) -> list[tuple[str, str, bool]]:
        """Return what must hold of the result: field, rule, whether it holds."""
        if not self.metric:
            return [
                ("top1_err", "from 0 to 100", 0 <= self.top1_err <= 100),
                ("standard_error", "from 0 to 100", 0 <= self.standard_error <= 100),
            ]
        return [
            ("top1_err", f"nan beside {self.metric}", math.isnan(self.top1_err)),
            ("value", "a finite number", math.isfinite(self.value)),
            ("standard_error", "at least 0", 0 <= self.standard_error < math.inf),
        ]

    @property
    def result(self) -> str:
        """The result with its standard error, in words: 3.21 ± 0.10 %, or val_loss 1.83 ± 0.02 nats."""
        if not self.metric:
            return f"{self.top1_err:.2f} ± {self.standard_error:.2f} %"
        return f"{self.metric} {self.value:.4g} ± {self.standard_error:.2g} {self.unit}".rstrip()

    @property
    def optimum(self) -> Optimum:
        """The optimum, to centre a box on."""
        return Optimum(
            lr=self.lr,
            weight_decay=self.weight_decay,
            batch=self.batch,
            source=f"{self.search}: {self.result} on minival, mean of "
            f"{self.seeds} seeds, {self.trials} trials, {self.epochs} epochs, {self.found}",
        )

    @property
    def values(self) -> dict[str, Value]:
        """The best values of further hyperparameters, by name."""
        values: dict[str, Value] = json.loads(self.over)
        return values

    @property
    def identity(self) -> tuple[str, ...]:
        """What the table has at most one row of: a model's training, and what was searched of it."""
        known = self.model, self.optimizer, self.recipe, self.data, str(self.epochs)
        by = [f"by {self.metric}"] if self.metric else []
        return *known, *by, *sorted(self.values)


_FIELDS = {field.name: field.type for field in dataclasses.fields(Found)}
_OF_METRIC = ("metric", "unit", "value")
_BY_ERROR = [name for name in _FIELDS if name not in _OF_METRIC]
"""The columns of a table in which all were searched by the top-1 error."""
_EARLIER = _BY_ERROR[:-1]
"""Those of one without further hyperparameters, too."""


def read_found(path: Path) -> list[Found]:
    """Read the table; a missing file counts as an empty table.

    Raises
    ------
    SearchSpaceError
        If the table cannot be read or is damaged. The message names file and line.
    """
    try:
        text = path.read_text() if path.parent.is_dir() and path.exists() else None
    except (OSError, UnicodeDecodeError) as error:
        raise SearchSpaceError(f"cannot read the optima in {path}: {error}") from error
    if text is None:
        return []
    reader = csv.DictReader(io.StringIO(text))
    try:
        if list(reader.fieldnames or ()) not in (list(_FIELDS), _BY_ERROR, _EARLIER):
            raise SearchSpaceError(
                f"{path} is not a table of optima: its first line must be {','.join(_BY_ERROR)}, or end with "
                f"{','.join(_OF_METRIC)} as well"
            )
        found = [_parse(row, f"{path}, line {reader.line_num}") for row in reader]
    except csv.Error as error:
        raise SearchSpaceError(f"{path}, line {reader.line_num} is damaged: {error}") from error
    identities = [row.identity for row in found]
    for each in identities:
        if identities.count(each) > 1:
            raise SearchSpaceError(f"{path} has two optima of {', '.join(map(str, each))}: delete one")
    return found


def _parse(row: dict[str, str], where: str) -> Found:
    if None in row or None in row.values():
        cells = len([name for name in row if name])
        raise SearchSpaceError(f"{where} is damaged: it needs {cells} cells")
    try:
        kinds = {"str": str, "int": int, "float": float}
        return Found(**{name: kinds[str(_kind(_FIELDS[name]))](cell) for name, cell in row.items()})
    except ValueError as error:  # SearchSpaceError is one
        raise SearchSpaceError(f"{where} is damaged: {error}") from error


def _kind(kind: object) -> str:
    return kind.__name__ if isinstance(kind, type) else str(kind)


def with_row(found: Sequence[Found], row: Found) -> list[Found]:
    """Return the table with a new row, which replaces a row with the same `Found.identity`."""
    return [*(other for other in found if other.identity != row.identity), row]


def to_csv(found: Sequence[Found]) -> str:
    """Return the table as CSV. Reading it gives the same numbers, to the last bit."""
    out = io.StringIO()
    columns = _BY_ERROR if any(row.values for row in found) else _EARLIER
    columns = list(_FIELDS) if any(row.metric for row in found) else columns
    writer = csv.DictWriter(out, columns, lineterminator="\n")
    writer.writeheader()
    for row in found:
        values = {name: getattr(row, name) for name in columns}
        writer.writerow({name: repr(v) if isinstance(v, float) else v for name, v in values.items()})
    return out.getvalue()


def choose_found(
    found: Sequence[Found],
    model: str,
    optimizer: str,
    recipe: str,
    *,
    data: str | None,
    epochs: int,
    over: Sequence[str] = (),
    metric: str = "",
) -> Found | None:
    """Return the row that fits a training; None if there is none.

    Parameters
    ----------
    found : sequence of Found
        The table.
    model, optimizer, recipe : str
        Must match.
    data : str or None
        Fingerprint of the data. Optima found on other data are ignored; None accepts any.
    epochs : int
        Length of the schedule. If several rows fit, the one with the nearest length, as a ratio, is chosen.
    over : sequence of str
        Names of further hyperparameters. A search of just these is preferred to one of learning rate and
        weight decay alone; others do not fit.
    metric : str
        The metric that it must have been searched by; empty for the top-1 error.
    """
    same = [
        row
        for row in found
        if (row.model, row.optimizer, row.recipe, row.metric) == (model, optimizer, recipe, metric)
        and data in (None, row.data)
    ]
    fitting = [row for row in same if sorted(row.values) == sorted(over)] or [r for r in same if not r.values]
    return min(fitting, key=lambda row: abs(math.log(row.epochs / epochs)), default=None)
