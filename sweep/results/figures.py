"""The figures of sweeps and searches."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sweep.models.catalog import MODELS
from sweep.workspace.sweep import Sweep
from sweep.workspace.trial_folder import TrialFolder
from sweep.workspace.trial_table import TABLE_SUFFIXES, trial_table, write_table

if TYPE_CHECKING:
    import pandas as pd

    from analysis import Across, Band, Curve, Knobs
    from analysis.box_of_points import Box
    from analysis.figures import Figure
    from search_spaces import Box as SearchBox
    from sweep.workspace.search import Search


OTHER_PANEL = "other models"


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


def write_knobs(found: "Sequence[Knobs]", out: Path) -> None:
    """Draw the isolation curves of sweeps, or write their numbers as a table, by the file's suffix."""
    from analysis import figures, knobs_table

    if out.suffix.lower() in TABLE_SUFFIXES:
        write_table(knobs_table(found), out)
    else:
        figures.save(figures.knobs_figure(found), out)


def write_across(found: "Across", out: Path) -> None:
    """Draw a comparison across recipes, or write its numbers as a table, by the file's suffix."""
    from analysis import across_table, figures

    if out.suffix.lower() in TABLE_SUFFIXES:
        write_table(across_table(found), out)
    else:
        figures.save(figures.across_figure(found), out)


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


def draw_figures(folder: TrialFolder[Any]) -> list[Path]:
    """Draw the figures of a sweep or a search, as far as its trials allow; return the files."""
    draw: dict[str, Callable[[Any], list[Path]]] = {"sweep": sweep_figures, "search": search_figures}
    return draw[folder.plan.KIND](folder)


def sweep_figures(sweep: Sweep) -> list[Path]:
    """Draw a sweep's EDFs, scatter, map and tuning curve, as far as its trials allow; return the files."""
    from analysis import curves, figures

    table = with_places(trial_table([sweep]))
    drawings = {
        "edf.png": lambda: _edf_figure(curves(table, any_metric=True)),
        "edf_absolute.png": lambda: _edf_figure(curves(table, absolute=True, any_metric=True)),
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
    from sweep.tuning.finalists import outcomes

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
    from analysis.box_of_points import Box

    return Box(box.lr_low, box.lr_high, box.wd_low, box.wd_high)


def _importance_figure(search: "Search") -> "Figure":
    from analysis import AnalysisError, figures
    from sweep.tuning.sampler import OptunaSampler

    try:
        metric = search.plan.recipe.metric
        shares = OptunaSampler.of(search).importances()
        return figures.importance_figure(shares, metric.name if metric else "log error")
    except (ValueError, RuntimeError) as error:
        raise AnalysisError(f"no importances: {error}") from error


def _edf_figure(drawn: "Sequence[Curve]") -> "Figure":
    from analysis import figures

    return figures.cdf_figure(drawn, bands_of(drawn)[0])
