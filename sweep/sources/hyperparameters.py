"""Finds a source's further hyperparameters: what was varied beside learning rate and weight decay."""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd

from sweep.errors import InputError, unknown
from sweep.sources.base import Source
from sweep.sources.cell_values import is_empty, numbers, words

VALUE = "hp."
"""How the columns of hyperparameters begin in our table."""
FURTHER = (VALUE, "u.")
"""How all columns of hyperparameters begin in a table of `sweep export`: values, and relative values."""
_ALWAYS = ("lr", "weight_decay", "wd")
"""What has a column of its own, so that asking for it adds none."""
_CONFIG = re.compile(r"^(config|cfg|params?|hparams|hyper_?parameters|hps?)[/._]", re.IGNORECASE)
"""How exports mark what is a hyperparameter."""
_RESULT = re.compile(
    r"(^|_)(acc(uracy)?|err(or)?s?|loss(es)?|top_?\d+|acc\d+|f1|auc|bleu|perplexity|ppl|score|reward|metrics?|"
    r"val|valid|eval|time|timestamp|date|datetime|duration|runtime|elapsed|wall|memory|flops|macs|nan)(_|$)"
)
"""Words in the names of results, in a table that does not mark its hyperparameters."""
_BOOKKEEPING = re.compile(
    r"(.*_)?(ids?|name|seed|path|dir|folder|file|host|hostname|notes?|tags?|comment|commit|url|version|pid|index|idx)|"
    r"(global_|current_|last_|best_)?(step|steps|iteration|iterations|epoch)|"
    r"run|trial|job|sweep|number|start|started|end|ended|finished|created|node|gpus?|cuda|device|user|entity|"
    r"project|group|git|checkpoint|n_?params|num_params|params|state|status|diverged|key|role|repeat|design|recipe|"
    r"map|test|train|return|u_\w+|unnamed.*|_.*"
)
"""Names of what machines and people note of a trial."""
_WHOLE = re.compile(r"-?[0-9]{1,18}")
_MOST_CHOICES = 20
"""More different texts than this are names, notes or paths, no choices."""
_COUNTED_FROM = 8
"""From this many trials on, a column that counts 0, 1, 2 … is taken for a row number."""


@dataclass(frozen=True, kw_only=True)
class Hyperparameters:
    """A source's further hyperparameters."""

    columns: dict[str, str] = field(default_factory=dict)
    """Name → the source's column."""
    table: pd.DataFrame
    """A column of numbers or texts for each, named ``hp.NAME``."""
    known: tuple[str, ...] = ()
    """Every name that may be asked for."""


def find(source: Source, used: Iterable[str], over: Sequence[str]) -> Hyperparameters:
    """Return the hyperparameters that are asked for, or else every column that looks like one.

    Parameters
    ----------
    source : Source
        The trials.
    used : iterable of str
        The source's columns that are ours already.
    over : sequence of str
        The names that the user gives; empty: all that there are.

    Raises
    ------
    InputError
        If a column that is asked for has texts among numbers.
    """
    taken = set(used)
    free = [c for c in source.rows.columns if c in source.settings and c not in taken]
    named = _named([c for c in source.settings if c in source.rows.columns])
    if over:
        columns = {_short(name, named): c for name in over if (c := _asked(name, named)) is not None}
    else:
        columns = {name: c for name, c in _named(free).items() if _is_one(source, c)}
    cells = {VALUE + name: values(source, column, name) for name, column in columns.items()}
    table = pd.DataFrame(cells, index=range(len(source.rows)))
    return Hyperparameters(columns=columns, table=table, known=tuple(named))


def check_known(over: Sequence[str], found: Sequence[Hyperparameters]) -> None:
    """Refuse a name that no source has, and a hyperparameter that is the same in all trials.

    Raises
    ------
    InputError
        If there is such a name.
    """
    known = {name for each in found for name in each.known}
    for name in over:
        had = [each for each in found if _short(name, each.columns) in each.columns]
        if not had and name not in _ALWAYS:
            raise unknown("`over` name", name, known)
        different = {
            value for each in had for value in _distinct(each.table[VALUE + _short(name, each.columns)])
        }
        if had and len(different) < 2:
            value = f"{next(iter(different))} in all trials" if different else "empty"
            raise InputError(f"`over` {name}: it is {value}, so that nothing depends on it. Leave it out")


