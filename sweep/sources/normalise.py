"""Converts a source's trials to our columns, units and states: the trial table that analysis reads."""

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from analysis.metric import TOP1_ERROR, Metric, metric_cells
from analysis.sweep_trials import DIVERGED_ERR, UNKNOWN_DESIGN
from sweep.core.trial import Role, TrialState
from sweep.errors import InputError, unknown
from sweep.sources import hyperparameters, metrics
from sweep.sources.base import LOST, STATE_OF, STOPPED, Source
from sweep.sources.cell_values import are_truth_values, is_empty, numbers, some_rows, whole_numbers, words
from sweep.sources.hyperparameters import Hyperparameters
from sweep.sources.mapping import Mapping, Origin, is_accuracy, origins
from sweep.sources.metrics import Reported
from sweep.workspace.trial_table import COLUMN_NAMES, columns_of, result_column

UNKNOWN = UNKNOWN_DESIGN
"""The optimizer, recipe or design of trials if their source does not give it."""
_TEXTS = {
    "sweep": "",
    "role": Role.POINT.value,
    "model": "",
    "optimizer": UNKNOWN,
    "recipe": UNKNOWN,
    "design": UNKNOWN,
}
"""Columns of text that do not depend on the metric → their default."""
_MANY = 5
"""Trials that do not end with the same result by chance."""
_DIVERGED = {"true": str(TrialState.DIVERGED), "false": str(TrialState.FINISHED)}
"""What a column of truth values says, such as opda's nan_train_loss."""
_METRICS = ("top1_err", "best_top1_err")
Floats = NDArray[np.float64]


