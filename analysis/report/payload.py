"""What the page's script draws: the trials, bands and curves as plain values."""

import json
import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike

from analysis.bands import Band, curve_band, no_band
from analysis.edf import curve_of
from analysis.figure_layout import Look, Named, labels_of, looks_of
from analysis.learning import examples
from analysis.names import optimizer_name
from analysis.report.extras import Contents, Progress
from analysis.report.html import Html, tag
from analysis.report.wording import Wording
from analysis.sweep_trials import SweepTrials
from analysis.tuning import some_budgets, tuning_of

_DIGITS = 6
"""Significant digits of the numbers: more than any screen shows."""
_COLORS = {
    "#D55E00": "var(--vermillion)",
    "#0072B2": "var(--blue)",
    "#009E73": "var(--green)",
    "#CC79A7": "var(--purple)",
    "#56B4E9": "var(--sky)",
    "#E69F00": "var(--orange)",
    "#000000": "currentColor",
}
"""A figure's colours → the page's, which differ in the dark."""


def embedded(contents: Contents) -> Html:
    """Return the data as an element that the script reads and no browser runs."""
    text = json.dumps(_data(contents), allow_nan=False, separators=(",", ":"))
    return tag("script", Html(text.replace("<", "\\u003c")), type="application/json", id="data")


def looks(contents: Contents) -> dict[str, Look]:
    """Return each sweep's look, the same in all charts."""
    labels = labels_of([_named(contents, name) for name in contents.names])
    by_label = looks_of(labels.values())
    return {name: by_label[label] for name, label in labels.items()}


def dash(look: Look) -> str:
    """Return a look's dashes, for a line of an SVG; empty for a solid one."""
    return " ".join(f"{2 * length:g}" for length in look.dash[1])


def color(look: Look) -> str:
    """Return a look's colour on the page."""
    return _COLORS.get(look.color, look.color)


def _data(contents: Contents) -> dict[str, Any]:
    with_results = {sweep.sweep: sweep for sweep in contents.sweeps}
    shown = looks(contents)
    progress = contents.extras.progress
    return {
        "changes": progress and progress.changes,
        "sweeps": [
            _sweep(contents, name, shown[name], with_results.get(name), progress or Progress())
            for name in contents.names
        ],
        "links": dict(contents.extras.links),
        **({} if contents.metric.is_top1_error else {"metric": _metric(contents.wording)}),
        "learning": [curve for sweep in contents.sweeps for curve in _learning(contents, sweep)],
    }


def _metric(words: Wording) -> dict[str, Any]:
    """Return what the script says of another metric than the top-1 error; it draws costs."""
    metric = words.metric
    return {
        "name": metric.name,
        "unit": metric.unit,
        "points": metric.delta_unit,
        "higher": metric.higher_better,
        "step": metric.step,
        "least": _short(metric.best),
        "most": _short(metric.worst),
        "tuning": words.tuning,
    }


def _named(contents: Contents, name: str) -> Named:
    first = contents.rows(name).iloc[0].astype(str)
    return Named(
        sweep=name,
        model=first["model"],
        family=first["family"],
        panel=first["panel"],
        optimizer=first["optimizer"],
        setting=contents.labels[name].setting,
    )


def _sweep(
    contents: Contents, name: str, look: Look, sweep: SweepTrials | None, progress: Progress
) -> dict[str, Any]:
    rows = contents.rows(name)
    named = _named(contents, name)
    optimum = rows[rows["role"] == "optimum"]
    return {
        "name": name,
        "model": named.model + named.setting,
        "optimizer": optimizer_name(named.optimizer),
        "panel": named.panel,
        "color": color(look),
        "dash": dash(look),
        "optimum": [float(optimum[c].iloc[0]) for c in ("lr", "weight_decay")] if len(optimum) else None,
        "driver": progress.drivers.get(name),
        "epochs": _epochs(contents, name, rows),
        "bands": _bands(sweep),
        "tuning": _tuning(sweep),
        "trials": _trials(rows, progress),
    }


def _epochs(contents: Contents, name: str, rows: pd.DataFrame) -> int | None:
    facts = contents.extras.facts.get(name)
    if facts is not None and facts.epochs:
        return int(facts.epochs)
    known = rows["epochs"].max() if "epochs" in rows else math.nan
    return None if pd.isna(known) else int(known)


def _trials(rows: pd.DataFrame, progress: Progress) -> dict[str, list[Any]]:
    """Return the trials column by column, in the order of the table."""
    keys = list(map(str, rows["key"]))
    columns = {
        "role": rows["role"].tolist(),
        "index": rows["index"].tolist(),
        "repeat": rows["repeat"].tolist() if "repeat" in rows else [0] * len(rows),
        "seed": _whole(rows, "seed"),
        "lr": _numbers(rows["lr"]),
        "wd": _numbers(rows["weight_decay"]),
        "state": rows["state"].tolist(),
        "err": _column(rows, "top1_err"),
        "epochs": _whole(rows, "epochs"),
        "wall": _column(rows, "wall_s"),
        "key": keys,
        "why": [progress.failures.get(key) for key in keys],
    }
    running = zip(columns["epochs"], keys, strict=True)
    return columns | {"epochs": [progress.epochs.get(key, known) for known, key in running]}


def _column(rows: pd.DataFrame, name: str) -> list[float | None]:
    return _numbers(rows[name]) if name in rows else [None] * len(rows)


def _whole(rows: pd.DataFrame, name: str) -> list[int | None]:
    if name not in rows:
        return [None] * len(rows)
    return [None if pd.isna(value) else int(value) for value in rows[name]]


def _numbers(values: Iterable[Any]) -> list[float | None]:
    return [None if pd.isna(value) else _short(float(value)) for value in values]


def _short(value: float) -> float | None:
    return float(f"{value:.{_DIGITS}g}") if math.isfinite(value) else None


def _bands(sweep: SweepTrials | None) -> dict[str, Any]:
    """Return the confidence bands of a complete sweep; an incomplete one may still end elsewhere."""
    if sweep is None or sweep.missing:
        return {}
    kinds = {"error": True} | ({"delta": False} if sweep.optimum_state == "finished" else {})
    curves = {kind: curve_of(sweep, absolute=absolute) for kind, absolute in kinds.items()}
    return {kind: _band(curve_band(curve)) for kind, curve in curves.items() if not no_band(curve)}


def _band(band: Band) -> dict[str, Any]:
    """Return a band's steps, each limit from the beginning of the axis on."""
    return {
        "label": band.label,
        "x": _rounded(band.x),
        "low": _rounded(band.low),
        "high": _rounded(band.high),
    }


def _rounded(values: ArrayLike) -> list[float | None]:
    return _numbers(np.asarray(values, dtype=float).tolist())


def _tuning(sweep: SweepTrials | None) -> dict[str, Any] | None:
    if sweep is None:
        return None
    curve = tuning_of(sweep, some_budgets(sweep.n))
    limits = {"low": curve.low, "high": curve.high}
    return {
        "k": curve.k.tolist(),
        "expected": _rounded(curve.expected),
        **{name: None if limit is None else _rounded(limit) for name, limit in limits.items()},
    }


def _learning(contents: Contents, sweep: SweepTrials) -> Sequence[Mapping[str, Any]]:
    return [
        {
            "sweep": sweep.sweep,
            "name": each.name,
            "epochs": _rounded(each.epochs),
            "errors": _rounded(contents.metric.cost(each.errors)),
        }
        for each in examples(sweep, contents.extras.learning)
        if len(each.epochs)
    ]
