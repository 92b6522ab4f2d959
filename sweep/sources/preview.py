"""The preview of imported trials: how they were read, printed before the results."""

from collections.abc import Sequence

import pandas as pd

from analysis.metric import METRIC_COLUMNS
from sweep.core.trial import Role
from sweep.sources.base import Source, described, several
from sweep.sources.hyperparameters import FURTHER
from sweep.sources.mapping import Origin
from sweep.sources.normalise import Normalised
from sweep.utils.text import counted
from sweep.workspace.sweep import Growth
from sweep.workspace.trial_table import COLUMN_NAMES

_WIDTH = 14


def preview(ours: Sequence[Source], others: Sequence[Normalised], whole: pd.DataFrame) -> list[str]:
    """Return lines that say what was read, which columns were used for what, and the resulting sweeps.

    Parameters
    ----------
    ours : sequence of Source
        Sources that `sweep export` wrote.
    others : sequence of Normalised
        All other sources.
    whole : DataFrame
        All trials in our columns.
    """
    lines = []
    for source in ours:
        known = (*COLUMN_NAMES, *METRIC_COLUMNS, *Growth._fields)
        unused = [c for c in source.rows.columns if c not in known and not c.startswith(FURTHER)]
        lines.append(
            f"{source.name}: {source.kind} of sweep export, "
            f"{counted(len(source.rows), 'trial')}, read as it is"
        )
        lines += [f"  not used: {several(unused, 12)}"] if unused else []
    for other in others:
        lines += _source_lines(other)
    return lines + [_sweep_line(rows) for _, rows in whole.groupby("sweep", sort=False)]


def _source_lines(other: Normalised) -> list[str]:
    source = other.source
    lines = [f"{source.name}: {source.kind}, {counted(len(source.rows), 'trial')}"]
    lines += [f"  {_called(ours, other):<{_WIDTH}} {_origin(ours, other)}" for ours in other.origins]
    lines += [
        f"  {ours:<{_WIDTH}} none (not in the source; `constant` {ours}=NAME names it)"
        for ours in ("optimizer", "recipe", "design")
        if ours not in other.origins
    ]
    for ours in ("lr", "weight_decay", "best_top1_err", "epochs", "wall_s"):
        if ours not in other.origins:
            lines += _absent(ours, other)
    further = other.hyperparameters.columns
    lines += [f"  {'varied too':<{_WIDTH}} {several(further, 12)} (`over` chooses others)"] if further else []
    used = {origin.column for origin in other.origins.values()} | set(further.values())
    unused = [column for column in source.rows.columns if column not in used]
    lines += [f"  not used: {several(unused, 12)}"] if unused else []
    return lines + [f"  {note}" for note in (*source.notes, *other.notes)]


def _called(ours: str, other: Normalised) -> str:
    """Return what one of our columns is called: results of another metric are no top-1 errors."""
    return "metric" if ours == "top1_err" and other.reported else ours


def _origin(ours: str, other: Normalised) -> str:
    origin: Origin = other.origins[ours]
    if origin.column is None:
        return f"= {origin.constant} ({origin.by})"
    if ours != "top1_err":
        return f"← {origin.column} ({origin.by})"
    if other.reported:
        return f"← {origin.column}: {other.reported.metric}"
    assert other.scale
    what = "accuracy" if other.scale.accuracy else "error"
    unit = "as a fraction" if other.scale.fraction else "in percent"
    return f"← {origin.column} ({origin.by}), {what} {unit}: {other.scale} with x = {origin.column}"


def _absent(ours: str, other: Normalised) -> list[str]:
    if ours == "best_top1_err" and other.reported:
        return []
    if ours == "best_top1_err" and other.origins["top1_err"].column in other.source.series:
        return [f"  {ours:<{_WIDTH}} the lowest over a trial's epochs; top1_err is the last"]
    return [f"  {ours:<{_WIDTH}} none (not in the source)"]


def _sweep_line(rows: pd.DataFrame) -> str:
    """Return the preview's line on one sweep."""
    first = rows.iloc[0]
    states = ", ".join(f"{count} {state}" for state, count in rows["state"].value_counts().items())
    optimum = rows[rows["role"] == Role.OPTIMUM]
    at = "no optimum, so no Δ: only `absolute` (or name it: `optimum` lr=…,wd=…)"
    if len(optimum):
        seeds = f" in {len(optimum)} trials" if len(optimum) > 1 else ""
        at = f"optimum at lr={optimum['lr'].iloc[0]:g}, wd={optimum['weight_decay'].iloc[0]:g}{seeds}"
    return f"{described(first)}: {counted(len(rows), 'trial')}, {states}; {at}"
