"""The report's tables: plans, states and results."""

import math
from collections.abc import Mapping

import pandas as pd

from analysis.box_of_points import box_of
from analysis.comparison import Comparison
from analysis.comparison_sentences import sentences
from analysis.learning import examples
from analysis.names import UNNAMED, optimizer_name
from analysis.repeats import Repeated, repeated_points
from analysis.report.extras import ACROSS, NO_OPTIMIZER, Contents, model_of, without_result
from analysis.report.html import Child, Html, joined, prose, slug, tag, terms
from analysis.report.html_tables import NOTHING, Cell, estimate, number, short, table, word
from analysis.report.wording import Wording
from analysis.rounds import of_rounds
from analysis.summaries import Summary
from analysis.sweep_trials import STATES
from analysis.words import p_value

_SHOWN_STATES = ("planned", "running", "finished", "diverged", "failed")


def what_was_run(contents: Contents) -> Html:
    """List each sweep's plan, if it is known, and its cost; facts that all sweeps share are listed once."""
    facts = {name: _facts(contents, name) for name in contents.names}
    labels = list(dict.fromkeys(label for known in facts.values() for label in known))
    shared = [
        label
        for label in labels
        if len(facts) > 1 and len({known.get(label) for known in facts.values()}) == 1
    ]
    own = [label for label in labels if label not in shared]
    first = next(iter(facts.values()))
    rows = [
        [word(name), *(word(known.get(label, NOTHING)) for label in own)] for name, known in facts.items()
    ]
    total = contents.table["wall_s"].sum() if "wall_s" in contents.table else math.nan
    cost = "" if math.isnan(total) or not total else f"{duration(total)} of training, summed over all trials"
    versions = ", ".join(f"{name} {version}" for name, version in contents.extras.versions.items())
    common = {"cost": cost} | {label: first[label] for label in shared} | {"report made with": versions}
    return joined(
        [
            terms((label, text) for label, text in common.items() if text),
            table(
                "plans", "The sweeps. Facts that all sweeps share are listed above.", ["sweep", *own], rows
            ),
            None if contents.extras.facts else tag("p", _NO_PLAN),
        ]
    )


_NO_PLAN = "Only the table of trials was given: their plan, their data and where they ran are unknown."


def _facts(contents: Contents, name: str) -> dict[str, str]:
    rows = contents.rows(name)
    points, optimum = (rows[rows["role"] == role] for role in ("point", "optimum"))
    columns = [name for name in ("model", "optimizer", "recipe", "design") if name in rows]
    known = {name: first for name in columns if (first := str(rows[name].iloc[0])) not in UNNAMED}
    if "optimizer" in known:
        known["optimizer"] = optimizer_name(known["optimizer"])
    known |= {"points": str(len(points)), "trials at the optimum": str(len(optimum))}
    if repeats := int((rows["role"] == "repeat").sum()):
        known["repeats of points"] = str(repeats)
    if len(optimum):
        known["optimum lr"], known["optimum wd"] = (short(optimum[c].iloc[0]) for c in ("lr", "weight_decay"))
    box = box_of(points)
    if box:
        known["box lr"] = f"{short(box.lr_low)} to {short(box.lr_high)}"
        known["box wd"] = f"{short(box.wd_low)} to {short(box.wd_high)}"
    if name in contents.extras.facts:
        known |= contents.extras.facts[name].labelled()
    if "wall_s" in rows and rows["wall_s"].notna().any():
        known["training time"] = duration(float(rows["wall_s"].sum()))
    return known


def duration(seconds: float) -> str:
    """Format a duration in up to two units: 45 s, 3 min 20 s, 14 h 2 min."""
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    if hours:
        return f"{hours:,} h {minutes} min"
    return f"{minutes} min {rest} s" if minutes else f"{rest} s"


def states(contents: Contents) -> Html:
    """Count each sweep's trials by state."""
    rows = []
    for name in contents.names:
        own = contents.rows(name)
        missing = without_result(own)
        label = (
            tag("span", f"incomplete: {missing} of {len(own)} missing", class_="unfinished")
            if missing
            else None
        )
        counts = [number(int((own["state"] == state).sum()), "{:.0f}") for state in _SHOWN_STATES]
        rows.append([word(name), *counts, word("incomplete" if missing else "complete", label)])
    assert set(_SHOWN_STATES) == set(STATES)
    metric = contents.metric
    counted_as = f"{' with' if math.isfinite(metric.worst) else ','} {metric.diverged}"
    caption = (
        f"Trials by state, including repeats and those at the optimum. A diverged trial is a result"
        f"{counted_as}; planned, running and failed trials have no result, and no number below counts them."
    )
    return table("states", caption, ["sweep", *_SHOWN_STATES, "status"], rows, sortable=True)