def without_constants(table: pd.DataFrame, notes: list[str]) -> pd.DataFrame:
    """Drop the hyperparameters that are the same in all trials, and name them once."""
    same = {
        column: values
        for column in table.columns
        if str(column).startswith(VALUE) and len(values := _distinct(table[column])) < 2
    }
    full = [f"{str(c).removeprefix(VALUE)} {next(iter(values))}" for c, values in same.items() if values]
    if full:
        notes.append(f"the same in all trials, so left out: {', '.join(full)}")
    return table.drop(columns=list(same))


def of(table: pd.DataFrame) -> list[str]:
    """Return the columns of hyperparameters in a trial table."""
    return [str(column) for column in table.columns if str(column).startswith(VALUE)]


def _distinct(cells: pd.Series) -> set[Any]:
    """Return a column's different values; an empty cell is one only beside others."""
    return {f"{cell:g}" if isinstance(cell, float) else str(cell) for cell in cells.dropna().unique()}


def _named(columns: Sequence[str]) -> dict[str, str]:
    """Name columns by their last part, or, where several have the same, by all parts."""
    short = [_last(column) for column in columns]
    return {
        (name if short.count(name) == 1 else _whole(column)): column
        for name, column in zip(short, columns, strict=True)
    }


def _last(column: str) -> str:
    return re.split(r"[/.]", _whole(column))[-1]


def _whole(column: str) -> str:
    """Return a column's name without its mark: ``config.optim.beta2`` → optim.beta2."""
    return re.sub(r"[/\s]+", ".", _CONFIG.sub("", str(column)).strip())


def _short(name: str, named: Iterable[str]) -> str:
    """Return the name under which a column that is asked for stands in the table."""
    return name if name in set(named) else _last(name)


def _asked(name: str, named: dict[str, str]) -> str | None:
    """Return the column of a name that the user gives, which may be the column's own; None without one."""
    if name in _ALWAYS:
        return None
    own = {column: column for column in named.values()}
    return named.get(name) or own.get(name)


def _is_one(source: Source, column: str) -> bool:
    """Return whether a column that nobody asked for is a hyperparameter."""
    cells = source.rows[column]
    marked = bool(_CONFIG.match(str(column)))
    if not marked and (any(_CONFIG.match(str(c)) for c in source.settings) or _RESULT.search(_plain(column))):
        return False
    if _BOOKKEEPING.fullmatch(_plain(column)):
        return False
    full = [cell for cell in cells if not is_empty(cell) and cell == cell]
    if all(map(_is_number, full)):
        return bool(full) and not _counts(np.array(full, dtype=float))
    return not any(map(_is_number, full)) and len(set(words(full))) <= min(
        _MOST_CHOICES, max(2, len(full) // 2)
    )


def _plain(column: str) -> str:
    return _last(column).lower().replace("-", "_").replace(" ", "_")


def _counts(values: np.ndarray) -> bool:
    """Return whether a column numbers its rows."""
    return len(values) >= _COUNTED_FROM and bool((np.diff(values) == 1).all())


def values(source: Source, column: str, name: str) -> list[Any]:
    """Return a hyperparameter's values: numbers if any cell is one, else texts; empty cells are NaN or None.

    Raises
    ------
    InputError
        If there are texts among numbers.
    """
    cells = list(source.rows[column])
    texts = words(cells)
    if not any(_is_number(cell) for cell in cells):
        return [_choice(cell) for cell in cells]
    if all(_WHOLE.fullmatch(text) for text in texts):
        return [int(text) for text in texts]
    filled = [None if text == "" else cell for cell, text in zip(cells, texts, strict=True)]
    try:
        return list(numbers(filled, column, source.name))
    except InputError as error:
        raise InputError(f"{error}. A hyperparameter holds numbers or texts, not both: mend {name}") from None


def _choice(cell: Any) -> str | None:
    """Return a cell of texts; "none" is a choice like others, as in ``augmentation=none``."""
    text = "" if cell is None or cell != cell else str(cell).strip()
    return text if text and text != "nan" else None


def _is_number(cell: Any) -> bool:
    if isinstance(cell, bool | np.bool_) or is_empty(cell):
        return False
    try:
        return bool(np.isfinite(float(cell)))
    except (TypeError, ValueError, OverflowError):
        return False
