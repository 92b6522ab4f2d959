"""Maps a source's columns to ours: as the user says, otherwise by common names.

A column is guessed only if exactly one fits, and the preview shows every guess.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass, field, replace

from sweep.errors import InputError, unknown
from sweep.sources.base import Source, several
from sweep.sources.cell_values import are_truth_values, is_empty
from sweep.sources.metrics import AskedMetric
from sweep.workspace.trial_table import COLUMN_NAMES, COLUMNS

NAN = ("diverged", "failed")
RESULTS = tuple(column.name for column in COLUMNS if column.is_result)
"""Columns that a trial's training gives; the others say what was trained."""
REQUIRED = ("model", "top1_err")

_TARGETS = tuple(name for name in COLUMN_NAMES if name != "key")
_CONSTANT = ("sweep", "model", "optimizer", "recipe", "design", "seed", "lr", "weight_decay", "epochs")
SETTABLE = (*_CONSTANT, "wd")
"""What may follow a source's name as a setting of its own."""
_ALIASES = {
    "model": ("arch", "architecture", "model_name", "backbone", "net", "network"),
    "optimizer": ("opt", "optim", "optimizer_name"),
    "recipe": (),
    "seed": ("random_seed", "rng_seed"),
    "lr": ("learning_rate", "base_lr", "init_lr", "initial_lr", "lr0"),
    "weight_decay": ("wd",),
    "epochs": ("training_iteration", "num_epochs", "n_epochs", "epoch"),
    "wall_s": ("time_total_s", "wall_time", "runtime", "_runtime", "runtime_s"),
    "state": ("status",),
    "best_top1_err": (),
    "top1_err": (
        "top1_error",
        "val_top1_err",
        "test_top1_err",
        "val_err",
        "test_err",
        "val_error",
        "test_error",
        "err",
        "error",
        "err1",
        "value",
    ),
}
_ACCURACIES = (
    "accuracy",
    "acc",
    "val_acc",
    "val_accuracy",
    "valid_acc",
    "test_acc",
    "test_accuracy",
    "eval_accuracy",
    "eval_top1",
    "top1_acc",
    "top1_accuracy",
    "val_top1",
    "val_top1_acc",
    "val_acc1",
    "acc1",
    "acc_1",
    "top1",
    "mean_accuracy",
    "top_1",
)
_FLAGS = ("diverged", "is_diverged", "has_diverged", "nan_loss", "nan_train_loss", "loss_is_nan")
"""Columns of truth values that say whether a trial diverged; used where no column gives the state."""
_OPTIONAL = ("best_top1_err", "epochs", "wall_s")
"""Columns that no EDF needs: if two columns fit, the likelier one is used, and the preview says so."""


@dataclass(frozen=True, kw_only=True)
class Mapping:
    """The user's description of the sources."""

    columns: dict[str, str] = field(default_factory=dict)
    """Our column → the source's."""
    constants: dict[str, str] = field(default_factory=dict)
    """Our column → its value in every row."""
    accuracy: bool | None = None
    """Whether the metric is an accuracy. False: an error. None: decided by its name."""
    fraction: bool | None = None
    """Whether the metric lies in 0 … 1. False: in percent. None: percent, unless that is ambiguous."""
    nan: str | None = None
    """The state of trials without a finite metric: one of `NAN`."""
    over: tuple[str, ...] = ()
    """Which further columns are hyperparameters; empty: all that look like one."""
    metric: AskedMetric | None = None
    """What is compared instead of the top-1 error."""

    def __post_init__(self) -> None:
        if self.nan not in (None, *NAN):
            raise unknown("`nan`", str(self.nan), NAN)
        both = sorted(set(self.columns) & set(self.constants))
        if both:
            raise InputError(f"{both[0]} is given by `column` and by `constant`: give one")
        if self.metric and "top1_err" in self.columns:
            raise InputError("give either `metric` or `column` top1_err: trials are compared by one metric")

    def with_own(self, own: dict[str, str]) -> "Mapping":
        """Return the mapping of a source with settings of its own, which come first."""
        columns = {ours: theirs for ours, theirs in self.columns.items() if ours not in own}
        return replace(self, columns=columns, constants=self.constants | own)

    def with_result(self, column: str) -> "Mapping":
        """Return the mapping of a source whose results, of another metric, stand in a column."""
        return replace(self, columns=self.columns | {"top1_err": column}, metric=None)


@dataclass(frozen=True, kw_only=True, slots=True)
class Origin:
    """The origin of one of our columns."""

    column: str | None = None
    """The source's column; None if the user gave a constant."""
    constant: str | None = None
    """The value in every row, if the user gave one."""
    by: str
    """How the origin was decided, for the preview."""


