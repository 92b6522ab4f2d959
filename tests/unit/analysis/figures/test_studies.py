"""The figures of training lengths, optimizers and peak performance."""

import dataclasses
import itertools

import matplotlib
import numpy as np
import pandas as pd
import pytest
from matplotlib.container import ErrorbarContainer
from support.analysed_outcomes import study, trainings

from analysis import AnalysisError, outcomes, published
from analysis.figures import lengths_figure, optimizers_figure, peak_figure, render

FAMILIES = ("ViT_P", "ViT_C", "RegNetY")


def many(panels=("1GF", "4GF", "18GF"), optimizers=("adamw", "sgd"), seeds=1, lengths=(50, 100, 200, 400)):
    rng = np.random.default_rng(0)
    return outcomes(
        pd.concat(
            trainings(
                (9 - 2 * f + 100 / e) + rng.random(seeds), family=family, panel=p, optimizer=o, schedule=e
            )
            for p in panels
            for f, family in enumerate(FAMILIES)
            for o in optimizers
            for e in lengths
        )
    )


def points(axes):
    """Every mark of a figure's axes: (marker, is it hollow, x, y)."""
    lines = [line for line in axes.lines if line.get_marker() not in ("None", "", None, "_", "|")]
    return [
        (line.get_marker(), line.get_markerfacecolor() == "white", x, y)
        for line in lines
        for x, y in zip(*line.get_data(), strict=True)
    ]


def texts(figure):
    return " ".join(text.get_text() for text in figure.findobj(matplotlib.text.Text)).replace("\n", " ")


def test_lengths_are_drawn_as_deltas_to_the_longest():
    (axes,) = lengths_figure(outcomes(study({50: [7.0], 100: [5.0], 200: [4.0]}))).axes
    assert [(x, y) for _, _, x, y in points(axes)] == [(50, 3.0), (100, 1.0), (200, 0.0)]
    assert "Δ top-1 error to 200 epochs" in texts(axes.figure)
    assert "ViT_C (AdamW)" in texts(axes.figure)


def test_lengths_have_a_panel_a_size_and_a_line_a_model():
    figure = lengths_figure(many(optimizers=["adamw"]))
    assert [axes.get_legend().get_title().get_text() for axes in figure.axes] == ["1GF", "4GF", "18GF"]
    assert [len(points(axes)) for axes in figure.axes] == [12] * 3


def test_spread_between_seeds_is_a_bar():
    (axes,) = lengths_figure(outcomes(study({50: [7.0, 9.0], 100: [5.0, 5.0]}))).axes
    (line,) = [c for c in axes.containers if isinstance(c, ErrorbarContainer)]
    (bars,) = line[2]
    assert bars.get_segments()[0][:, 1] == pytest.approx([3 - 2**0.5, 3 + 2**0.5])
    assert "standard deviation" in texts(axes.figure)
    assert "2 seeds" in texts(axes.figure)


def test_the_spread_below_the_least_error_has_room_on_a_logarithmic_axis():
    (axes,) = optimizers_figure(outcomes(study({50: [40.0, 40.0], 100: [1.0, 2.0]}))).axes
    assert axes.get_yscale() == "log"
    assert 0.5 < axes.get_ylim()[0] < 1.5 - 0.5**0.5


def test_a_length_that_diverged_is_a_cross_and_one_without_result_is_counted():
    figure = lengths_figure(outcomes(study({50: [100.0], 100: [np.nan], 200: [5.0], 400: [4.0]})))
    (axes,) = figure.axes
    crosses = [(x, y) for marker, _, x, y in points(axes) if marker == "x"]
    assert [x for x, _ in crosses] == [50]
    assert axes.get_yticklabels()[-1].get_text() == "div."
    assert crosses[0][1] == axes.get_yticks()[-1]
    assert "1 of 4 diverged" in texts(figure)
    assert "incomplete: 1 of 4 missing" in texts(figure)


@pytest.mark.parametrize(("error", "said"), [(100.0, "diverged"), (np.nan, "no result")])
def test_without_a_result_at_the_longest_there_is_no_delta_and_the_legend_says_so(error, said):
    figure = lengths_figure(outcomes(study({50: [7.0], 100: [error]})))
    assert f"{said} at 100 epochs: no Δ" in texts(figure)
    assert not [y for marker, _, _, y in points(figure.axes[0]) if marker == "s" and not np.isnan(y)]


def test_one_length_has_no_delta():
    with pytest.raises(AnalysisError, match=r"two lengths are needed, got \[50\]"):
        lengths_figure(outcomes(study({50: [7.0]})))


