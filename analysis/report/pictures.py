"""The report's figures, each with its numbers as text for readers who cannot see it."""

from collections.abc import Callable, Iterator, Sequence

import pandas as pd
from matplotlib.figure import Figure

from analysis import figures
from analysis.bands import curve_band, no_band
from analysis.edf import Curve, curve_of
from analysis.errors import AnalysisError
from analysis.figures.learning import EXAMPLE_LOOKS
from analysis.figures.maps import box_of
from analysis.figures.tuning import doublings, tuning_of
from analysis.intervals import Interval
from analysis.layout import optimizer_name
from analysis.learning import Example, examples
from analysis.report.extras import Contents, sweep_name
from analysis.report.html import Html, joined, prose, tag
from analysis.report.svg import inline
from analysis.report.tables import short
from analysis.summaries import Summary
from analysis.table import SweepTrials

SCATTER_ROWS, MAP_PANELS, LEARNING_PANELS = 4, 6, 9
"""The most sweeps in one figure, which has to fit on a printed page."""


def picture(figure: Figure, name: str, title: str, numbers: str, caption: str) -> Html:
    """Return a figure with its caption.

    Parameters
    ----------
    figure : Figure
        The figure.
    name : str
        The id of its element.
    title, caption : str
        Printed below the figure.
    numbers : str
        The text alternative for readers who cannot see the figure.
    """
    half = figure.get_figwidth() < 4
    drawn = inline(figure, name, title, numbers)
    region = tag("div", drawn, class_="scroll", role="region", aria_label=f"Figure: {title}", tabindex=0)
    words = tag("figcaption", tag("strong", f"{title}. "), prose(caption))
    return tag("figure", region, words, class_="half" if half else None)


def edfs(contents: Contents) -> Html:
    """Draw the EDFs of Δ and of the error, side by side."""
    relative = [s.sweep for s in contents.sweeps if s.optimum_state == "finished"]
    with_zero = [curve_of(s, absolute=False) for s in contents.sweeps if s.sweep in relative]
    absolute = [curve_of(s, absolute=True) for s in contents.sweeps]
    drawn = [
        _edf(with_zero, "edf-delta", "EDF of Δ", _delta_numbers(contents.summaries), _DELTA)
        if with_zero
        else None,
        _edf(absolute, "edf-error", "EDF of the error", _error_numbers(contents.summaries), _ERROR),
    ]
    return tag("div", *drawn, class_="figures")


_DELTA = (
    "Share of trials within x points of the error at the model's own optimum. A steep curve is a robust "
    "model; one that is equally bad everywhere is steep too, so read it beside the error itself."
)
_ERROR = (
    "Share of trials with at most this error. The model whose curve lies further left and higher is better."
)


def _edf(curves: Sequence[Curve], name: str, title: str, numbers: str, caption: str) -> Html:
    bands = {curve.sweep: curve_band(curve) for curve in curves if not no_band(curve)}
    return picture(figures.cdf_figure(curves, bands), name, title, numbers, caption)


def _delta_numbers(summaries: Sequence[Summary]) -> str:
    texts = [
        f"{sweep_name(s.sweep)}: of {s.sweep.n} trials "
        + ", ".join(f"{_share(share)} within {d:g}" for d, share in s.within.items())
        + f" points of the optimum's {s.sweep.optimum_err:.1f} %."
        for s in summaries
        if s.sweep.optimum_state == "finished"
    ]
    return " ".join(texts)


def _share(interval: Interval) -> str:
    return f"{100 * interval.value:.0f} %"


def _error_numbers(summaries: Sequence[Summary]) -> str:
    return " ".join(
        f"{sweep_name(s.sweep)}: best {s.best:.1f} %, a quarter up to "
        f"{s.quartiles['lower_quartile'].value:.1f} %, half up to {s.quartiles['median'].value:.1f} %, three "
        f"quarters up to {s.quartiles['upper_quartile'].value:.1f} %; {len(s.sweep.diverged)} of {s.sweep.n} "
        "diverged."
        for s in summaries
    )


def scatters(contents: Contents) -> Html:
    """Draw error against lr and wd, the sweeps of one size and optimizer together."""
    caption = (
        "A bar stands at the optimum, a star at each trial there; diverged trials are crosses at the top."
    )
    return _by_group(
        contents, "scatter", "Error against lr and wd", figures.scatter_figure, SCATTER_ROWS, caption
    )


def maps(contents: Contents) -> Html:
    """Draw the maps of lr × wd."""
    caption = (
        "Dark is a low error, on one scale for all panels of the figure; an arrow on the scale says that "
        "some errors lie beyond it. The dashed box is what was sampled."
    )
    return _by_group(contents, "map", "Maps of lr × wd", figures.map_figure, MAP_PANELS, caption)


