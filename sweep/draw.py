"""From sweeps to tables and figures: what `analysis` needs to know of them, and nothing of how it draws."""

import json
import math
import os
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sweep.catalog import MODELS
from sweep.errors import InputError
from sweep.kept import Kept
from sweep.plan import recipe_contents
from sweep.workspace import COLUMNS, Sweep

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.figure import Figure

    from analysis import Band, Curve
    from analysis.figures.maps import Box
    from search_spaces import Box as SearchBox
    from sweep.search import Search

OTHER_PANEL = "other models"


def trial_table(sweeps: Iterable[Kept]) -> "pd.DataFrame":
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
    from analysis import curves, figures

    table = with_places(trial_table([sweep]))
    drawings = {
        "edf.png": lambda: _edf_figure(curves(table)),
        "edf_absolute.png": lambda: _edf_figure(curves(table, absolute=True)),
        "scatter.png": lambda: figures.scatter_figure(table),
        "map.png": lambda: figures.map_figure(table),
        "tuning.png": lambda: figures.tuning_figure(table),
    }
    return _draw_all(drawings, sweep.folder / "figures")


def _draw_all(drawings: "Mapping[str, Callable[[], Figure]]", folder: Path) -> list[Path]:
    """Draw what can be drawn; return the files."""
    from analysis import AnalysisError, figures

    folder.mkdir(exist_ok=True)
    drawn = []
    for name, draw in drawings.items():
        try:
            figures.save(draw(), folder / name)
        except AnalysisError:  # no result yet, or none at the optimum: there is nothing to draw
            continue
        drawn.append(folder / name)
    return drawn


def search_figures(search: "Search") -> list[Path]:
    """Draw a search's history, map and importances, and write its trials; return the files."""
    import search_spaces
    from analysis import figures
    from sweep.search import outcomes

    table, plan = trial_table([search]), search.plan
    if table.empty:
        return []
    optimum, box = None, None
    for best in outcomes(search)[:1]:
        optimum = best.point.lr, best.point.weight_decay
        centre = search_spaces.Optimum(
            lr=optimum[0], weight_decay=optimum[1], batch=plan.recipe.batch, source=search.name
        )
        box = _corners(search_spaces.around(centre))
    drawings = {
        "history.png": lambda: figures.search_history_figure(table),
        "map.png": lambda: figures.search_map_figure(table, _corners(plan.box), optimum=optimum, box=box),
        "importances.png": lambda: _importance_figure(search),
    }
    drawn = _draw_all(drawings, search.folder / "figures")
    write_table(table, search.folder / "trials.csv")
    return [*drawn, search.folder / "trials.csv"]


def _corners(box: "SearchBox") -> "Box":
    from analysis.figures.maps import Box

    return Box(box.lr_low, box.lr_high, box.wd_low, box.wd_high)


def _importance_figure(search: "Search") -> "Figure":
    from analysis import AnalysisError, figures
    from sweep.chooser import Chooser

    try:
        return figures.importance_figure(Chooser.of(search).importances())
    except (ValueError, RuntimeError) as error:
        raise AnalysisError(f"no importances: {error}") from error


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