def test_optimizers_are_triangles_up_and_down_and_a_bar_joins_them():
    table = pd.concat([trainings([5.0]), trainings([8.0], optimizer="sgd")])
    (axes,) = optimizers_figure(outcomes(table)).axes
    assert [(marker, hollow, y) for marker, hollow, _, y in points(axes)] == [
        ("^", False, 5.0),
        ("v", False, 8.0),
    ]
    (bar,) = [line for line in axes.lines if line.get_marker() == "None" and len(line.get_ydata()) == 2]
    assert sorted(bar.get_ydata()) == [5.0, 8.0]
    assert bar.get_linestyle() == "-"


def test_the_best_shorter_one_stands_in_hollow_and_dashed_for_one_that_diverged():
    sgd = study({50: [9.0], 100: [100.0]}, optimizer="sgd")
    figure = optimizers_figure(outcomes(pd.concat([study({50: [5.0], 100: [4.0]}), sgd])))
    (axes,) = figure.axes
    assert [(marker, hollow, y) for marker, hollow, x, y in points(axes) if x == 100] == [
        ("^", False, 4.0),
        ("v", True, 9.0),
    ]
    bars = {line.get_xdata()[0]: line.get_linestyle() for line in axes.lines if line.get_marker() == "None"}
    assert bars == {50: "-", 100: "--"}
    assert "stands in" in texts(figure)
    assert "1 of 4 diverged" in texts(figure)


def test_without_a_shorter_one_it_lies_at_the_top():
    found = outcomes(pd.concat([trainings([5.0]), trainings([100.0, 7.0], optimizer="sgd")]))
    (axes,) = optimizers_figure(found).axes
    ((_, hollow, _, y),) = [mark for mark in points(axes) if mark[0] == "v"]
    assert hollow
    assert y == axes.get_yticks()[-1]
    assert axes.get_yticklabels()[-1].get_text() == "div."


def test_a_training_without_a_result_has_no_mark_but_is_counted():
    figure = optimizers_figure(outcomes(pd.concat([trainings([5.0]), trainings([np.nan], optimizer="sgd")])))
    assert [marker for marker, *_ in points(figure.axes[0])] == ["^"]
    assert "incomplete: 1 of 2 missing" in texts(figure)


def test_peak_rings_the_best_within_the_limit():
    figure = peak_figure(published(), limit_s=20 * 60)
    (axes,) = figure.axes
    (ring,) = [line for line in axes.lines if line.get_markerfacecolor() == "none"]
    assert (ring.get_xdata()[0], ring.get_ydata()[0]) == (pytest.approx(17.9), 16.3)
    assert "best within 20 min an epoch: regnety_16gf, 16.3 %" in texts(figure)
    assert axes.get_xlabel() == "time of an epoch (min)"
    assert any(line.get_xdata()[0] == 20.0 for line in axes.lines if len(line.get_xdata()) == 2)


def test_peak_tells_of_a_limit_far_off_and_of_trainings_without_a_point():
    found = outcomes(pd.concat([study({50: [5.0], 100: [100.0]}), trainings([np.nan], family="ViT_P")]))
    figure = peak_figure(found, limit_s=20 * 60)
    for said in ("20 min an epoch is far to the right", "1 of 2 diverged", "1 of 1 missing", "epoch (s)"):
        assert said in texts(figure)
    with pytest.raises(AnalysisError, match="none of 1 trainings has finished"):
        peak_figure([row for row in found if row.family == "ViT_P"], limit_s=60)


def test_published_results_are_drawn_hollow_beside_ones_own():
    own = [dataclasses.replace(row, epoch_s=2 * row.epoch_s) for row in published() if row.panel == "1GF"]
    figure = peak_figure(own, limit_s=1200, published=published())
    marks = points(figure.axes[0])
    assert sum(hollow for _, hollow, *_ in marks) == 36
    assert "published" in texts(figure)


@pytest.mark.parametrize("panels", [["1MF"], ["1GF", "4GF", "18GF"]])
@pytest.mark.parametrize("draw", [lengths_figure, optimizers_figure, lambda f: peak_figure(f, limit_s=1)])
def test_nothing_is_cut_off(draw, panels):
    optimizers = ["adamw"] if draw is lengths_figure else ["adamw", "sgd"]
    worst = [
        dataclasses.replace(row, diverged=row.schedule > 50, errors=np.append(row.errors, np.nan))
        if row.family == "ViT_P"
        else row
        for row in many(panels=panels, optimizers=optimizers, seeds=3)
    ]
    figure = draw(worst)
    render(figure, ".png")
    box = figure.get_tightbbox()
    assert min(box.x0, box.y0) > -0.01
    assert box.x1 < figure.get_figwidth() + 0.01
    assert box.y1 < figure.get_figheight() + 0.01
    legends = [ax.get_legend().get_window_extent() for ax in figure.axes if ax.get_legend()]
    assert all(a.x1 <= b.x0 for a, b in itertools.pairwise(legends))