def _by_group(
    contents: Contents,
    kind: str,
    title: str,
    draw: Callable[[pd.DataFrame], Figure],
    most: int,
    caption: str,
) -> Html:
    drawn = []
    for place, (group, sweeps) in enumerate(_groups(contents.sweeps, most)):
        names = {s.sweep for s in sweeps}
        rows = contents.table[contents.table["sweep"].map(str).isin(names)]
        summaries = [s for s in contents.summaries if s.sweep.sweep in names]
        numbers = " ".join(map(_map_numbers, summaries))
        try:
            drawn.append(picture(draw(rows), f"{kind}-{place}", f"{title}: {group}", numbers, caption))
        except AnalysisError as error:  # an lr or wd of 0
            drawn.append(tag("p", f"{group}: not drawn: {error}"))
    return joined(drawn)


def _groups(sweeps: Sequence[SweepTrials], most: int) -> Iterator[tuple[str, list[SweepTrials]]]:
    """Yield the sweeps of each size and optimizer, at most ``most`` at once."""
    groups: dict[str, list[SweepTrials]] = {}
    for sweep in sweeps:
        groups.setdefault(f"{sweep.panel}, {optimizer_name(sweep.optimizer)}", []).append(sweep)
    for name, members in groups.items():
        for start in range(0, len(members), most):
            part = f" (part {start // most + 1})" if len(members) > most else ""
            yield name + part, members[start : start + most]


def _map_numbers(summary: Summary) -> str:
    sweep = summary.sweep
    best = sweep.points.sort_values("top1_err", kind="stable").iloc[0]
    parts = [
        f"lowest error {best['top1_err']:.1f} % at lr {short(best['lr'])} and wd "
        f"{short(best['weight_decay'])}"
    ]
    if not sweep.optimum.empty:
        row = sweep.optimum.iloc[0]
        err = "no result" if sweep.optimum_err is None else f"{sweep.optimum_err:.1f} %"
        parts.append(f"optimum at lr {short(row['lr'])} and wd {short(row['weight_decay'])} with {err}")
    box = box_of(sweep.points)
    if box:
        parts.append(
            f"box lr {short(box.lr_low)} to {short(box.lr_high)}, wd {short(box.wd_low)} to "
            f"{short(box.wd_high)}"
        )
    lost = sweep.diverged
    if len(lost):
        parts.append(f"{len(lost)} of {sweep.n} diverged, from lr {short(lost['lr'].min())} on")
    worst = sweep.finished["top1_err"].max() if len(sweep.finished) else None
    parts.append("no trial finished" if worst is None else f"highest finished error {worst:.1f} %")
    return f"{sweep_name(sweep)}: {', '.join(parts)}."


def tuning(contents: Contents) -> Html:
    """Draw the tuning curves."""
    texts = []
    for sweep in contents.sweeps:
        curve = tuning_of(sweep)
        values = [f"{curve.expected[k - 1]:.1f} % of {k}" for k in doublings(len(curve.k))]
        texts.append(f"{sweep_name(sweep)}: expected best {', '.join(values)}.")
    caption = (
        "Expected lowest error of k random points of the box, a diverged one at 100 %. The curve of a robust "
        "model is flat from the start. The shading is the 95 % band of independent points, which may extend "
        "beyond the axes."
    )
    return picture(
        figures.tuning_figure(contents.with_results), "tuning", "Tuning curves", " ".join(texts), caption
    )


def learning(contents: Contents) -> Html:
    """Draw the learning curves of the example trials, or say that there are none."""
    known = contents.extras.learning
    chosen = [(s, [e for e in examples(s, known) if len(e.epochs)]) for s in contents.sweeps]
    chosen = [(sweep, curves) for sweep, curves in chosen if curves]
    if known is None or not chosen:
        return tag("p", "No learning curves are known for these trials: only their table was given.")
    caption = (
        f"Top-1 error after each epoch of {', '.join(EXAMPLE_LOOKS)} (the first one), as far as there is one."
    )
    drawn = []
    for start in range(0, len(chosen), LEARNING_PANELS):
        part = chosen[start : start + LEARNING_PANELS]
        names = {sweep.sweep for sweep, _ in part}
        rows = contents.table[contents.table["sweep"].map(str).isin(names)]
        numbers = " ".join(_learning_numbers(sweep, curves) for sweep, curves in part)
        title = "Learning curves" + (
            f", part {start // LEARNING_PANELS + 1}" if len(names) < len(chosen) else ""
        )
        figure = figures.learning_figure(rows, known)
        drawn.append(picture(figure, f"learning-{start}", title, numbers, caption))
    return joined(drawn)


def _learning_numbers(sweep: SweepTrials, curves: Sequence[Example]) -> str:
    texts = [
        f"{curve.name} {curve.errors[0]:.1f} % after epoch {curve.epochs[0]:.0f}, "
        f"{curve.errors[-1]:.1f} % after epoch {curve.epochs[-1]:.0f}"
        for curve in curves
    ]
    return f"{sweep_name(sweep)}: {'; '.join(texts)}."
