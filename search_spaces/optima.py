"""The best known learning rate and weight decay of every (model, optimizer, recipe)."""

import csv
import functools
import math
from dataclasses import dataclass
from importlib import resources

from search_spaces.errors import SearchSpaceError


@dataclass(frozen=True, kw_only=True, slots=True)
class Optimum:
    """A good learning rate and weight decay, to centre a box on."""

    lr: float
    """Peak learning rate at a minibatch of ``batch`` images."""
    weight_decay: float
    batch: int
    source: str
    """Where the numbers come from."""

    def __post_init__(self) -> None:
        problems = [
            f"{name} must be a positive, finite number, got {value!r}"
            for name, value in (("lr", self.lr), ("weight_decay", self.weight_decay), ("batch", self.batch))
            if not (value > 0 and math.isfinite(value))
        ]
        if problems:
            raise SearchSpaceError("; ".join(problems))

    def at_batch(self, batch: int) -> "Optimum":
        """Return the optimum for another batch size: lr is proportional to it (arXiv:1706.02677)."""
        if batch == self.batch:
            return self
        return Optimum(
            lr=self.lr * batch / self.batch,
            weight_decay=self.weight_decay,
            batch=batch,
            source=f"{self.source}; lr scaled from a batch of {self.batch}",
        )


@functools.cache
def optima() -> dict[tuple[str, str, str], Optimum]:
    """Read the shipped table ``optima.csv``: (model, optimizer, recipe) → optimum."""
    return {(row["model"], row["optimizer"], row["recipe"]): _optimum(row) for row in _rows("optima.csv")}


def find_for(model: str, optimizer: str, recipe: str, epochs: int) -> Optimum | None:
    """Look up the optimum of a training length in ``optima_by_epochs.csv``.

    Parameters
    ----------
    model, optimizer, recipe : str
        Must match.
    epochs : int
        Training length, which must match exactly.

    Returns
    -------
    Optimum or None
        None if the table has no entry for this length.
    """
    wanted = (model, optimizer, recipe, str(epochs))
    for row in _rows("optima_by_epochs.csv"):
        if (row["model"], row["optimizer"], row["recipe"], row["epochs"]) == wanted:
            return _optimum(row)
    return None


@functools.cache
def _rows(table: str) -> list[dict[str, str]]:
    return list(csv.DictReader(resources.files("search_spaces").joinpath(table).read_text().splitlines()))


def _optimum(row: dict[str, str]) -> Optimum:
    return Optimum(
        lr=float(row["lr"]),
        weight_decay=float(row["weight_decay"]),
        batch=int(row["batch"]),
        source=row["source"],
    )


def find(model: str, optimizer: str, recipe: str) -> Optimum:
    """Look up a shipped optimum.

    Parameters
    ----------
    model, optimizer, recipe : str
        Must match.

    Raises
    ------
    SearchSpaceError
        If none is known. The message lists the model's known combinations.
    """
    if known := optima().get((model, optimizer, recipe)):
        return known
    near = [" + ".join(key[1:]) for key in optima() if key[0] == model]
    raise SearchSpaceError(
        f"no optimum is known for {model} with {optimizer} on {recipe}, so there is no box to sweep."
        + (f" Known for {model}: {', '.join(near)}." if near else "")
    )