@dataclass(frozen=True, kw_only=True)
class Normalised:
    """A source's trials in our columns, and how they were converted."""

    source: Source
    table: pd.DataFrame
    """With the columns of `sweep.workspace.trial_table.COLUMNS`; index and repeat may be empty."""
    origins: dict[str, Origin]
    """The origin of each column."""
    scale: "Scale | None"
    """How the metric was converted to a top-1 error; None if it is another."""
    reported: Reported | None
    """The metric, if it is not the top-1 error."""
    hyperparameters: Hyperparameters
    """What was varied beside lr and weight decay."""
    notes: list[str]
    """Decisions about some of the trials."""
    warnings: list[str]
    """Why the trials may be misleading."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Scale:
    """The conversion of the metric to a top-1 error in percent."""

    accuracy: bool
    """Whether the metric is an accuracy, not an error."""
    fraction: bool
    """Whether the metric lies in 0 … 1, not in percent."""

    def error(self, metric: Floats) -> Floats:
        """Return the top-1 error in percent."""
        percent = metric * 100.0 if self.fraction else metric
        return 100.0 - percent if self.accuracy else percent

    def __str__(self) -> str:
        percent = "100·x" if self.fraction else "x"
        return f"100 − {percent}" if self.accuracy else percent


def normalise(source: Source, mapping: Mapping) -> Normalised:
    """Convert a source's trials to our columns.

    Raises
    ------
    InputError
        If columns or units are ambiguous, or trials have no finite metric and `Mapping.nan` is not given.
    """
    reported = metrics.find(source, mapping.metric) if mapping.metric else None
    found = origins(source, mapping.with_result(reported.column) if reported else mapping)
    metric = _floats(source, found["top1_err"], "top1_err")
    states, notes = _states(source, found, metric, mapping, reported)
    finished = np.array([state == TrialState.FINISHED for state in states])
    scale = None if reported else _scale(source, found["top1_err"], metric[finished], mapping)
    cells = _settings(source, found) | {
        "key": [f"{source.name}#{id_}" for id_ in source.ids],
        "state": [TrialState.FAILED if state == STOPPED else state for state in states],
    }
    further = hyperparameters.find(source, [origin.column or "" for origin in found.values()], mapping.over)
    if reported:
        cells |= metric_cells(reported.metric) | {"value": reported.results(metric, finished)}
        cells |= {"best_value": np.where(finished, reported.best(source, states), np.nan)}
        cells |= dict.fromkeys(_METRICS, np.nan)
    elif scale:
        cells |= _top1_errors(source, found, metric, states, scale)
    names = [*COLUMN_NAMES, *(name for name in cells if name not in COLUMN_NAMES)]
    table = pd.DataFrame(cells, columns=names).join(further.table)
    return Normalised(
        source=source,
        table=table,
        origins=found,
        scale=scale,
        reported=reported,
        hyperparameters=further,
        notes=notes,
        warnings=_warnings(source, states, table),
    )


def _top1_errors(
    source: Source, found: dict[str, Origin], metric: Floats, states: list[str], scale: Scale
) -> dict[str, Floats]:
    """Return the columns of top-1 errors, in percent."""
    finished = np.array([state == TrialState.FINISHED for state in states])
    errors = np.where(finished, scale.error(metric), np.nan)
    _check_range(source, found["top1_err"], errors, metric, finished)
    errors[np.array([state == TrialState.DIVERGED for state in states])] = DIVERGED_ERR
    return {"top1_err": errors, "best_top1_err": _best(source, found, scale, states)}


def _floats(source: Source, origin: Origin | None, ours: str) -> Floats:
    if origin is None:
        return np.full(len(source.rows), np.nan)
    if origin.column is None:
        return numbers([origin.constant] * len(source.rows), f"`constant` {ours}", source.name)
    return numbers(source.rows[origin.column], origin.column, source.name)


def _wholes(source: Source, origin: Origin | None, ours: str) -> list[int | None]:
    if origin is None:
        return [None] * len(source.rows)
    if origin.column is None:
        return whole_numbers([origin.constant] * len(source.rows), f"`constant` {ours}", source.name)
    return whole_numbers(source.rows[origin.column], origin.column, source.name)


def _texts(source: Source, origin: Origin | None, default: str, ours: str = "") -> list[str]:
    if origin is None or origin.column is None:
        return [origin.constant or default if origin else default] * len(source.rows)
    texts = words(source.rows[origin.column])
    blank = np.array([not text for text in texts])
    if blank.any() and ours != "sweep":  # a run need not belong to a sweep
        raise InputError(
            f"{source.name}: {origin.column} is empty in {some_rows(blank)} ({int(blank.sum())}): fill it"
        )
    return texts


def _settings(source: Source, found: dict[str, Origin]) -> dict[str, Any]:
    """Return all columns except those that depend on the metric."""
    cells: dict[str, Any] = {}
    for ours in columns_of("float64"):
        if ours in _METRICS:
            continue
        values = _floats(source, found.get(ours), ours)
        if np.isinf(values).any():
            raise InputError(f"{source.name}: {ours} is infinite in {some_rows(np.isinf(values))}")
        if ours in ("lr", "weight_decay") and (values < 0).any():
            raise InputError(f"{source.name}: {ours} is negative in {some_rows(values < 0)}")
        cells[ours] = values
    for ours in columns_of("int64", "Int64"):
        cells[ours] = _wholes(source, found.get(ours), ours)
    for ours, default in _TEXTS.items():
        cells[ours] = _texts(source, found.get(ours), default, ours)
    return cells


def _states(
    source: Source, found: dict[str, Origin], metric: Floats, mapping: Mapping, reported: Reported | None
) -> tuple[list[str], list[str]]:
    """Return the state of each trial, a `TrialState` or `STOPPED`, and notes on decisions."""
    stated = _stated(source, found)
    lost = np.array(
        [
            state == LOST or (state == TrialState.FINISHED and not np.isfinite(value))
            for state, value in zip(stated, metric, strict=True)
        ]
    )
    own = stated.count(TrialState.DIVERGED)
    as_what = f"count as {reported.metric.diverged}" if reported else "have 100 % error"
    notes = [f"{own} that the source calls diverged {as_what}"] if own else []
    problems = reported.outside(source, _of_finished(metric, stated)) if reported else []
    if lost.any() and mapping.nan is None:
        kind = reported.metric if reported else TOP1_ERROR
        problems.append(_nan_question(source, found["top1_err"], metric, stated, lost, kind))
    if problems:
        raise InputError("\n".join(problems))
    if not lost.any():
        return stated, notes
    note = f"{int(lost.sum())} without a finite metric are taken as {mapping.nan} (`nan`): {some_rows(lost)}"
    return [str(mapping.nan) if is_lost else s for s, is_lost in zip(stated, lost, strict=True)], [
        *notes,
        note,
    ]


def _of_finished(metric: Floats, stated: list[str]) -> Floats:
    return np.where(np.array(stated) == TrialState.FINISHED, metric, np.nan)


def _stated(source: Source, found: dict[str, Origin]) -> list[str]:
    """Return the state of each trial as the source gives it."""
    if "state" not in found:
        if source.states is not None:
            return list(source.states)
        return [str(TrialState.FINISHED)] * len(source.rows)
    stated = [word.lower() for word in _texts(source, found["state"], "")]
    states = _DIVERGED if are_truth_values(stated) else STATE_OF
    odd = sorted({word for word in stated if word not in states})
    if odd:
        column = found["state"].column
        raise unknown(f"state in {source.name}, column {column}:", odd[0], STATE_OF)
    return [states[word] for word in stated]


def _nan_question(
    source: Source, origin: Origin, metric: Floats, stated: list[str], lost: NDArray[np.bool_], kind: Metric
) -> str:
    """Return a message that lists the trials without a finite metric and asks for their state."""
    column = origin.column or "top1_err"
    empty = np.array([is_empty(cell) for cell in source.rows[column]]) & lost
    unclear = np.array([state == LOST for state in stated])
    kinds = {
        f"ended badly according to the {source.kind}, which does not say why": unclear,
        "empty": empty & ~unclear,
        "NaN": np.isnan(metric) & ~empty & ~unclear & lost,
        "infinite": np.isinf(metric) & lost & ~unclear,
    }
    counts = "; ".join(f"{int(w.sum())} {kind} ({some_rows(w)})" for kind, w in kinds.items() if w.any())
    return (
        f"{source.name}: {int(lost.sum())} of {len(metric)} trials have no finite {column}: {counts}. "
        "Did they diverge or fail? `nan` diverged: the loss became NaN or infinite, which is a result and "
        f"counts as {kind.diverged}. `nan` failed: a machine or program failed, which is no result. Without "
        "its diverged trials, a model would look easy to train. If there are both kinds, give the table a "
        "column state."
    )


def _scale(source: Source, origin: Origin, metric: Floats, mapping: Mapping) -> Scale:
    """Decide the kind and unit of the metric; raise an `InputError` if they are ambiguous."""
    column = origin.column or ""
    by_name = is_accuracy(column)
    accuracy = next((w for w in (mapping.accuracy, by_name, source.maximize) if w is not None), None)
    if accuracy is None:
        raise InputError(f"{source.name}: is {column} an error or an accuracy? Say `accuracy`")
    fraction = mapping.fraction
    if fraction is None:
        if len(metric) and metric.max() <= 1.0 and metric.min() >= 0.0:
            raise InputError(
                f"{source.name}: {column} goes from {metric.min():g} to {metric.max():g}. "
                "Is it a fraction of 1, or in percent? Say `fraction`"
            )
        fraction = False
    return Scale(accuracy=accuracy, fraction=fraction)


def _check_range(
    source: Source, origin: Origin, errors: Floats, metric: Floats, finished: NDArray[np.bool_]
) -> None:
    wrong = finished & ~((errors >= 0.0) & (errors <= 100.0))
    if wrong.any():
        at = int(np.flatnonzero(wrong)[0])
        raise InputError(
            f"{source.name}: {origin.column} {metric[at]:g} gives a top-1 error of {errors[at]:g} %, outside "
            f"0 to 100 ({some_rows(wrong)}). Is it another metric (`column` top1_err=COLUMN), an accuracy or "
            "an error (`accuracy`), a fraction or in percent (`fraction`)?"
        )


def _best(source: Source, found: dict[str, Origin], scale: Scale, states: list[str]) -> Floats:
    """Return each trial's best error over its epochs, if the source has it; NaN without a result."""
    result = np.array([state in (TrialState.FINISHED, TrialState.DIVERGED) for state in states])
    if "best_top1_err" in found:
        named = is_accuracy(found["best_top1_err"].column or "")
        scale = replace(scale, accuracy=scale.accuracy if named is None else named)
        best = scale.error(_floats(source, found["best_top1_err"], "best_top1_err"))
    else:
        series = source.series.get(found["top1_err"].column or "", [[]] * len(states))
        best = np.array(
            [_least(scale.error(np.array(values, dtype=float))) for values in series], dtype=float
        )
    return np.where(result, best, np.nan)


