"""The report's charts: what the script draws in, with each chart's numbers as text for who cannot see it."""

from collections.abc import Iterable, Sequence

from analysis.box_of_points import box_of
from analysis.learning import Example, examples
from analysis.names import known, optimizer_name
from analysis.report.extras import Contents, sweep_name
from analysis.report.html import Html, joined, prose, slug, tag
from analysis.report.html_tables import short
from analysis.report.wording import Wording
from analysis.summaries import Summary
from analysis.sweep_trials import SweepTrials
from analysis.tuning import doublings, tuning_of
from analysis.words import counted


def _about_delta(words: Wording) -> str:
    return (
        f"Share of trials within x{words.points} of the {words.error} at the model's own optimum: the "
        "higher at the left, the more robust. The dashed line is at "
        f"{words.metric.amount(words.metric.near)}, by which the models are ranked. A trial that beats the "
        "optimum has a Δ below 0. A model that is equally bad at every point is high here, too: look at the "
        f"{words.error} as well."
    )


def _about_error(words: Wording) -> str:
    return f"Share of trials with {words.at_most}: the further left and the higher, the better."


def _about_maps(words: Wording) -> str:
    low = "low" if not words.metric.higher_better else "high"
    return (
        f"The points around each optimum (★), dark where the {words.error} is {low}; × diverged. Drag over "
        "a map, or move the ends of the ranges, to choose a region: the EDF above the maps is that of its "
        "points."
    )


def _about_scatter(words: Wording) -> str:
    stay = "errors stay low" if words.metric.is_top1_error else f"{words.error} stays good"
    return f"Each point's {words.error}. A model whose {stay} far from the optimum is robust; × diverged."


def _about_tuning(words: Wording) -> str:
    if words.is_bounded:
        lost = words.metric.diverged.removesuffix(" error")
        what = f"Expected {words.lowest} of k random points of the box, a diverged one at {lost}"
    else:
        what = f"Median {words.lowest} of k random points of the box: half of all searches reach it"
    return (
        f"{what}. The curve of a robust model is flat from the start. The shading is the 95 % band of "
        "independent points."
    )


def chart(kind: str, title: str, numbers: str, caption: str, **data: str) -> Html:
    """Return a figure that the page's script fills.

    Parameters
    ----------
    kind : str
        Which function of the script draws it.
    title, caption : str
        Printed with the figure.
    numbers : str
        The text alternative for readers who cannot see the figure; shown where no script runs.
    **data : str
        What the script is told of it.
    """
    name = slug("chart", kind, *data.values())
    attributes = {f"data_{key}": value for key, value in data.items()}
    plot = tag("div", class_="plot", id=name, data_chart=kind, data_title=title, **attributes)
    words = tag("p", numbers, class_="numbers", id=f"{name}-numbers")
    about = tag("p", prose(caption), class_="about") if caption else None
    return tag("figure", tag("figcaption", title), plot, about, words)


def edfs(contents: Contents, kind: str) -> Html:
    """Return the EDFs of Δ (``delta``) or of the ``error``, a chart for each size and optimizer."""
    words = contents.wording
    of_delta = ("Δ to the optimum", _about_delta(words))
    name, caption = of_delta if kind == "delta" else (words.title, _about_error(words))
    numbers = _delta_numbers if kind == "delta" else _error_numbers
    return joined(
        chart(
            "edf",
            f"{name}{_of(contents, cell)}",
            numbers(words, _summaries(contents, sweeps)),
            caption if not place else "",
            of=kind,
            panel=cell[0],
            optimizer=optimizer_name(cell[1]),
        )
        for place, (cell, sweeps) in enumerate(contents.cells.items())
    )


def _of(contents: Contents, cell: tuple[str, str]) -> str:
    """Return which size and optimizer a chart is of, where there are several."""
    parts = zip(zip(*contents.cells, strict=True), (cell[0], optimizer_name(cell[1])), strict=True)
    differ = known(*(word for words, word in parts if len(set(words)) > 1))
    return f": {', '.join(differ)}" if differ else ""


def _summaries(contents: Contents, sweeps: Sequence[SweepTrials]) -> list[Summary]:
    names = {sweep.sweep for sweep in sweeps}
    return [s for s in contents.summaries if s.sweep.sweep in names]


def _delta_numbers(words: Wording, summaries: Iterable[Summary]) -> str:
    texts = [
        f"{sweep_name(s.sweep)}: of {s.sweep.n} trials "
        + ", ".join(f"{100 * share.value:.0f} % within {d:g}" for d, share in s.within.items())
        + f"{words.points} of the optimum's {words.short(s.sweep.optimum_err)}."
        for s in summaries
        if s.sweep.optimum_state == "finished" and s.sweep.optimum_err is not None
    ]
    return " ".join(texts)


