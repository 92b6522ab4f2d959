import numpy as np
import pandas as pd
import pytest
from support.analysed import trials

from analysis import curve_band, curves
from analysis.figures import cdf_figure
from analysis.figures.shades import MISSING_LABEL


def shaded(axes, x):
    """The limits between which each shade of some axes lies at an x."""
    found = []
    for shade in axes.collections:
        vertices = shade.get_paths()[0].vertices
        left = vertices[:, 0] <= x
        last = vertices[left][:, 0].max()
        at = vertices[np.isclose(vertices[:, 0], last)][:, 1]
        found.append((at.min(), at.max()))
    return found


def labels(figure):
    return [text.get_text() for legend in figure.legends for text in legend.get_texts()]


@pytest.mark.parametrize("kind", ["equal-precision", "ks", "dkw", "pointwise"])
def test_a_band_is_drawn_where_it_lies_and_named(kind):
    (curve,) = curves(trials(np.linspace(4, 9, 30)))
    band = curve_band(curve, kind)
    figure = cdf_figure([curve], {curve.sweep: band})
    (low, high) = band.at(2.05)
    (limits,) = shaded(figure.axes[0], 2.05)
    assert limits[0] <= low < high <= limits[1], "both sides of a step meet at its x"
    assert [label.replace("\n", " ") for label in labels(figure)] == [band.label]
    assert ("simultaneous" in band.label) == (kind != "pointwise")


def test_without_bands_and_with_all_trials_nothing_is_shaded():
    figure = cdf_figure(curves(trials([5.0, 6.0])))
    assert not figure.axes[0].collections
    assert not figure.legends


def test_missing_trials_are_hatched_between_worst_and_best_case():
    figure = cdf_figure(curves(trials([5.0, 6.0, 7.0], missing=1)))
    axes = figure.axes[0]
    assert labels(figure) == [MISSING_LABEL]
    assert shaded(axes, axes.get_xlim()[1]) == [(0.75, 1.0)]
    assert shaded(axes, axes.get_xlim()[0]) == [(0.0, 0.25)]


def test_several_kinds_of_band_name_their_curves():
    table = pd.concat([trials(np.linspace(4, 9, 48), family=f) for f in ("ViT_P", "ViT_C")])
    table.loc[table["family"] == "ViT_C", "design"] = "sobol"
    drawn = curves(table)
    figure = cdf_figure(drawn, {curve.sweep: curve_band(curve) for curve in drawn})
    first, second = labels(figure)
    assert "equal-precision" in first
    assert "vit_p_1mf adamw" in first
    assert "scramble" in second
    assert "vit_c_1mf adamw" in second