def _least(errors: Floats) -> float:
    finite = errors[np.isfinite(errors)]
    return float(finite.min()) if finite.size else float("nan")


def _warnings(source: Source, states: list[str], table: pd.DataFrame) -> list[str]:
    """Return warnings of trials that did not train to their end."""
    warnings = []
    stopped = states.count(STOPPED)
    if stopped:
        warnings.append(
            f"{source.name}: {stopped} of {len(states)} trials were stopped early, so they have no result "
            "and count as missing. Schedulers stop bad trials: without them, a model looks easier to train "
            "than it is"
        )
    finished = table[table["state"] == TrialState.FINISHED]
    results = finished[result_column(finished)]
    if len(finished) >= _MANY and results.nunique() == 1:
        what = f"a top-1 error of {results.iloc[0]:g} %" if "value" not in table else f"{results.iloc[0]:g}"
        warnings.append(
            f"{source.name}: all {len(finished)} finished trials have one and the same result, {what}. Was "
            "one result written to all of them?"
        )
    epochs = finished["epochs"].dropna()
    if len(epochs) and epochs.min() < epochs.max() and not _are_planned(finished):
        warnings.append(
            f"{source.name}: finished trials have from {epochs.min()} to {epochs.max()} epochs, "
            f"{int((epochs < epochs.max()).sum())} of {len(epochs)} fewer than the longest. If a scheduler "
            "stopped those early, their errors are not those of complete trainings"
        )
    return warnings


def _are_planned(finished: pd.DataFrame) -> bool:
    """Return whether the epochs of trials are a hyperparameter: all trained as long as they should."""
    return any(
        list(finished[column].astype(object)) == list(finished["epochs"].astype(object))
        for column in hyperparameters.of(finished)
    )
