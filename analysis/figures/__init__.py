"""The figures. Drawn with matplotlib's objects, without pyplot and without touching its global settings."""

from analysis.figures.edfs import cdf_figure
from analysis.figures.scatters import scatter_figure
from analysis.figures.style import render, save

__all__ = ["cdf_figure", "render", "save", "scatter_figure"]
