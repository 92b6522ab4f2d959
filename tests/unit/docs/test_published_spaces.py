"""What docs/results says of wider spaces and other metrics, recomputed from the trials there."""

import re
from pathlib import Path

import pandas as pd
import pytest

from analysis import advice, compare, read_across, read_knobs, read_sweeps
from analysis.across import headlines
from analysis.knobs import headline
from analysis.summaries import summarise, summary_table

RESULTS = Path(__file__).parents[3] / "docs" / "results"


def trials_of(page):
    trials = pd.read_csv(RESULTS / page / "trials.csv").assign(panel="")
    return trials.assign(family=trials.model)


def said_on(page):
    """Return what is said on a page, each paragraph in one line."""
    return re.sub(r"\n(> |  )?(?=\S)", " ", (RESULTS / page / "README.md").read_text())


@pytest.fixture(scope="module")
def five():
    return trials_of("five_hyperparameters"), said_on("five_hyperparameters")


def test_the_five_hyperparameters_are_counted_as_it_says(five):
    trials, said = five
    assert f"both, and five times at its optimum: {len(trials)} trainings of 25 epochs" in said
    assert (trials.groupby(["model", "role"]).size().unstack() == {"optimum": 5, "point": 128}).all(axis=None)
    assert set(trials.state) == {"finished"}
    assert f"{trials.wall_s.sum() / 3600:.1f} hours of worker time" in said
    seconds = trials.groupby("model").wall_s.mean()
    assert f"{seconds.vit_p_1mf:.0f} s (ViT_P) and {seconds.vit_c_1mf:.0f} s (ViT_C) a training" in said
    ahead = {}
    for model, rows in trials.groupby("model"):
        points, own = rows[rows.role == "point"].top1_err, rows[rows.role == "optimum"].top1_err.mean()
        ahead[model] = f"{(points < own).mean():.0%}", f"{own - points.min():.1f}"
    assert ahead == {"vit_p_1mf": ("32%", "2.5"), "vit_c_1mf": ("35%", "1.0")}
    assert "(32 % of ViT_P's, 35 % of ViT_C's), by 2.5 and 1.0 points at most" in said


def test_what_is_said_of_five_hyperparameters_is_what_is_computed_today(five):
    trials, said = five
    sweeps = read_sweeps(trials)
    assert " ".join(advice(compare(sweeps))) in said
    for each in map(read_knobs, sweeps):
        assert headline(each) in said


@pytest.mark.parametrize("page", ["five_hyperparameters", "digits"])
def test_the_table_beside_two_hyperparameters_is_computed(page, five):
    trials = trials_of(page)[lambda table: table.optimizer == "adamw"]
    trials = trials[trials.sweep.isin(trials.sweep[trials.role == "point"])]
    for row in summary_table([summarise(each) for each in read_sweeps(trials)]).itertuples():
        if row.model == "regnety_1mf":
            continue
        share = f"{row.within_4:.2f} ({row.within_4_low:.2f}–{row.within_4_high:.2f})"
        area = f"{row.area_8:.2f} ({row.area_8_low:.2f}–{row.area_8_high:.2f})"
        between = " | " if page == "five_hyperparameters" else ", "
        assert share + between + area in five[1]


@pytest.fixture(scope="module")
def language():
    return trials_of("language_model"), said_on("language_model")


def test_what_is_said_of_the_language_model_is_what_is_computed_today(language):
    trials, said = language
    sweeps = read_sweeps(trials, any_metric=True)
    assert " ".join(advice(compare(sweeps))) in said
    rows = summary_table([summarise(each) for each in sweeps]).set_index("model")
    post, pre = rows.loc["post_norm(layers=4)"], rows.loc["pre_norm(layers=4)"]
    told = [
        f"{row['within_0.1']:.0%} ({100 * row['within_0.1_low']:.0f}–{100 * row['within_0.1_high']:.0f})"
        for row in (pre, post)
    ]
    for each in told:
        assert each.replace("%", " %") in said
    assert f"differs by {pre['area_0.8'] - post['area_0.8']:.2f} (" in said


def test_the_language_models_trials_are_counted_as_it_says(language):
    trials, said = language
    assert f"All {len(trials)} trainings finished" in said
    assert set(trials.state) == {"finished"}
    assert f"{trials.wall_s.sum() / 60:.0f} minutes of worker time" in said
    means = trials[trials.role == "optimum"].groupby("model").value.agg(["mean", "sem"])
    for model in ("pre_norm(layers=4)", "post_norm(layers=4)"):
        assert "{:.2f} ± {:.2f}".format(*means.loc[model]) in said
    post = trials[(trials.role == "point") & (trials.model == "post_norm(layers=4)")]
    ahead = means["mean"]["post_norm(layers=4)"] - post.value
    assert f"{(ahead > 0).mean():.0%}".replace("%", " %") + " of its points beat" in said
    assert f"by {ahead.max():.2f} nats at most" in said
    wild = post[post.lr > 0.009].value
    assert (wild.max(), wild.min()) == (post.value.max(), post.value.min())


def test_what_is_said_of_both_recipes_is_what_is_computed_today():
    tables = [pd.read_csv(RESULTS / recipe / "trials.csv") for recipe in ("digits", "fashion_mnist")]
    table = pd.concat(tables, ignore_index=True)
    table = table[table.sweep.isin(table.sweep[table.role == "point"])].assign(panel="1MF")
    first, *rest = headlines(read_across(read_sweeps(table.assign(family=table.model)), 0.95))
    assert first in said_on("across_recipes")
    kept = (RESULTS / "across_recipes" / "across.txt").read_text()
    assert all(line in kept for line in (first, *rest))
    ranked = [line.split(":")[0] for line in rest[:5]]
    assert ranked == [
        "regnety_1mf with SGD",
        *("vit_c_1mf with SGD", "vit_c_1mf with AdamW"),
        *("vit_p_1mf with AdamW", "vit_p_1mf with SGD"),
    ]