def summary(contents: Contents) -> Html:
    """Return the table of summary numbers, with intervals."""
    deltas, words = list(next(iter(contents.summaries)).within), contents.wording
    head = [
        "model",
        "optimizer",
        "n",
        f"{words.error} at the optimum{words.comma_unit}",
        "seeds there",
        f"best{words.comma_unit}",
        f"median{words.comma_unit}",
        *(f"within {delta:g}" for delta in deltas),
        f"area to {contents.metric.area_to:g}",
        "divergence rate",
    ]
    rows = [
        [
            word(model_of(s.sweep)),
            word(optimizer_name(s.sweep.optimizer)),
            number(s.sweep.n, "{:.0f}"),
            words.estimate(s.zero),
            number(len(s.sweep.optimum_errs), "{:.0f}"),
            words.number(s.best),
            words.estimate(s.quartiles["median"]),
            *(estimate(share) for share in s.within.values()),
            estimate(s.area),
            estimate(s.diverged),
        ]
        for s in contents.summaries
    ]
    confidence = contents.summaries[0].confidence
    caption = (
        f"With {100 * confidence:g} % intervals, if the design allows them. n: trials with a result. "
        f"Within d: share of these trials within d{words.points} of the {words.error} at the optimum."
    )
    return table("summary", caption, head, rows, sortable=True)


def comparisons(contents: Contents) -> Html:
    """Return the table of all pairs of each optimizer, and the same in sentences.

    Of sweeps that grow in rounds, it begins with the level at which their round compares.
    """
    parts: list[Child] = [tag("p", text) for text in _levels(contents)]
    for optimizer, pairs in contents.pairs.items():
        with_it = f"with {optimizer_name(optimizer)}" if optimizer_name(optimizer) else NO_OPTIMIZER
        name = ACROSS if optimizer == ACROSS else with_it
        title = name[:1].upper() + name[1:]
        parts += [tag("h3", title), _pairs_table(contents.wording, optimizer, pairs), _sentences(name, pairs)]
    alone = [
        name for name in dict.fromkeys(s.optimizer for s in contents.sweeps) if name not in contents.pairs
    ]
    if alone:
        names = ", ".join(filter(None, map(optimizer_name, alone)))
        begin = f"With {names} there" if names else "There"
        parts.append(tag("p", f"{begin} is one sweep only, so nothing to compare."))
    return joined(parts)


def _levels(contents: Contents) -> list[str]:
    """Return at which level the round of sweeps that grow compares, which each optimizer has its own of."""
    groups = contents.pairs.values()
    every = [of_rounds(sweep for pair in pairs for sweep in (pair.a, pair.b)) for pairs in groups]
    return list(dict.fromkeys(text for texts in every for text in texts))


def _pairs_table(words: Wording, optimizer: str, pairs: list[Comparison]) -> Html:
    head = [
        "A",
        "B",
        "compared",
        f"median of A − B{words.comma_points}",
        "A better",
        "area of A − B",
        "test",
        "p",
        "q",
        "p of the area",
        "its q",
        f"verdict on the {words.error}",
    ]
    side = "Above" if words.metric.higher_better else "Below"
    caption = (
        f"All pairs of models. {side} 0, A has {words.better}; an area above 0 means that A is the more "
        "robust. q: p corrected for the number of pairs (Benjamini–Hochberg)."
    )
    rows = [_pair_row(words, pair) for pair in pairs]
    return table(f"pairs-{slug(optimizer)}", caption, head, rows, sortable=True)


def _pair_row(words: Wording, pair: Comparison) -> list[Cell]:
    test, p = next(iter(pair.tests.items()), ("none", math.nan))
    how = f"at {pair.n_a} shared points" if pair.paired else f"{pair.n_a} and {pair.n_b} trials"
    return [
        word(pair.a.name),
        word(pair.b.name),
        word(how),
        words.estimate(pair.median_diff),
        estimate(pair.better),
        number(pair.area_around.value) if pair.no_delta else estimate(pair.area_around_diff),
        word(test),
        _p(p),
        _p(pair.q),
        _p(pair.p_area_around),
        _p(pair.q_robust),
        word(_verdict(pair)),
    ]


def _verdict(pair: Comparison) -> str:
    if math.isnan(pair.q):
        return "not tested"
    return "different" if pair.different else "not distinguishable"


def _p(p: float) -> Cell:
    return Cell(NOTHING) if math.isnan(p) else Cell(p_value(p), p)


def _sentences(name: str, pairs: list[Comparison]) -> Html:
    inside = joined(tag("li", prose(" ".join(sentences(pair)))) for pair in pairs)
    return tag("details", tag("summary", f"All pairs {name} in words"), tag("ul", inside))


def variance(contents: Contents) -> Html:
    """Return the table of variance shares and seed noise."""
    words = contents.wording
    head = [
        "model",
        "optimizer",
        "lr",
        "wd",
        "lr and wd together",
        "rest",
        f"spread between seeds{words.comma_points}",
        "seeds",
        "spread between points",
        "seeds' share",
    ]
    rows = [_variance_row(words, s) for s in contents.summaries]
    caption = (
        f"Shares of the variance of {words.errors} over the box, and the standard deviations between seeds "
        "at the optimum and between points. The rest is seed noise, and cliffs that no smooth surface "
        "follows."
    )
    return table("variance", caption, head, rows, sortable=True)


