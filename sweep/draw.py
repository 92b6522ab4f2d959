"""From sweeps to tables and figures: what `analysis` needs to know of them, and nothing of how it draws."""

import json
import math
import os
from collections.abc import Iterable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sweep.catalog import MODELS
from sweep.errors import InputError
from sweep.plan import recipe_contents
from sweep.workspace import COLUMNS, Sweep

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.figure import Figure

    from analysis import Band, Curve

OTHER_PANEL = "other models"


def trial_table(sweeps: Iterable[Sweep]) -> "pd.DataFrame":
    """Return one row a trial, with the columns of `sweep.workspace.COLUMNS`."""
    import pandas as pd

    return typed(pd.DataFrame([row for sweep in sweeps for row in sweep.rows()], columns=list(COLUMNS)))


def typed(table: "pd.DataFrame") -> "pd.DataFrame":
    """Give a trial table's columns of numbers their types, wherever its rows come from."""
    floats = ["u_lr", "u_wd", "lr", "weight_decay", "top1_err", "best_top1_err", "wall_s"]
    whole = {"epochs": "Int64", "index": "int64", "repeat": "int64"}
    whole["seed"] = "Int64" if table["seed"].isna().any() else "int64"
    return table.astype(dict.fromkeys(floats, "float64") | whole)


def learning_table(sweeps: Iterable[Sweep]) -> "pd.DataFrame":
    """Return one row an epoch of a trial: key, epoch and top1_err in percent."""
    import pandas as pd

    rows = [
        (key, number, record.top1_err)
        for sweep in sweeps
        for key, history in sweep.journal.trials.items()
        for number, (_, record) in sorted(history.epochs.items())
    ]
    return pd.DataFrame(rows, columns=["key", "epoch", "top1_err"])


def bands_of(
    curves: "Sequence[Curve]", kind: str | None = None, confidence: float = 0.95
) -> "tuple[dict[str, Band], list[str]]":
    """Return each curve's band by its sweep's name, and why others have none.

    Raises
    ------
    AnalysisError
        If a kind is asked for that does not hold for a curve's design.
    """
    from analysis import curve_band, no_band

    problems = {} if kind else {curve.sweep: no_band(curve) for curve in curves}
    fit = [curve for curve in curves if not problems.get(curve.sweep)]
    notes = [f"no band: {problem}" for problem in problems.values() if problem]
    return {curve.sweep: curve_band(curve, kind, confidence) for curve in fit}, notes


def check_comparable(sweeps: Sequence[Sweep]) -> list[str]:
    """Return warnings of what makes a comparison of sweeps unpaired.

    Raises
    ------
    InputError
        If they trained on other data or by another recipe: their errors are not comparable at all.
    """
    contents = {(repr(recipe_contents(s.plan.recipe)), s.plan.data_fingerprint): s.name for s in sweeps}
    if len(contents) > 1:
        raise InputError(
            f"these sweeps have other recipes or data and cannot be compared: {', '.join(contents.values())} "
            "(same name, other --epochs or --data?). Choose with --recipe or --sweep."
        )
    if len({(s.plan.design, s.plan.seed) for s in sweeps}) > 1:
        return ["these sweeps have different designs or seeds, so their points are not paired"]
    return []


def with_places(table: "pd.DataFrame") -> "pd.DataFrame":
    """Add each model's curve (``family``) and column (``panel``) in a figure."""
    known = {model: _place(model) for model in table["model"].unique()}
    places = [known[model] for model in table["model"]]
    return table.assign(family=[family for family, _ in places], panel=[panel for _, panel in places])


def _place(model: str) -> tuple[str, str]:
    """Return a model's curve and column; one with arguments stands beside the one without."""
    name, bracket, args = model.partition("(")
    if name not in MODELS:
        return model, OTHER_PANEL
    return MODELS[name].family + bracket + args, MODELS[name].panel


def sweep_figures(sweep: Sweep) -> list[Path]:
    """Draw a sweep's EDFs, scatter, map and tuning curve, as far as its trials allow; return the files."""
    from analysis import AnalysisError, curves, figures

    table = with_places(trial_table([sweep]))
    drawings = {
        "edf.png": lambda: _edf_figure(curves(table)),
        "edf_absolute.png": lambda: _edf_figure(curves(table, absolute=True)),
        "scatter.png": lambda: figures.scatter_figure(table),
        "map.png": lambda: figures.map_figure(table),
        "tuning.png": lambda: figures.tuning_figure(table),
    }
    folder = sweep.folder / "figures"
    folder.mkdir(exist_ok=True)
    drawn = []
    for name, draw in drawings.items():
        try:
            figures.save(draw(), folder / name)
        except AnalysisError:  # no result yet, or none at the optimum: there is nothing to draw
            continue
        drawn.append(folder / name)
    return drawn


def _edf_figure(drawn: "Sequence[Curve]") -> "Figure":
    from analysis import figures

    return figures.cdf_figure(drawn, bands_of(drawn)[0])


def records(table: "pd.DataFrame") -> list[dict[str, Any]]:
    """Return a table's rows as plain values, None for what JSON has no word for: missing, NaN, infinite."""

    def plain(value: Any) -> Any:
        return None if isinstance(value, float) and not math.isfinite(value) else value

    rows = table.astype(object).where(table.notna(), None).to_dict("records")
    return [{str(name): plain(value) for name, value in row.items()} for row in rows]


def write_table(table: "pd.DataFrame", out: Path) -> None:
    """Write a table as CSV, Parquet or JSON, by its suffix, whole or not at all.

    Raises
    ------
    InputError
        If the suffix is another, or the file cannot be written.
    """
    writers = {
        ".csv": lambda path: table.to_csv(path, index=False),
        ".parquet": lambda path: table.to_parquet(path, index=False),
        ".json": lambda path: path.write_text(json.dumps(records(table), indent=1) + "\n"),
    }
    suffix = out.suffix.lower()
    if suffix not in writers:
        raise InputError(f"--out {out}: the suffix must be one of {', '.join(writers)}, got {out.suffix!r}")
    aside = out.with_name(f".{os.getpid()}.part{suffix}")
    try:
        writers[suffix](aside)
        aside.replace(out)
    except OSError as error:
        raise InputError(f"cannot write {out}: {error.strerror or error}") from error
    finally:
        with suppress(OSError):
            aside.unlink(missing_ok=True)
