"""Figures, drawn with matplotlib's objects: neither pyplot nor matplotlib's global settings are used."""

from matplotlib.figure import Figure

from analysis.figures.across import across_figure
from analysis.figures.edfs import cdf_figure
from analysis.figures.knobs import knobs_figure
from analysis.figures.learning import learning_figure
from analysis.figures.lengths import lengths_figure
from analysis.figures.maps import map_figure
from analysis.figures.optimizers import optimizers_figure
from analysis.figures.peak import peak_figure
from analysis.figures.scatters import scatter_figure
from analysis.figures.search import importance_figure, search_history_figure, search_map_figure
from analysis.figures.style import render, save
from analysis.figures.tuning import tuning_figure

__all__ = [
    "Figure",
    "across_figure",
    "cdf_figure",
    "importance_figure",
    "knobs_figure",
    "learning_figure",
    "lengths_figure",
    "map_figure",
    "optimizers_figure",
    "peak_figure",
    "render",
    "save",
    "scatter_figure",
    "search_history_figure",
    "search_map_figure",
    "tuning_figure",
]