def _variance_row(words: Wording, s: Summary) -> list[Cell]:
    return [
        word(model_of(s.sweep)),
        word(optimizer_name(s.sweep.optimizer)),
        *map(estimate, s.variance),
        estimate(s.noise.seeds, words.form),
        number(s.noise.repeats, "{:.0f}"),
        words.spread(s.noise.points),
        number(s.noise.share),
    ]


def repeats(contents: Contents) -> Html | None:
    """Return the table of points that were trained with several seeds; None without any."""
    words = contents.wording
    head = [
        "model",
        "optimizer",
        "point",
        "lr",
        "wd",
        f"its own trial{words.comma_unit}",
        f"other seeds{words.comma_unit}",
        "their spread",
        "seeds",
        "of them diverged",
        f"minus the optimum{words.comma_points}",
    ]
    rows = [_repeat_row(words, r) for s in contents.summaries for r in repeated_points(s.sweep, s.confidence)]
    caption = (
        "Chosen points with other seeds. Their mean minus the mean at the optimum is the effect of lr and "
        "wd; their spread (standard deviation) is seed noise. A point's own trial, by which it may have been "
        "chosen, does not count."
    )
    return table("repeats", caption, head, rows, sortable=True) if rows else None


def _repeat_row(words: Wording, r: Repeated) -> list[Cell]:
    seeds = f"{len(r.errors)} of {len(r.errors) + r.missing}" if r.missing else str(len(r.errors))
    return [
        word(model_of(r.sweep)),
        word(optimizer_name(r.sweep.optimizer)),
        number(r.index, "{:.0f}"),
        number(r.lr, "{:.3g}"),
        number(r.weight_decay, "{:.3g}"),
        words.number(r.first),
        words.estimate(r.mean),
        words.spread(r.spread),
        Cell(seeds, float(len(r.errors))),
        number(r.diverged, "{:.0f}"),
        words.estimate(r.delta),
    ]


def best_and_worst(contents: Contents) -> Html:
    """Return the table of example trials."""
    rows = [
        [
            word(model_of(s)),
            word(optimizer_name(s.optimizer)),
            word(e.name),
            *_trial_cells(contents, e.trial),
        ]
        for s in contents.sweeps
        for e in examples(s)
    ]
    head = ["model", "optimizer", "trial", *_trial_head(contents.wording)]
    return table("extremes", "The trials at the extremes of each sweep.", head, rows, sortable=True)


def _trial_head(words: Wording) -> list[str]:
    return ["lr", "wd", "state", words.head, f"best epoch's{words.comma_unit}", "epochs", "time, s", "run"]


def _trial_cells(contents: Contents, trial: Mapping[object, object]) -> list[Cell]:
    words = contents.wording
    lr, wd, err, best, epochs, wall = (
        _float(trial.get(name))
        for name in ("lr", "weight_decay", "top1_err", "best_top1_err", "epochs", "wall_s")
    )
    return [
        number(lr, "{:.3g}"),
        number(wd, "{:.3g}"),
        word(trial["state"]),
        words.number(err),
        words.number(best),
        number(epochs, "{:.0f}"),
        number(wall, "{:.1f}"),
        _run(str(trial.get("key", "")), contents.extras.links),
    ]


def _float(value: object) -> float:
    return math.nan if value is None or pd.isna(value) else float(value)  # type: ignore[call-overload, arg-type]


def _run(key: str, links: Mapping[str, str]) -> Cell:
    address = links.get(key)
    if address is None:
        return word(key)
    label = f"MLflow run of trial {key}"
    return word(key, tag("a", key[:8], href=address, aria_label=label))


def every_trial(contents: Contents) -> Html:
    """Return a collapsed table of all trials for each sweep."""
    parts: list[Child] = [tag("p", prose(contents.extras.links_note))]
    for number_, name in enumerate(contents.names):
        own = contents.rows(name).to_dict("records")
        rows = [[_trial_name(row), *_trial_cells(contents, row)] for row in own]
        caption = f"The trials of {name}."
        inside = table(
            f"trials-{number_}", caption, ["trial", *_trial_head(contents.wording)], rows, sortable=True
        )
        parts.append(tag("details", tag("summary", f"{name}: {len(own)} trials"), inside))
    return joined(parts)


def _trial_name(row: Mapping[object, object]) -> Cell:
    repeat = int(_float(row.get("repeat", 0)))
    if row["role"] == "optimum":
        return Cell(f"optimum, seed {repeat + 1}" if repeat else "optimum", float(repeat) - 1e6)
    if row["role"] == "repeat":
        return Cell(f"point {row['index']}, seed {repeat + 1}", _float(row["index"]) + repeat / 1e6)
    return Cell(f"point {row['index']}", _float(row["index"]))


def missing_sweeps(contents: Contents) -> Html | None:
    """Name the sweeps without any result, which no section below shows."""
    shown = {sweep.sweep for sweep in contents.sweeps}
    names = [name for name in contents.names if name not in shown]
    if not names:
        return None
    return tag("p", f"These sweeps have no result, and nothing below shows them: {', '.join(names)}.")