def pairs(flag: str, texts: Iterable[str], allowed: Iterable[str]) -> dict[str, str]:
    """Parse the values of a repeated NAME=VALUE option.

    Parameters
    ----------
    flag : str
        The option's name, for messages.
    texts : iterable of str
        Its values.
    allowed : iterable of str
        The allowed names; ``wd`` stands for weight_decay.

    Raises
    ------
    InputError
        If a value is not of this form, or its name is not allowed or occurs twice.
    """
    out: dict[str, str] = {}
    for text in texts:
        name, equals, value = (part.strip() for part in text.partition("="))
        name = "weight_decay" if name == "wd" else name
        if not equals or not value:
            raise InputError(f"{flag} takes NAME=VALUE, got {text!r}")
        if name not in allowed:
            raise unknown(f"{flag} name", name, allowed)
        if name in out:
            raise InputError(f"{flag} {name} is given twice: {out[name]} and {value}")
        out[name] = value
    return out


def column_flags(texts: Iterable[str]) -> dict[str, str]:
    """Parse ``--column OURS=THEIRS``."""
    return pairs("`column`", texts, _TARGETS)


def constant_flags(texts: Iterable[str]) -> dict[str, str]:
    """Parse ``--set OURS=VALUE``."""
    return pairs("`constant`", texts, _CONSTANT)


def origins(source: Source, mapping: Mapping) -> dict[str, Origin]:
    """Decide the origin of each of our columns; columns without an origin are missing from the result.

    Raises
    ------
    InputError
        If the user names a column that does not exist, two columns fit, or a required one is not found.
    """
    found: dict[str, Origin] = {}
    for ours in _TARGETS:
        if ours in mapping.constants:
            found[ours] = Origin(constant=mapping.constants[ours], by="`constant`")
        elif ours in mapping.columns:
            found[ours] = Origin(column=_existing(mapping.columns[ours], ours, source), by="`column`")
        elif ours != "state" or source.states is None:
            guess = _guess(source, ours) or (_flag(source) if ours == "state" else None)
            if guess is not None:
                found[ours] = Origin(column=guess, by="by its name")
    for ours in REQUIRED:
        if ours not in found:
            raise _not_found(ours, source)
    return found


def _existing(theirs: str, ours: str, source: Source) -> str:
    if theirs not in source.rows.columns:
        raise InputError(
            f"{source.name} has no column {theirs!r} (`column` {ours}={theirs}); "
            f"it has {several(source.rows.columns)}"
        )
    return theirs


def _guess(source: Source, ours: str) -> str | None:
    """Return the column that fits by its name; None if there is none."""
    fitting = candidates(source, ours)
    if len(fitting) < 2 or ours in _OPTIONAL or _same(source, fitting):
        return fitting[0] if fitting else None
    choices = " or ".join(f"`column` {ours}={column}" for column in fitting[:4])
    raise InputError(f"{source.name}: {several(fitting)} could each be {ours}. Choose: {choices}")


def _flag(source: Source) -> str | None:
    """Return the column that says by truth values which trials diverged; None without one."""
    named = (column for column in source.measures if _plain(column) in _FLAGS)
    return next((column for column in named if are_truth_values(source.rows[column])), None)


def _same(source: Source, columns: list[str]) -> bool:
    """Return whether columns agree in every row, so that any of them can be used."""
    first, *others = (list(map(str, source.rows[column])) for column in columns)
    return all(other == first for other in others)


def candidates(source: Source, ours: str) -> list[str]:
    """Return the source's columns that fit one of ours by their name, the likeliest first."""
    known = [ours, *_ALIASES.get(ours, ()), *(_ACCURACIES if ours == "top1_err" else ())]
    among = source.measures if ours in RESULTS else _filled(source)
    return sorted((c for c in among if _plain(c) in known), key=lambda c: known.index(_plain(c)))


def _filled(source: Source) -> list[str]:
    """Return the settings that have a value in any row: an export may have columns without one."""
    return [column for column in source.settings if not all(map(is_empty, source.rows[column]))]


def is_accuracy(column: str) -> bool | None:
    """Return whether, by its name, a column is an accuracy or an error; None if the name does not say."""
    name = _plain(column)
    if name in _ACCURACIES or re.search(r"(^|_)acc(uracy)?(_|$)", name):
        return True
    return False if re.search(r"(^|_)err(or)?s?(_|$)", name) else None


def _plain(column: str) -> str:
    """Reduce ``config/OPTIM/base-lr``, ``params.base_lr``, ``Param base_lr`` and such to ``base_lr``."""
    last = re.split(r"[/.]", column)[-1].lower().replace("-", "_").replace(" ", "_")
    return re.sub(r"^(params?|user_attrs|userattribute|hparams|config|metrics)_", "", last)


def _not_found(ours: str, source: Source) -> InputError:
    among = source.measures if ours in RESULTS else source.settings
    or_set = " or, if it is the same in all rows, `constant` model=NAME" if ours == "model" else ""
    return InputError(
        f"{source.name}: which column is {ours}? Say `column` {ours}=COLUMN{or_set}. It has {several(among)}"
    )
