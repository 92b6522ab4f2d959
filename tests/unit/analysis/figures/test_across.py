import numpy as np
import pytest
from support.analysed import by_metric
from support.analysed_recipes import on_recipes

from analysis import Metric, read_across, read_sweeps
from analysis.figures import across_figure, render

LOW, HIGH = np.linspace(11, 13, 30), np.linspace(14, 16, 30)
APART = {("ViT_C", "r"): LOW, ("ViT_P", "r"): HIGH, ("ViT_C", "s"): LOW, ("ViT_P", "s"): HIGH}


def figure_of(errors, table=lambda rows: rows, **changes):
    return across_figure(read_across(read_sweeps(table(on_recipes(errors, **changes)), any_metric=True)))


def plane_of(figure):
    """The point of each model and recipe: loss, level."""
    return [tuple(line.get_xydata()[0]) for line in figure.axes[0].lines if line.get_marker() in "os"]


def test_the_plane_has_a_point_a_model_and_recipe():
    figure = figure_of(APART)
    assert np.array(plane_of(figure)) == pytest.approx(np.array([(2, 10), (2, 10), (5, 10), (5, 10)]))
    assert [text.get_text() for text in figure.legends[0].texts] == ["vit_c_1mf", "vit_p_1mf", "r", "s"]


def test_the_profile_steps_where_a_model_comes_within_reach_of_the_best():
    profile = figure_of(APART).axes[1]
    steps = next(line for line in profile.lines if line.get_drawstyle() == "steps-post")
    assert steps.get_xydata().tolist() == [[0, 0], [0, 0.5], [0, 1], [8, 1]]


def test_a_best_point_is_hollow():
    marks = [line for line in figure_of(APART, optimum=None).axes[0].lines if line.get_marker() in "os"]
    assert {line.get_markerfacecolor() for line in marks} == {"white"}


def test_a_single_model_has_the_plane_only():
    figure = figure_of({("ViT_C", "r"): LOW, ("ViT_C", "s"): LOW})
    assert len(figure.axes) == 1


def test_a_metric_of_which_more_is_better_is_labelled_so_and_drawn():
    metric = Metric(name="F1", higher_better=True, low=0.0, high=1.0)
    figure = figure_of(APART, lambda rows: by_metric(rows, metric, lambda errors: 1 - errors / 100))
    assert figure.axes[0].get_ylabel() == "F1 at the optimum, better below"
    assert render(figure, ".png")
