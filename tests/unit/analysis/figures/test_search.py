"""The figures of a search for an optimum."""

import numpy as np
import pandas as pd
import pytest

from analysis import AnalysisError, figures
from analysis.box_of_points import Box

SEARCHED = Box(1e-4, 1e-1, 1e-3, 1.0)


@pytest.fixture
def trials():
    rows = [
        ("point", 0, "finished", 1e-3, 0.1, 8.0),
        ("point", 1, "pruned", 1e-2, 0.1, 40.0),
        ("point", 2, "diverged", 9e-2, 0.5, 100.0),
        ("point", 3, "finished", 2e-3, 0.2, 4.0),
        ("point", 4, "finished", 3e-3, 0.3, 6.0),
        ("point", 5, "failed", 3e-3, 0.3, np.nan),
        ("finalist", 3, "finished", 2e-3, 0.2, 5.0),
        ("finalist", 3, "finished", 2e-3, 0.2, 7.0),
    ]
    return pd.DataFrame(rows, columns=["role", "index", "state", "lr", "weight_decay", "top1_err"])


def labels(ax):
    return ax.get_legend_handles_labels()[1]


def line(ax, label):
    (found,) = [each for each in ax.lines if each.get_label() == label]
    return [tuple(map(float, pair)) for pair in zip(found.get_xdata(), found.get_ydata(), strict=True)]


def test_the_history_shows_every_point_in_its_order_and_the_best_so_far(trials):
    (ax,) = figures.search_history_figure(trials.sample(frac=1, random_state=0)).axes
    assert line(ax, "best so far") == [(1, 8), (3, 8), (4, 4), (5, 4)]  # a pruned trial's error is none
    assert sorted(line(ax, "finished")) == [(1, 8), (4, 4), (5, 6)]
    assert line(ax, "pruned") == [(2, 40)]
    assert line(ax, "diverged") == [(3, 100)]
    assert sorted(line(ax, "other seeds")) == [(4, 5), (4, 7)]
    (bars,) = [each for each in ax.collections if each.get_label() == "their mean"]
    assert [segment[0][1] for segment in bars.get_segments()] == [6.0]


def test_a_search_that_goes_on_has_no_means_yet(trials):
    (ax,) = figures.search_history_figure(trials[trials.role == "point"]).axes
    assert "their mean" not in labels(ax)


def test_the_map_shows_points_ranges_box_and_optimum(trials):
    box = Box(2e-3 / 8, 2e-3 * 4, 0.2 / 8, 0.2 * 4)
    figure = figures.search_map_figure(trials, SEARCHED, optimum=(2e-3, 0.2), box=box)
    ax = figure.axes[0]
    offsets = {each.get_label(): each.get_offsets().tolist() for each in ax.collections}
    assert sorted(offsets["finished"]) == [[1e-3, 0.1], [2e-3, 0.2], [3e-3, 0.3]]
    assert offsets["pruned"] == [[1e-2, 0.1]]
    assert offsets["diverged"] == [[9e-2, 0.5]]
    drawn = {patch.get_label(): patch.get_bbox().get_points().ravel() for patch in ax.patches}
    np.testing.assert_allclose(drawn["box found"], [2.5e-4, 0.025, 8e-3, 0.8])
    np.testing.assert_allclose(drawn["searched"], [1e-4, 1e-3, 1e-1, 1.0])
    assert line(ax, "optimum") == [(2e-3, 0.2)]
    assert (ax.get_xscale(), ax.get_yscale()) == ("log", "log")


def test_the_whole_box_is_in_sight_even_beyond_what_was_searched(trials):
    box = Box(1e-5, 1e-2, 0.5, 8.0)
    ax = figures.search_map_figure(trials, SEARCHED, optimum=None, box=box).axes[0]
    assert ax.get_xlim()[0] <= 1e-5
    assert ax.get_ylim()[1] >= 8.0
    assert "optimum" not in labels(ax)


def test_the_importances_are_bars_the_largest_on_top():
    (ax,) = figures.importance_figure({"weight_decay": 0.2, "lr": 0.8}).axes
    assert [bar.get_width() for bar in ax.patches] == [0.2, 0.8]
    assert [tick.get_text() for tick in ax.get_yticklabels()] == ["weight decay", "learning rate"]


def test_there_is_nothing_to_draw_without_a_result(trials):
    pruned = trials[trials.state.isin(["pruned", "failed"])]
    for draw in (
        figures.search_history_figure,
        lambda rows: figures.search_map_figure(rows, SEARCHED, optimum=None, box=None),
    ):
        with pytest.raises(AnalysisError, match="no trial of the search has a result"):
            draw(pruned)


@pytest.mark.parametrize("suffix", [".pdf", ".png", ".svg"])
def test_they_become_files(trials, suffix, tmp_path):
    drawn = [
        figures.search_history_figure(trials),
        figures.search_map_figure(trials, SEARCHED, optimum=(2e-3, 0.2), box=None),
        figures.importance_figure({"lr": 0.5, "weight_decay": 0.5}),
    ]
    for place, figure in enumerate(drawn):
        assert figures.save(figure, tmp_path / f"{place}{suffix}").stat().st_size > 1000
