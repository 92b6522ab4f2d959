"""The figures. Drawn with matplotlib's objects, without pyplot and without touching its global settings."""

from analysis.figures.edfs import cdf_figure
from analysis.figures.learning import learning_figure
from analysis.figures.maps import map_figure
from analysis.figures.scatters import scatter_figure
from analysis.figures.style import render, save
from analysis.figures.tuning import tuning_figure

__all__ = [
    "cdf_figure",
    "learning_figure",
    "map_figure",
    "render",
    "save",
    "scatter_figure",
    "tuning_figure",
]