def _error_numbers(words: Wording, summaries: Iterable[Summary]) -> str:
    up_to = "down to" if words.metric.higher_better else "up to"
    texts = []
    for s in summaries:
        shares = {"a quarter": "lower_quartile", "half": "median", "three quarters": "upper_quartile"}
        parts = [f"best {words.short(s.best)}"]
        parts += [f"{share} {up_to} {words.short(s.quartiles[q].value)}" for share, q in shares.items()]
        lost = f"{len(s.sweep.diverged)} of {s.sweep.n} diverged"
        texts.append(f"{sweep_name(s.sweep)}: {', '.join(parts)}; {lost}.")
    return " ".join(texts)


def explorer(contents: Contents) -> Html:
    """Return the maps of lr × wd with the EDF of a chosen region, and the errors against lr and wd."""
    scatters = [_scatter(contents, cell, axis) for cell in contents.cells for axis in ("lr", "wd")]
    maps = [_maps(contents, cell) for cell in contents.cells]
    return joined([*maps, tag("div", *scatters, class_="charts")])


def _maps(contents: Contents, cell: tuple[str, str]) -> Html:
    title = f"Where in the box a model trains well{_of(contents, cell)}"
    words = contents.wording
    numbers = " ".join(_map_numbers(words, s) for s in _summaries(contents, contents.cells[cell]))
    optimizer = optimizer_name(cell[1])
    caption = _about_maps(words) + _left_out(contents.cells[cell])
    return chart("maps", title, numbers, caption, panel=cell[0], optimizer=optimizer)


def _left_out(sweeps: Iterable[SweepTrials]) -> str:
    """Say how many points have no place on a logarithmic axis; nothing if all have one."""
    count = sum(int((s.points[["lr", "weight_decay"]] == 0).any(axis=1).sum()) for s in sweeps)
    if not count:
        return ""
    what = f"{counted(count, 'point')} with an lr or wd of 0"
    return f" {what}, for which these axes have no place, {'is' if count == 1 else 'are'} left out here."


def _scatter(contents: Contents, cell: tuple[str, str], axis: str) -> Html:
    name = "learning rate" if axis == "lr" else "weight decay"
    title = f"{contents.wording.title} against {name}{_of(contents, cell)}"
    numbers = "The numbers are those of the maps."
    optimizer = optimizer_name(cell[1])
    about = _about_scatter(contents.wording)
    return chart("scatter", title, numbers, about, axis=axis, panel=cell[0], optimizer=optimizer)


def _map_numbers(words: Wording, summary: Summary) -> str:
    sweep = summary.sweep
    best = sweep.points.sort_values("top1_err", kind="stable").iloc[0]
    parts = [
        f"{words.lowest} {words.short(best['top1_err'])} at lr {short(best['lr'])} and wd "
        f"{short(best['weight_decay'])}"
    ]
    if not sweep.optimum.empty:
        row = sweep.optimum.iloc[0]
        err = "no result" if sweep.optimum_err is None else words.short(sweep.optimum_err)
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
    parts.append("no trial finished" if worst is None else f"{words.highest} {words.short(worst)}")
    return f"{sweep_name(sweep)}: {', '.join(parts)}."


def tuning(contents: Contents) -> Html:
    """Return the tuning curves."""
    return joined(
        chart(
            "tuning",
            f"Tuning curves{_of(contents, cell)}",
            " ".join(_tuning_numbers(contents.wording, sweep) for sweep in sweeps),
            _about_tuning(contents.wording),
            panel=cell[0],
            optimizer=optimizer_name(cell[1]),
        )
        for cell, sweeps in contents.cells.items()
    )


def _tuning_numbers(words: Wording, sweep: SweepTrials) -> str:
    curve = tuning_of(sweep, doublings(sweep.n))
    values = [f"{words.short(best)} of {k}" for k, best in zip(curve.k, curve.expected, strict=True)]
    which = "expected" if words.is_bounded else "median"
    return f"{sweep_name(sweep)}: {which} best {', '.join(values)}."


def learning(contents: Contents) -> Html:
    """Return the learning curves of the example trials, or say that there are none."""
    known = contents.extras.learning
    chosen = [(s, [e for e in examples(s, known) if len(e.epochs)]) for s in contents.sweeps]
    drawn = [
        chart(
            "learning",
            sweep_name(sweep),
            _learning_numbers(contents.wording, sweep, curves),
            "",
            sweep=sweep.sweep,
        )
        for sweep, curves in chosen
        if curves
    ]
    if not drawn:
        return tag("p", "No learning curves are known for these trials: only their table was given.")
    metric = contents.metric
    what = "Top-1 error" if metric.is_top1_error else metric.label
    head = tag("p", f"{what} after each epoch of these trials, as far as it is known.")
    return joined([head, tag("div", *drawn, class_="charts")])


def _learning_numbers(words: Wording, sweep: SweepTrials, curves: Sequence[Example]) -> str:
    cost = words.metric.cost  # learning curves have the metric's own values
    texts = [
        f"{curve.name} {words.short(cost(curve.errors[0]))} after epoch {curve.epochs[0]:.0f}, "
        f"{words.short(cost(curve.errors[-1]))} after epoch {curve.epochs[-1]:.0f}"
        for curve in curves
    ]
    return f"{sweep_name(sweep)}: {'; '.join(texts)}."
