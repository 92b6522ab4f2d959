"""Trials that finished and learned nothing."""

import numpy as np
from support.analysed import by_metric, trials

from analysis import Metric, curves, of_chance, read_sweeps
from analysis.chance import at_chance
from analysis.figures import cdf_figure

NAME = "vit_c_1mf-adamw-0"
ERRORS = [4.0, 89.9, 90.0, 91.0]


def test_those_at_chance_or_worse_are_counted_and_none_that_diverged():
    sweeps = read_sweeps(trials(ERRORS, diverged=2))
    (said,) = of_chance(sweeps, {NAME: 90.0})
    assert said.endswith(
        "2 of 4 finished trials are no better than chance (90.0 % error): trained, but nothing learned"
    )
    assert of_chance(sweeps, {NAME: 95.0}) == []
    assert of_chance(sweeps, {}) == []


def test_where_more_is_better_they_are_those_at_it_or_below():
    accuracy = Metric(name="accuracy", unit="%", higher_better=True, low=0.0, high=100.0)
    table = by_metric(trials(ERRORS), accuracy, values=lambda errors: 100 - errors)
    (sweep,) = read_sweeps(table, any_metric=True)
    assert [at_chance(sweep, chance) for chance in (10.0, 9.5, 50.0)] == [2, 1, 3]


def lines(axes):
    return [line.get_xdata()[0] for line in axes.lines if len(set(np.asarray(line.get_xdata()))) == 1]


def test_the_figure_has_a_line_at_chance_if_it_shows_values():
    table = trials([4.0, 60.0, 70.0, 80.0, 91.0])
    (axes,) = cdf_figure(curves(table, absolute=True), chances={NAME: 90.0}).axes
    assert 90.0 in lines(axes)
    assert "chance" in [text.get_text() for text in axes.texts]
    (axes,) = cdf_figure(curves(table), chances={NAME: 70.0}).axes
    assert 70.0 not in lines(axes)
    (axes,) = cdf_figure(curves(trials([4.0, 5.0, 6.0]), absolute=True), chances={NAME: 90.0}).axes
    assert not axes.texts
