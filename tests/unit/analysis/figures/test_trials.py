"""The figures of maps, tuning curves and learning curves."""

import matplotlib
import numpy as np
import pandas as pd
import pytest
from support.analysed import repeated, trials
from support.analysed_curves import learned

from analysis import AnalysisError, read_sweeps
from analysis.box_of_points import box_of
from analysis.figures import learning_figure, map_figure, render, tuning_figure
from analysis.learning import examples

ERRORS = np.random.default_rng(3).uniform(4.5, 30, 16)


def several():
    changed = (("ViT_P", "1GF", "adamw"), ("ViT_C", "1GF", "adamw"), ("ViT_C", "4GF", "sgd"))
    return pd.concat(
        trials(ERRORS, family=family, panel=panel, optimizer=optimizer, diverged=2, missing=3)
        for family, panel, optimizer in changed
    )


def cut_off(figure):
    render(figure, ".png")
    box = figure.get_tightbbox()
    inside = box.x0 > -0.01 and box.y0 > -0.01
    return not (inside and box.x1 < figure.get_figwidth() + 0.01 and box.y1 < figure.get_figheight() + 0.01)


@pytest.mark.parametrize("draw", [map_figure, tuning_figure, lambda t: learning_figure(t, learned(t))])
def test_nothing_is_cut_off_or_smaller_than_7_points_and_the_bytes_are_the_same(draw):
    figure = draw(several())
    first = render(figure, ".svg")
    assert not cut_off(figure)
    texts = [text for text in figure.findobj(matplotlib.text.Text) if text.get_text()]
    assert min(text.get_fontsize() for text in texts) >= 7
    assert render(draw(several()), ".svg") == first


def test_a_map_draws_every_point_once_and_colours_it_by_its_error():
    table = trials([5.0, 6.0, 9.0], diverged=2, missing=4)
    axes, *_ = map_figure(table).axes
    points = table[table["role"] == "point"]
    (dots,) = axes.collections
    np.testing.assert_allclose(dots.get_offsets(), points[["lr", "weight_decay"]][:3])
    lightness = dots.get_facecolors()[:, :3] @ [0.2126, 0.7152, 0.0722]
    assert (np.diff(lightness) > 0).all(), "worse is lighter, so it reads in grey too"
    lines = {line.get_marker(): line for line in axes.lines}
    np.testing.assert_allclose(lines["x"].get_xdata(), points["lr"][3:5])
    np.testing.assert_allclose(lines["o"].get_xdata(), points["lr"][5:])
    np.testing.assert_allclose(lines["*"].get_data(), [[2e-3], [0.2]])


def test_a_map_names_what_lies_beyond_its_colours():
    figure = map_figure(trials([*np.linspace(5, 8, 30), 80.0]))
    dots, scale = figure.axes[0].collections[0], figure.axes[-1]
    assert scale.get_ylim()[1] < 10
    np.testing.assert_array_equal(dots.get_facecolors()[-1], matplotlib.colormaps["cividis"](1.0))
    assert figure.axes[-1]._colorbar.extend == "max"


def test_the_box_is_that_of_the_relative_points():
    table = trials(ERRORS)
    points = table[table["role"] == "point"]
    box = box_of(points)
    np.testing.assert_allclose(box, (2e-3 / 8, 2e-3 * 4, 0.2 / 8, 0.2 * 4))
    assert box_of(points.drop(columns="u_lr")) is None
    table.loc[0, "lr"] *= 1.01
    assert box_of(table[table["role"] == "point"]) is None


def test_a_map_without_optimum_diverged_or_relative_points():
    table = trials([5.0, 6.0]).drop(columns=["u_lr", "u_wd"])
    figure = map_figure(table[table["role"] == "point"])
    assert [text.get_text() for text in figure.legends[0].get_texts()] == ["finished"]
    assert not map_figure(trials([], diverged=3)).axes[0].collections[0].get_offsets().size


def test_a_point_without_weight_decay_lies_at_the_border_of_the_map():
    table = trials(np.linspace(5, 9, 12))
    table.loc[[0, 1], "weight_decay"] = 0.0
    axes, *_ = map_figure(table).axes
    (_, *others) = sorted(table[table["role"] == "point"]["weight_decay"].unique())
    border, top = axes.get_ylim()
    assert border < 0 < others[0] < top
    assert axes.get_yticks()[0] == 0
    assert axes.yaxis.get_major_formatter()(0) == "0"
    heights = axes.transAxes.inverted().transform(axes.transData.transform([(1, 0), (1, others[0])]))[:, 1]
    assert 0 < heights[0] < 0.1 < heights[1]
    assert axes.get_xscale() == "log"
    render(map_figure(table), ".png")


@pytest.mark.parametrize("value", [-0.1, np.nan])
def test_maps_need_a_place_for_each_point(value):
    table = trials([5.0])
    table.loc[0, "lr"] = value
    with pytest.raises(AnalysisError, match="lr must not be negative"):
        map_figure(table)


def test_a_tuning_curve_starts_at_the_mean_and_ends_at_the_best():
    (axes,) = tuning_figure(trials([5.0, 6.0, 9.0], diverged=1)).axes
    (line,) = axes.lines
    np.testing.assert_array_equal(line.get_xdata(), [1, 2, 3, 4])
    assert line.get_ydata()[[0, -1]].tolist() == pytest.approx([(5 + 6 + 9 + 100) / 4, 5.0])
    assert axes.get_ylim()[0] <= 5
    assert axes.get_ylim()[1] >= 30
    assert len(axes.collections) == 1, "the band"
    assert axes.get_legend().get_texts()[0].get_text() == "ViT_C, n = 4, 1 diverged"


def test_points_that_are_not_independent_have_no_band():
    (axes,) = tuning_figure(trials([5.0, 6.0, 9.0]).assign(design="sobol")).axes
    assert not axes.collections


def test_examples_are_the_optimum_the_best_the_worst_and_a_diverged_one():
    table = repeated(trials([7.0, 5.0, 5.0, 9.0, 9.0], diverged=2, missing=1), [6.0])
    (sweep,) = read_sweeps(table)
    found = {example.name: example for example in examples(sweep, learned(table))}
    assert list(found) == ["optimum", "best", "worst finished", "diverged"]
    assert [found[name].trial["index"] for name in found] == [-1, 1, 3, 5]
    assert found["optimum"].trial["repeat"] == 0
    assert found["best"].errors.tolist() == [8.0, 7.0, 6.0, 5.0]
    assert found["diverged"].epochs.tolist() == [1]


def test_one_trial_is_best_and_worst_once():
    (sweep,) = read_sweeps(trials([7.0]))
    assert [example.name for example in examples(sweep)] == ["optimum", "best"]
    (lost,) = read_sweeps(trials([], diverged=2))
    assert [example.name for example in examples(lost)] == ["optimum", "diverged"]


def test_learning_curves_are_drawn_where_they_are_known():
    table = pd.concat([trials([5.0, 8.0]), trials([6.0, 7.0], family="ViT_P")])
    known = learned(table[table["model"] == "vit_c_1mf"])
    (axes,) = (axes for axes in learning_figure(table, known).axes if axes.get_visible())
    assert axes.get_title(loc="left") == "vit_c_1mf, AdamW"
    assert sorted(line.get_ydata()[-1] for line in axes.lines) == [5.0, 5.0, 8.0]
    with pytest.raises(AnalysisError, match="no trial has a learning curve"):
        learning_figure(table, known[:0])
    with pytest.raises(AnalysisError, match="epoch missing"):
        learning_figure(table, known.drop(columns="epoch"))
